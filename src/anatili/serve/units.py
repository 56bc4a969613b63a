"""Questions for a number: a number of days says how many days, not any number that is there."""

from collections.abc import Sequence, Set

from anatili.lang import LanguagePack, load_pack
from anatili.search.analysis import terms
from anatili.search.searcher import Hit
from anatili.serve.passage_words import PREFIX, PassageWords, SentenceWords, quantities_of, read_passage
from anatili.serve.question import Question

AFTER = 2
"""Words after a number of which one may be what it counts."""


def is_counted(question: Question, hits: Sequence[Hit], number: int, span: tuple[int, int]) -> bool:
    """Whether the sentences of a passage in a span count what a question that names nothing else asks for, and the
    passage is on what was asked before.

    A word that numbers stand before in any of the passages is a unit, so the number has to be one of it; with another
    word ("What does it cost?") any number of that kind will do.
    """
    pack, passage = load_pack(question.language), read_passage(hits[number].passage)
    unit = frozenset(terms(pack.code)[pack.lower(question.unit)].split())
    quoted = [one for one in passage.sentences if span[0] <= one.start and one.end <= span[1]]
    if not is_on(passage, question.earlier, pack):
        return False
    if any(counts(sentence, unit) for sentence in quoted):
        return True
    texts = (read_passage(hit.passage) for hit in hits if hit.passage.language == question.language)
    return not any(is_unit(text, unit) for text in texts) and has_quantity(question, quoted, pack)


def lacks_count(question: Question, hits: Sequence[Hit], number: int, span: tuple[int, int]) -> bool:
    """Whether a question asks for a number and the sentences of a passage in a span surely do not have it: they have
    none but years, or none of what is to be measured, or none before a word that numbers stand before elsewhere."""
    if question.kind != "number" or hits[number].passage.language != question.language:
        return False
    pack, passage = load_pack(question.language), read_passage(hits[number].passage)
    quoted = [one for one in passage.sentences if span[0] <= one.start and one.end <= span[1]]
    if all(set(sentence.numbers_at) <= set(sentence.years_at) for sentence in quoted):
        return True
    focus = frozenset(terms(pack.code)[pack.lower(question.focus)].split())
    if any(counts(sentence, focus) for sentence in quoted):
        return False
    if question.quantities:
        return all(question.quantities.isdisjoint(sentence.quantities) for sentence in quoted)
    texts = (read_passage(hit.passage) for hit in hits if hit.passage.language == question.language)
    return any(is_unit(text, focus) for text in texts)


def counted(question: Question, hits: Sequence[Hit], places: Sequence[tuple[int, int]]) -> list[bool]:
    """For each sentence, the numbers of its passage and in it, whether it counts what a question for a number is on:
    of "How many doctors work there?" the doctors, not hours of work."""
    pack = load_pack(question.language)
    focus = (
        frozenset(terms(pack.code)[pack.lower(question.focus)].split()) if question.kind == "number" else frozenset()
    )
    return [
        bool(focus)
        and hits[hit].passage.language == question.language
        and counts(read_passage(hits[hit].passage).sentences[sentence], focus)
        for hit, sentence in places
    ]


def is_on(passage: PassageWords, subject: Sequence[str], pack: LanguagePack) -> bool:
    """Whether a passage has one of the words of a subject, or one that begins alike."""
    lower = [pack.lower(word) for word in subject]
    return any(
        not text.terms.isdisjoint(terms(pack.code)[word].split()) or word[: PREFIX[0]] in text.prefixes
        for word in lower
        for text in (passage.title, *passage.sentences)
    )


def has_quantity(question: Question, sentences: Sequence[SentenceWords], pack: LanguagePack) -> bool:
    wanted = quantities_of([question.unit], pack)
    return any(not wanted.isdisjoint(sentence.quantities) for sentence in sentences)


def is_unit(passage: PassageWords, word: Set[str]) -> bool:
    return any(counts(sentence, word, after=1) for sentence in passage.sentences)


def counts(sentence: SentenceWords, word: Set[str], after: int = AFTER) -> bool:
    """Whether a number, not a year, counts a word, which is no name there ("the Sun" is not a day)."""
    places = [place for place, stems in enumerate(sentence.stems) if not word.isdisjoint(stems)]
    numbers = set(sentence.numbers_at) - set(sentence.years_at)
    return any(0 < place - number <= after for place in places if place not in sentence.names_at for number in numbers)
