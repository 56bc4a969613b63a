"""How fast answers are traced to a corpus: size of the index, time to build it, time of a query, beside `grep -F`.

    python bench/trace.py TEXT... [--megabytes 100] [--keep FOLDER]

The corpus is the lines of the TEXT files, 200 words a document. Where they have fewer megabytes than asked for, the
rest is put together from pieces of five words from random places of them. An answer has 200 words: four stretches of
20 words each from the corpus, between other words of it in random order. Each is looked up with the index in memory,
and some once more in a new process, after the index's pages were given back to the disk: seconds for imports, opening
and the query, seconds of the processor, and reads that waited for the disk. The peer looks for one stretch in one file
with `grep -F`, which says that it is there, but not in which document. `--kept` measures the index that is there.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from anatili.attribution.find import Attribution, open_attribution
from anatili.attribution.layout import word_spans
from anatili.document import Kept, write_shard
from anatili.recipe import recipe_file
from anatili.run import Run

DOCUMENT, PIECE, STRETCH, ANSWER = 200, 5, 20, 200
ANSWERS, PLANTED, GREPS = 50, 200, 3
SHARD, FRESH = 20_000, 10
ONCE = """
import json, resource, sys, time
from pathlib import Path
def now():
    return 1000 * time.perf_counter(), 1000 * time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_majflt
times = [now()]
from anatili.attribution.find import open_attribution
from anatili.run import Run
times.append(now())
index = open_attribution(Run(Path(sys.argv[1])))
times.append(now())
index.find(sys.argv[2])
times.append(now())
steps = list(zip(("imports", "opening", "query"), times, times[1:]))
print(json.dumps({f"{n} ms": b[0] - a[0] for n, a, b in steps} | {f"{n} processor ms": b[1] - a[1] for n, a, b in steps}
                 | {"query reads": times[3][2] - times[2][2]}))
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("texts", nargs="+", type=Path)
    asked.add_argument("--megabytes", type=int, default=100)
    asked.add_argument("--keep", type=Path, help="Keep the run here, and use the corpus that is there.")
    asked.add_argument("--kept", action="store_true", help="Do not build the index again.")
    said = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = Run(said.keep or Path(name) / "bench")
        words = [word for path in said.texts for word in path.read_text("utf-8", "replace").split()]
        if not run.record("cut"):
            write_corpus(run, words, said.megabytes * 1_000_000)
        plain = run.root / "plain.txt"
        text = plain.stat().st_size
        if not said.kept:
            shutil.rmtree(run.folder("attribution"), ignore_errors=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", "anatili", "trace", "build", str(run.root), "--json"]
        facts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"text {text / 1e6:,.0f} MB, {facts['documents']:,} documents, {facts['words']:,} words")
        share, rate = facts["bytes"] / text, text / 1e6 / seconds
        print(
            f"index {facts['bytes'] / 1e6:,.0f} MB, {share:.2f} of the text; built in {seconds:.0f} s "
            f"({rate:.1f} MB/s, one process, {peak:.1f} GB at most)"
        )
        measure(run, words, plain)


