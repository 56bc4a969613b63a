"""How a question and its passages are put to a model: the same words in training as in use."""

from collections.abc import Sequence
from typing import Any

from anatili.text import INVISIBLE

PASSAGES = 3
PASSAGE_CHARACTERS = 1500

Message = dict[str, str]
"""`role` (system, user or assistant) and `content`."""


def system_prompt(prompts: dict[str, Any], passages: Sequence[tuple[str, str]]) -> str:
    """The system message in a pack's words; passages (title, text) are data: fenced, numbered, cut, made visible."""
    fenced = "\n\n".join(
        f"[{number}] {title}\n{INVISIBLE.sub('', text)[:PASSAGE_CHARACTERS]}"
        for number, (title, text) in enumerate(passages, 1)
    )
    said: str = prompts.get("system", "") + (f"\n\n{prompts.get('grounded', '')}\n\n{fenced}" if passages else "")
    return said.strip()


def grounded(prompts: dict[str, Any], passages: Sequence[tuple[str, str]], turns: Sequence[Message]) -> list[Message]:
    """The conversation as the model gets it; system messages from outside are left out."""
    system = system_prompt(prompts, passages)
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *(dict(turn) for turn in turns if turn["role"] != "system")]
