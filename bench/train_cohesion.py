"""Count how frequent words are, by their first letters: what `refine/cohesion.py` knows of a language.

    python bench/train_cohesion.py ../shared/data --out src/anatili/lang/kk/frequencies.tsv

The files are all in Kazakh; of each at most 300,000 words count, so that none decides alone.
"""

import argparse
from collections import Counter
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.lang import load_pack
from anatili.refine.cohesion import BEGINNING, SHORTEST
from anatili.text import words

FILES = (
    "stukenov_seeds",
    "sdg_translations",
    "common_voice_kk",
    "kaznerd",
    "kazsandra",
    "kaznu_parallel",
    "akorda8651",
)
ROWS, MOST_WORDS = 5000, 300_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pack, counts = load_pack("kk"), Counter[str]()
    total = 0
    for name in FILES:
        read = words(pack.lower((options.data / "text" / f"{name}.kk.txt").read_text("utf-8", "replace")))[:MOST_WORDS]
        total += len(read)
        counts.update(word[:BEGINNING] for word in read if len(word) >= SHORTEST)
    with whole_file(options.out) as temporary:
        rows = (f"{beginning}\t{1e6 * count / total:.1f}\n" for beginning, count in counts.most_common(ROWS))
        temporary.write_text("".join(rows), "utf-8")
    written = sum(number for _, number in counts.most_common(ROWS)) / total
    print(f"{total:,} words, {len(counts):,} beginnings; the {ROWS:,} written are {written:.0%} of all words")


if __name__ == "__main__":
    main()
