"""Lemmas of folded words, typed on a keyboard that lacks the language's special letters: омирдин for өмірдің.

A folded word is looked up, not guessed letter by letter: the lexicon and the endings are folded in the same way, and
the most probable combination of lemma and endings wins. Words that are not in the lexicon have no answer.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from anatili.morphology import Morphology, Reading, SlotPath

Stem = tuple[str, bool]
"""A lemma, and whether its stem changes before a vowel."""


class Typed:
    """A morphology for folded words; the keyboard maps each special letter to its substitute."""

    def __init__(self, morphology: Morphology, keyboard: Mapping[str, str]) -> None:
        self.morphology = morphology
        self.table = str.maketrans(dict(keyboard))
        self.stems: dict[tuple[str, str], list[Stem]] = defaultdict(list)
        for kind, lemma in morphology.lemmas:
            for stem, changed in self.stems_of(kind, lemma):
                self.stems[kind, self.fold(stem)].append((lemma, changed))
        self.endings: dict[str, dict[str, list[Any]]] = {}
        self.derivations: dict[str, dict[str, list[tuple[str, Any]]]] = {}
        for kind, (endings, derivations) in morphology.tables.items():
            self.endings[kind], self.derivations[kind] = defaultdict(list), defaultdict(list)
            for text, contexts in endings.items():
                self.endings[kind][self.fold(text)].append(contexts)
            for text, derived in derivations.items():
                self.derivations[kind][self.fold(text)].append((text, derived))

    def fold(self, text: str) -> str:
        """`text` (lowercase) as it is typed."""
        return text.translate(self.table)

    def stems_of(self, kind: str, lemma: str) -> Iterator[Stem]:
        """The stems that a lemma may have before endings: the inverse of `Morphology.stems`."""
        rules, last = self.morphology.rules, lemma[-1]
        yield lemma, False
        for voiced, end in rules["changes"].get(kind, {}).items():
            if end == last:
                yield lemma[:-1] + voiced, True
        dropped = rules["dropped"].get(kind)
        if dropped and dropped.get("after"):
            if last in dropped["vowels"]:
                yield lemma[:-1], True
        elif dropped and len(lemma) > 3 and last in dropped["between"] and lemma[-2] in dropped["before"]:
            yield lemma[:-2] + last, True

    def lemma(self, word: str) -> str:
        """The most probable lemma of a folded word (lowercase); "" if no lemma of the lexicon fits."""
        scored = ((self.morphology.score(reading), reading.lemma) for reading in self.readings(word))
        return max(scored, default=(0.0, ""))[1]

    def readings(self, word: str) -> Iterator[Reading]:
        """All readings with a lemma from the lexicon."""
        for kind in self.endings:
            for written in self.morphology.spelled(kind, word):
                for end in range(2, len(written) + 1):
                    for lemma, changed in self.stems.get((kind, written[:end]), ()):
                        rest = written[end:]
                        if changed and (not rest or rest[0] not in self.morphology.suffix_vowels):
                            continue
                        yield from (
                            Reading(lemma, kind, slots, changed) for slots in self.endings_after(kind, lemma, rest)
                        )

    def endings_after(self, kind: str, lemma: str, rest: str) -> Iterator[SlotPath]:
        """The sequences of endings after `lemma` that `rest`, folded, may stand for."""
        fitting = self.morphology.fitting
        for contexts in self.endings[kind].get(rest, ()):
            slots = fitting(lemma, contexts)
            if slots is not None:
                yield slots
        for split in range(1, len(rest) + 1):
            for text, derived in self.derivations[kind].get(rest[:split], ()):
                for other, contexts in derived.items():
                    slots = fitting(lemma, contexts)
                    if slots is None:
                        continue
                    tails = (fitting(lemma + text, contexts) for contexts in self.endings[other].get(rest[split:], ()))
                    yield from (slots + tail for tail in tails if tail is not None)
