"""Whether a passage bears out a sentence: its numbers, names, denials and enough of its other words, in one of the
passage's sentences or two neighbors.

It compares words, not meaning, so it is strict where a mistake misleads: a number, unit, month or name that is missing
there or stands with other words, a denial on one side only, the opposite of a word. What it has to know of a language
is in `facts.toml` of its pack.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from anatili.lang import LanguagePack
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import YEAR, Number
from anatili.serve.evidence import SAYING, Evidence, Place, Stretch, Word, prepared, same_name, take_apart

MISSING = 3
"""One in so many of a sentence's words may be missing in a sentence of the passage and those beside it."""
MISSING_HERE = 2
"""One in so many may be missing in the sentence itself."""
TELLING = 3
"""Letters of a word too common to tell by it that two others stand in one place."""
BOUNDARY = 3
"""Words that the boundary of a clause counts for."""
BEFORE = 2
"""Sentences before one that may name whom it is about."""
LOOSE = ("", YEAR)
"""Units that may be left out: 1991, in the year 1991."""


@dataclass(frozen=True)
class Anchor:
    """Numbers or names that stand side by side, to which the words around them belong."""

    keys: frozenset[object]
    at: float
    clause: int


def supports(sentence: str, passage: Evidence, pack: LanguagePack) -> bool:
    """Whether a passage bears out a sentence as a whole, or else each of its clauses."""
    return decides(take_apart(prepared(sentence, pack), pack), passage, pack)


def decides(whole: Stretch, passage: Evidence, pack: LanguagePack) -> bool:
    """The same for a sentence that is taken apart."""
    if not whole.of(*SAYING) and not whole.places:
        return False
    if borne_out(whole, passage, pack):
        return True
    if not links_hold(whole, [place for one in passage.sentences for place in one.places]):
        return False
    parts = clauses(whole)
    return len(parts) > 1 and all(borne_out(part, passage, pack) for part in parts)


def borne_out(claim: Stretch, passage: Evidence, pack: LanguagePack) -> bool:
    """Whether one sentence of the passage says all that is claimed, or two neighbors, if they have no other numbers
    and names of the kind or no single sentence has the words: a wrong year is often next door."""
    title = passage.title
    told = [at for at, core in enumerate(passage.sentences) if words_hold(claim, core, title)]
    for at in told or range(len(passage.sentences)):
        core, before = passage.sentences[at], passage.sentences[max(0, at - BEFORE) : at]
        beside = passage.sentences[max(0, at - 1) : at + 2]
        if (
            numbers_hold(claim, core, title)
            and (told or spoken_of(claim, core, title, beside))
            and holds(claim, core, title, before, pack)
        ):
            return True
    return any(
        numbers_hold(claim, core, title)
        and words_hold(claim, core, title)
        and not (told and rivals(claim, core, title))
        and holds(claim, core, title, passage.sentences[max(0, at - BEFORE) : at], pack)
        for at, core in enumerate(passage.pairs)
    )


def rivals(claim: Stretch, core: Stretch, title: Stretch) -> bool:
    """Whether a number of a kind that is claimed, or a name, stands there that is not claimed."""
    here, there = number_anchors(claim), number_anchors(core)
    if any(len(there[kind]) > len(anchors) for kind, anchors in here.items()):
        return True
    return other_names(claim, core, title)


def other_names(claim: Stretch, core: Stretch, title: Stretch) -> bool:
    """Whether names stand there that are not claimed, where a name is claimed that not all the passage is about."""
    named = any(not title.has_name(word) for word in claim.of("name"))
    return named and any(not claim.has_name(word) and not title.has_name(word) for word in core.of("name"))


def holds(claim: Stretch, core: Stretch, title: Stretch, before: Sequence[Stretch], pack: LanguagePack) -> bool:
    return (
        names_hold(claim, core, title, before)
        and not swapped(claim, core)
        and denials_hold(claim, core)
        and opposites_hold(claim, core, pack)
        and numbers_belong(claim, core, pack)
        and names_belong(claim, core)
    )


