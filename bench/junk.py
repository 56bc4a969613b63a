"""How much planted junk the default thresholds refuse, and how much genuine text they lose.

    python bench/junk.py ../shared/data [--part report|tune] [--json]

Kinds of junk are made from real text and from templates (bench/junk.toml), 30 of each; kinds of genuine text are real
passages of 80 words, school texts, law, and bench/good.toml. Columns: what is kept of the texts themselves, of the same
as HTML after extraction (`no text` counts as refused), and what FineWeb-2's published rules for Kazakh keep. Weights
were learned, and thresholds first chosen, on `--part tune`, which shares no text, template or document with `report`;
min_order, max_odd, max_surprisal and min_quality were settled after a look at both.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from junk_kinds import Sample, good, junk

from anatili.document import Document, Duplicate, Mark
from anatili.extraction.page import extract_page
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Cut
from anatili.refine.cut import thresholds, why_not
from anatili.refine.mark import look_at

FINEWEB = {
    "line_punct": 0.176,
    "new_lines": 0.186,
    "dup_lines": 0.304,
    "top": (0.172, 0.147, 0.127),
    "dup5": 0.159,
    "dup10": 0.104,
    "non_alpha": 0.694,
    "least_words": 50,
    "word_length": (3, 12),
    "language_score": 0.844,
}
"""configs/kaz_Cyrl.yml of huggingface/fineweb-2; between 5 and 10 words the shares go down evenly."""
FINEWEB_STOPS = (
    "және су бойынша мен жылы коды өзен орналасқан мәліметтер жер бұл саны тұрғындарының адамды оның болып алып "
    "мемлекеттік құрайды жаңа ол гз бар жатқан"
)


def fineweb_keeps(text: str, mark: Mark) -> bool:
    """FineWeb-2's filters: Gopher's quality and repetition rules and FineWeb's own, with the thresholds for Kazakh."""
    tokens = re.findall(r"\w+(?:[-'’]\w+)*|[^\w\s]", text)
    plain = [t for t in tokens if re.search(r"\w", t)]
    lines = [x for x in text.splitlines() if x.strip()]
    if mark.language != "kk" or mark.script != "Cyrl" or mark.confidence < FINEWEB["language_score"]:
        return False
    if len(plain) < FINEWEB["least_words"] or not 3 <= sum(map(len, plain)) / len(plain) <= 12:
        return False
    if sum(any(c.isalpha() for c in t) for t in tokens) / len(tokens) < FINEWEB["non_alpha"]:
        return False
    if sum(t in FINEWEB_STOPS.split() for t in tokens) < 2:
        return False
    if (
        sum(x.rstrip().endswith((".", "!", "?", "…", '"', "”", "»")) for x in lines) / len(lines)
        < FINEWEB["line_punct"]
    ):
        return False
    if text.count("\n") / len(tokens) > FINEWEB["new_lines"]:
        return False
    if (len(lines) - len(set(lines))) / len(lines) > FINEWEB["dup_lines"]:
        return False
    return not repeats(plain, len(text))


def repeats(tokens: list[str], length: int) -> bool:
    for n, most in zip((2, 3, 4), FINEWEB["top"], strict=True):
        grams = Counter(" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
        gram, count = max(grams.items(), key=lambda x: (x[1], len(x[0])), default=("", 0))
        if count > 1 and len(gram) * count / length > most:
            return True
    for n in range(5, 11):
        most = FINEWEB["dup5"] + (FINEWEB["dup10"] - FINEWEB["dup5"]) * (n - 5) / 5
        seen: set[str] = set()
        repeated, at = 0, 0
        while at < len(tokens) - n + 1:
            gram = "".join(tokens[at : at + n])
            if gram in seen:
                repeated += len(gram)
                at += n
            else:
                seen.add(gram)
                at += 1
        if repeated / length > most:
            return True
    return False


def verdicts(sample: Sample, packs: dict[str, LanguagePack], limits: dict[str, Cut]) -> dict[str, Any]:
    """Reasons against a sample: of the text, of the page; and whether FineWeb-2 keeps it."""
    document = Document("1", sample.text, "", "", "s", "", "", "", "utf-8")
    mark = look_at(document, packs, 25)
    reason, detail = why_not(document, mark, Duplicate("1", "", "", 0.0), limits)
    extracted = extract_page(sample.page.encode(), charset="utf-8")
    page_reason = "no text"
    if extracted.text:
        read = replace(document, text=extracted.text, linked=extracted.linked)
        page_reason, _ = why_not(read, look_at(read, packs, 25), Duplicate("1", "", "", 0.0), limits)
    return {
        "kind": sample.kind,
        "good": sample.is_good,
        "reason": reason,
        "detail": detail,
        "page": page_reason,
        "fineweb": fineweb_keeps(sample.text, mark),
        "mark": mark,
    }


def measure(data: Path, part: str) -> list[dict[str, Any]]:
    packs = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
    limits = {code: thresholds(Cut(), pack) for code, pack in packs.items()}
    samples = [*junk(data, part, packs["kk"]), *good(data, part, packs["kk"])]
    return [verdicts(sample, packs, limits) for sample in samples]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.data, arguments.part)
    kinds: dict[tuple[bool, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        kinds[row["good"], row["kind"]].append(row)
    table = [
        {
            "kind": kind,
            "good": is_good,
            "n": len(some),
            "kept": sum(not x["reason"] for x in some),
            "kept_html": sum(not x["page"] for x in some),
            "fineweb2": sum(x["fineweb"] for x in some),
            "reasons": Counter(x["reason"] for x in some if x["reason"]).most_common(3),
        }
        for (is_good, kind), some in kinds.items()
    ]
    for is_good in (False, True):
        some = [x for x in table if x["good"] is is_good]
        total = {key: sum(x[key] for x in some) for key in ("n", "kept", "kept_html", "fineweb2")}
        table.append({"kind": "ALL GOOD" if is_good else "ALL JUNK", "good": is_good, **total, "reasons": []})
    if arguments.json:
        print(json.dumps(table, ensure_ascii=False, indent=1))
        return
    print(f"{'kind':32} {'n':>4} {'kept':>5} {'as HTML':>8} {'FineWeb-2':>10}  most frequent reasons")
    for row in sorted(table, key=lambda x: x["good"]):
        reasons = ", ".join(f"{reason} {count}" for reason, count in row["reasons"])
        print(f"{row['kind']:32} {row['n']:>4} {row['kept']:>5} {row['kept_html']:>8} {row['fineweb2']:>10}  {reasons}")


if __name__ == "__main__":
    main()
