"""The dictionaries of all directions of a run, from all that is known of a word: what was learned from sentence pairs,
what follows through a third language, and what the dictionaries of the packs say."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from anatili.lang import LanguagePack
from anatili.lang.dictionary import dictionary
from anatili.lang.stemming import stem
from anatili.lang.translation_words import Entries

MOST_WORDS = 2
"""Words kept for a stem."""
OF_PACKS = 0.25
"""Score of the first word in a pack's dictionary; the second has half of it, the third a third."""


def complete(learned: Mapping[str, Entries], packs: Mapping[str, LanguagePack]) -> dict[str, Entries]:
    """Direction, such as `kk-ru` -> its entries, without directions of which nothing is known.

    `learned`: direction -> what was learned from pairs. Scores from several places are added up, to 1 at most.
    """
    found = {}
    for source, target in permutations(packs, 2):
        candidates = _Candidates(packs[target])
        for own, rows in learned.get(f"{source}-{target}", {}).items():
            for score, forms in rows:
                candidates.add(own, score, forms)
        for middle in packs.keys() - {source, target}:
            first, second = learned.get(f"{source}-{middle}", {}), learned.get(f"{middle}-{target}", {})
            for own, score, forms in _through(first, second, packs[middle]):
                candidates.add(own, score, forms)
        for own, words in _of_packs(packs[source], packs[target]):
            for number, word in enumerate(words, 1):
                candidates.add(own, OF_PACKS / number, (word,))
        if entries := candidates.entries():
            found[f"{source}-{target}"] = entries
    return found


class _Candidates:
    """Possible translations of stems into one language, with their scores and forms."""

    def __init__(self, target: LanguagePack) -> None:
        self.target = target
        self.scores: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.forms: dict[tuple[str, str], Sequence[str]] = {}

    def add(self, own: str, score: float, forms: Sequence[str]) -> None:
        """Add evidence that `own` is a word with these forms. The forms given first are kept."""
        word = stem(forms[0], self.target)
        if own not in (word, forms[0]):  # a model copies these itself
            self.scores[own][word] += score
            self.forms.setdefault((own, word), forms)

    def entries(self) -> Entries:
        return {
            own: tuple(
                (min(1.0, round(score, 2)), tuple(self.forms[own, word]))
                for word, score in sorted(words.items(), key=lambda row: (-row[1], row[0]))[:MOST_WORDS]
            )
            for own, words in self.scores.items()
        }


def _through(first: Entries, second: Entries, middle: LanguagePack) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Stem, score and forms of what two dictionaries say one after the other; the score is the product of both."""
    for own, rows in first.items():
        for score, words in rows:
            for further, forms in second.get(stem(words[0], middle), ()):
                yield own, score * further, forms


def _of_packs(source: LanguagePack, target: LanguagePack) -> Iterator[tuple[str, list[str]]]:
    """Stem and words from the dictionaries of both packs; that of `source` is read from right to left."""
    for word, words in dictionary(target).get(source.code, {}).items():
        yield stem(word, source), list(words)
    for word, words in dictionary(source).get(target.code, {}).items():
        for own in words:
            yield stem(own, source), [word]
