"""Whether the sentences of a text speak of the same things: by the words that they have in common, against chance.

Each sentence is good prose where a page is put together ("spun") from sentences of many others; only that tells.
"""

import math
from collections import Counter
from functools import cache
from pathlib import Path

from anatili import text
from anatili.lang import LanguagePack
from anatili.text_files import read_lines

FREQUENCIES = "frequencies.tsv"
"""Beginnings of words with how often each comes in a million words, the most frequent first, by
`bench/train_cohesion.py`."""
BEGINNING, SHORTEST = 5, 4
"""Letters by which a word is known, as its endings differ, and the least that it has."""
COMMON = 100
"""The most frequent beginnings, which all texts have in common."""
RARER = 6
"""How much rarer a word that is not in the list is taken to be than the last one there."""
AGAIN = 0.15
"""Chance that a word is one of the text's other sentences, by which the mean gain in likelihood is measured."""
SENTENCES, MOST_LETTERS = 10, 3500
"""Sentences from which a text is asked, and characters at its beginning that are read."""
GROWTH, TYPICAL, LEAST = 0.56, 80, 40
"""A longer text repeats more words by chance: the gain grows by so much with each factor e of words, from that of 80
on. Of genuine texts of 150 and 250 words and spun ones of 12 to 35 sentences, half of them, .48 to .64 do alike."""
TOO_SHORT = 100.0
"""The cohesion of a text that is too short, or in a language without a list: no threshold refuses it."""


@cache
def frequencies(folder: Path) -> dict[str, float]:
    """How probable a word with each beginning is, the most frequent first; {} if the pack has no list."""
    file = folder / FREQUENCIES
    if not file.is_file():
        return {}
    rows = (line.split("\t") for line in read_lines(file) if line)
    return {beginning: float(number) / 1e6 for beginning, number in rows}


def cohesion(body: str, pack: LanguagePack, script: str) -> float:
    """The mean gain in the logarithm of a word's likelihood by the other sentences of its text, less what its length
    gives; about 0 and more for texts on one subject. `TOO_SHORT` for short ones, and without a list in this script."""
    known = frequencies(pack.folder)
    if not known or text.script_of(next(iter(known))) != script:
        return TOO_SHORT
    body = body[:MOST_LETTERS]
    rarest, common = min(known.values()) / RARER, common_ones(pack.folder)
    all_words, sentences = 0, list[list[str]]()
    for sentence in text.sentences(body, pack.abbreviations):
        own = text.words(pack.lower(sentence))
        all_words += len(own)
        begun = [word[:BEGINNING] for word in own if len(word) >= SHORTEST]
        if telling := [word for word in begun if word not in common]:
            sentences.append(telling)
    if len(sentences) < SENTENCES:
        return TOO_SHORT
    gain = mean_gain(sentences, known, rarest)
    return gain - GROWTH * math.log(max(all_words, LEAST) / TYPICAL)


@cache
def common_ones(folder: Path) -> frozenset[str]:
    return frozenset(list(frequencies(folder))[:COMMON])


def mean_gain(sentences: list[list[str]], known: dict[str, float], rarest: float) -> float:
    """Of the different words of each sentence."""
    every = Counter(word for sentence in sentences for word in sentence)
    total, gain, number = every.total(), 0.0, 0
    for sentence in sentences:
        own, elsewhere = Counter(sentence), total - len(sentence)
        for word, count in own.items():
            if found := every[word] - count:
                gain += math.log(1 - AGAIN + AGAIN * found / elsewhere / known.get(word, rarest))
            else:
                gain += math.log(1 - AGAIN)
        number += len(own)
    return gain / number
