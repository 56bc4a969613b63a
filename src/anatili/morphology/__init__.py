"""Morphological analysis: split words into a lemma and endings, by a pack's `morphology.toml` and learned weights.

The rules say which endings may follow each other and how they are spelled; they allow many readings of a word. The most
probable one is chosen: the frequency of the lemma (`lexicon.tsv`) times the frequency of each ending after the one
before it (`endings.tsv`). `lexicon.py` learns both files from running text alone.
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
from anatili.text import show_path
from anatili.text_files import read_text, read_toml

RULES, LEXICON, ENDINGS = "morphology.toml", "lexicon.tsv", "endings.tsv"
TABLES = ("sounds", "changes", "dropped", "spelling")
"""Tables that a language may do without."""
STEM, STOP = "stem", "."
UNKNOWN, LETTER = 0.3, 1.0
"""Weight of a two-letter lemma that is not in the lexicon, and the log-weight (nats) lost with each further letter."""
CHANGED = log(0.3)
"""Log-probability of a stem that changed before its ending."""
CACHED = 500_000
"""Words whose lemma is cached: in running text nine words in ten are seen again."""
RARE = 1e-6
"""Probability of an ending that was never seen after the one before it."""

Context = tuple[str, int]
"""What an ending depends on: the class of the last sound, and vowel harmony (0 back, 1 front)."""
SlotPath = tuple[str, ...]
"""The slots of a word's endings, in order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One analysis of a word."""

    lemma: str
    kind: str
    """The group of endings, such as `noun`."""
    slots: SlotPath
    changed: bool
    """Whether the stem differs from the lemma."""


def base_weight(lemma: str) -> float:
    """The prior weight of a lemma: the longer it is, the less probable."""
    return UNKNOWN * exp(-LETTER * (len(lemma) - 2))


