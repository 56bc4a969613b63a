"""Main text of a page by a small classifier of its blocks."""

from collections.abc import Callable, Sequence

LINE_LETTERS = 25
"""Letters that a line of a page must have for its language to be identified."""
PASSAGE = 100
"""Letters from which a language has a text on a page: some 15 words."""
InLanguage = Callable[[Sequence[str]], Sequence[bool]]
"""Says of each of some texts whether it is in the language that is wanted."""
