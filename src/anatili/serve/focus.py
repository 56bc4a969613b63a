"""Features that say what of a question a sentence lacks, most of all the word that names what is asked for.

In "How deep is the pool?" that is "deep": a sentence about the pool that says nothing of depth does not answer. And
what answers stands beside what is asked for: in "The pool is two meters deep, a ticket costs 900 tenge" the 900 does
not say how deep it is.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from anatili.serve.passage_words import PassageWords, SentenceWords
from anatili.serve.question import Question

FOCUS_FEATURES = (
    "focus",
    "focus, loosely",
    "focus in title",
    "focus beside",
    "focus in passage",
    "focus rarity",
    "focus unknown",
    "no focus",
    "rarest missing here",
    "rarest missing around",
    "missing here",
    "missing around",
    "special missing here",
    "value beside focus",
    "value beside a word",
    "focus after number",
    "no year",
    "heading",
)
MANY = 4
"""Missing words that count as many."""
AFTER = 2
"""Words after a number that say what it counts."""
VALUES = {"number": "numbers_at", "date": "numbers_at", "person": "names_at", "place": "names_at"}
"""Kind of question -> where in a sentence what answers it may stand."""
Table = Sequence[Sequence[bool]]


class Asked(Protocol):
    """What has to be known about a word of a question."""

    @property
    def terms(self) -> frozenset[str]: ...
    @property
    def prefix(self) -> str: ...
    @property
    def groups(self) -> frozenset[int]: ...
    @property
    def rarity(self) -> float: ...
    @property
    def own(self) -> bool: ...
    @property
    def guessed(self) -> bool: ...
    @property
    def focus(self) -> bool: ...
    @property
    def special(self) -> bool: ...


def focus_features(
    asked: Sequence[Asked],
    question: Question,
    in_title: Sequence[bool],
    passage: PassageWords,
    strict: Table,
    loose: Table,
    groups: Mapping[str, Sequence[int]],
) -> list[list[float]]:
    """`FOCUS_FEATURES` of each sentence. `in_title`: which words are loosely in the title; `strict` and `loose`: which
    (columns) are in which sentence (rows); `groups`: stem -> its groups of words with the same meaning."""
    focus = next((number for number, word in enumerate(asked) if word.focus), None)
    last = len(passage.sentences) - 1
    rows: list[list[float]] = []
    for index, sentence in enumerate(passage.sentences):
        around = [n for n in (index - 1, index + 1) if 0 <= n <= last]
        present = [n for n, word in enumerate(asked) if word.own and loose[index][n]]
        rows.append(
            [
                *presence_features(asked, focus, in_title, index, around, strict, loose),
                *missing_features(asked, in_title, index, around, loose),
                *value_features(asked, question, present, focus, sentence, groups),
                float(question.asks_year and "year" not in sentence.facts),
                float(sentence.heads),
            ]
        )
    return rows


def presence_features(
    asked: Sequence[Asked],
    focus: int | None,
    in_title: Sequence[bool],
    index: int,
    around: Sequence[int],
    strict: Table,
    loose: Table,
) -> list[float]:
    """Where the focus of the question is: in the sentence, its title, the sentences around it, the passage."""
    if focus is None:
        return [0.0] * 7 + [1.0]
    return [
        float(strict[index][focus]),
        float(loose[index][focus]),
        float(in_title[focus]),
        float(any(loose[n][focus] for n in around)),
        float(any(found[focus] for found in loose)),
        asked[focus].rarity,
        float(asked[focus].guessed),
        0.0,
    ]


def missing_features(
    asked: Sequence[Asked], in_title: Sequence[bool], index: int, around: Sequence[int], loose: Table
) -> list[float]:
    """Which of the question's own words are missing in the sentence, and in the sentences around it too."""
    own = [number for number, word in enumerate(asked) if word.own and not in_title[number]]
    here = [n for n in own if not loose[index][n]]
    nowhere = [n for n in here if not any(loose[m][n] for m in around)]
    return [
        rarest(asked, here),
        rarest(asked, nowhere),
        min(len(here), MANY) / MANY,
        min(len(nowhere), MANY) / MANY,
        rarest(asked, [n for n in here if asked[n].special]),
    ]


def rarest(asked: Sequence[Asked], numbers: Sequence[int]) -> float:
    """The rarity of the rarest of these words; 0 for none."""
    return max((asked[n].rarity for n in numbers), default=0.0)


def value_features(
    asked: Sequence[Asked],
    question: Question,
    present: Sequence[int],
    focus: int | None,
    sentence: SentenceWords,
    groups: Mapping[str, Sequence[int]],
) -> list[float]:
    """How near a number or a name, whichever is asked for, is to the focus and to any other word, and whether the
    focus follows a number."""
    values = getattr(sentence, VALUES[question.kind]) if question.kind in VALUES else ()
    if not values:
        return [0.0] * 3
    at = {n: positions(asked[n], sentence, groups) for n in present}
    of_focus = at.get(focus, ()) if focus is not None else ()
    others = [position for n, where in at.items() if n != focus for position in where]
    follows = any(0 < position - value <= AFTER for position in of_focus for value in values)
    return [nearness(of_focus, values), nearness(others, values), float(follows and question.kind == "number")]


def positions(word: Asked, sentence: SentenceWords, groups: Mapping[str, Sequence[int]]) -> list[int]:
    """Where in a sentence a word is, in some form or by another word of the same meaning."""
    return [position for position, stems in enumerate(sentence.stems) if has_word(word, stems, groups)]


def has_word(word: Asked, stems: Sequence[str], groups: Mapping[str, Sequence[int]]) -> bool:
    """Whether one of the stems is of the word, begins like it, or means the same."""
    return any(
        stem in word.terms
        or (word.prefix != "" and stem.startswith(word.prefix))
        or not word.groups.isdisjoint(groups.get(stem, ()))
        for stem in stems
    )


def nearness(first: Sequence[int], second: Sequence[int]) -> float:
    """1 for neighbors, less for words further apart, 0 if there are none."""
    return max((1 / max(1, abs(a - b)) for a in first for b in second if a != b), default=0.0)
