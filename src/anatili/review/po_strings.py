"""The texts of a gettext catalog as `commands.po`: each translation stands on one line below its English text."""

import json
import re
from collections.abc import Iterator, Sequence

FIELDS = re.compile(r"\{(\w+)(?:!r)?\}")
NAMES = re.compile(r"--[a-z][\w-]+|`[^`]+`|\b[A-Z_]{4,}\b")
"""What a translation must not change: options, code, and words in capitals."""
KEYWORD = "msgstr "


def translations(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The number of the line, the English text and the translation of each entry. The header, and an entry that takes
    several lines, are left out."""
    for number in range(1, len(lines)):
        above, line = lines[number - 1].rstrip(), lines[number].rstrip()
        is_long = number + 1 < len(lines) and lines[number + 1].startswith('"')
        if not (above.startswith("msgid ") and line.startswith(KEYWORD)) or is_long:
            continue
        english, text = unquoted(above.removeprefix("msgid ")), unquoted(line.removeprefix(KEYWORD))
        if english and text is not None:
            yield number, english, text


def unquoted(written: str) -> str | None:
    """The string that is written so; None if it is none. A catalog's escapes are those of JSON."""
    try:
        text = json.loads(written)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def translation_line(text: str) -> str:
    """The line of a translation, without its ending."""
    return KEYWORD + json.dumps(text, ensure_ascii=False)


def lost_parts(english: str, text: str) -> list[str]:
    """What of the English text must stand in the translation as often, and does not, or the other way round."""
    before, after = ([f"{{{name}}}" for name in FIELDS.findall(one)] for one in (english, text))
    wrong = set(NAMES.findall(english)) ^ set(NAMES.findall(text))
    return sorted({part for part in {*before, *after} if before.count(part) != after.count(part)} | wrong)
