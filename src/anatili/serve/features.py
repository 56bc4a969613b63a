"""The features of sentences that may answer a question: numbers from 0 to 2 that know no language."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
import numpy.typing as npt

from anatili.lang import load_pack
from anatili.lang.questions_file import load_questions
from anatili.lang.spelling import likeness
from anatili.search.query import SAME_NAME, SHORTEST
from anatili.search.searcher import Hit, Search
from anatili.serve.asked_words import FEWEST, AskedWord, asked_words
from anatili.serve.focus import FOCUS_FEATURES, focus_features
from anatili.serve.passage_words import PREFIX, PassageWords, SentenceWords, groups_of, read_passage
from anatili.serve.question import KINDS, Question

LONGER = 2
"""Letters that a word of a question may be longer than the stem of a title's word that is the same name."""
Floats = npt.NDArray[np.float64]

FITS: dict[str, tuple[str, ...]] = {
    "date": ("year", "month", "number", "date"),
    "number": ("number", "year"),
    "place": ("place", "name"),
    "person": ("name",),
    "reason": ("reason",),
    "manner": ("manner",),
}
"""Kind of question -> facts of a sentence that may answer it."""
SIGNED = ("reason", "manner")
"""Kinds that are noticed only by the words that a pack names under [signs]."""
FIRST_FACT = {kind: sum(len(FITS[other]) + 1 for other in list(FITS)[:place]) for place, kind in enumerate(FITS)}
"""Where the features of a kind's facts begin; after them comes one for "none of them"."""
KIND_FEATURES = sum(len(facts) + 1 for facts in FITS.values()) + 1
PASSAGE_FEATURES = (
    "title",
    "title, loosely",
    "title asked for",
    "passage",
    "passage, loosely",
    "found",
    "rarest found",
    "guess found",
    "missing",
    "rarest missing",
    "words missing",
    "unknown missing",
    "capital missing",
    "first missing",
    "digits missing",
    "guess alike",
    "special missing",
    "share of special missing",
    "special found",
    "score",
    "rank",
    "own language",
    "length of question",
    "collection",
    "ahead",
)
SENTENCE_FEATURES = (
    "sentence",
    "sentence and title",
    "rest",
    "rest, loosely",
    "rest, other words",
    "rest beside",
    "rest in passage",
    "rest, behind best",
    "first",
    "position",
    "length",
    "new name",
    "close",
    "rest, seldom here",
    "in a row",
    "counted",
    "quantity",
    "other quantity",
    "counted in passage",
    "quantity in passage",
)
FEATURES = (
    *PASSAGE_FEATURES,
    *SENTENCE_FEATURES,
    *FOCUS_FEATURES,
    *(f"{kind}: {fact}" for kind, facts in FITS.items() for fact in (*facts, "none")),
    "meaning: first",
    *KINDS,
)


@dataclass(frozen=True)
class Candidate:
    """A sentence that may answer."""

    hit: int
    """The number of its passage among the hits, from 0."""
    sentence: int
    """Its number in the passage, from 0."""
    start: int
    end: int


def features(question: Question, search: Search, hits: Sequence[Hit]) -> tuple[list[Candidate], Floats]:
    """The sentences of all hits, and a row of `FEATURES` for each."""
    asked = asked_words(question, search)
    candidates: list[Candidate] = []
    rows: list[list[float]] = []
    top = max((hit.score for hit in hits), default=0.0) or 1.0
    kinds = [float(question.kind == kind) for kind in KINDS]
    main_script = load_pack(question.language).main_script
    can_tell = question.kind not in SIGNED or question.kind in load_questions(load_pack(question.language).folder).signs
    for number, hit in enumerate(hits):
        passage = read_passage(hit.passage)
        own = hit.passage.language == question.language
        found = matches(asked, passage, own)
        of_passage, in_title = passage_features(asked, passage, found)
        in_script = own and hit.passage.script == main_script  # a copy in another script is for other readers
        of_passage += [hit.score / top, 1 / (1 + number), float(in_script), min(len(question.words), 8) / 8]
        of_passage += [share_of_many(search.size()), 0.0]
        of_sentences = sentence_features(asked, question, in_title, passage, found)
        groups = groups_of(load_pack(hit.passage.language)) if own else {}
        of_focus = focus_features(asked, question, in_title, passage, found.strict, found.loose, groups)
        first = next((n for n, sentence in enumerate(passage.sentences) if not sentence.heads), 0)
        for index, sentence in enumerate(passage.sentences):
            of_kind = kind_features(question.kind, sentence, index == first, can_tell)
            candidates.append(Candidate(number, index, sentence.start, sentence.end))
            rows.append([*of_passage, *of_sentences[index], *of_focus[index], *of_kind, *kinds])
    matrix = np.array(rows, float) if rows else np.zeros((0, len(FEATURES)))
    if rows:
        compare(matrix, np.array([candidate.hit for candidate in candidates]))
    return candidates, matrix


