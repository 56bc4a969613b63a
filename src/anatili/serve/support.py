"""Whether a passage supports a sentence: its numbers, names, denials and enough of its other words occur in one of the
passage's sentences, or in two neighboring ones.

It compares words, not meaning, so it is strict about mistakes that mislead: a number, unit, month or name that is
missing or stands with other words, a denial on one side only, the opposite of a word. What it has to know about a
language is in `facts.toml` of its pack.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from anatili.lang import LanguagePack
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import Number
from anatili.serve.anchors import OPTIONAL_UNITS, Anchor, belong, names_belong, number_anchors, numbers_belong
from anatili.serve.evidence import (
    CONTENT,
    Evidence,
    PlacedNumber,
    Sentence,
    Word,
    parse_sentence,
    same_name,
    standardize,
)

MISSING = 3
"""One in this many words of a claim may be missing in a sentence of the passage and its neighbors."""
MISSING_HERE = 2
"""One in this many words may be missing in the sentence itself."""
COMMON_LENGTH = 3
"""Words of up to this many letters are too common to show that two others stand in the same place."""
BEFORE = 2
"""Sentences before one that may name whom it is about."""


def supports(text: str, passage: Evidence, pack: LanguagePack) -> bool:
    """Whether a passage supports a sentence as a whole, or else each of its clauses."""
    claim = parse_sentence(standardize(text, pack), pack)
    if not claim.of(*CONTENT) and not claim.numbers:
        return False
    if supports_clause(claim, passage, pack):
        return True
    if not links_hold(claim, [placed for sentence in passage.sentences for placed in sentence.numbers]):
        return False
    parts = clauses(claim)
    return len(parts) > 1 and all(supports_clause(part, passage, pack) for part in parts)


def supports_clause(claim: Sentence, passage: Evidence, pack: LanguagePack) -> bool:
    """Whether one sentence of the passage says the whole claim, or two neighbors do. Two neighbors count only if they
    have no other numbers or names of the kind, or if no single sentence has the words: a wrong year is often next door.
    """
    title = passage.title
    full = [index for index, sentence in enumerate(passage.sentences) if words_hold(claim, sentence, title)]
    for index in full or range(len(passage.sentences)):
        sentence, before = passage.sentences[index], passage.sentences[max(0, index - BEFORE) : index]
        around = passage.sentences[max(0, index - 1) : index + 2]
        if (
            numbers_hold(claim, sentence, title)
            and (full or mentioned_around(claim, sentence, title, around))
            and holds(claim, sentence, title, before, pack)
        ):
            return True
    return any(
        numbers_hold(claim, pair, title)
        and words_hold(claim, pair, title)
        and not (full and has_rivals(claim, pair, title))
        and holds(claim, pair, title, passage.sentences[max(0, index - BEFORE) : index], pack)
        for index, pair in enumerate(passage.pairs)
    )


def has_rivals(claim: Sentence, sentence: Sentence, title: Sentence) -> bool:
    """Whether the sentence has a number of a claimed kind, or a name, that the claim does not have."""
    claimed, stated = number_anchors(claim), number_anchors(sentence)
    if any(len(stated[kind]) > len(anchors) for kind, anchors in claimed.items()):
        return True
    return has_other_names(claim, sentence, title)


def has_other_names(claim: Sentence, sentence: Sentence, title: Sentence) -> bool:
    """Whether the sentence has names that the claim lacks, if the claim has a name that is not in the title."""
    named = any(not title.has_name(word) for word in claim.of("name"))
    return named and any(not claim.has_name(word) and not title.has_name(word) for word in sentence.of("name"))


def holds(claim: Sentence, sentence: Sentence, title: Sentence, before: Sequence[Sentence], pack: LanguagePack) -> bool:
    return (
        names_hold(claim, sentence, title, before)
        and not is_swapped(claim, sentence)
        and denials_hold(claim, sentence)
        and opposites_hold(claim, sentence, pack)
        and numbers_belong(claim, sentence, pack)
        and names_belong(claim, sentence)
    )


def numbers_hold(claim: Sentence, sentence: Sentence, title: Sentence) -> bool:
    """Whether the sentence or the title has every number and month of the claim, with its unit."""
    stated = [*sentence.numbers, *title.numbers]
    for placed in claim.numbers:
        equal = [other.number for other in stated if other.number.value == placed.number.value]
        if not (placed.number.weak and not placed.number.unit) and not any(
            units_agree(placed, other, claim, sentence) for other in equal
        ):
            return False
    return claim.months <= sentence.months | title.months and links_hold(claim, stated)


def units_agree(placed: PlacedNumber, other: Number, claim: Sentence, sentence: Sentence) -> bool:
    unit = placed.number.unit
    if unit == other.unit or (unit in OPTIONAL_UNITS and other.unit in OPTIONAL_UNITS):
        return True
    if unit and other.unit:
        return False
    if other.unit:  # the claim has no unit: the sentence must have the word for what it counts
        counted = next((word for word in claim.of("word") if word.position > placed.position), None)
        return counted is None or bool(sentence.matches(counted))
    return False


def links_hold(claim: Sentence, stated: Sequence[PlacedNumber]) -> bool:
    """Whether no range of numbers becomes a list of them, or the other way around."""
    links = {(first.number.value, second.number.value): second.number.link for first, second in pairwise(stated)}
    for first, second in pairwise(claim.numbers):
        link = links.get((first.number.value, second.number.value), "")
        if {link, second.number.link} == {"range", "list"}:
            return False
    return True


def words_hold(claim: Sentence, sentence: Sentence, title: Sentence) -> bool:
    """Whether the sentence, with the title, has enough of the claim's words."""
    words = claim.of("word", "first")
    missing = [word for word in words if not sentence.matches(word) and not title.matches(word)]
    return len(missing) <= len(words) // MISSING


