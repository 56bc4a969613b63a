"""Learn the lemmas of a language and the frequency of its endings from running text. Nothing else is needed.

This is expectation maximization over word types, not tokens: a common form says no more about the grammar than a rare
one. A lemma must explain more forms than it costs; otherwise the lexicon would fill with unanalyzed forms. Then lemmas
are removed if nearly all their forms are also forms of a shorter lemma (қазақтар beside қазақ), and learning repeats.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.morphology import ENDINGS, LEXICON, STOP, Morphology, Reading, base_weight
from anatili.problem import Problem
from anatili.text import WORD

COST = 1.0
"""Forms that a lemma must explain to count."""
ITERATIONS, PASSES = 6, 3
OWN = 0.2
"""Least share of a lemma's forms that are not also forms of a shorter lemma."""
MIN_WEIGHT = 0.5
"""Least weight of a lemma that is saved."""
RARER = 5
"""If one lemma is this many times more frequent than another, the other is taken for an error."""
LONGEST = 30

Key = tuple[str, str]
"""Kind and lemma."""


@dataclass(frozen=True)
class Learned:
    """The result of learning."""

    lemmas: dict[Key, float]
    shares: dict[str, dict[str, float]]
    words: int
    """Number of word types learned from."""


def count_words(lines: Iterable[str], alphabet: str, min_count: int) -> dict[str, int]:
    """Lowercase words of the alphabet with at least `min_count` occurrences, and their counts."""
    letters = set(alphabet)
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(word for word in WORD.findall(line.lower()) if len(word) <= LONGEST and letters.issuperset(word))
    return {word: count for word, count in sorted(counts.items()) if count >= min_count and len(word) > 1}


def learn(words: Mapping[str, int], rules: Morphology, tell: Callable[[str], None] = lambda _: None) -> Learned:
    """Learn lemmas and ending probabilities from words with their counts; `Problem` if there are too few words."""
    rules = Morphology(rules.rules)  # ignore what was learned before
    readings = {word: likely for word in words if (likely := plausible(list(rules.readings(word)), words))}
    if len(readings) < 1000:
        raise Problem(f"only {len(readings)} different words: too few to learn a lexicon from; give more text")
    lemmas, shares = estimate(readings, rules, None)
    for pass_number in range(PASSES):
        for _ in range(ITERATIONS):
            lemmas, shares = estimate(readings, rules, Morphology(rules.rules, lemmas, shares))
        tell(f"pass {pass_number + 1} of {PASSES}: {sum(weight > MIN_WEIGHT for weight in lemmas.values()):,} lemmas")
        if pass_number + 1 < PASSES:
            drop(readings, redundant(readings, Morphology(rules.rules, lemmas, shares)))
    saved = {key: weight for key, weight in lemmas.items() if weight > MIN_WEIGHT}
    return Learned(saved, shares, len(readings))


def plausible(readings: list[Reading], words: Mapping[str, int]) -> list[Reading]:
    """Drop readings whose lemma hardly occurs in the text if a changed stem's lemma does (халқ beside халық)."""
    changed = {(r.kind, r.slots): words.get(r.lemma, 0) for r in readings if r.changed}
    return [r for r in readings if r.changed or RARER * words.get(r.lemma, 0) >= changed.get((r.kind, r.slots), 0)]


def estimate(
    readings: Mapping[str, list[Reading]], rules: Morphology, known: Morphology | None
) -> tuple[dict[Key, float], dict[str, dict[str, float]]]:
    """One iteration: the expected counts of lemmas and ending transitions, by what is known so far."""
    lemmas: dict[Key, float] = defaultdict(float)
    steps: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word_readings in readings.values():
        if known:
            scores = [known.score(reading) for reading in word_readings]
            best = max(scores)
            probabilities = [exp(score - best) for score in scores]
        else:
            probabilities = [1.0] * len(word_readings)
        total = sum(probabilities)
        for reading, probability in zip(word_readings, probabilities, strict=True):
            share = probability / total
            if share < 1e-4:
                continue
            lemmas[reading.kind, reading.lemma] += share
            path = (reading.kind, *reading.slots, STOP)
            for slot, following in pairwise(path):
                steps[slot][following] += share
    weights = {key: max(0.0, weight - COST) + base_weight(key[1]) for key, weight in lemmas.items()}
    shares = {
        slot: {following: n / sum(counts.values()) for following, n in counts.items()} for slot, counts in steps.items()
    }
    return weights, shares


def redundant(readings: Mapping[str, list[Reading]], morphology: Morphology) -> set[Key]:
    """Lemmas that are forms of another lemma, which also explains nearly all their forms.

    Derivational endings do not count: күшейт is more than a form of күшей.
    """
    forms: dict[Key, list[str]] = defaultdict(list)
    keys = {word: {(reading.kind, reading.lemma) for reading in lemmas} for word, lemmas in readings.items()}
    for word, lemmas in keys.items():
        for key in lemmas:
            forms[key].append(word)
    derivational = {name for slots in morphology.kinds.values() for name, slot in slots.items() if slot.get("derives")}
    removed = set()
    for key, weight in morphology.lemmas.items():
        if weight < MIN_WEIGHT:
            continue
        for reading in morphology.readings(key[1]):
            other = reading.kind, reading.lemma
            if reading.lemma == key[1] or not reading.slots or derivational.intersection(reading.slots):
                continue
            if morphology.lemmas.get(other, 0.0) < MIN_WEIGHT:
                continue
            own = sum(other not in keys[word] for word in forms[key])
            if own <= OWN * len(forms[key]):
                removed.add(key)
                break
    return removed


def drop(readings: dict[str, list[Reading]], removed: set[Key]) -> None:
    """Remove the readings of removed lemmas, if the word has other readings."""
    for word, all_readings in readings.items():
        remaining = [reading for reading in all_readings if (reading.kind, reading.lemma) not in removed]
        readings[word] = remaining or all_readings


def save(learned: Learned, folder: Path, comment: str) -> None:
    """Write `lexicon.tsv` and `endings.tsv`, with `comment` in their first line."""
    rows = sorted(learned.lemmas.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    with whole_file(folder / LEXICON) as path:
        lines = (f"{kind}\t{lemma}\t{weight:.1f}\n" for (kind, lemma), weight in rows)
        path.write_text(f"# kind, lemma, weight. {comment}\n" + "".join(lines), "utf-8")
    steps = [
        (slot, following, share)
        for slot, row in sorted(learned.shares.items())
        for following, share in sorted(row.items())
    ]
    with whole_file(folder / ENDINGS) as path:
        lines = (f"{slot}\t{following}\t{share:.5f}\n" for slot, following, share in steps if share >= 5e-6)
        path.write_text(f"# slot, slot after it, share. {comment}\n" + "".join(lines), "utf-8")
