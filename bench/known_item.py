"""How well search finds a sentence by the dictionary forms of its words, and by the same typed on a Russian keyboard.

    python bench/known_item.py DATA

DATA holds bench/ud_kazakh_ktb (UD Kazakh-KTB, whose lemmas are by hand; the lexicon is not from it). A query is three
lemmas of inflected content words of a sentence; the sentence is to be found among all. Words as they stand find nearly
nothing: that is the baseline. MRR@10 and recall@10 with 95 % intervals (bootstrap over queries, 1,000 resamples).
"""

import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from anatili.confidence_intervals import interval
from anatili.document import write_shard
from anatili.lang import LanguagePack, load_pack
from anatili.search.index import Passage, build
from anatili.search.searcher import Search

CONTENT = {"NOUN", "VERB", "ADJ", "PROPN", "ADV"}
Words = list[tuple[str, str, str]]
"""Form, lemma and part of speech."""


def sentences(folder: Path) -> list[tuple[str, Words]]:
    """Text and words of each sentence of the treebank."""
    found = []
    for path in sorted(folder.glob("*.conllu")):
        for block in path.read_text("utf-8").strip().split("\n\n"):
            lines = block.splitlines()
            text = next(line.removeprefix("# text = ") for line in lines if line.startswith("# text = "))
            rows = [line.split("\t") for line in lines if line[:1].isdigit()]
            found.append((text, [(row[1].lower(), row[2].lower(), row[3]) for row in rows if row[0].isdigit()]))
    return found


def queries(found: list[tuple[str, Words]], alphabet: set[str]) -> list[tuple[int, str]]:
    """Number of a sentence and three lemmas of its inflected content words."""
    choose, wanted = random.Random(0), []
    for number, (_, words) in enumerate(found):
        lemmas = {b for a, b, c in words if c in CONTENT and a != b and b and alphabet.issuperset(a + b)}
        if len(lemmas) >= 3:
            wanted.append((number, " ".join(choose.sample(sorted(lemmas), 3))))
    return wanted


def score(name: str, ranks: list[int]) -> tuple[float, float]:
    """MRR@10 and recall@10 of ranks (0: not among ten), printed too."""
    places = np.array(ranks)
    said: list[str] = []
    means: list[float] = []
    for values in (np.where(places > 0, 1 / np.maximum(places, 1), 0.0), (places > 0).astype(float)):
        low, high = interval(values, np.ones(len(values), np.int64), 1000, 1) or (0.0, 1.0)
        said.append(f"{values.mean():.3f} [{low:.3f}, {high:.3f}]")
        means.append(float(values.mean()))
    print(f"{name:36} MRR@10 {said[0]}, recall@10 {said[1]}, n = {len(ranks)}")
    return means[0], means[1]


def measure(data: Path) -> dict[str, tuple[float, float]]:
    """MRR@10 and recall@10 of each way to ask."""
    pack, scores = load_pack("kk"), {}
    found = sentences(data / "bench" / "ud_kazakh_ktb")
    asked = queries(found, set(pack.config.letters[pack.main_script]))
    texts = [text for text, _ in found]
    typed = str.maketrans(pack.config.keyboard)
    again = [(number, query.translate(typed)) for number, query in asked]
    scores["plain"] = score("dictionary forms", search_ranks(texts, asked, pack))
    scores["typed"] = score("dictionary forms, Russian keyboard", search_ranks(texts, again, pack))
    whole = [{form for form, _, _ in words} for _, words in found]
    scores["raw"] = score("words as they stand (baseline)", raw_ranks(whole, asked))
    return scores


def search_ranks(texts: list[str], asked: list[tuple[int, str]], pack: LanguagePack) -> list[int]:
    """Where each (number of a text, query) finds its text among ten; 0: nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [Passage(str(n), str(n), "", text, "", "", "", "", pack.code, "Cyrl") for n, text in enumerate(texts)]
        write_shard(Path(folder) / "part-0.parquet", Passage, rows)
        build([Path(folder) / "part-0.parquet"], Path(folder) / "tantivy")
        search = Search(Path(folder), {pack.code: pack})
        found = [[hit.passage.id for hit in search.find(query, 10, pack.code)] for _, query in asked]
    return [ids.index(str(n)) + 1 if str(n) in ids else 0 for (n, _), ids in zip(asked, found, strict=True)]


def raw_ranks(texts: list[set[str]], asked: list[tuple[int, str]]) -> list[int]:
    """The same by the words of each text as they stand."""

    def rank(number: int, query: str) -> int:
        hits = [len(words & set(query.split())) for words in texts]
        better = sum(hit > hits[number] or (hit == hits[number] and n < number) for n, hit in enumerate(hits))
        return better + 1 if hits[number] and better < 10 else 0

    return [rank(*one) for one in asked]


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