def documents(words: list[str], most: int) -> Iterator[str]:
    """Texts of `DOCUMENT` words: first the words in their order, then pieces of them, until there are `most` bytes."""
    draw, size = random.Random(0), 0
    for start in range(0, len(words), DOCUMENT):
        text = " ".join(words[start : start + DOCUMENT])
        size += len(text.encode()) + 1
        if size > most:
            return
        yield text
    while size < most:
        starts = (draw.randrange(len(words) - PIECE) for _ in range(DOCUMENT // PIECE))
        text = " ".join(" ".join(words[start : start + PIECE]) for start in starts)
        size += len(text.encode()) + 1
        yield text


def write_corpus(run: Run, words: list[str], most: int) -> None:
    """The corpus as a run that stopped after `cut`, and as one plain file, a document a line."""
    run.folder("cut").mkdir(parents=True, exist_ok=True)
    shutil.copy(recipe_file("tiny"), run.root / "recipe.toml")
    texts = documents(words, most)
    with (run.root / "plain.txt").open("w", encoding="utf-8") as plain:
        for number in range(10**6):
            rows = [
                Kept(
                    f"{number:06d}{place:018d}",
                    text,
                    "",
                    f"https://example.kz/{number}/{place}",
                    "bench",
                    "2026-11-29",
                    "CC0-1.0",
                    "kk",
                    "Cyrl",
                )
                for place, text in enumerate(islice(texts, SHARD))
            ]
            if not rows:
                break
            write_shard(run.folder("cut") / f"part-{number:05d}.parquet", Kept, rows)
            plain.writelines(row.text + "\n" for row in rows)
    run.finish("cut", {}, {}, started=time.time(), loose=("*.parquet",))


def measure(run: Run, words: list[str], plain: Path) -> None:
    draw = random.Random(1)
    index = open_attribution(run)
    stretches = planted(plain, draw)
    wrong = sum(not found(index, f"zyxwv qponm {stretch} lkjih gfedc", stretch) for stretch in stretches)
    letters = [word for word in words if word.isalpha()]
    absent = [" ".join(f"{draw.choice(letters)}qz" for _ in range(ANSWER)) for _ in range(ANSWERS)]
    false = sum(bool(index.find(text).stretches) for text in absent)
    print(
        f"planted stretches of {STRETCH} words not found: {wrong} of {len(stretches)}; "
        f"texts of other words in which one is found: {false} of {len(absent)}"
    )
    answers = [answer(draw, stretches, words) for _ in range(ANSWERS)]
    show("a query, index in memory", [timed(index, text) for text in answers])
    del index  # pages that are mapped stay in memory
    for what, prepare in (("on disk", forget), ("in memory", lambda folder: None)):
        rows = [fresh(run, text, prepare) for text in answers[:FRESH]]
        for name in rows[0]:
            values = sorted(row[name] for row in rows)
            print(
                f"new process, pages {what}: {name} median {statistics.median(values):,.1f}, most {values[-1]:,.1f} "
                f"(n = {len(rows)})"
            )
    subprocess.run(["grep", "-cF", "zyxwv", str(plain)], capture_output=True, check=False)
    times = []
    for stretch in stretches[:GREPS]:
        began = time.perf_counter()
        subprocess.run(["grep", "-cF", stretch, str(plain)], capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    show("grep -F for one known stretch, file in memory", times)


def planted(plain: Path, draw: random.Random) -> list[str]:
    """Stretches from random documents of the corpus."""
    stretches = []
    with plain.open("rb") as file:
        while len(stretches) < PLANTED:
            file.seek(draw.randrange(plain.stat().st_size - 10_000))
            file.readline()
            words = file.readline().decode().split()
            start = draw.randrange(max(1, len(words) - STRETCH))
            stretches.append(" ".join(words[start : start + STRETCH]))
    return stretches


def found(index: Attribution, text: str, stretch: str) -> bool:
    """Whether one of the stretches that are found has all words of `stretch`."""
    sought = " ".join(word for word, _, _ in word_spans(stretch))
    return any(sought in " ".join(word for word, _, _ in word_spans(s.text)) for s in index.find(text).stretches)


def answer(draw: random.Random, stretches: list[str], words: list[str]) -> str:
    parts = draw.sample(stretches, 4)
    others = [" ".join(draw.choice(words) for _ in range((ANSWER - 4 * STRETCH) // 4)) for _ in parts]
    return " ".join(f"{other} {part}" for other, part in zip(others, parts, strict=True))


def timed(index: Attribution, text: str) -> float:
    began = time.perf_counter()
    index.find(text)
    return time.perf_counter() - began


def fresh(run: Run, text: str, prepare: Callable[[Path], None]) -> dict[str, float]:
    """What a query in a new process takes, in ms, and how often it waited for the disk."""
    prepare(run.folder("attribution"))
    done = subprocess.run([sys.executable, "-c", ONCE, str(run.root), text], capture_output=True, check=True)
    row: dict[str, float] = json.loads(done.stdout)
    return row


def forget(folder: Path) -> None:
    """Give the pages of the index back, so that they are read from disk again."""
    for path in folder.rglob("*.*"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def show(what: str, times: list[float]) -> None:
    print(
        f"{what}: median {1000 * statistics.median(times):,.1f} ms, most {1000 * max(times):,.1f} ms (n = {len(times)})"
    )


if __name__ == "__main__":
    main()
