"""Make `src/anatili/identify/neighbors.txt.xz`: the most frequent words of every language that the identifier knows.

    python bench/neighbor_words.py ../shared/data --unilex unilex/data/frequency

`anatili lang identify` draws texts from these words to set a new language apart from its neighbors, so they ship with
the package. A line is a label, a tab and the words, the most frequent first; `und_<code>` are languages without a label
of their own. Sources: `lid/` and `text/` of the data folder, without the held-out rows (`ntrex`, `sib200`, `udhr`); the
frequency lists of unicode-org/unilex (Unicode-DFS-2016); for `und` the Universal Declaration of Human Rights.
"""

import argparse
import html
import lzma
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from anatili.identify import LETTERS, load_model
from anatili.lang import load_pack

HELD_OUT = ("ntrex", "sib200", "udhr")
UNILEX = {
    "alt": "alt",
    "ba": "ba",
    "crh": "crh",
    "cv": "cv",
    "gag": "gag",
    "kaa_Cyrl": "kaa",
    "kjh": "kjh",
    "krc": "krc",
    "kum": "kum",
    "ky": "ky",
    "nog": "nog",
    "sah": "sah",
    "tk": "tk",
    "tt": "tt",
    "tyv": "tyv",
}
"""Label -> name of the list in unilex."""
WORDS, UND_WORDS, LONGEST = 3000, 250, 14
"""Words of a label, words of a language of `und`, and letters of a word."""
MAIN = "kk"
"""The language whose texts lie in `text/`, and whose other scripts are labels of their own."""


def words_of(lines: Iterable[str]) -> Counter[str]:
    """Small words of some texts and how often each comes."""
    return Counter(word[:LONGEST] for line in lines for word in LETTERS.findall(line.lower()))


def shares(counts: Counter[str]) -> Counter[str]:
    """Counts as parts per million, so that lists of several sizes can be added up."""
    total = max(1, sum(counts.values()))
    return Counter({word: count * 10**6 // total + 1 for word, count in counts.items()})


def labels(data: Path, unilex: Path) -> dict[str, Counter[str]]:
    """Label -> words with their frequency."""
    found: dict[str, Counter[str]] = {}
    for path in sorted((data / "lid").glob("*.tsv")):
        rows = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines() if "\t" in line]
        texts = [text for source, text in rows if source not in HELD_OUT]
        # Of some scripts nothing but the Declaration was found; the identifier was trained on it too.
        found[path.stem] = shares(words_of(texts or [text for _, text in rows]))
    for label, name in UNILEX.items():
        rows = [line.split("\t") for line in (unilex / f"{name}.txt").read_text("utf-8").splitlines() if "\t" in line]
        counts = Counter[str]()
        for word, count in rows[1:]:
            counts[word.lower()[:LONGEST]] += int(count)
        found[label] = found.get(label, Counter[str]()) + shares(counts)
    pack = load_pack(MAIN)
    texts = [line for path in sorted((data / "text").glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    found[MAIN] = shares(words_of(texts[::7]))
    often = [word for word, _ in found[MAIN].most_common(WORDS)]
    for scheme in pack.config.transliteration:
        found[f"{MAIN}_{scheme}"] = ranked(pack.transliterate(word, scheme) for word in often)
    table = str.maketrans(pack.config.keyboard)
    found[f"{MAIN}_keyboard"] = ranked(word.translate(table) for word in often)
    known = {label.split("_")[0] for label in found}
    for path in sorted((data / "html" / "udhr").glob("*.html")):
        page = path.read_text("utf-8")
        code = re.search(r'<html[^>]* lang="([^"-]+)', page)
        if code and code[1] not in known and code[1] != "cjs":  # held out: see bench/train_identify.toml
            found.setdefault(f"und_{code[1]}", words_of(map(html.unescape, re.findall(r"<p>([^<]{30,})</p>", page))))
    return found


def ranked(words: Iterable[str]) -> Counter[str]:
    """Words in this order as a counter."""
    return Counter({word: -place for place, word in enumerate(words)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--unilex", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("src/anatili/identify/neighbors.txt.xz"))
    arguments = parser.parse_args()
    found = labels(arguments.data, arguments.unilex)
    lines = []
    for label, counts in sorted(found.items()):
        most = UND_WORDS if label.startswith("und_") else WORDS
        words = [word for word, _ in counts.most_common(most) if word.isalpha()]
        if len(words) > 50:
            lines.append(f"{label}\t{' '.join(words)}\n")
    arguments.out.write_bytes(lzma.compress("".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    without = sorted(set(load_model().labels) - set(found) - {"und"})
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {len(lines)} lists; none of {without}")


if __name__ == "__main__":
    main()
