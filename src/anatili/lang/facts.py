"""What can be checked in a sentence: its numbers with their units, months, names, and what it denies.

What a language needs for this is in `facts.toml` of its pack; without that file only digits and capitals are read.
Values and units are the same in all languages, so a sentence and its translation can be compared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.facts_file import Negation, load_facts
from anatili.lang.numbers import Number, numbers, reader
from anatili.text import WORD, is_small, sentence_spans

__all__ = ["Denied", "Name", "Number", "denials", "months", "names", "negated", "numbers"]


@dataclass(frozen=True)
class Name:
    """Words with capitals that stand side by side."""

    words: tuple[str, ...]
    start: int
    end: int
    sure: bool
    """False for a single word at the beginning of a sentence: it may be any word."""


@dataclass(frozen=True)
class Denied:
    """A word that is denied."""

    word: str
    """As it stands, or without what denies it where the pack says what that is."""
    start: int
    """Of the word."""


def months(text: str, pack: LanguagePack) -> list[int]:
    """The numbers of the months named in `text`, in order."""
    known = reader(pack)
    return [number for word in WORD.findall(text) if (number := known.month(word))]


def names(text: str, pack: LanguagePack) -> list[Name]:
    """Words with capitals, those side by side as one; a sentence's first word only where it is not a common one."""
    return [name for start, end in sentence_spans(text, pack.abbreviations) for name in _names(text, start, end, pack)]


def _names(text: str, start: int, end: int, pack: LanguagePack) -> Iterator[Name]:
    row: list[re.Match[str]] = []
    initial = True
    for match in WORD.finditer(text, start, end):
        word = match.group()
        common = initial and pack.lower(word) in common_words(pack)
        initial = False
        if is_small(word[0]) or len(word) == 1 or common or reader(pack).is_number(word):
            yield from _name(row, text, start)
            row = []
            continue
        if row and text[row[-1].end() : match.start()].strip(" \u00a0.-"):
            yield from _name(row, text, start)
            row = []
        row.append(match)
    yield from _name(row, text, start)


def _name(row: list[re.Match[str]], text: str, start: int) -> Iterator[Name]:
    if row:
        alone = len(row) == 1 and not any(map(str.isalnum, text[start : row[0].start()]))
        yield Name(tuple(match.group() for match in row), row[0].start(), row[-1].end(), sure=not alone)


@cache
def _common(code: str, folder: Path) -> frozenset[str]:
    return load_pack(code).stopwords | set(load_facts(folder).openers)


def common_words(pack: LanguagePack) -> frozenset[str]:
    """Words that are no names though they begin a sentence."""
    return _common(pack.code, pack.folder)


def denials(text: str, pack: LanguagePack) -> list[Denied]:
    """What is denied in `text`, in order."""
    said = load_facts(pack.folder).negation
    rule = _inside(said.inside)
    found: list[Denied] = []
    for start, end in sentence_spans(text, pack.abbreviations):
        row = [(pack.lower(match.group()), match.start()) for match in WORD.finditer(text, start, end)]
        if row and row[0][0] in {*said.ahead, *said.behind} and text[row[0][1] + len(row[0][0]) :][:1] in (",", "."):
            row = row[1:]  # "No, ..." answers a question
        row = without_phrases(row, said.phrases)
        for place, (word, at) in enumerate(row):
            if word in said.ahead:
                rest = [one for one in row[place + 1 :] if one[0] not in said.ahead]
                telling = [one for one in rest if one[0] not in pack.stopwords] or rest or [(word, at)]
                found.append(Denied(*telling[0]))
            elif word in said.behind or word.split("-")[0] in said.behind:
                before = [one for one in row[:place] if one[0] not in pack.stopwords] or row[:place] or [(word, at)]
                found.append(Denied(*before[-1]))
            elif (stem := denied_stem(word, rule, said, pack)) and not _asks_whether(stem, word, row[:place]):
                found.append(Denied(stem, at))
    return found


def _asks_whether(stem: str, word: str, row: list[tuple[str, int]]) -> bool:
    """Whether the same verb stands just before without a denial: whether it happens or not."""
    first = word.split("-")[0] if "-" in word else row[-1][0] if row else ""
    return len(first) > len(stem) and first.startswith(stem) and first != word


def denied_stem(word: str, rule: re.Pattern[str] | None, said: Negation, pack: LanguagePack) -> str:
    """What a word denies by its own form, "" if it denies nothing."""
    slots, hint, nouns = said.slots, said.hint, _inside(said.nouns)
    if word in said.apart or (nouns and nouns.fullmatch(word)):
        return ""
    match = rule.fullmatch(word) if rule else None
    if match:
        return match["stem"]
    may = slots and pack.morphology and (not hint or re.search(hint, word))
    reading = pack.morphology.reading(word) if may and pack.morphology else None
    return reading.lemma if reading and not set(slots).isdisjoint(reading.slots) else ""


def without_phrases(row: list[tuple[str, int]], phrases: tuple[str, ...]) -> list[tuple[str, int]]:
    """Words of a sentence without those phrases."""
    for phrase in phrases:
        parts = phrase.split()
        at = 0
        while at + len(parts) <= len(row):
            if [word for word, _ in row[at : at + len(parts)]] == parts:
                row = row[:at] + row[at + len(parts) :]
            else:
                at += 1
    return row


@cache
def _inside(rule: str) -> re.Pattern[str] | None:
    return re.compile(rule) if rule else None


def negated(text: str, pack: LanguagePack) -> bool:
    """Whether `text` denies anything."""
    return bool(denials(text, pack))