def numbers_hold(claim: Stretch, core: Stretch, title: Stretch) -> bool:
    """Whether every number and month is there, with its unit."""
    there = [*core.places, *title.places]
    for place in claim.places:
        same = [other.number for other in there if other.number.value == place.number.value]
        if not (place.number.weak and not place.number.unit) and not any(
            units_agree(place, other, claim, core) for other in same
        ):
            return False
    return claim.months <= core.months | title.months and links_hold(claim, there)


def units_agree(place: Place, other: Number, claim: Stretch, core: Stretch) -> bool:
    one = place.number
    if one.unit == other.unit or (one.unit in LOOSE and other.unit in LOOSE):
        return True
    if one.unit and other.unit:
        return False
    if other.unit:  # none here: what is counted must be told all the same
        counted = next((word for word in claim.of("word") if word.at > place.at), None)
        return counted is None or bool(core.forms_of(counted))
    return False


def links_hold(claim: Stretch, there: Sequence[Place]) -> bool:
    """Whether from ... to is not taken for two things, or the other way about."""
    links = {(a.number.value, b.number.value): b.number.link for a, b in pairwise(there)}
    for before, now in pairwise(claim.places):
        link = links.get((before.number.value, now.number.value), "")
        if {link, now.number.link} == {"range", "list"}:
            return False
    return True


def words_hold(claim: Stretch, core: Stretch, title: Stretch) -> bool:
    """Whether one sentence has enough of the words."""
    words = claim.of("word", "first")
    missing = [word for word in words if not core.forms_of(word) and not title.forms_of(word)]
    return len(missing) <= len(words) // MISSING


