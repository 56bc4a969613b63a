"""Lemmas of words typed on a keyboard that lacks the language's own letters: омирдин for өмірдің.

What a folded word may stand for is looked up, not guessed letter by letter: the lexicon and the endings are folded in
the same way, and of the lemmas and endings that meet the likeliest wins. Words that the lexicon lacks have no answer.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from anatili.morphology import Morphology, Path_, Reading

Stem = tuple[str, bool]
"""A lemma, and whether its stem looks otherwise before a vowel."""


class Typed:
    """A morphology seen through a keyboard (own letter -> what is typed for it)."""

    def __init__(self, morphology: Morphology, keyboard: Mapping[str, str]) -> None:
        self.morphology = morphology
        self.table = str.maketrans(dict(keyboard))
        self.stems: dict[tuple[str, str], list[Stem]] = defaultdict(list)
        for kind, lemma in morphology.lemmas:
            for stem, changed in self.looks(kind, lemma):
                self.stems[kind, self.fold(stem)].append((lemma, changed))
        self.ends: dict[str, dict[str, list[Any]]] = {}
        self.turns: dict[str, dict[str, list[tuple[str, Any]]]] = {}
        for kind, (ends, turns) in morphology.tables.items():
            self.ends[kind], self.turns[kind] = defaultdict(list), defaultdict(list)
            for text, contexts in ends.items():
                self.ends[kind][self.fold(text)].append(contexts)
            for text, heads in turns.items():
                self.turns[kind][self.fold(text)].append((text, heads))

    def fold(self, text: str) -> str:
        """`text` (lower case) as it is typed."""
        return text.translate(self.table)

    def looks(self, kind: str, lemma: str) -> Iterator[Stem]:
        """How the stem of a lemma may look before endings: the way of `Morphology.stems`, forwards."""
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
        """The likeliest lemma of a folded word (lower case), "" if the lexicon has none that fits."""
        found = ((self.morphology.score(reading), reading.lemma) for reading in self.readings(word))
        return max(found, default=(0.0, ""))[1]

    def readings(self, word: str) -> Iterator[Reading]:
        """All readings with a lemma of the lexicon."""
        for kind in self.ends:
            for written in self.morphology.spelled(kind, word):
                for cut in range(2, len(written) + 1):
                    for lemma, changed in self.stems.get((kind, written[:cut]), ()):
                        rest = written[cut:]
                        if changed and (not rest or rest[0] not in self.morphology.suffix_vowels):
                            continue
                        yield from (Reading(lemma, kind, slots, changed) for slots in self.behind(kind, lemma, rest))

    def behind(self, kind: str, lemma: str, rest: str) -> Iterator[Path_]:
        """The rows of endings that `rest`, folded, may stand for behind `lemma`."""
        fitting = self.morphology.fitting
        for contexts in self.ends[kind].get(rest, ()):
            slots = fitting(lemma, contexts)
            if slots is not None:
                yield slots
        for turn in range(1, len(rest) + 1):
            for text, heads in self.turns[kind].get(rest[:turn], ()):
                for other, contexts in heads.items():
                    head = fitting(lemma, contexts)
                    if head is None:
                        continue
                    tails = (fitting(lemma + text, ends) for ends in self.ends[other].get(rest[turn:], ()))
                    yield from (head + tail for tail in tails if tail is not None)