def share_of_many(size: int) -> float:
    """How large a collection of so many passages is, 1 from `FEWEST` on: in a small one chance finds less."""
    return min(1.0, log(1 + size) / log(1 + FEWEST))


def compare(matrix: Floats, hits: npt.NDArray[np.int64]) -> None:
    """Fill in the features that compare a sentence, and its passage, with the others."""
    behind, ahead, own = (FEATURES.index(name) for name in ("rest, behind best", "ahead", "own language"))
    matrix[:, behind] = matrix[:, behind].max() - matrix[:, behind]
    coverage = np.where(matrix[:, own] > 0, matrix[:, FEATURES.index("passage, loosely")], 0.0)
    for number in np.unique(hits):
        here = hits == number
        rival = coverage[~here].max() if (~here).any() else 0.0
        matrix[here, ahead] = (1 + matrix[here, FEATURES.index("passage, loosely")] - rival) / 2


def is_form(term: str, word: AskedWord) -> bool:
    """Whether a term of a passage may be a form of the word."""
    return term in word.terms or (word.prefix != "" and term.startswith(word.prefix))


def is_in(word: AskedWord, sentence: SentenceWords) -> bool:
    return not word.terms.isdisjoint(sentence.terms)


def is_loosely_in(word: AskedWord, title: SentenceWords) -> bool:
    """Whether a form of the word or a word that begins alike is in the title."""
    return is_in(word, title) or (word.prefix != "" and word.prefix in title.prefixes)


def is_name_in(word: AskedWord, title: SentenceWords) -> bool:
    """Whether a word of the title is the same name in another spelling."""
    return len(word.lower) >= SHORTEST and any(
        abs(len(word.lower) - len(term)) <= LONGER and likeness(word.lower, term) >= SAME_NAME for term in title.terms
    )


def share(words: Sequence[AskedWord], present: Sequence[bool]) -> float:
    total = there = 0.0
    for word, is_there in zip(words, present, strict=True):
        total += word.weight
        if is_there:
            there += word.weight
    return there / total if total else 0.0


@dataclass(frozen=True)
class Matches:
    """Which words of a question (columns) are in which sentences of a passage (rows)."""

    strict: list[list[bool]]
    loose: list[list[bool]]
    grouped: list[list[bool]]
    """By another word of the same meaning."""

    def of(self, columns: Sequence[int]) -> "Matches":
        """Some of the columns."""
        strict, loose, grouped = (
            [[row[n] for n in columns] for row in rows] for rows in (self.strict, self.loose, self.grouped)
        )
        return Matches(strict, loose, grouped)


def matches(asked: Sequence[AskedWord], passage: PassageWords, own_language: bool) -> Matches:
    strict = [[not word.terms.isdisjoint(s.terms) for word in asked] for s in passage.sentences]
    grouped = [[own_language and not word.groups.isdisjoint(s.groups) for word in asked] for s in passage.sentences]
    loose = [
        [a or b or (word.prefix != "" and word.prefix in s.prefixes) for a, b, word in zip(x, y, asked, strict=True)]
        for x, y, s in zip(strict, grouped, passage.sentences, strict=True)
    ]
    return Matches(strict, loose, grouped)


