"""Words taken apart into a lemma and endings, by a pack's `morphology.toml` and what was learned from text.

The rules say which endings may follow which and how they sound; they allow many readings of a word. Which is meant is a
matter of chance: how common the lemma is (`lexicon.tsv`) times how common each ending after the one before
(`endings.tsv`). Both files are learned by `lexicon.py` from running text alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.reading import read_text, read_toml
from anatili.text import show_path

RULES, LEXICON, ENDINGS = "morphology.toml", "lexicon.tsv", "endings.tsv"
TABLES = ("sounds", "changes", "dropped", "spelling")
"""Tables that a language may do without."""
STEM, STOP = "stem", "."
UNKNOWN, LETTER = 0.3, 1.0
"""Weight of a lemma of two letters that the lexicon lacks, and what each further letter takes off, in nats."""
CHANGED = log(0.3)
"""What it costs to suppose that a stem has changed before its ending."""
REMEMBERED = 500_000
"""Words whose lemma is kept in mind: in running text nine words in ten come again."""
RARE = 1e-6
"""Share of an ending that was never seen after the one before it."""

Context = tuple[str, int]
"""What an ending depends on: class of the last sound, and harmony (0 back, 1 front)."""
Path_ = tuple[str, ...]
"""The slots of a word's endings, in order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a word."""

    lemma: str
    kind: str
    """Group of endings, such as `noun`."""
    slots: Path_
    changed: bool
    """Whether the stem looks otherwise than the lemma."""


def base_weight(lemma: str) -> float:
    """What a lemma weighs before anything is known of it: the longer, the less likely."""
    return UNKNOWN * exp(-LETTER * (len(lemma) - 2))


