"""How fast texts become searchable, and how fast an index of a million answers.

    python bench/index.py TEXT... [--documents 1000000] [--language kk]

Documents are 50 words each, drawn from the lines of TEXT at random places. In one run: words taken apart a second,
first met and again; documents indexed a second with all words known (reading the shard, terms, stored passage, commit
and vocabulary included) beside the bare index given ready terms; then questions of three words that stand together
somewhere, half of them misspelt by one letter: milliseconds at the median and at the 95th of 100.
"""

import argparse
import random
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import tantivy

from anatili.document import write_shard
from anatili.lang import load_pack
from anatili.search import index
from anatili.search.analysis import terms
from anatili.search.index import Passage
from anatili.search.searcher import Search

WORDS = 50


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("texts", nargs="+", type=Path)
    asked.add_argument("--documents", type=int, default=1_000_000)
    asked.add_argument("--language", default="kk")
    said = asked.parse_args()
    words = [word for path in said.texts for word in path.read_text("utf-8").split()]
    choose = random.Random(0)
    starts = [choose.randrange(len(words) - WORDS) for _ in range(said.documents)]
    texts = (" ".join(words[at : at + WORDS]) for at in starts)
    pack = load_pack(said.language)
    time_words(words, said.language)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = (
            Passage(
                str(n),
                str(n),
                "",
                text,
                f"https://example.kz/{n}",
                "bench",
                "2026-11-24",
                "CC0-1.0",
                said.language,
                pack.main_script,
            )
            for n, text in enumerate(texts)
        )
        write_shard(folder / "part-0.parquet", Passage, rows)
        bare = time_bare(folder, [" ".join(words[at : at + WORDS]) for at in starts[:200_000]], said.language)
        for _ in index.analyzed([folder / "part-0.parquet"]):  # now all words are known
            pass
        began = time.perf_counter()
        index.build([folder / "part-0.parquet"], folder / "tantivy")
        ours = said.documents / (time.perf_counter() - began)
        size = sum(file.stat().st_size for file in (folder / "tantivy").iterdir())
        print(f"indexed {ours:,.0f} documents/s, bare index {bare:,.0f}: ratio {ours / bare:.2f}; {size / 1e6:,.0f} MB")
        print(f"peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
        time_questions(Search(folder, {said.language: pack}), words, choose)


def time_words(words: list[str], code: str) -> None:
    """Print how many words a second are taken apart, first met and known."""
    terms.cache_clear()
    of = terms(code)
    of["warm"]
    different = list(dict.fromkeys(words))
    rates = []
    for some in (different, words):
        began = time.process_time()
        for start in range(0, len(some), WORDS):
            of.of(" ".join(some[start : start + WORDS]))
        rates.append(len(some) / (time.process_time() - began))
    print(f"words taken apart: {rates[0]:,.0f}/s first met (n = {len(different):,}), {rates[1]:,.0f}/s known")


def time_bare(folder: Path, texts: list[str], code: str) -> float:
    """Documents a second of an index given ready terms and nothing else to keep."""
    ready = [terms(code).of(text) for text in texts]
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    (folder / "bare").mkdir()
    writer = tantivy.Index(builder.build(), path=str(folder / "bare")).writer(index.HEAP, 1)
    began = time.perf_counter()
    for line in ready:
        writer.add_document(tantivy.Document(terms=line))
    writer.commit()
    writer.wait_merging_threads()
    taken = time.perf_counter() - began
    shutil.rmtree(folder / "bare")
    return len(texts) / taken


def time_questions(search: Search, words: list[str], choose: random.Random) -> None:
    search.find("warm")
    for name, misspelt in (("rightly spelt", False), ("one letter wrong", True)):
        taken = []
        for _ in range(500):
            at = choose.randrange(len(words) - 3)
            question = " ".join(words[at : at + 3])
            if misspelt:
                place = choose.randrange(len(question))
                question = question[:place] + choose.choice(words)[0] + question[place + 1 :]
            began = time.perf_counter()
            search.find(question, 10)
            taken.append(1000 * (time.perf_counter() - began))
        taken.sort()
        print(f"questions, {name}: median {statistics.median(taken):.2f} ms, 95th {taken[474]:.2f} ms, n = 500")


if __name__ == "__main__":
    main()
