"""Truecasing: restore capitals in lowercased text by how its words are mostly written elsewhere."""

import re
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+")
SEEN = 2
"""Times that a word must occur with a capital within sentences."""
SHARE = 0.6
"""Least share of a word's occurrences within sentences that have a capital."""
CLOSING, OPENING = re.compile(r"\s+([,.;:!?»)])"), re.compile(r"([«(])\s+")


class Capitals:
    """The words of a language that have capitals within a sentence: names, abbreviations."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Learn from texts with capitals; lines without any are skipped."""
        lowercase: Counter[str] = Counter()
        forms: dict[str, Counter[str]] = {}
        for line in (line for text in texts for line in text.splitlines() if line != line.lower()):
            for match in list(WORD.finditer(line))[1:]:  # the first word of a line always has a capital
                word = match.group()
                if word == word.lower():
                    lowercase[word] += 1
                else:
                    forms.setdefault(word.lower(), Counter())[word] += 1
        self.forms = {
            word: counts.most_common(1)[0][0]
            for word, counts in forms.items()
            if counts.total() >= SEEN and counts.total() >= SHARE * (counts.total() + lowercase[word])
        }

    def restore(self, text: str) -> str:
        """`text` with capitals restored and no spaces before punctuation; unchanged if it already has capitals."""
        if text != text.lower():
            return text
        restored = WORD.sub(lambda match: self.forms.get(match.group(), match.group()), text)
        restored = OPENING.sub(r"\1", CLOSING.sub(r"\1", restored))
        start = next((index for index, letter in enumerate(restored) if letter.isalpha()), 0)
        return restored[:start] + restored[start : start + 1].upper() + restored[start + 1 :]