class Morphology:
    """The rules of a language, with the weights of lemmas and endings if there are any."""

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
        self.lemma_cache: dict[str, str] = {}
        self.stem_cache: dict[str, str] = {}
        self.path_costs: dict[tuple[str, SlotPath], float] = {}
        self.reading_cache: dict[str, Reading | None] = {}

    def lemma(self, word: str) -> str:
        """The most probable lemma of `word` (lowercase); the word itself if it has no reading."""
        lemma = self.lemma_cache.get(word)
        if lemma is None:
            if len(self.lemma_cache) > CACHED:
                self.lemma_cache.clear()
            lemma = self.lemma_cache[word] = self._lemma(word)
        return lemma

    def stem(self, word: str) -> str:
        """The search stem of `word`: the lemma of its lemma and so on. Stemming a stem changes nothing."""
        stem = self.stem_cache.get(word)
        if stem is None:
            if len(self.stem_cache) > CACHED:
                self.stem_cache.clear()
            path = [word]
            while (following := self.lemma(path[-1])) not in path:
                path.append(following)
            # Nearly always the last one is its own lemma. If two are each other's lemma, one is used for both.
            stem = min(path[path.index(following) :])
            self.stem_cache[word] = stem
        return stem

    def _lemma(self, word: str) -> str:
        best = max(((self.score(reading), reading.lemma) for reading in self.readings(word)), default=None)
        return best[1] if best else word

    def reading(self, word: str) -> Reading | None:
        """The most probable reading of `word` (lowercase); None if it has none."""
        if word in self.reading_cache:
            return self.reading_cache[word]
        reading = max(self.readings(word), key=lambda reading: (self.score(reading), reading.lemma), default=None)
        if len(self.reading_cache) < CACHED:
            self.reading_cache[word] = reading
        return reading

    def score(self, reading: Reading) -> float:
        """The log-probability of a reading, up to a constant."""
        weight = self.lemmas.get((reading.kind, reading.lemma)) or base_weight(reading.lemma)
        return log(weight) + self.path_cost(reading.kind, reading.slots) + (CHANGED if reading.changed else 0.0)

    def path_cost(self, kind: str, slots: SlotPath) -> float:
        """The log-probability of a sequence of endings, from the kind to the stop."""
        cost = self.path_costs.get((kind, slots))
        if cost is None:
            sequence = (kind, *slots, STOP)
            cost = sum(log(self.shares.get(slot, {}).get(following, RARE)) for slot, following in pairwise(sequence))
            self.path_costs[kind, slots] = cost
        return cost

    def readings(self, word: str) -> Iterator[Reading]:
        """All readings that the rules allow, without duplicates."""
        seen = set()
        for kind in self.kinds:
            for written in self.spelled(kind, word):
                for reading in self._of_kind(kind, written):
                    if reading not in seen:
                        seen.add(reading)
                        yield reading

    def spelled(self, kind: str, word: str) -> Iterator[str]:
        """`word`, and its spellings if each sound had its own letter."""
        yield word
        ambiguous = self.rules["spelling"].get(kind, {})
        for letter, spellings in ambiguous.items():
            if letter in word[1:]:
                for spelling in spellings:
                    yield word[0] + word[1:].replace(letter, spelling)

    def _of_kind(self, kind: str, word: str) -> Iterator[Reading]:
        """Readings of one kind: a stem and endings, or a stem, endings that derive another kind, and its endings."""
        endings, derivations = self.tables[kind]
        for end in range(2, len(word) + 1):
            contexts = endings.get(word[end:])
            if contexts:
                yield from self._with_stem(kind, word[:end], word[end:], contexts, ())
            for split in range(end + 1, len(word) + 1):
                derived = derivations.get(word[end:split])
                if not derived:
                    continue
                for other, contexts in derived.items():
                    tails = self.tables[other][0].get(word[split:])
                    tail = tails and self.fitting(word[:split], tails)
                    if tail is not None:
                        yield from self._with_stem(kind, word[:end], word[end:split], contexts, tail)

    def _with_stem(
        self, kind: str, stem: str, ending: str, contexts: Mapping[Context, SlotPath], tail: SlotPath
    ) -> Iterator[Reading]:
        for lemma, changed in self.stems(kind, stem, ending):
            slots = self.fitting(lemma, contexts) if self.is_possible(lemma) else None
            if slots is not None:
                yield Reading(self.written(lemma), kind, slots + tail, changed)

    def stems(self, kind: str, stem: str, ending: str) -> Iterator[tuple[str, bool]]:
        """The lemmas that may look like `stem` before `ending`, and whether the stem has changed."""
        yield stem, False
        if not ending or ending[0] not in self.suffix_vowels:
            return
        last = stem[-1]
        original = self.rules["changes"].get(kind, {}).get(last)
        if original:
            yield stem[:-1] + original, True
        dropped = self.rules["dropped"].get(kind)
        if not dropped or ending[0] not in dropped["before"]:
            return
        if dropped.get("after"):
            if last not in self.suffix_vowels:
                yield from ((stem + vowel, True) for vowel in dropped["vowels"])
        elif len(stem) > 2 and last in dropped["between"] and stem[-2] not in self.true_vowels:
            yield stem[:-1] + ending[0] + last, True

    def written(self, lemma: str) -> str:
        for end, spelling in self.rules["spelling"].get("written", {}).items():
            lemma = lemma.removesuffix(end) + spelling if lemma.endswith(end) else lemma
        return lemma

    def is_possible(self, lemma: str) -> bool:
        """Whether such a word is possible at all."""
        if len(lemma) == 2 and lemma[-1] in self.true_vowels:
            return lemma in self.short
        return len(lemma) > 1 and not self.suffix_vowels.isdisjoint(lemma)

    def fitting(self, stem: str, contexts: Mapping[Context, SlotPath]) -> SlotPath | None:
        """The endings that fit after `stem`, chosen by context; None if none fit."""
        group, harmony = self.class_of(stem), self.harmony(stem)
        if harmony is not None:
            return contexts.get((group, harmony))
        back = contexts.get((group, 0))
        return back if back is not None else contexts.get((group, 1))

    def class_of(self, text: str) -> str:
        return self.classes.get(text[-1], "T")

    def harmony(self, text: str) -> int | None:
        """0 for back vowels, 1 for front vowels, None if either may follow."""
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
        """For each kind, the endings that can end a word, and those that turn it into another kind."""
        tables = {}
        for kind in self.kinds:
            endings: dict[str, dict[Context, SlotPath]] = {"": {}}
            derivations: dict[str, dict[str, dict[Context, SlotPath]]] = {}
            for context in ((group, harmony) for group in (*self.rules["classes"], "T") for harmony in (0, 1)):
                endings[""][context] = ()
                for text, slots, derived in self.rows(kind, STEM, context):
                    target = (
                        derivations.setdefault(text, {}).setdefault(derived, {})
                        if derived
                        else endings.setdefault(text, {})
                    )
                    if context not in target or self.path_cost(kind, slots) > self.path_cost(kind, target[context]):
                        target[context] = slots
            tables[kind] = endings, derivations
        return tables

    def rows(self, kind: str, after: str, context: Context) -> tuple[tuple[str, SlotPath, str], ...]:
        """All sequences of endings after a slot: text, slots, and the kind that the word becomes, "" if it stays."""
        rows: tuple[tuple[str, SlotPath, str], ...] = self._rows(kind, after, context)
        return rows

    @cached_property
    def _rows(self) -> Any:
        follow: dict[tuple[str, str], list[str]] = defaultdict(list)
        for kind, slots in self.kinds.items():
            for name, slot in slots.items():
                for previous in slot["after"]:
                    follow[kind, previous].append(name)

        @cache
        def rows(kind: str, after: str, context: Context) -> tuple[tuple[str, SlotPath, str], ...]:
            sequences: list[tuple[str, SlotPath, str]] = []
            for name in follow[kind, after]:
                slot = self.kinds[kind][name]
                for form in slot["forms"]:
                    text = self.spelled_form(form, context)
                    if text is None:
                        continue
                    sequences.append((text, (name,), slot.get("as", "")))
                    if not slot.get("as"):
                        harmony = self.harmony(text)
                        next_context = (self.class_of(text), context[1] if harmony is None else harmony)
                        sequences += [
                            (text + rest, (name, *more), derived)
                            for rest, more, derived in rows(kind, name, next_context)
                        ]
            return tuple(sequences)

        return rows

    def spelled_form(self, form: str, context: Context) -> str | None:
        """The spelling of a form in a context; None if it does not occur there."""
        group, harmony = context
        *conditions, letters = form.split(":")
        is_true = {"C": group != "V", "back": harmony == 0, "front": harmony == 1}
        if not all(is_true.get(condition, condition == group) for condition in conditions):
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
    """The morphology in a pack's folder; None if it has none. `Problem` names the folder if a file is invalid."""
    if not (folder / RULES).is_file():
        return None
    try:
        rules = read_toml(folder / RULES)
        if not rules:  # a new pack's file with nothing but comments
            return None
        lemmas = {(kind, lemma): weight for kind, lemma, weight in table(folder / LEXICON)}
        shares: dict[str, dict[str, float]] = defaultdict(dict)
        for slot, following, share in table(folder / ENDINGS):
            shares[slot][following] = share
        return Morphology(rules, lemmas, shares)
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{show_path(folder)}: invalid morphology: {error!r}") from error


def table(path: Path) -> Iterator[tuple[str, str, float]]:
    """Rows of a file of two words and a number with tabs between, without comments; none if there is no file.

    `Problem` names the line that is something else.
    """
    for number, line in enumerate(read_text(path).splitlines() if path.is_file() else (), 1):
        if line and not line.startswith("#"):
            try:
                first, second, value = line.split("\t")
                yield first, second, float(value)
            except ValueError as error:
                wanted = "two words and a number with tabs between them"
                raise Problem(f"{show_path(path)}:{number}: write {wanted}, not {line[:60]!r}") from error
