"""Facts of a sentence that can be checked: numbers with their units, months, names, and what is negated.

What a language needs for this is in `facts.toml` of its pack; without that file only digits and capitals are read.
Values and units are the same in all languages, so a sentence can be compared with its translation.
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

__all__ = ["Name", "NegatedWord", "Number", "denials", "months", "names", "negated", "numbers"]


@dataclass(frozen=True)
class Name:
    """Adjacent words with capitals."""

    words: tuple[str, ...]
    start: int
    end: int
    sure: bool
    """False for a single word at the beginning of a sentence, which may be any word."""


@dataclass(frozen=True)
class NegatedWord:
    """A negated word."""

    word: str
    """The word as written, or without its negative ending where the pack describes that ending."""
    start: int
    """Position of the word."""


def months(text: str, pack: LanguagePack) -> list[int]:
    """The numbers of the months named in `text`, in order."""
    pack_reader = reader(pack)
    return [number for word in WORD.findall(text) if (number := pack_reader.month(word))]


def names(text: str, pack: LanguagePack) -> list[Name]:
    """Names in `text`: adjacent words with capitals are one name; a common word that opens a sentence is not a name."""
    return [name for start, end in sentence_spans(text, pack.abbreviations) for name in _names(text, start, end, pack)]


def _names(text: str, start: int, end: int, pack: LanguagePack) -> Iterator[Name]:
    words: list[re.Match[str]] = []
    initial = True
    for match in WORD.finditer(text, start, end):
        word = match.group()
        common = initial and pack.lower(word) in common_words(pack)
        initial = False
        if is_small(word[0]) or len(word) == 1 or common or reader(pack).is_number(word):
            yield from _name(words, text, start)
            words = []
            continue
        if words and text[words[-1].end() : match.start()].strip(" \u00a0.-"):
            yield from _name(words, text, start)
            words = []
        words.append(match)
    yield from _name(words, text, start)


def _name(words: list[re.Match[str]], text: str, start: int) -> Iterator[Name]:
    if words:
        alone = len(words) == 1 and not any(map(str.isalnum, text[start : words[0].start()]))
        yield Name(tuple(match.group() for match in words), words[0].start(), words[-1].end(), sure=not alone)


@cache
def _common(code: str, folder: Path) -> frozenset[str]:
    return load_pack(code).stopwords | set(load_facts(folder).openers)


def common_words(pack: LanguagePack) -> frozenset[str]:
    """Words that are not names although they have a capital at the beginning of a sentence."""
    return _common(pack.code, pack.folder)


def denials(text: str, pack: LanguagePack) -> list[NegatedWord]:
    """The negated words of `text`, in order."""
    negation = load_facts(pack.folder).negation
    pattern = _compiled(negation.inside)
    negators = {*negation.ahead, *negation.behind}
    denied: list[NegatedWord] = []
    for start, end in sentence_spans(text, pack.abbreviations):
        words = [(pack.lower(match.group()), match.start()) for match in WORD.finditer(text, start, end)]
        if words and words[0][0] in negators and text[words[0][1] + len(words[0][0]) :][:1] in (",", "."):
            words = words[1:]  # "No, ..." answers a question
        words = without_phrases(words, negation.phrases)
        for index, (word, position) in enumerate(words):
            itself = [(word, position)]
            if word in negation.ahead:
                after = [item for item in words[index + 1 :] if item[0] not in negation.ahead]
                content = [item for item in after if item[0] not in pack.stopwords] or after or itself
                denied.append(NegatedWord(*content[0]))
            elif word in negation.behind or word.split("-")[0] in negation.behind:
                before = [item for item in words[:index] if item[0] not in pack.stopwords] or words[:index] or itself
                denied.append(NegatedWord(*before[-1]))
            elif (stem := denied_stem(word, pattern, negation, pack)) and not _asks_whether(stem, word, words[:index]):
                denied.append(NegatedWord(stem, position))
    return denied


def _asks_whether(stem: str, word: str, before: list[tuple[str, int]]) -> bool:
    """Whether the same verb comes just before the word without a negation: "whether it happens or not"."""
    first = word.split("-")[0] if "-" in word else before[-1][0] if before else ""
    return len(first) > len(stem) and first.startswith(stem) and first != word


def denied_stem(word: str, pattern: re.Pattern[str] | None, negation: Negation, pack: LanguagePack) -> str:
    """The stem that a word negates by its own form, "" if it negates nothing."""
    slots, hint, nouns = negation.slots, negation.hint, _compiled(negation.nouns)
    if word in negation.apart or (nouns and nouns.fullmatch(word)):
        return ""
    match = pattern.fullmatch(word) if pattern else None
    if match:
        return match["stem"]
    may = slots and pack.morphology and (not hint or re.search(hint, word))
    reading = pack.morphology.reading(word) if may and pack.morphology else None
    return reading.lemma if reading and not set(slots).isdisjoint(reading.slots) else ""


def without_phrases(words: list[tuple[str, int]], phrases: tuple[str, ...]) -> list[tuple[str, int]]:
    """The words of a sentence without the given phrases."""
    for phrase in phrases:
        parts = phrase.split()
        index = 0
        while index + len(parts) <= len(words):
            if [word for word, _ in words[index : index + len(parts)]] == parts:
                words = words[:index] + words[index + len(parts) :]
            else:
                index += 1
    return words


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None


def negated(text: str, pack: LanguagePack) -> bool:
    """Whether `text` negates anything."""
    return bool(denials(text, pack))
