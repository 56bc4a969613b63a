"""The prompt with a question and its passages: the same in training as in use."""

from collections.abc import Sequence
from typing import Any

from anatili.text import INVISIBLE

PASSAGES = 3
PASSAGE_CHARACTERS = 1500

Message = dict[str, Any]
"""`role` (system, user or assistant) and `content`, a text. With tools also `tool_calls`, and messages of role `tool`
with a `tool_call_id`, as in OpenAI's chat completions."""


def system_prompt(prompts: dict[str, Any], passages: Sequence[tuple[str, str]]) -> str:
    """The system message from a pack. Passages (title, text) are numbered, cut short, without invisible characters."""
    fenced = "\n\n".join(
        f"[{number}] {title}\n{INVISIBLE.sub('', text)[:PASSAGE_CHARACTERS]}"
        for number, (title, text) in enumerate(passages, 1)
    )
    prompt: str = prompts.get("system", "") + (f"\n\n{prompts.get('grounded', '')}\n\n{fenced}" if passages else "")
    return prompt.strip()


def grounded(
    prompts: dict[str, Any], passages: Sequence[tuple[str, str]], messages: Sequence[Message]
) -> list[Message]:
    """The conversation as the model receives it. System messages from outside are dropped."""
    system = system_prompt(prompts, passages)
    opening = [{"role": "system", "content": system}] if system else []
    return [*opening, *(dict(message) for message in messages if message["role"] != "system")]
