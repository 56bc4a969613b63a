"""How much planted junk in Russian or Turkish the default thresholds refuse, and how much genuine text they lose.

    python bench/junk_others.py ../shared/data --language ru [--part report|tune] [--limits]

As bench/junk.py, with the kinds that are made by a rule and four of templates (bench/junk_others.toml), 30 of each.
Genuine: passages of 80 words of NTREX-128 (news) and of FLORES (encyclopedic), and the sample's short texts for
schools, halves of which are `tune` and `report`. The models (`prose.npz`, `quality.npz`) saw none of them but the
sample's half and the templates in `tune`. The limits of the packs and how much the models learn from were chosen over
some six rounds with both parts in view, so `report` flatters: expect more genuine loss on new texts. `--limits` prints
for each mark the values from which so many in a thousand genuine texts would be lost.
"""

import argparse
import random
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import junk_kinds as kinds
import numpy as np
from junk_kinds import EACH, Maker, Stock, half, lines_of, passages

from anatili.document import Document, Duplicate, Mark
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Cut
from anatili.refine.cut import thresholds, why_not
from anatili.refine.mark import look_at
from anatili.sample.topics import read_topics
from anatili.text import words

NEWS = {"ru": "rus", "tr": "tur"}
CHARSET = {"ru": "cp1251", "tr": "cp1252"}
LOST = {"ru": "[а-яё]", "tr": "[çğışöüÇĞİŞÖÜ]"}
"""Letters that a wrong charset turns into question marks: in Russian half of all, as in a cut two-byte charset."""
TEMPLATES = ("loans", "essays", "casino", "adverts")
MARKS = {
    "quality": -1,
    "surprisal": 1,
    "odd": 1,
    "order": -1,
    "runs": 1,
    "unended": 1,
    "repeats": 1,
    "repeated_words": 1,
}
"""The marks that `[cut]` has limits for, and on which side of the limit a text is lost."""


def stock(data: Path, code: str, part: str) -> Stock:
    news = passages(half(lines_of(data / "bench" / "ntrex_dev" / f"{NEWS[code]}.txt"), part))
    rows = (data / "parallel" / f"kk-{code}" / "debian_l10n.tsv").read_text("utf-8").splitlines()
    strings = half([row.split("\t")[1] for row in rows if 10 < len(row.split("\t")[1]) < 120], part)
    nouns = sorted({w.lower() for p in news for line in p for w in words(line) if len(w) > 4})
    fill = {"city": nouns[::3], "thing": nouns[1::3], "subject": nouns[2::3]}
    tables = tomllib.loads((kinds.HERE / "junk_others.toml").read_text("utf-8"))[code]
    pools = {kind: table[part] for kind, table in tables.items()} | {"menus": strings[:400], "keywords": nouns}
    return Stock(part, news, [], [], strings, {}, pools, fill)


def wrong_letters(share: float, alphabet: str) -> Maker:
    """Letters read wrongly by a scanner, as any other of the alphabet or a sign."""

    def make(r: random.Random, base: Stock) -> str:
        text = " ".join(r.choice(base.passages))
        return "".join(r.choice(alphabet + ".,1") if c.isalpha() and r.random() < share else c for c in text)

    return make


def makers(code: str, pack: LanguagePack) -> dict[str, Maker]:
    alphabet = pack.config.letters[pack.main_script]

    def marks(r: random.Random, base: Stock) -> str:
        text = " ".join(r.choice(base.passages))
        return re.sub(LOST[code], lambda m: "?" if code == "tr" or r.random() < 0.5 else m[0], text)

    def doubled(r: random.Random, base: Stock) -> str:
        return " ".join(r.choice(base.passages)).encode().decode(CHARSET[code], "replace")

    return {
        "links": kinds.links,
        "salad": kinds.salad,
        "sentences shuffled": kinds.shuffled_sentences,
        "spun of many articles": kinds.spun,
        "one word changed": kinds.one_word_changed,
        "wrong letters 5 %": wrong_letters(0.05, alphabet),
        "wrong letters 10 %": wrong_letters(0.1, alphabet),
        "wrong letters 20 %": wrong_letters(0.2, alphabet),
        "question marks": marks,
        "double encoded": doubled,
        "keywords": kinds.pooled("keywords", 70, ", ", repeat=True),
        **{kind: kinds.pooled(kind, 60, " ") for kind in TEMPLATES},
        "interface": kinds.interface,
        "teasers": kinds.teasers,
    }


def samples(data: Path, code: str, part: str, pack: LanguagePack) -> Iterator[tuple[str, str]]:
    """Kind and text; kinds of genuine texts have capitals."""
    base = stock(data, code, part)
    for kind, make in makers(code, pack).items():
        r = random.Random(f"{kind} {part} {code}")
        yield from ((kind, make(r, base)) for _ in range(EACH))
    yield from (("NEWS", "\n".join(passage)) for passage in base.passages)
    flores, sib = data / "bench" / "flores_dev" / f"{code}.txt", data / "bench" / "sib200" / "tur_Latn" / "train.tsv"
    # FLORES has no Turkish here; SIB-200 holds its sentences, in another order.
    lines = lines_of(flores) if flores.exists() else [row.split("\t")[-1] for row in lines_of(sib)[1:]]
    pages = [topic.pages[code].text for topic in read_topics() if code in topic.pages]
    yield from (("SCHOOL", text) for text in (pages[::2] if part == "tune" else pages[1::2]))
    yield from (("ENCYCLOPEDIA", "\n".join(passage)) for passage in passages(half(lines, part)))


def measured(data: Path, code: str, part: str) -> list[tuple[str, str, Mark]]:
    """Kind, reason against it and marks of each sample."""
    packs = {code: load_pack(code)}
    limits = {code: thresholds(Cut(), packs[code])}
    rows = []
    for kind, text in samples(data, code, part, packs[code]):
        document = Document("1", text, "", "", "s", "", "", "", "utf-8")
        mark = look_at(document, packs, 25)
        rows.append((kind, why_not(document, mark, Duplicate("1", "", "", 0.0), limits)[0], mark))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", choices=sorted(NEWS), required=True)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--limits", action="store_true")
    arguments = parser.parse_args()
    rows = measured(arguments.data, arguments.language, arguments.part)
    for is_good in (False, True):
        some = [row for row in rows if row[0].isupper() is is_good]
        for kind in dict.fromkeys(kind for kind, _, _ in some):
            reasons = [reason for name, reason, _ in some if name == kind]
            found = ", ".join(f"{reason} {n}" for reason, n in Counter(filter(None, reasons)).most_common(3))
            print(f"{kind:24} {len(reasons):>4} {reasons.count(''):>5} kept   {found}")
        kept = sum(not reason for _, reason, _ in some)
        print(f"{'ALL GENUINE' if is_good else 'ALL JUNK':24} {len(some):>4} {kept:>5} kept ({kept / len(some):.1%})")
    if arguments.limits:
        for name, side in MARKS.items():
            values = np.array([side * getattr(mark, name) for kind, _, mark in rows if kind.isupper()])
            parts = [f"{x}: {side * np.quantile(values, 1 - x / 1000):.3f}" for x in (2, 5, 10, 20)]
            print(f"{name:16} lost in a thousand from  {'  '.join(parts)}")


if __name__ == "__main__":
    main()
