"""Recall and false positives of `anatili identify` on held-out lines, beside CLD2, with lines a second.

    python bench/identify.py ../shared/data

Reads `bench/ntrex_dev` (998 parallel lines in 16 languages, in no training set of ours).
"""

import sys
import time
from pathlib import Path

from anatili.lang import load_pack
from anatili.lang.identify import cld2, identify

CODES = {
    "aze-Latn": "az",
    "bak": "ba",
    "bel": "be",
    "bul": "bg",
    "eng": "en",
    "kaz": "kk",
    "kir": "ky",
    "mon": "mn",
    "rus": "ru",
    "tat": "tt",
    "tgk-Cyrl": "tg",
    "tuk": "tk",
    "tur": "tr",
    "uig": "ug",
    "ukr": "uk",
    "uzb": "uz",
}


def main() -> None:
    folder = Path(sys.argv[1]) / "bench" / "ntrex_dev"
    sets = {CODES[p.stem]: p.read_text("utf-8").splitlines() for p in sorted(folder.glob("*.txt"))}
    pack = load_pack("kk")
    for scheme in pack.said.transliteration:
        sets[f"kk_{scheme}"] = [pack.transliterate(line, scheme) for line in sets["kk"]]
    print(f"{'language':12} {'n':>5} {'25':>6} {'60':>6} {'full':>6}   called kk (25, full)   CLD2 full, called kk")
    for code, lines in sets.items():
        wanted = code.split("_")[0]
        answers = {n: [identify(line[:n]).language for line in lines] for n in (25, 60, 10_000)}
        right = [100 * sum(a == wanted for a in found) / len(lines) for found in answers.values()]
        ours = [100 * sum(a == "kk" for a in answers[n]) / len(lines) for n in (25, 10_000)]
        other = [(cld2(line) or identify("")).language for line in lines]
        peer = [100 * sum(a == c for a in other) / len(lines) for c in (wanted, "kk")]
        print(
            f"{code:12} {len(lines):5} {right[0]:6.1f} {right[1]:6.1f} {right[2]:6.1f}   "
            f"{ours[0]:6.1f} {ours[1]:6.1f} {'':8} {peer[0]:6.1f} {peer[1]:6.1f}"
        )
    text = sets["kk"]
    for name, function in (("ours", identify), ("CLD2", cld2)):
        started = time.process_time()
        for line in text:
            function(line)
        print(f"{name}: {len(text) / (time.process_time() - started):,.0f} lines a CPU-second")


if __name__ == "__main__":
    main()
