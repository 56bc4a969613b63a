"""Words that say the same in other languages: `dictionary.tsv` of the packs, learned from sentences with translations.

    python bench/train_dictionary.py DATA [--out FOLDER]

Read are the sentences that ship with the project (four languages, `src/anatili/sample/sentences`, and the questions of
the topics) and DATA/parallel (kk-en, kk-ru, kk-tr; those of SOURCES; licenses in the packs). Two languages that are
not paired there are joined by equal Kazakh sentences. Words are compared by stem and aligned by IBM's model 1 in both
directions. A pair is kept if each word is a likely translation of the other; it is written by its most frequent forms.
The rows of bench/dictionary.txt, which were written by hand, come before what was learned.
What a pack's file says: language of the foreign word, foreign word, and own words, the likeliest first.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from asked import LANGUAGES, PACKS

from anatili.lang.word_alignment import model_one
from anatili.pack_folders import FOLDER
from anatili.sample.topics import read_topics
from anatili.search.analysis import TERM, terms
from anatili.serve.common_words import is_everyday

WRITTEN = Path(__file__).with_name("dictionary.txt")
SENTENCES = Path(__file__).parent.parent / "src" / "anatili" / "sample" / "sentences"
SOURCES = (
    "kaznu_parallel",
    "apertium_kaz_rus",
    "sdg_translations",
    "mozilla_www_l10n",
    "mozilla_apps",
    "aosp_framework",
)
"""Files of sentences; longer catalogs of programs add their own words and hours."""
LONGEST, ROUNDS = 24, 5
"""Words of a sentence that is read, and rounds of expectation and maximization."""
OURS = 3
"""Times that each of our own sentences is counted: they are right and of everyday kinds."""
TOGETHER, LIKELY, BOTH, MOST = 4, 0.04, 0.02, 8
"""Fewest sentences of a pair, least probability each way, least product of both, most translations of a word. Both
words have to be among those that their packs know as common (`small.txt`): names are not translated."""
SHORTEST = 2
SURE = -2.0
"""Before all that was learned: less the product of both probabilities, as those are sorted."""
Pair = tuple[str, str]


def our_sentences() -> Iterator[dict[str, str]]:
    for path in sorted(SENTENCES.glob("*.tsv")):
        codes, *rows = (line.split("\t") for line in path.read_text("utf-8").splitlines())
        yield from (dict(zip(codes, row, strict=True)) for row in rows)
    for topic in read_topics():
        yield {code: topic.pages[code].title for code in LANGUAGES}
        for numbered in zip(*(topic.pages[code].pairs for code in LANGUAGES), strict=False):
            yield {code: question for code, (question, _) in zip(LANGUAGES, numbered, strict=True)}


def read_pairs(data: Path) -> dict[Pair, list[Pair]]:
    """Two languages -> sentences and their translations."""
    found: dict[Pair, dict[Pair, None]] = {pair: {} for pair in combinations(LANGUAGES, 2)}
    for other in LANGUAGES[1:]:
        for path in sorted((data / "parallel" / f"kk-{other}").glob("*.tsv")):
            if path.stem in SOURCES:
                for line in path.read_text("utf-8", "replace").splitlines():
                    first, second, *_ = [*line.split("\t"), "", ""]
                    found["kk", other][first, second] = None
    for first, second in combinations(LANGUAGES[1:], 2):
        by_kazakh = {pair[0]: pair[1] for pair in found["kk", first]}
        for kk, text in found["kk", second]:
            if kk in by_kazakh:
                found[first, second][by_kazakh[kk], text] = None
    ours = list(our_sentences())
    return {
        pair: list(rows) + OURS * [(row[pair[0]], row[pair[1]]) for row in ours if pair[0] in row and pair[1] in row]
        for pair, rows in found.items()
    }


class Words:
    """The words of a language as they are compared, numbered, with their most frequent forms."""

    def __init__(self, code: str) -> None:
        self.pack, self.terms = PACKS[code], terms(code)
        self.numbers: dict[str, int] = {}
        self.forms: dict[int, Counter[str]] = defaultdict(Counter)

    def read(self, text: str) -> list[int]:
        found: dict[int, None] = {}
        for word in TERM.findall(text)[: LONGEST + 1]:
            lower = self.pack.lower(word)
            if len(lower) < SHORTEST or not lower.isalpha() or lower in self.pack.stopwords:
                continue
            number = self.numbers.setdefault(self.terms[lower], len(self.numbers))
            self.forms[number][lower] += 1
            found[number] = None
        return list(found)

    def form(self, number: int) -> str:
        return min(self.forms[number].items(), key=lambda row: (-row[1], len(row[0]), row[0]))[0]


def aligned(pair: Pair, rows: list[Pair]) -> list[tuple[str, str, float, float]]:
    """Words of two languages that are likely translations: the words and both probabilities."""
    one, two = Words(pair[0]), Words(pair[1])
    left, right, sentence = [], [], []
    for number, (first, second) in enumerate(rows):
        a, b = one.read(first), two.read(second)
        if 0 < len(a) <= LONGEST and 0 < len(b) <= LONGEST:
            left.append(np.repeat(np.array(a, np.int64), len(b)))
            right.append(np.tile(np.array(b, np.int64), len(a)))
            sentence.append(np.full(len(a) * len(b), number, np.int64))
    s, t, line = np.concatenate(left), np.concatenate(right), np.concatenate(sentence)
    keys, link, together = np.unique(s * len(two.numbers) + t, return_inverse=True, return_counts=True)
    first, second = keys // len(two.numbers), keys % len(two.numbers)
    _, word_of_t = np.unique(line * len(two.numbers) + t, return_inverse=True)
    _, word_of_s = np.unique(line * len(one.numbers) + s, return_inverse=True)
    forward = model_one(link, first, word_of_t, ROUNDS)
    backward = model_one(link, second, word_of_s, ROUNDS)
    good = (together >= TOGETHER) & (forward >= LIKELY) & (backward >= LIKELY) & (forward * backward >= BOTH)
    found = [
        (one.form(first[n]), two.form(second[n]), float(forward[n]), float(backward[n])) for n in good.nonzero()[0]
    ]
    return [
        row for row in found if row[0] != row[1] and is_everyday(row[0], one.pack) and is_everyday(row[1], two.pack)
    ]


def written_pairs() -> Iterator[tuple[Pair, Pair]]:
    """Two languages and two words of a row that was written by hand."""
    for line in WRITTEN.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            row = [words.split() for words in line.split("|")]
            for (one, left), (two, right) in combinations(zip(LANGUAGES, row, strict=True), 2):
                yield from (((one, two), (first, second)) for first in left for second in right)


def write(tables: dict[str, dict[Pair, list[tuple[float, str]]]], out: Path) -> None:
    """The files of the packs: of a word what was written first, and then what is likeliest."""
    for (one, two), (first, second) in written_pairs():
        tables[two][one, first].append((SURE, second))
        tables[one][two, second].append((SURE, first))
    for code, table in tables.items():
        lines = [
            f"{other}\t{word}\t{' '.join(list(dict.fromkeys(own for _, own in sorted(found)))[:MOST])}"
            for (other, word), found in sorted(table.items())
        ]
        folder = out / code
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dictionary.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    tables: dict[str, dict[Pair, list[tuple[float, str]]]] = {code: defaultdict(list) for code in LANGUAGES}
    for (one, two), rows in read_pairs(options.data).items():
        found = aligned((one, two), rows)
        print(one, two, len(rows), "sentences", len(found), "pairs of words", flush=True)
        for first, second, forward, backward in found:
            tables[two][one, first].append((-forward * backward, second))
            tables[one][two, second].append((-forward * backward, first))
    write(tables, options.out)


if __name__ == "__main__":
    main()
