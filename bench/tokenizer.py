"""Learning a vocabulary on much text: time and most memory, against the same on a tenth of it.

    python bench/tokenizer.py TEXT... --megabytes 1000

The text is repeated until there is enough. Each time round, one word in five has its letters moved along by another
step, so that new words keep coming as they do in a larger corpus, instead of the same ones being counted again.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from anatili.recipe import Tokenizer
from anatili.tokenizer import train


def shifted(word: str, step: int) -> str:
    return "".join(chr(ord(letter) + step) if letter.isalpha() else letter for letter in word)


def stream(files: list[Path], size: int) -> Iterator[str]:
    done, turn = 0, 0
    while True:
        for line in train.lines(files):
            words = line.split()
            if turn:
                words = [shifted(w, turn % 23 + 1) if (n + turn) % 5 == 0 else w for n, w in enumerate(words)]
            text = " ".join(words)
            done += len(text.encode())
            yield text
            if done >= size:
                return
        turn += 1


def once(files: list[Path], megabytes: int, vocabulary: int) -> dict[str, float]:
    begun = time.perf_counter()
    found = train.train(stream(files, megabytes * 1_000_000), Tokenizer(vocabulary=vocabulary))
    return {
        "megabytes": megabytes,
        "pieces": found.get_vocab_size(),
        "seconds": time.perf_counter() - begun,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("texts", nargs="+", type=Path)
    asked.add_argument("--megabytes", type=int, default=1000)
    asked.add_argument("--vocabulary", type=int, default=49_152)
    asked.add_argument("--once", action="store_true", help="Only this size, as JSON; what the comparison calls.")
    said = asked.parse_args()
    if said.once:
        print(json.dumps(once(said.texts, said.megabytes, said.vocabulary)))
        return
    rows = []
    for size in (said.megabytes // 10, said.megabytes):  # each in a process of its own, for its own most memory
        command = [
            sys.executable,
            __file__,
            *map(str, said.texts),
            "--once",
            "--megabytes",
            str(size),
            "--vocabulary",
            str(said.vocabulary),
        ]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print("{megabytes} MB, {pieces:,} pieces: {seconds:.0f} s, {gib:.2f} GiB".format(**rows[-1]))
    more, memory, longer = (rows[1][key] / rows[0][key] for key in ("megabytes", "gib", "seconds"))
    print(f"{more:.0f} times the text takes {memory:.2f} times the memory and {longer:.1f} times the time")


if __name__ == "__main__":
    main()
