"""Capitals given back to text that was put into lower case, by how its words are mostly written elsewhere."""

import re
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+")
SEEN = 2
"""Times a word must be seen with a capital within sentences."""
SHARE = 0.6
"""Share of a word's uses within sentences that must have a capital."""
CLOSING, OPENING = re.compile(r"\s+([,.;:!?»)])"), re.compile(r"([«(])\s+")


class Capitals:
    """Which words of a language are written with capitals within a sentence: names, abbreviations."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Learn from texts that have their capitals; those without any are passed over."""
        plain: Counter[str] = Counter()
        forms: dict[str, Counter[str]] = {}
        for line in (line for text in texts for line in text.splitlines() if line != line.lower()):
            for match in list(WORD.finditer(line))[1:]:  # the first word has a capital because it is the first
                word = match.group()
                if word == word.lower():
                    plain[word] += 1
                else:
                    forms.setdefault(word.lower(), Counter())[word] += 1
        self.forms = {
            word: found.most_common(1)[0][0]
            for word, found in forms.items()
            if found.total() >= SEEN and found.total() >= SHARE * (found.total() + plain[word])
        }

    def give_back(self, text: str) -> str:
        """`text` with capitals, at its start too, and without spaces before its signs; as it is if it has any."""
        if text != text.lower():
            return text
        said = WORD.sub(lambda match: self.forms.get(match.group(), match.group()), text)
        said = OPENING.sub(r"\1", CLOSING.sub(r"\1", said))
        start = next((place for place, letter in enumerate(said) if letter.isalpha()), 0)
        return said[:start] + said[start : start + 1].upper() + said[start + 1 :]
