"""Learn from running text which lemmas a language has and how common its endings are: nothing else is needed.

Expectation maximisation over kinds of words (not their number: a common form says no more of the grammar than a rare
one). A lemma must earn more than it costs, so that the lexicon does not fill with forms taken whole; then those go
whose forms nearly all are forms of a shorter lemma as well (қазақтар beside қазақ), and what is left is learned anew.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path

from anatili.document import whole_file
from anatili.morphology import ENDINGS, LEXICON, STOP, Morphology, Reading, base_weight
from anatili.problem import Problem
from anatili.text import WORD

COST = 1.0
"""Forms that a lemma must explain before it counts."""
ROUNDS, TURNS = 6, 3
OWN = 0.2
"""Share of its forms that a lemma must have for itself, not shared with a shorter one."""
KEPT = 0.5
"""Least weight of a lemma that is written down."""
RARER = 5
"""How many times more often a lemma must stand in the text than another for that one to be a slip."""
LONGEST = 30

Key = tuple[str, str]
"""Kind and lemma."""


@dataclass(frozen=True)
class Learned:
    """What was learned from text."""

    lemmas: dict[Key, float]
    shares: dict[str, dict[str, float]]
    words: int
    """Kinds of words learned from."""


def count_words(lines: Iterable[str], alphabet: str, min_count: int) -> dict[str, int]:
    """Words of the alphabet, lower case, that stand in the text at least so often."""
    letters = set(alphabet)
    found: Counter[str] = Counter()
    for line in lines:
        found.update(word for word in WORD.findall(line.lower()) if len(word) <= LONGEST and letters.issuperset(word))
    return {word: number for word, number in sorted(found.items()) if number >= min_count and len(word) > 1}


def learn(words: Mapping[str, int], rules: Morphology, tell: Callable[[str], None] = lambda _: None) -> Learned:
    """Lemmas and shares of endings from words and their numbers in a text; `Problem` if there are too few of them."""
    rules = Morphology(rules.rules)  # what was learned before has no say
    readings = {word: found for word in words if (found := sensible(list(rules.readings(word)), words))}
    if len(readings) < 1000:
        raise Problem(f"only {len(readings)} different words: too few to learn a lexicon from; give more text")
    lemmas, shares = estimate(readings, rules, None)
    for turn in range(TURNS):
        for _ in range(ROUNDS):
            lemmas, shares = estimate(readings, rules, Morphology(rules.rules, lemmas, shares))
        tell(f"turn {turn + 1} of {TURNS}: {sum(weight > KEPT for weight in lemmas.values()):,} lemmas")
        if turn + 1 < TURNS:
            drop(readings, redundant(readings, Morphology(rules.rules, lemmas, shares)))
    kept = {key: weight for key, weight in lemmas.items() if weight > KEPT}
    return Learned(kept, shares, len(readings))


def sensible(found: list[Reading], words: Mapping[str, int]) -> list[Reading]:
    """Without readings whose lemma hardly is a word of the text where a changed stem is one (халқ beside халық)."""
    changed = {(r.kind, r.slots): words.get(r.lemma, 0) for r in found if r.changed}
    return [r for r in found if r.changed or RARER * words.get(r.lemma, 0) >= changed.get((r.kind, r.slots), 0)]


def estimate(
    readings: Mapping[str, list[Reading]], rules: Morphology, known: Morphology | None
) -> tuple[dict[Key, float], dict[str, dict[str, float]]]:
    """One round: how often each lemma and each step between endings is expected, by what is known so far."""
    lemmas: dict[Key, float] = defaultdict(float)
    steps: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for found in readings.values():
        if known:
            scores = [known.score(reading) for reading in found]
            best = max(scores)
            chances = [exp(score - best) for score in scores]
        else:
            chances = [1.0] * len(found)
        whole = sum(chances)
        for reading, chance in zip(found, chances, strict=True):
            part = chance / whole
            if part < 1e-4:
                continue
            lemmas[reading.kind, reading.lemma] += part
            row = (reading.kind, *reading.slots, STOP)
            for one, other in pairwise(row):
                steps[one][other] += part
    weights = {key: max(0.0, weight - COST) + base_weight(key[1]) for key, weight in lemmas.items()}
    shares = {one: {other: n / sum(row.values()) for other, n in row.items()} for one, row in steps.items()}
    return weights, shares


def redundant(readings: Mapping[str, list[Reading]], known: Morphology) -> set[Key]:
    """Lemmas that are themselves a form of another, which explains nearly all their forms too.

    Endings that make words of their own do not count: күшейт is more than a form of күшей.
    """
    forms: dict[Key, list[str]] = defaultdict(list)
    keys = {word: {(reading.kind, reading.lemma) for reading in found} for word, found in readings.items()}
    for word, found in keys.items():
        for key in found:
            forms[key].append(word)
    making = {name for slots in known.kinds.values() for name, slot in slots.items() if slot.get("derives")}
    gone = set()
    for key, weight in known.lemmas.items():
        if weight < KEPT:
            continue
        for reading in known.readings(key[1]):
            other = reading.kind, reading.lemma
            if reading.lemma == key[1] or not reading.slots or making.intersection(reading.slots):
                continue
            if known.lemmas.get(other, 0.0) < KEPT:
                continue
            own = sum(other not in keys[word] for word in forms[key])
            if own <= OWN * len(forms[key]):
                gone.add(key)
                break
    return gone


def drop(readings: dict[str, list[Reading]], gone: set[Key]) -> None:
    """Take out the readings of lemmas that are gone, where a word has others."""
    for word, found in readings.items():
        left = [reading for reading in found if (reading.kind, reading.lemma) not in gone]
        readings[word] = left or found


def save(learned: Learned, folder: Path, said: str) -> None:
    """Write `lexicon.tsv` and `endings.tsv`; `said` is the comment at their head."""
    rows = sorted(learned.lemmas.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    with whole_file(folder / LEXICON) as path:
        lines = (f"{kind}\t{lemma}\t{weight:.1f}\n" for (kind, lemma), weight in rows)
        path.write_text(f"# kind, lemma, weight. {said}\n" + "".join(lines), "utf-8")
    steps = [(one, other, share) for one, row in sorted(learned.shares.items()) for other, share in sorted(row.items())]
    with whole_file(folder / ENDINGS) as path:
        lines = (f"{one}\t{other}\t{share:.5f}\n" for one, other, share in steps if share >= 5e-6)
        path.write_text(f"# slot, slot after it, share. {said}\n" + "".join(lines), "utf-8")
