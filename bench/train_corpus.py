"""The memory that training takes on corpora of growing size, made by repeating one shard.

    python bench/train_corpus.py [--gigabytes 0.1 1 10] [--folder /tmp/corpus]

One shard of documents is really tokenized. Larger corpora are links to its tokens under further numbers, so that only
the list of documents and the order in which they are drawn grow, which is what must not take memory. Each size is
trained on for some steps in a process of its own; the figures are RssAnon, the memory that belongs to the process,
without files that are mapped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anatili.compute.shape import steps_of
from anatili.document import Kept, write_shard
from anatili.recipe import Pretrain, Tokenizer
from anatili.sample.topics import read_topics
from anatili.tokenizer import train as tokenizing
from anatili.train import corpus

STEPS = 10
SHARD_BYTES = 10_000_000


def make(folder: Path) -> None:
    """A tokenizer, and one shard of about `SHARD_BYTES` of text."""
    pages = [page for topic in read_topics() for code, page in topic.pages.items() if code == "kk"]
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    tokenizing.save(tokenizing.train((p.text for p in pages), Tokenizer(vocabulary=8192)), folder / "tokenizer", 512)
    size = sum(len(page.text.encode()) for page in pages)
    rows = (
        Kept(f"{turn}-{n}", page.text, page.title, "", "s", "", "CC0-1.0", "kk", "Cyrl")
        for turn in range(SHARD_BYTES // size + 1)
        for n, page in enumerate(pages)
    )
    write_shard(folder / "part-0.parquet", Kept, rows)


def repeat(folder: Path, target: Path, gigabytes: float) -> corpus.Counts:
    """Links to the tokens of the shard, so many that their text has this size."""
    counts = corpus.write_tokens([folder / "part-0.parquet"], folder / "tokenizer", folder / "tokens")
    times = max(1, round(gigabytes * 1e9 / counts["kk/s"]["bytes"]))
    for name in ("parts", "kk/s"):
        (target / name).mkdir(parents=True, exist_ok=True)
        for file in (folder / "tokens" / name).glob("000000.*"):
            for number in range(times):
                os.link(file, target / name / f"{number:06d}{file.suffix}")
    shards = [folder / "part-0.parquet"] * times
    return corpus.write_tokens(shards, folder / "tokenizer", target)  # all parts are there: only counts and ends


def train(target: Path, counts: corpus.Counts) -> None:
    """Some steps of a small model on sequences from all over the corpus; prints memory before and after."""
    from anatili.stage import Quiet
    from anatili.train import data, init, loop, schedule

    settings = Pretrain(layers=2, hidden_size=64, heads=2, intermediate_size=128, context=512, batch=8)
    settings = settings.model_copy(update={"tokens": counts["kk/s"]["tokens"]})
    mixture = data.mix(target, counts, settings, 0)
    model = init.from_scratch(settings, 8192, 0, 1)
    before, began = held(), time.monotonic()
    far = steps_of(settings) // STEPS

    def batch(step: int):
        return tuple(loop.torch.from_numpy(part) for part in mixture.batch(step * far, settings.batch))

    plan = schedule.TrainingPlan(
        STEPS, batch, learning_rate=1e-3, warmup=0.1, decay=0.3, weight_decay=0.1, precision="float32"
    )
    with tempfile.TemporaryDirectory() as folder:
        loop.train(model, plan, Path(folder), Quiet())
    seconds = time.monotonic() - began
    print(json.dumps({"before": before, "after": held(), "seconds": round(seconds, 1), **counts["kk/s"]}))


def held() -> int:
    """Bytes of this process's own memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 1, 10])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "anatili-corpus")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train(options.one, json.loads((options.one / corpus.COUNTS).read_text("utf-8")))
        return
    if not (options.folder / "part-0.parquet").exists():
        make(options.folder)
    for gigabytes in options.gigabytes:
        with tempfile.TemporaryDirectory(dir=options.folder) as target:
            repeat(options.folder, Path(target), gigabytes)
            command = [sys.executable, __file__, "--one", target]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{row['bytes'] / 1e9:6.2f} GB of text, {row['documents']:>10,} documents, {row['tokens']:>14,} tokens: "
            f"{row['before'] / 1e6:.0f} MB before training, {row['after'] / 1e6:.0f} after {STEPS} steps, "
            f"{row['seconds']} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