def spoken_of(claim: Stretch, core: Stretch, title: Stretch, beside: Sequence[Stretch]) -> bool:
    """Whether the sentences around one speak of the same, where none has enough of the words. Numbers and names count
    as words, since they must be there all the same."""
    words, sure = claim.of("word", "first"), claim.of("name")
    missing = [word for word in words if not core.mentions(word) and not title.mentions(word)]
    nowhere = [word for word in missing if not any(one.mentions(word) for one in beside)]
    half = (len(words) + bool(sure or claim.places)) // MISSING_HERE
    most = min((len(words) + len(sure) + len(claim.places)) // MISSING, half)
    return len(missing) <= half and len(nowhere) <= most and not other_names(claim, core, title)


def names_hold(claim: Stretch, core: Stretch, title: Stretch, before: Sequence[Stretch]) -> bool:
    """Whether every name is there; one that only the title or a sentence before has, if no other stands instead."""
    named = [word for word in claim.of("name", "first") if word.kind == "name" or not core.forms_of(word)]
    away = [word for word in named if not core.has_name(word)]
    if not away:
        return True
    around = [title, *before]
    if not all(any(one.has_name(word) for one in around) for word in away):
        return False
    others = [word for word in core.of("name") if not claim.has_name(word) and not title.has_name(word)]
    return not others or all(title.has_name(word) for word in away)


def swapped(claim: Stretch, core: Stretch) -> bool:
    """Whether a word stands between the words that there stand around another, which the claim lacks."""
    for mine in claim.of(*SAYING):
        name = mine.kind == "name"
        there = [other for other in core.words if same_name(mine, other)] if name else core.forms_of(mine)
        if there and (not name or any(same_place(mine, other) for other in there)):
            continue
        for other in core.of("name") if there else core.of(*SAYING):
            if name and other.kind == "name":
                alike = same_place(mine, other) or (not there and shares_neighbor(mine, other))
            else:
                alike = between(mine, other) and all(map(tells, mine.beside[1:3]))
            if alike and not (claim.has_name(other) or claim.forms_of(other)):
                return True
    return False


def between(one: Word, other: Word) -> bool:
    """Whether the word before and the word after two words are the same."""
    return one.beside[1:3] == other.beside[1:3] and any(one.beside[1:3])


def same_place(one: Word, other: Word) -> bool:
    """Whether the words beside two words are the same: one on each side, or two on one side that tell something."""
    (a, b, c, d), (e, f, g, h) = one.beside, other.beside
    left, right = (a, b) == (e, f) and a and tells(a, b), (c, d) == (g, h) and d and tells(c, d)
    return bool(left or right) or between(one, other)


def tells(*words: str) -> bool:
    return any(len(word) > TELLING and not word.isdecimal() for word in words)


def shares_neighbor(one: Word, other: Word) -> bool:
    return any(a == b and tells(a) for a, b in zip(one.beside[1:3], other.beside[1:3], strict=True))


def denials_hold(claim: Stretch, core: Stretch) -> bool:
    """Whether the same words are denied; of two that stand together it does not matter which."""
    if claim.denials > core.denials:
        return False
    for word in claim.words:
        same = core.forms_of(word)
        if word.denied and not same and not any(other.denied for other in core.words):
            return False
        if (
            not same
            or any(bool(other.denied) == bool(word.denied) for other in same)
            or (word.kind == "stop" and not word.denied)
        ):
            continue
        there, here = (same, core.words), ([word], claim.words)
        for (ones, stretch), denied in ((there, bool(word.denied)), (here, not word.denied)):
            if not any(bool(one.denied) == denied and abs(one.at - own.at) <= 1 for one in stretch for own in ones):
                return False
    return True


def opposites_hold(claim: Stretch, core: Stretch, pack: LanguagePack) -> bool:
    """Whether no word has its opposite there instead; where both are, the words around them tell."""
    facts = load_facts(pack.folder)
    for group in facts.opposites:
        here, there = kinds_of(claim, group), kinds_of(core, group)
        if here and not there and len(here) > 1:
            return False
        if here and there and not here.keys() & there.keys():
            return False
        if here and len(there) > 1:
            anchors = [Anchor(frozenset((kind,)), word.at, word.clause) for kind, ws in there.items() for word in ws]
            mine = [Anchor(frozenset((kind,)), word.at, word.clause) for kind, ws in here.items() for word in ws]
            inside = frozenset(id(word) for ws in here.values() for word in ws)
            if not belong(claim, core, mine, anchors, inside, facts.verb_last):
                return False
    return True


def kinds_of(stretch: Stretch, group: Iterable[str]) -> dict[str, list[Word]]:
    """Which words of a group stand in a stretch, by those that mean the same; denied ones do not count."""
    found: dict[str, list[Word]] = {}
    for same in group:
        forms = set(same.split())
        words = [word for word in stretch.words if word.raw in forms and not word.denied and word.kind != "number"]
        if words:
            found[same] = words
    return found


def numbers_belong(claim: Stretch, core: Stretch, pack: LanguagePack) -> bool:
    """Whether the words around each number are those around it there, where several numbers of a kind stand."""
    here, there = number_anchors(claim), number_anchors(core)
    return all(
        len(there[kind]) < 2
        or belong(claim, core, anchors, there[kind], frozenset(), load_facts(pack.folder).verb_last)
        for kind, anchors in here.items()
    )


def number_anchors(stretch: Stretch) -> dict[str, list[Anchor]]:
    """Numbers by kind, those that stand side by side as one: a date, a range."""
    rows: list[list[Place]] = []
    for place in stretch.places:
        if place.number.weak:
            continue
        before = rows[-1][-1] if rows else None
        if before and (place.number.link == "range" or (place.at - before.at < 1 and place.clause == before.clause)):
            rows[-1].append(place)
        else:
            rows.append([place])
    found: dict[str, list[Anchor]] = defaultdict(list)
    for row in rows:
        keys = frozenset(one.number.value for one in row)
        found[min(map(kind_of, row))].append(Anchor(keys, row[0].at, row[0].clause))
    return found


def kind_of(place: Place) -> str:
    """What a number counts: years of a calendar come first, then things with a unit."""
    number = place.number
    if number.unit in LOOSE and 1000 <= number.value <= 9999 and not number.value.denominator > 1:
        return "#"
    return number.unit or "~"


def belong(
    claim: Stretch,
    core: Stretch,
    here: list[Anchor],
    there: list[Anchor],
    apart: frozenset[int],
    verb_last: bool,
) -> bool:
    """Whether most words of the claim, but for those `apart`, stand nearest to the same anchors there."""
    named = {key for word in core.of("name") for anchor in nearest(word, there) for key in anchor.keys}
    words = [word for word in claim.of(*SAYING) if id(word) not in apart]
    against, balance = False, numbers_vote(claim, core, here, there) if apart else 0
    for word in words:
        same = core.forms_of(word) if word.kind == "word" else [w for w in core.words if same_name(w, word)]
        if not same:
            continue
        mine = {key for anchor in nearest(word, here) for key in anchor.keys}
        weight = 2 if verb_last and word is claim.of(*SAYING)[-1] else 1
        if any(not mine.isdisjoint(anchor.keys) for other in same for anchor in nearest(other, there)):
            balance += weight
        elif word.kind == "word" or not mine.isdisjoint(named):
            balance, against = balance - weight, True  # else a name that all the numbers share
    return balance >= (1 if apart and against else 0)


def numbers_vote(claim: Stretch, core: Stretch, here: list[Anchor], there: list[Anchor]) -> int:
    """How many more numbers stand nearest to the same anchors there than to others; one counts as two words."""
    balance = 0
    for place in claim.places:
        same = [other for other in core.places if other.number.value == place.number.value]
        if same and not place.number.weak:
            mine = {key for anchor in nearest(place, here) for key in anchor.keys}
            near = any(not mine.isdisjoint(anchor.keys) for other in same for anchor in nearest(other, there))
            balance += 2 if near else -2
    return balance


def nearest(word: Word | Place, anchors: Sequence[Anchor]) -> list[Anchor]:
    costs = [abs(anchor.at - word.at) + BOUNDARY * abs(anchor.clause - word.clause) for anchor in anchors]
    return [anchor for anchor, cost in zip(anchors, costs, strict=True) if cost == min(costs)]


def names_belong(claim: Stretch, core: Stretch) -> bool:
    """Without numbers: whether any word around the claim's names stands near them there, if some stand near others."""
    if claim.places:
        return True
    anchors = name_anchors(core)
    mine = [anchor for anchor in anchors if any(word.name & anchor.keys for word in claim.of("name", "first"))]
    if not mine or len(anchors) < 2:
        return True
    near = away = 0
    for word in claim.of("word"):
        same = core.forms_of(word)
        if same:
            found = [anchor for other in same for anchor in nearest(other, anchors)]
            near += any(anchor in mine for anchor in found)
            away += not any(anchor in mine for anchor in found)
    return near > 0 or away == 0


def name_anchors(stretch: Stretch) -> list[Anchor]:
    """Names, those with nothing between them that tells as one."""
    rows: list[list[Word]] = []
    for word in stretch.of("name"):
        if rows and word.at == rows[-1][-1].at + 1:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [Anchor(frozenset(form for word in row for form in word.name), row[0].at, row[0].clause) for row in rows]


def clauses(claim: Stretch) -> list[Stretch]:
    """The clauses of a sentence; one that says too little by itself joins the one before."""
    parts: list[Stretch] = []
    for number in sorted({word.clause for word in claim.words}):
        words = tuple(word for word in claim.words if word.clause == number)
        places = tuple(place for place in claim.places if place.clause == number)
        part = Stretch(words, places)
        whole_range = [place.number.link for place in places] == ["", "range"]
        thin = (
            (not part.of("word") and not whole_range)
            or len(part.of(*SAYING)) + len(places) < 2
            or bool(places and places[0].number.link)
        )
        if parts and (thin or not parts[-1].of("word")):
            parts[-1] = Stretch(parts[-1].words + words, parts[-1].places + places)
        else:
            parts.append(part)
    return parts
