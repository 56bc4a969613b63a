"""The texts of a gettext catalog as `commands.po`: each translation stands on one line below its English text."""

import ast
import json
import re
from collections.abc import Iterator, Sequence

FIELDS = re.compile(r"\{(\w+)(?:!r)?\}")
NAMES = re.compile(r"--[a-z][\w-]+|`[^`]+`|\b[A-Z_]{4,}\b")
"""What a translation must not change: options, code, and words in capitals."""
QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')
KEYWORD = "msgstr "


def translations(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The number of the line, the English text and the translation of each entry. The header, and an entry that takes
    several lines, are left out."""
    for number in range(1, len(lines)):
        above, line = lines[number - 1].rstrip(), lines[number].rstrip()
        is_long = number + 1 < len(lines) and lines[number + 1].startswith('"')
        if not (above.startswith("msgid ") and line.startswith(KEYWORD)) or is_long:
            continue
        english, text = above.removeprefix("msgid "), line.removeprefix(KEYWORD)
        if QUOTED.fullmatch(english) and QUOTED.fullmatch(text) and english != '""':
            yield number, ast.literal_eval(english), ast.literal_eval(text)


def translation_line(text: str) -> str:
    """The line of a translation, without its ending."""
    return KEYWORD + json.dumps(text, ensure_ascii=False)


def lost_parts(english: str, text: str) -> list[str]:
    """What of the English text must stand in the translation as often, and does not, or the other way round."""
    before, after = ([f"{{{name}}}" for name in FIELDS.findall(one)] for one in (english, text))
    wrong = set(NAMES.findall(english)) ^ set(NAMES.findall(text))
    return sorted({part for part in {*before, *after} if before.count(part) != after.count(part)} | wrong)