class Morphology:
    """The rules of a language, with the weights of lemmas and endings where there are any."""

    def __init__(
        self,
        rules: Mapping[str, Any],
        lemmas: Mapping[tuple[str, str], float] | None = None,
        shares: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.rules = rules = {**{name: {} for name in TABLES}, **rules}
        self.lemmas = lemmas or {}
        self.shares = shares or {}
        letters = rules["letters"]
        self.back, self.front = set(letters["back"]), set(letters["front"])
        self.either = tuple(letters["either"])
        self.suffix_vowels, self.true_vowels = set(letters["suffix_vowels"]), set(letters["true_vowels"])
        self.short = set(letters["short"])
        self.classes: dict[str, str] = {letter: name for name, group in rules["classes"].items() for letter in group}
        self.kinds: dict[str, dict[str, Any]] = rules["endings"]
        self.known: dict[str, str] = {}
        self.stems_of: dict[str, str] = {}
        self.costs: dict[tuple[str, Path_], float] = {}
        self.read_as: dict[str, Reading | None] = {}

    def lemma(self, word: str) -> str:
        """The likeliest lemma of `word` (lower case); the word itself if it has no reading."""
        found = self.known.get(word)
        if found is None:
            if len(self.known) > REMEMBERED:
                self.known.clear()
            found = self.known[word] = self._lemma(word)
        return found

    def stem(self, word: str) -> str:
        """What `word` is searched by: the lemma of its lemma and so on; stemming a stem changes nothing."""
        found = self.stems_of.get(word)
        if found is None:
            if len(self.stems_of) > REMEMBERED:
                self.stems_of.clear()
            path = [word]
            while (following := self.lemma(path[-1])) not in path:
                path.append(following)
            # Nearly always the last stands for itself; should two stand for each other, one is taken for both.
            found = min(path[path.index(following) :])
            self.stems_of[word] = found
        return found

    def _lemma(self, word: str) -> str:
        best = max(((self.score(reading), reading.lemma) for reading in self.readings(word)), default=None)
        return best[1] if best else word

    def reading(self, word: str) -> Reading | None:
        """The likeliest reading of `word` (lower case), None if it has none."""
        if word in self.read_as:
            return self.read_as[word]
        found = max(self.readings(word), key=lambda one: (self.score(one), one.lemma), default=None)
        if len(self.read_as) < REMEMBERED:
            self.read_as[word] = found
        return found

    def score(self, reading: Reading) -> float:
        """Logarithm of how likely a reading is, but for a constant."""
        weight = self.lemmas.get((reading.kind, reading.lemma)) or base_weight(reading.lemma)
        return log(weight) + self.path_cost(reading.kind, reading.slots) + (CHANGED if reading.changed else 0.0)

    def path_cost(self, kind: str, slots: Path_) -> float:
        """Logarithm of the chance of a row of endings, from the kind to the stop."""
        found = self.costs.get((kind, slots))
        if found is None:
            row = (kind, *slots, STOP)
            found = sum(log(self.shares.get(one, {}).get(other, RARE)) for one, other in pairwise(row))
            self.costs[kind, slots] = found
        return found

    def readings(self, word: str) -> Iterator[Reading]:
        """All readings that the rules allow, each once."""
        seen = set()
        for kind in self.kinds:
            for written in self.spelled(kind, word):
                for reading in self._of_kind(kind, written):
                    if reading not in seen:
                        seen.add(reading)
                        yield reading

    def spelled(self, kind: str, word: str) -> Iterator[str]:
        """`word`, and how it would be written if each sound had a letter of its own."""
        yield word
        doubled = self.rules["spelling"].get(kind, {})
        for letter, ways in doubled.items():
            if letter in word[1:]:
                for way in ways:
                    yield word[0] + word[1:].replace(letter, way)

    def _of_kind(self, kind: str, word: str) -> Iterator[Reading]:
        """Readings of one kind: a stem and endings; or a stem, endings to another kind, and endings of that one."""
        ends, turns = self.tables[kind]
        for cut in range(2, len(word) + 1):
            found = ends.get(word[cut:])
            if found:
                yield from self._with_stem(kind, word[:cut], word[cut:], found, ())
            for turn in range(cut + 1, len(word) + 1):
                heads = turns.get(word[cut:turn])
                if not heads:
                    continue
                for other, contexts in heads.items():
                    tails = self.tables[other][0].get(word[turn:])
                    tail = tails and self.fitting(word[:turn], tails)
                    if tail is not None:
                        yield from self._with_stem(kind, word[:cut], word[cut:turn], contexts, tail)

    def _with_stem(
        self, kind: str, stem: str, ending: str, contexts: Mapping[Context, Path_], tail: Path_
    ) -> Iterator[Reading]:
        for lemma, changed in self.stems(kind, stem, ending):
            slots = self.fitting(lemma, contexts) if self.may_be(lemma) else None
            if slots is not None:
                yield Reading(self.written(lemma), kind, slots + tail, changed)

    def stems(self, kind: str, stem: str, ending: str) -> Iterator[tuple[str, bool]]:
        """What `stem`, as it looks before `ending`, may be by itself; and whether it has changed."""
        yield stem, False
        if not ending or ending[0] not in self.suffix_vowels:
            return
        last = stem[-1]
        instead = self.rules["changes"].get(kind, {}).get(last)
        if instead:
            yield stem[:-1] + instead, True
        dropped = self.rules["dropped"].get(kind)
        if not dropped or ending[0] not in dropped["before"]:
            return
        if dropped.get("after"):
            if last not in self.suffix_vowels:
                yield from ((stem + vowel, True) for vowel in dropped["vowels"])
        elif len(stem) > 2 and last in dropped["between"] and stem[-2] not in self.true_vowels:
            yield stem[:-1] + ending[0] + last, True

    def written(self, lemma: str) -> str:
        for end, way in self.rules["spelling"].get("written", {}).items():
            lemma = lemma.removesuffix(end) + way if lemma.endswith(end) else lemma
        return lemma

    def may_be(self, lemma: str) -> bool:
        """Whether there may be such a word at all."""
        if len(lemma) == 2 and lemma[-1] in self.true_vowels:
            return lemma in self.short
        return len(lemma) > 1 and not self.suffix_vowels.isdisjoint(lemma)

    def fitting(self, stem: str, contexts: Mapping[Context, Path_]) -> Path_ | None:
        """The endings that can stand behind `stem`, of those that stand in some contexts."""
        group, harmony = self.class_of(stem), self.harmony(stem)
        if harmony is not None:
            return contexts.get((group, harmony))
        back = contexts.get((group, 0))
        return back if back is not None else contexts.get((group, 1))

    def class_of(self, text: str) -> str:
        return self.classes.get(text[-1], "T")

    def harmony(self, text: str) -> int | None:
        """0 for back, 1 for front vowels, None where both are heard."""
        if text.endswith(self.either):
            return None
        for letter in reversed(text):
            if letter in self.back:
                return 0
            if letter in self.front:
                return 1
            if letter in self.either:
                return None
        return None

    @cached_property
    def tables(self) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
        """For each kind the endings that close a word, and those after which it goes on as another kind."""
        found = {}
        for kind in self.kinds:
            ends: dict[str, dict[Context, Path_]] = {"": {}}
            turns: dict[str, dict[str, dict[Context, Path_]]] = {}
            for context in ((group, harmony) for group in (*self.rules["classes"], "T") for harmony in (0, 1)):
                ends[""][context] = ()
                for text, slots, turn in self.rows(kind, STEM, context):
                    into = turns.setdefault(text, {}).setdefault(turn, {}) if turn else ends.setdefault(text, {})
                    if context not in into or self.path_cost(kind, slots) > self.path_cost(kind, into[context]):
                        into[context] = slots
            found[kind] = ends, turns
        return found

    def rows(self, kind: str, after: str, context: Context) -> tuple[tuple[str, Path_, str], ...]:
        """All rows of endings after a slot: their text, slots, and the kind as which the word goes on, if it does."""
        found: tuple[tuple[str, Path_, str], ...] = self._rows(kind, after, context)
        return found

    @cached_property
    def _rows(self) -> Any:
        follow: dict[tuple[str, str], list[str]] = defaultdict(list)
        for kind, slots in self.kinds.items():
            for name, slot in slots.items():
                for before in slot["after"]:
                    follow[kind, before].append(name)

        @cache
        def rows(kind: str, after: str, context: Context) -> tuple[tuple[str, Path_, str], ...]:
            found: list[tuple[str, Path_, str]] = []
            for name in follow[kind, after]:
                slot = self.kinds[kind][name]
                for form in slot["forms"]:
                    text = self.sounded(form, context)
                    if text is None:
                        continue
                    found.append((text, (name,), slot.get("as", "")))
                    if not slot.get("as"):
                        heard = self.harmony(text)
                        now = (self.class_of(text), context[1] if heard is None else heard)
                        found += [(text + rest, (name, *more), turn) for rest, more, turn in rows(kind, name, now)]
            return tuple(found)

        return rows

    def sounded(self, form: str, context: Context) -> str | None:
        """A form as it sounds in a context, None if it does not stand there."""
        group, harmony = context
        *conditions, letters = form.split(":")
        holds = {"C": group != "V", "back": harmony == 0, "front": harmony == 1}
        if not all(holds.get(condition, condition == group) for condition in conditions):
            return None
        text = ""
        for letter in letters:
            choice = self.rules["sounds"].get(letter)
            if choice:
                pair = choice.get(group, choice["any"])
                letter = pair[harmony] if len(pair) > 1 else pair
            text += letter
            group = self.class_of(letter)
        return text


@cache
def load_morphology(folder: Path) -> Morphology | None:
    """The morphology in a pack's folder, None if it has none; `Problem` names the file that is wrong."""
    if not (folder / RULES).is_file():
        return None
    try:
        rules = read_toml(folder / RULES)
        if not rules:  # a new pack's file with nothing but comments
            return None
        lemmas = {(kind, lemma): float(weight) for kind, lemma, weight in table(folder / LEXICON)}
        shares: dict[str, dict[str, float]] = defaultdict(dict)
        for one, other, share in table(folder / ENDINGS):
            shares[one][other] = float(share)
        return Morphology(rules, lemmas, shares)
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{show_path(folder)}: the morphology is wrong: {error!r}") from error


def table(path: Path) -> Iterator[list[str]]:
    """Rows of a tab-separated file, without comments; none if there is no file."""
    if path.is_file():
        for line in read_text(path).splitlines():
            if line and not line.startswith("#"):
                yield line.split("\t")
