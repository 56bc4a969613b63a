"""The terminal that rich prints to, or a file or pipe in its place."""

import sys

from rich.console import Console

WIDE = 1000
"""Width of output that is not a terminal, so that nothing is cut off."""


def console(*, error: bool = False) -> Console:
    """Standard output, or standard error."""
    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, soft_wrap=not stream.isatty())
