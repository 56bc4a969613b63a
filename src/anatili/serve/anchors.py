"""Whether the words of a claim belong to the same numbers and names as in a sentence: by what they stand nearest to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from anatili.lang import LanguagePack
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import YEAR
from anatili.serve.evidence import (
    CONTENT,
    PlacedNumber,
    Sentence,
    Word,
    same_name,
)

BOUNDARY = 3
"""The boundary of a clause counts as this many words of distance."""
OPTIONAL_UNITS = ("", YEAR)
"""Units that may be left out: 1991, in the year 1991."""


@dataclass(frozen=True)
class Anchor:
    """Numbers or names that stand side by side, to which the words around them belong."""

    keys: frozenset[object]
    position: float
    clause: int


def numbers_belong(claim: Sentence, sentence: Sentence, pack: LanguagePack) -> bool:
    """Whether each number has the same words around it, if the sentence has several numbers of its kind."""
    claimed, stated = number_anchors(claim), number_anchors(sentence)
    return all(
        len(stated[kind]) < 2
        or belong(claim, sentence, anchors, stated[kind], frozenset(), load_facts(pack.folder).verb_last)
        for kind, anchors in claimed.items()
    )


def number_anchors(sentence: Sentence) -> dict[str, list[Anchor]]:
    """The numbers of a sentence by kind. Numbers side by side are one anchor: a date, a range."""
    rows: list[list[PlacedNumber]] = []
    for placed in sentence.numbers:
        if placed.number.weak:
            continue
        last = rows[-1][-1] if rows else None
        adjacent = last and placed.position - last.position < 1 and placed.clause == last.clause
        if last and (placed.number.link == "range" or adjacent):
            rows[-1].append(placed)
        else:
            rows.append([placed])
    anchors: dict[str, list[Anchor]] = defaultdict(list)
    for row in rows:
        keys = frozenset(placed.number.value for placed in row)
        anchors[min(map(kind_of, row))].append(Anchor(keys, row[0].position, row[0].clause))
    return anchors


def kind_of(placed: PlacedNumber) -> str:
    """What a number counts. Calendar years sort first, then numbers with a unit."""
    number = placed.number
    if number.unit in OPTIONAL_UNITS and 1000 <= number.value <= 9999 and not number.value.denominator > 1:
        return "#"
    return number.unit or "~"


def belong(
    claim: Sentence,
    sentence: Sentence,
    claimed: list[Anchor],
    stated: list[Anchor],
    apart: frozenset[int],
    verb_last: bool,
) -> bool:
    """Whether most words of the claim, except those in `apart`, are nearest to the same anchors in the sentence."""
    named = {key for word in sentence.of("name") for anchor in nearest(word, stated) for key in anchor.keys}
    words = [word for word in claim.of(*CONTENT) if id(word) not in apart]
    against, balance = False, numbers_vote(claim, sentence, claimed, stated) if apart else 0
    for word in words:
        same = sentence.matches(word) if word.kind == "word" else [w for w in sentence.words if same_name(w, word)]
        if not same:
            continue
        keys = {key for anchor in nearest(word, claimed) for key in anchor.keys}
        weight = 2 if verb_last and word is claim.of(*CONTENT)[-1] else 1
        if any(not keys.isdisjoint(anchor.keys) for other in same for anchor in nearest(other, stated)):
            balance += weight
        elif word.kind == "word" or not keys.isdisjoint(named):
            balance, against = balance - weight, True  # otherwise it is a name that all the numbers share
    return balance >= (1 if apart and against else 0)


def numbers_vote(claim: Sentence, sentence: Sentence, claimed: list[Anchor], stated: list[Anchor]) -> int:
    """How many more numbers are nearest to the same anchors than to others. A number counts as two words."""
    balance = 0
    for placed in claim.numbers:
        equal = [other for other in sentence.numbers if other.number.value == placed.number.value]
        if equal and not placed.number.weak:
            keys = {key for anchor in nearest(placed, claimed) for key in anchor.keys}
            near = any(not keys.isdisjoint(anchor.keys) for other in equal for anchor in nearest(other, stated))
            balance += 2 if near else -2
    return balance


def nearest(item: Word | PlacedNumber, anchors: Sequence[Anchor]) -> list[Anchor]:
    costs = [abs(anchor.position - item.position) + BOUNDARY * abs(anchor.clause - item.clause) for anchor in anchors]
    return [anchor for anchor, cost in zip(anchors, costs, strict=True) if cost == min(costs)]


def names_belong(claim: Sentence, sentence: Sentence) -> bool:
    """For claims without numbers: whether any of the words around the claim's names is near them in the sentence too,
    unless none is nearer to other names."""
    if claim.numbers:
        return True
    anchors = name_anchors(sentence)
    own = [anchor for anchor in anchors if any(word.name_forms & anchor.keys for word in claim.of("name", "first"))]
    if not own or len(anchors) < 2:
        return True
    near = away = 0
    for word in claim.of("word"):
        same = sentence.matches(word)
        if same:
            closest = [anchor for other in same for anchor in nearest(other, anchors)]
            near += any(anchor in own for anchor in closest)
            away += not any(anchor in own for anchor in closest)
    return near > 0 or away == 0


def name_anchors(sentence: Sentence) -> list[Anchor]:
    """The names of a sentence. Names with no content word between them are one anchor."""
    rows: list[list[Word]] = []
    for word in sentence.of("name"):
        if rows and word.position == rows[-1][-1].position + 1:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [
        Anchor(frozenset().union(*(word.name_forms for word in row)), row[0].position, row[0].clause) for row in rows
    ]