def mentioned_around(claim: Sentence, sentence: Sentence, title: Sentence, around: Sequence[Sentence]) -> bool:
    """Whether a sentence and its neighbors are about the claim, if no sentence has enough of its words. Numbers and
    names count as words, because other checks make sure that they are there."""
    words, sure = claim.of("word", "first"), claim.of("name")
    missing = [word for word in words if not sentence.mentions(word) and not title.mentions(word)]
    nowhere = [word for word in missing if not any(neighbor.mentions(word) for neighbor in around)]
    half = (len(words) + bool(sure or claim.numbers)) // MISSING_HERE
    most = min((len(words) + len(sure) + len(claim.numbers)) // MISSING, half)
    return len(missing) <= half and len(nowhere) <= most and not has_other_names(claim, sentence, title)


def names_hold(claim: Sentence, sentence: Sentence, title: Sentence, before: Sequence[Sentence]) -> bool:
    """Whether every name of the claim is in the sentence; or in the title or a sentence before, if the sentence has no
    other name instead."""
    named = [word for word in claim.of("name", "first") if word.kind == "name" or not sentence.matches(word)]
    missing = [word for word in named if not sentence.has_name(word)]
    if not missing:
        return True
    around = [title, *before]
    if not all(any(other.has_name(word) for other in around) for word in missing):
        return False
    other_names = [word for word in sentence.of("name") if not claim.has_name(word) and not title.has_name(word)]
    return not other_names or all(title.has_name(word) for word in missing)


def is_swapped(claim: Sentence, sentence: Sentence) -> bool:
    """Whether a word of the claim stands where the sentence has another word, one that the claim lacks."""
    for word in claim.of(*CONTENT):
        name = word.kind == "name"
        same = [other for other in sentence.words if same_name(word, other)] if name else sentence.matches(word)
        if same and (not name or any(same_context(word, other) for other in same)):
            continue
        for other in sentence.of("name") if same else sentence.of(*CONTENT):
            if name and other.kind == "name":
                alike = same_context(word, other) or (not same and shares_neighbor(word, other))
            else:
                alike = same_neighbors(word, other) and all(map(is_telling, word.context[1:3]))
            if alike and not (claim.has_name(other) or claim.matches(other)):
                return True
    return False


def same_neighbors(word: Word, other: Word) -> bool:
    """Whether the word before and the word after are the same for two words."""
    return word.context[1:3] == other.context[1:3] and any(word.context[1:3])


def same_context(word: Word, other: Word) -> bool:
    """Whether the words around two words are the same: one on each side, or two on one side if not both are common."""
    (a, b, c, d), (e, f, g, h) = word.context, other.context
    left, right = (a, b) == (e, f) and a and is_telling(a, b), (c, d) == (g, h) and d and is_telling(c, d)
    return bool(left or right) or same_neighbors(word, other)


def is_telling(*words: str) -> bool:
    """Whether any of the words is not a very common one."""
    return any(len(word) > COMMON_LENGTH and not word.isdecimal() for word in words)


def shares_neighbor(word: Word, other: Word) -> bool:
    return any(a == b and is_telling(a) for a, b in zip(word.context[1:3], other.context[1:3], strict=True))


def denials_hold(claim: Sentence, sentence: Sentence) -> bool:
    """Whether the same words are denied. Of two neighboring words it does not matter which."""
    if claim.denials > sentence.denials:
        return False
    for word in claim.words:
        same = sentence.matches(word)
        if word.denied and not same and not any(other.denied for other in sentence.words):
            return False
        if (
            not same
            or any(bool(other.denied) == bool(word.denied) for other in same)
            or (word.kind == "stop" and not word.denied)
        ):
            continue
        denied = bool(word.denied)
        if not denied_near(same, sentence.words, denied) or not denied_near([word], claim.words, not denied):
            return False
    return True


def denied_near(words: Sequence[Word], context: Sequence[Word], denied: bool) -> bool:
    """Whether any of the words, or a neighbor of it in `context`, is denied, or with `denied` False is not."""
    return any(
        bool(other.denied) == denied and abs(other.position - word.position) <= 1 for other in context for word in words
    )


def opposites_hold(claim: Sentence, sentence: Sentence, pack: LanguagePack) -> bool:
    """Whether no word is replaced by its opposite. If the sentence has both, the words around them decide."""
    facts = load_facts(pack.folder)
    for group in facts.opposites:
        claimed, stated = words_in(claim, group), words_in(sentence, group)
        if claimed and not stated and len(claimed) > 1:
            return False
        if claimed and stated and not claimed.keys() & stated.keys():
            return False
        if claimed and len(stated) > 1:
            inside = frozenset(id(word) for words in claimed.values() for word in words)
            if not belong(claim, sentence, word_anchors(claimed), word_anchors(stated), inside, facts.verb_last):
                return False
    return True


def words_in(sentence: Sentence, group: Iterable[str]) -> dict[str, list[Word]]:
    """The words of a sentence that are in a group of opposites, by meaning. Denied words do not count."""
    by_meaning: dict[str, list[Word]] = {}
    for synonyms in group:
        forms = set(synonyms.split())
        words = [word for word in sentence.words if word.raw in forms and not word.denied and word.kind != "number"]
        if words:
            by_meaning[synonyms] = words
    return by_meaning


def word_anchors(by_meaning: dict[str, list[Word]]) -> list[Anchor]:
    return [
        Anchor(frozenset((key,)), word.position, word.clause) for key, words in by_meaning.items() for word in words
    ]


def clauses(claim: Sentence) -> list[Sentence]:
    """The clauses of a sentence. One that says too little by itself is joined to the one before."""
    parts: list[Sentence] = []
    for clause in sorted({word.clause for word in claim.words}):
        words = tuple(word for word in claim.words if word.clause == clause)
        numbers = tuple(placed for placed in claim.numbers if placed.clause == clause)
        part = Sentence(words, numbers)
        whole_range = [placed.number.link for placed in numbers] == ["", "range"]
        thin = (
            (not part.of("word") and not whole_range)
            or len(part.of(*CONTENT)) + len(numbers) < 2
            or bool(numbers and numbers[0].number.link)
        )
        if parts and (thin or not parts[-1].of("word")):
            parts[-1] = Sentence(parts[-1].words + words, parts[-1].numbers + numbers)
        else:
            parts.append(part)
    return parts