def passage_features(
    asked: Sequence[AskedWord], passage: PassageWords, found: Matches
) -> tuple[list[float], list[bool]]:
    """The features of a passage that only its words decide, and which words are loosely in its title."""
    title = passage.title
    in_title = [is_in(word, title) for word in asked]
    loosely = [is_loosely_in(word, title) or is_name_in(word, title) for word in asked]
    nowhere = [False] * len(asked)
    strictly = [any(column) for column in zip(in_title, *found.strict, strict=True)] if asked else nowhere
    anywhere = [any(column) for column in zip(loosely, *found.loose, strict=True)] if asked else nowhere
    missing = [word for word, there in zip(asked, anywhere, strict=True) if not there]
    present = [word for word, there in zip(asked, anywhere, strict=True) if there]
    of_title = sum(any(is_form(term, word) for word in asked) for term in title.terms)
    return [
        share(asked, in_title),
        share(asked, loosely),
        of_title / max(1, len(title.terms)),
        share(asked, strictly),
        share(asked, anywhere),
        min(1.0, sum(word.rarity for word in present) / 4),
        max((word.rarity for word, there in zip(asked, strictly, strict=True) if there), default=0.0),
        max((word.rarity for word in present if word.guessed), default=0.0),
        min(1.0, sum(word.rarity for word in missing) / 4),
        max((word.rarity for word in missing), default=0.0),
        min(len(missing), 4) / 4,
        float(any(word.guessed for word in missing)),
        float(any(word.capital for word in missing)),
        float(any(word.first for word in missing)),
        float(any(word.lower[:1].isdigit() for word in missing)),
        min((word.alike for word in present), default=1.0),
        max((word.rarity for word in missing if word.special), default=0.0),
        sum(word.weight for word in missing if word.special),
        max((word.rarity for word in present if word.special), default=0.0),
    ], loosely


def sentence_features(
    asked: Sequence[AskedWord], question: Question, in_title: Sequence[bool], passage: PassageWords, found: Matches
) -> list[list[float]]:
    """The features of each sentence."""
    columns = [number for number, word in enumerate(asked) if word.own and not in_title[number]]
    columns = columns or [number for number, word in enumerate(asked) if word.own]
    rest = [asked[number] for number in columns]
    names = {word.lower for word in asked} | passage.title.prefixes
    here = found.of(columns)
    times = [sum(column) for column in zip(*here.loose, strict=True)]
    total = sum(word.weight for word in rest) or 1.0
    seldom = [word.weight / max(1, count) / total for word, count in zip(rest, times, strict=True)]
    everywhere = share(rest, [count > 0 for count in times]) if times else 0.0
    numbers = number_features(question, rest, passage)
    rows: list[list[float]] = []
    last = len(passage.sentences) - 1
    for index, sentence in enumerate(passage.sentences):
        beside = [here.loose[n] for n in (index - 1, index + 1) if 0 <= n <= last]
        both, strict = share(rest, here.loose[index]), found.strict[index]
        rows.append(
            [
                share(asked, strict),
                share(asked, [t or s for s, t in zip(strict, in_title, strict=True)]),
                share(rest, here.strict[index]),
                both,
                share(rest, here.grouped[index]),
                share(rest, [any(column) for column in zip(*beside, strict=True)]) if beside else 0.0,
                everywhere,
                both,
                float(index == 0),
                index / max(1, last),
                log(1 + sentence.length) / 4,
                float(any(name not in names and name[: PREFIX[0]] not in names for name in sentence.names)),
                float(sum(here.loose[index]) > 1),
                sum(weight for weight, there in zip(seldom, here.loose[index], strict=True) if there),
                share(asked[1:], [a and b for a, b in pairwise(strict)]),
                *numbers[index],
            ]
        )
    return rows


def number_features(question: Question, rest: Sequence[AskedWord], passage: PassageWords) -> list[list[float]]:
    """Of each sentence: whether its numbers count or measure what the question asks for."""
    if question.kind != "number":
        return [[0.0] * 5] * len(passage.sentences)
    wanted = question.quantities
    counted = [any(not word.terms.isdisjoint(s.counted) for word in rest) for s in passage.sentences]
    measured = [not wanted.isdisjoint(s.quantities) for s in passage.sentences]
    anywhere = [float(any(counted)), float(any(measured))]
    return [
        [float(counts), float(fits), float(bool(wanted) and not fits), *anywhere]
        for counts, fits in zip(counted, measured, strict=True)
    ]


def kind_features(kind: str, sentence: SentenceWords, is_first: bool, can_tell: bool) -> list[float]:
    """Whether the sentence has what the kind of question asks for; `can_tell`: whether it would be noticed."""
    row = [0.0] * KIND_FEATURES
    if facts := FITS.get(kind):
        present = [number for number, fact in enumerate(facts) if fact in sentence.facts]
        for number in present or [len(facts)] * can_tell:
            row[FIRST_FACT[kind] + number] = 1.0
    row[-1] = float(kind == "meaning" and is_first)
    return row
