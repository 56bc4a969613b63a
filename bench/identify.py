"""Which language: ours beside CLD2 on held-out lines, and which neighbors end in a corpus, through the real stages.

    python bench/identify.py ../shared/data [--held FOLDER] [--documents 30]

Lines are read whole, cut to 60 and to 25 letters. They are `bench/ntrex_dev` (998 parallel lines in 16 languages),
Kazakh in other scripts, and the texts of `--held`: files `<language>_<source>.txt` or
`<language>_<Script>_<source>.txt`, a line a sentence. No file there may be one that `bench/train_identify.toml` names.
Without `--held` the neighbors are those of the Universal Declaration (`html/udhr` of the data folder), which the model
is not trained on either. Documents are ten lines of one file; they go through `collect`, `extract`, `mark`, `dedup` and
`cut` of a Kazakh and of a Kyrgyz recipe.
"""

import argparse
import html
import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from anatili.identify import cld2, identify, identify_all
from anatili.lang import load_pack
from anatili.pool import LocalPool
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.stage import STAGES, Quiet, build, identity

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
NEIGHBORS = ("kaa", "kjh", "alt", "tyv", "sah", "crh", "gag", "tat", "bak", "chv", "kir", "uzb", "tuk", "cjs")
LENGTHS = (25, 60, 10_000)
RECIPE = """
name = "neighbors"
language = "{code}"

[[collect.sources]]
name = "held"
path = "documents.jsonl"
kind = "jsonl"

[cut]
held_out = 0.0
min_words = 10
"""


def read_lines(data: Path, held: Path | None) -> dict[str, list[str]]:
    """Name of a set, beginning with its language -> its lines."""
    folder = data / "bench" / "ntrex_dev"
    sets = {CODES[p.stem]: p.read_text("utf-8").splitlines() for p in sorted(folder.glob("*.txt"))}
    pack = load_pack("kk")
    for scheme in pack.config.transliteration:
        sets[f"kk_{scheme}"] = [pack.transliterate(line, scheme) for line in sets["kk"]]
    if held:
        for path in sorted(held.glob("*.txt")):
            sets[path.stem] = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    else:
        sets |= declaration(data)
    return sets


def declaration(data: Path) -> dict[str, list[str]]:
    """Paragraphs of the Universal Declaration in the neighbors' languages."""
    found = {}
    for code in NEIGHBORS:
        path = data / "html" / "udhr" / f"{code}.html"
        if path.is_file():
            lines = [html.unescape(p) for p in re.findall(r"<p>([^<]{30,})</p>", path.read_text("utf-8"))]
            found[f"{code}_udhr"] = lines
    return found


def show_lines(sets: dict[str, list[str]]) -> None:
    print(f"{'set':22} {'lines':>5} {'right: 25':>10} {'60':>6} {'whole':>6}   {'called kk: 25':>13} {'60':>6} "
          f"{'whole':>6}   {'CLD2 right':>10} {'kk':>6}   most often")  # fmt: skip
    for name, lines in sets.items():
        wanted = name.split("_")[0]
        answers = {n: [v.language for v in identify_all([line[:n] for line in lines])] for n in LENGTHS}
        right = [100 * sum(a == wanted for a in found) / len(lines) for found in answers.values()]
        kazakh = [100 * sum(a == "kk" for a in found) / len(lines) for found in answers.values()]
        other = [verdict.language if (verdict := cld2(line)) else "und" for line in lines]
        peer = [100 * sum(a == code for a in other) / len(lines) for code in (wanted, "kk")]
        wrong = Counter(a for a in answers[LENGTHS[-1]] if a != wanted).most_common(3)
        print(f"{name:22} {len(lines):5} {right[0]:10.1f} {right[1]:6.1f} {right[2]:6.1f}   {kazakh[0]:13.1f} "
              f"{kazakh[1]:6.1f} {kazakh[2]:6.1f}   {peer[0]:10.1f} {peer[1]:6.1f}   "
              + ", ".join(f"{code} {count}" for code, count in wrong))  # fmt: skip


def show_documents(sets: dict[str, list[str]], most: int) -> None:
    """How many documents of ten lines end in the Kazakh and in the Kyrgyz corpus, and why the others do not."""
    documents = [
        (f"{name}/{start // 10}", "\n".join(lines[start : start + 10]))
        for name, lines in sets.items()
        for start in range(0, min(len(lines) - 4, 10 * most), 10)
    ]
    total = Counter(name.split("/")[0] for name, _ in documents)
    kept = {code: through_stages(documents, code) for code in ("kk", "ky")}
    print(f"\n{'documents of ten lines':22} {'n':>5} {'in kk':>6} {'in ky':>6}   reasons of the Kazakh recipe")
    for name, count in total.items():
        reasons = Counter(reason for address, reason in kept["kk"].items() if address.split("/")[0] == name)
        mine = [sum(not reason for address, reason in kept[code].items() if address.split("/")[0] == name)
                for code in ("kk", "ky")]  # fmt: skip
        print(f"{name:22} {count:5} {mine[0]:6} {mine[1]:6}   "
              + ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(4) if reason))  # fmt: skip


def through_stages(documents: list[tuple[str, str]], code: str) -> dict[str, str]:
    """Name of a document -> why `cut` left it out, "" if it is in the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        rows = [json.dumps({"url": name, "text": text}, ensure_ascii=False) for name, text in documents]
        (base / "documents.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
        (base / "recipe.toml").write_text(RECIPE.format(code=code), "utf-8")
        recipe, run = load_recipe(base / "recipe.toml"), Run(base / "run")
        for stage in STAGES[:5]:
            build(stage, recipe, run, LocalPool(), identity(stage, recipe, run, base), base, Quiet())
        found = {}
        for shard in run.folder("cut").rglob("*.parquet"):
            for row in pq.read_table(shard).to_pylist():
                if row.get("reason") is None:
                    found[row["url"]] = ""
                else:
                    found[row["url"]] = f"{row['reason']} {row['detail']}" if "lang" in row["reason"] else row["reason"]
        return found


def show_speed(lines: list[str]) -> None:
    for name, function in (("ours, one by one", identify), ("CLD2", cld2)):
        started = time.process_time()
        for line in lines:
            function(line)
        print(f"{name}: {len(lines) / (time.process_time() - started):,.0f} lines a CPU-second")
    started = time.process_time()
    for _ in range(5):
        identify_all(lines)
    print(f"ours, in batches: {5 * len(lines) / (time.process_time() - started):,.0f} lines a CPU-second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--held", type=Path, help="Folder of more held-out texts, a file a language and source.")
    parser.add_argument("--documents", type=int, default=30, help="Most documents of a set; 0: lines only.")
    arguments = parser.parse_args()
    sets = read_lines(arguments.data, arguments.held)
    show_lines(sets)
    if arguments.documents:
        show_documents(sets, arguments.documents)
    print()
    show_speed(sets["kk"])


if __name__ == "__main__":
    main()
