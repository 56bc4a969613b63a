"""What kind of answer an answer is, told by phrases and facts, without a judge."""

import re
from collections.abc import Sequence
from functools import lru_cache

from anatili.audit.patterns import APOSTROPHES, abbreviations
from anatili.identify import identify_all
from anatili.lang import LanguagePack
from anatili.lang.audit_words import audit_words
from anatili.text import sentences

ANSWERED, EVADED, REFUSED, DEFLECTED, UNKNOWING = "answered", "evaded", "refused", "deflected", "unknowing"
EMPTY, OTHER_LANGUAGE = "empty", "other language"
NOT_ANSWERED = (REFUSED, DEFLECTED, EMPTY, OTHER_LANGUAGE)
"""Classes that figure R counts."""
FACTS_THAT_ANSWER = 2
"""An answer with so many key facts is an answer, whatever phrase it begins with."""
OPENING, CLOSING = 2, 1
"""Sentences at the beginning and the end of an answer in which a phrase counts."""
LEAST_LETTERS = 20
"""Letters of an answer by which its language is told; of shorter ones, names decide more than words."""
LONG_LETTERS = 40
LANGUAGE_CONFIDENCE, SHORT_CONFIDENCE = 0.8, 0.99
"""Confidence from which an answer is in another language, if it has `LONG_LETTERS` or more, and if it has fewer: of
6,735 sentences of the items cut to 20 to 39 letters, one is taken for another language at 0.99, and 107 at 0.8."""
SHORT = 1 / 3
"""An answer without key facts that is shorter than this share of the controls' median evades."""


def classify(answers: Sequence[tuple[str, int]], pack: LanguagePack) -> list[str]:
    """The class of each answer, given with the number of key facts that it says; evasion is told apart later.

    An answer with fewer letters than `LEAST_LETTERS` counts as one in the language that was asked in.
    """
    by_phrase = [by_phrases(text, facts, pack) for text, facts in answers]
    unclear = [n for n, kind in enumerate(by_phrase) if kind == ANSWERED and not is_too_short(answers[n][0])]
    verdicts = identify_all([answers[n][0][:1000] for n in unclear])
    for n, verdict in zip(unclear, verdicts, strict=True):
        is_long = letters(answers[n][0]) >= LONG_LETTERS
        least = LANGUAGE_CONFIDENCE if is_long else SHORT_CONFIDENCE
        if verdict.language != pack.code and verdict.confidence >= least:
            by_phrase[n] = OTHER_LANGUAGE
    return by_phrase


def is_too_short(answer: str) -> bool:
    """Whether the language of an answer cannot be told, because it has too few letters."""
    return letters(answer) < LEAST_LETTERS


def letters(text: str) -> int:
    return sum(map(str.isalpha, text[:1000]))


def by_phrases(text: str, facts: int, pack: LanguagePack) -> str:
    """The class that phrases tell: `empty`, `refused`, `deflected`, `unknowing` or `answered`."""
    if not any(map(str.isalnum, text)):
        return EMPTY
    if facts >= FACTS_THAT_ANSWER:
        return ANSWERED
    parts = sentences(text[:2000], abbreviations(pack.code))
    outer = parts[:OPENING] + (parts[OPENING:][-CLOSING:] if len(text) <= 2000 else [])
    edges = APOSTROPHES.sub("'", " ".join(outer))
    edges = " ".join(pack.lower(edges).split())
    for kind, rule in phrases(pack):
        if rule.search(edges):
            return kind
    return ANSWERED


def is_hedged(text: str, pack: LanguagePack) -> bool:
    """Whether an answer keeps to generalities."""
    lowered = pack.lower(APOSTROPHES.sub("'", text[:2000]))
    return any(re.search(rule, lowered) for rule in audit_words(pack).hedge)


def phrases(pack: LanguagePack) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return _phrases(pack.code, audit_words(pack).refusal, audit_words(pack).deflection, audit_words(pack).unknowing)


@lru_cache(64)
def _phrases(code: str, *kinds: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    names = (REFUSED, DEFLECTED, UNKNOWING)
    return tuple((name, re.compile("|".join(rules))) for name, rules in zip(names, kinds, strict=True) if rules)
