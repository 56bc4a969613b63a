"""How fast a folder of one's own documents becomes searchable, and how fast it answers meanwhile.

    python bench/documents.py TEXT... [--documents 100000] [--words 150] [--readers 1]

Documents are files of text, drawn from TEXT at random places. In one run: files indexed a second, in wall time and in
CPU time of this process and its readers, with questions of three words put twenty times a second meanwhile; the second
start; the time until a change is seen and until a removal is; beside SQLite's FTS5, which reads the same files in one
process and knows no stems. Times mean something only on a machine that does nothing else.
"""

import argparse
import os
import random
import resource
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

from anatili.documents.collection import Collection
from anatili.documents.reader import Readers
from anatili.lang import load_pack

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
PAUSE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=150)
    parser.add_argument("--readers", type=int, default=1)
    options = parser.parse_args()
    words = [word for path in options.texts for word in path.read_text("utf-8").split()]
    with tempfile.TemporaryDirectory() as name:
        folder, size = write_files(Path(name) / "files", words, options.documents, options.words)
        print(f"{options.documents:,} files, {size / 1e6:,.1f} MB, load average {os.getloadavg()[0]:.1f}")
        measure_fts(folder, Path(name) / "fts.sqlite", size)
        readers = Readers(list(PACKS), options.readers)
        measure_index(folder, Path(name) / "index", readers, words, size)
        measure_changes(folder, Path(name) / "index", readers)


def write_files(folder: Path, words: list[str], count: int, length: int) -> tuple[Path, int]:
    choose, size = random.Random(0), 0
    for number in range(count):
        if number % 1000 == 0:
            part = folder / f"{number // 1000:03}"
            part.mkdir(parents=True)
        start = choose.randrange(len(words) - length)
        size += (part / f"{number}.txt").write_text(
            f"Құжат нөмір{number}. " + " ".join(words[start : start + length]), "utf-8"
        )
    return folder, sum(file.stat().st_size for file in folder.rglob("*.txt"))


def measure_fts(folder: Path, file: Path, size: int) -> None:
    files = sorted(folder.rglob("*.txt"))
    began, cpu = time.perf_counter(), time.process_time()
    with sqlite3.connect(file) as database:
        database.execute("CREATE VIRTUAL TABLE texts USING fts5(name, text)")
        database.executemany("INSERT INTO texts VALUES (?, ?)", ((str(f), f.read_text("utf-8")) for f in files))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    show("SQLite FTS5", len(files), size, seconds, cpu, file.stat().st_size)


def show(name: str, count: int, size: int, seconds: float, cpu: float, on_disk: int) -> None:
    print(
        f"{name}: {count / seconds:,.0f} documents/s and {size / seconds / 1e6:.2f} MB/s of wall time, "
        f"{count / cpu:,.0f} documents/s of CPU time; {on_disk / 1e6:,.1f} MB on disk"
    )


def cpu_seconds() -> float:
    """CPU time of this process and of the readers that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def measure_index(folder: Path, index: Path, readers: Readers, words: list[str], size: int) -> None:
    collection = Collection([str(folder)], PACKS, index, readers)
    began, cpu = time.perf_counter(), cpu_seconds()
    collection.start()
    stop, taken = threading.Event(), list[float]()
    thread = threading.Thread(target=ask, args=(collection, words, stop, taken))
    thread.start()
    status = collection.wait()
    seconds = time.perf_counter() - began
    stop.set()
    thread.join()
    readers.close()
    on_disk = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
    show("anatili", status.documents, size, seconds, cpu_seconds() - cpu, on_disk)
    print(
        f"{status.passages:,} passages, {status.skipped} skipped; memory {peak(resource.RUSAGE_SELF):.0f} MB, "
        f"reader {peak(resource.RUSAGE_CHILDREN):.0f} MB"
    )
    show_latency("questions while indexing", taken)
    stop.clear()
    quiet = list[float]()
    threading.Timer(10.0, stop.set).start()
    ask(collection, words, stop, quiet)
    show_latency("questions afterwards", quiet)
    collection.close()


def peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1e3


def ask(collection: Collection, words: list[str], stop: threading.Event, taken: list[float]) -> None:
    choose = random.Random(1)
    while not stop.wait(PAUSE):
        start = choose.randrange(len(words) - 3)
        began = time.perf_counter()
        collection.search.find(" ".join(words[start : start + 3]), 10, "kk")
        taken.append(1000 * (time.perf_counter() - began))


def show_latency(name: str, taken: list[float]) -> None:
    taken.sort()
    print(
        f"{name}: median {statistics.median(taken):.1f} ms, 95th {taken[int(0.95 * len(taken))]:.1f} ms, "
        f"longest {taken[-1]:.0f} ms, n = {len(taken)}"
    )


def measure_changes(folder: Path, index: Path, readers: Readers) -> None:
    began = time.perf_counter()
    collection = Collection([str(folder)], PACKS, index, readers)
    hits = collection.search.find("нөмір77", 1)
    print(f"second start: first answer after {time.perf_counter() - began:.2f} s ({len(hits)} hit)")
    collection.start()
    collection.wait()
    print(f"second start: all files compared after {time.perf_counter() - began:.2f} s")
    for name, change in (
        ("a new file", lambda: (folder / "new.txt").write_text("Жаңаша қосылған шыңғырлау", "utf-8")),
        ("a changed file", lambda: (folder / "new.txt").write_text("Жаңаша өзгертілген баянауыл", "utf-8")),
        ("a removed file", lambda: (folder / "new.txt").unlink()),
    ):
        expected = {"a new file": ("шыңғырлау", True), "a changed file": ("баянауыл", True)}.get(
            name, ("баянауыл", False)
        )
        change()
        began = time.perf_counter()
        while is_first(collection, expected[0]) != expected[1]:
            time.sleep(0.02)
        print(f"{name} is seen after {time.perf_counter() - began:.2f} s")
    collection.close()
    readers.close()


def is_first(collection: Collection, word: str) -> bool:
    return any(hit.passage.url == "new.txt" for hit in collection.search.find(f"Жаңаша {word}", 3))


if __name__ == "__main__":
    main()
