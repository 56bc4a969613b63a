"""Which language: ours beside CLD2 on held-out lines, which pages pass the gates, and what ends in a corpus.

    python bench/identify.py ../shared/data [--held FOLDER] [--documents 30]

Lines are read whole, cut to 60 and to 25 letters. They are `bench/ntrex_dev` (998 parallel lines in 16 languages),
Kazakh in other scripts, and the texts of `--held`: files `<language>_<source>.txt` or
`<language>_<Script>_<source>.txt`, a line a sentence. No file there may be one that `bench/train_identify.toml` names.
Without `--held` the neighbors are those of the Universal Declaration (`html/udhr` of the data folder), which the model
is not trained on either, but for four scripts of which nothing else was found: Uzbek, Turkmen and Azerbaijani in
Cyrillic and Uyghur in Latin. Documents are ten lines of one file; they go through `collect`, `extract`, `mark`, `dedup`
and `cut` of a Kazakh and of a Kyrgyz recipe.
"""

import argparse
import html
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from anatili.identify import cld2, identify, identify_all
from anatili.identify.gate import load_gate
from anatili.lang import codes, load_pack
from anatili.pool import LocalPool
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.stage import Quiet, build, identity
from anatili.stage_table import STAGES
from anatili.warc import Page, read_pages

NTREX = {
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
NEIGHBORS = {
    "kaa": "kaa",
    "kjh": "kjh",
    "alt": "alt",
    "tyv": "tyv",
    "sah": "sah",
    "crh": "crh",
    "gag": "gag",
    "tat": "tt",
    "bak": "ba",
    "chv": "cv",
    "kir": "ky",
    "uzn_cyrl": "uz",
    "uzn_latn": "uz",
    "uig_latn": "ug",
    "tuk_cyrl": "tk",
    "tuk_latn": "tk",
    "azj_cyrl": "az",
    "azj_latn": "az",
    "cjs": "cjs",
    "abk": "ab",
}
"""Page of the Universal Declaration -> its language."""
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
    sets = {NTREX[p.stem]: p.read_text("utf-8").splitlines() for p in sorted(folder.glob("*.txt"))}
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
    for name, code in NEIGHBORS.items():
        path = data / "html" / "udhr" / f"{name}.html"
        if path.is_file():
            lines = [html.unescape(p) for p in re.findall(r"<p>([^<]{30,})</p>", path.read_text("utf-8"))]
            found[f"{code}_udhr_{name}"] = lines
    return found


Detector = Callable[[list[str]], list[str]]


def detectors(glotlid: Path | None) -> dict[str, Detector]:
    """Name -> a function from texts to the codes of their languages: ours, CLD2 and, from its file, GlotLID."""

    def ours(texts: list[str]) -> list[str]:
        return [verdict.language for verdict in identify_all(texts)]

    def peer(texts: list[str]) -> list[str]:
        return [verdict.language if (verdict := cld2(text)) else "und" for text in texts]

    found: dict[str, Detector] = {"ours": ours, "CLD2": peer}
    if glotlid:
        import fasttext  # type: ignore[import-not-found]  # the fastText package, only where a user has GlotLID

        model = fasttext.load_model(str(glotlid))
        two = {load_pack(code).config.iso639_3: code for code in codes()} | {
            "azj": "az",
            "azb": "az",
            "uzn": "uz",
            "uzs": "uz",
            "tuk": "tk",
            "uig": "ug",
            "chv": "cv",
            "khk": "mn",
            "tgk": "tg",
            "bul": "bg",
        }

        def large(texts: list[str]) -> list[str]:
            labels = [model.predict(text.replace("\n", " "))[0][0] for text in texts]
            names = [label.removeprefix("__label__").split("_")[0] for label in labels]
            return [two.get(name, name) for name in names]

        found["GlotLID"] = large
    return found


def show_lines(sets: dict[str, list[str]], glotlid: Path | None) -> None:
    """For each set and detector, the share that is right and the share called Kazakh, at each length."""
    heads = "".join(f"{'right ' if n == LENGTHS[0] else '':>6}{n if n < 999 else 'whole':>6}" for n in LENGTHS)
    print(f"{'set':24}{'lines':>6}  {'by':8}{heads}   {'called kk, same lengths':>24}   most often wrong, whole")
    known = detectors(glotlid)
    for name, lines in sets.items():
        wanted = name.split("_")[0]
        for who, detect in known.items():
            answers = {n: detect([line[:n] for line in lines]) for n in LENGTHS}
            right = "".join(f"{100 * sum(a == wanted for a in found) / len(lines):12.1f}" for found in answers.values())
            kazakh = "".join(f"{100 * sum(a == 'kk' for a in found) / len(lines):8.1f}" for found in answers.values())
            wrong = Counter(a for a in answers[LENGTHS[-1]] if a != wanted).most_common(3)
            print(
                f"{name:24}{len(lines):6}  {who:8}{right}   {kazakh:>24}   "
                + ", ".join(f"{code} {count}" for code, count in wrong)
            )


def show_gates(data: Path) -> None:
    """How many stress pages the gate of each pack passes, in its language and in others."""
    rows = map(json.loads, (data / "crawl" / "variants.truth.jsonl").read_text("utf-8").splitlines())
    labels = {row["url"]: row["label"] for row in rows}
    gates = {code: gate for code in codes() if (gate := load_gate(code)).rules}
    passed, total = {code: Counter[str]() for code in gates}, Counter(labels.values())
    for page in read_pages(data / "crawl" / "variants.warc.gz", 10**7):
        if isinstance(page, Page):
            for code, gate in gates.items():
                passed[code][labels[page.url]] += bool(gate.admits(page.payload, partial(str, page.charset)))
    print(f"\n{'gate':6}{'own pages':>14}{'others':>14}   which")
    for code, counts in passed.items():
        own = [label for label in total if label.split("_")[0] == code]
        rest = {label: counts[label] for label in sorted(total) if label not in own and counts[label]}
        print(
            f"{code:6}{sum(counts[n] for n in own):7} of {sum(total[n] for n in own):3}"
            f"{sum(rest.values()):7} of {sum(total.values()) - sum(total[n] for n in own):3}   "
            + ", ".join(f"{label} {count}" for label, count in rest.items())
        )


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
        mine = [
            sum(not reason for address, reason in kept[code].items() if address.split("/")[0] == name)
            for code in ("kk", "ky")
        ]
        print(
            f"{name:22} {count:5} {mine[0]:6} {mine[1]:6}   "
            + ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(4) if reason)
        )


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
    """Lines a CPU-second: the best of five runs of each, in turn."""

    def one_by_one(function: Callable[[str], object]) -> Callable[[], object]:
        return lambda: [function(line) for line in lines]

    ways = {
        "ours, in batches": lambda: identify_all(lines),
        "CLD2": one_by_one(cld2),
        "ours, one by one": one_by_one(identify),
    }
    rates = dict.fromkeys(ways, 0.0)
    for _ in range(5):
        for name, work in ways.items():
            started = time.process_time()
            work()
            rates[name] = max(rates[name], len(lines) / (time.process_time() - started))
    for name, rate in rates.items():
        print(f"{name}: {rate:,.0f} lines a CPU-second, {rate / rates['CLD2']:.2f} of CLD2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--held", type=Path, help="Folder of more held-out texts, a file a language and source.")
    parser.add_argument("--glotlid", type=Path, help="GlotLID's model.bin, to be measured beside.")
    parser.add_argument("--documents", type=int, default=30, help="Most documents of a set; 0: lines only.")
    arguments = parser.parse_args()
    sets = read_lines(arguments.data, arguments.held)
    show_lines(sets, arguments.glotlid)
    show_gates(arguments.data)
    if arguments.documents:
        show_documents(sets, arguments.documents)
    print()
    show_speed(sets["kk"])


if __name__ == "__main__":
    main()
