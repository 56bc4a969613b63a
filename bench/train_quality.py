"""Train the small classifier of a pack: does a text read like one that tells or explains, or like chatter, interface
strings and advertising?

    python bench/train_quality.py ../shared/data --language kk --out src/anatili/lang/kk/quality.npz
    python bench/train_quality.py ../shared/data --language ru --out src/anatili/lang/ru/quality.npz

For: news, encyclopedic, official and literary prose, proverbs, and the genuine texts of bench/good.toml. Against: shop
reviews, the strings of programs, and pages put together from the templates of bench/junk.toml; of both files only the
part `tune`. In other languages: what `bench/train_prose.py` learns from and half of the sample's texts; against them
the strings of Debian and pages of the templates of bench/junk_others.toml. Each passage is learned in every script that
the pack writes. Prints the area under the curve and the accuracy on a fifth of the passages that training never saw, by
script.
"""

import argparse
import random
import tomllib
from pathlib import Path

import numpy as np
from junk_kinds import HERE, JUNK, Stock, half, pooled, stock
from junk_others import TEMPLATES
from train_prose import read_lines

from anatili.lang import LanguagePack, load_pack
from anatili.refine.quality import features
from anatili.sample.topics import read_topics
from anatili.text import words

EXPLAINS = (
    "apertium_kaz_segcorpus",
    "apertium_kaz_texts",
    "sdg_translations",
    "stukenov_seeds",
    "faker_kkwiki",
    "kaznerd",
    "akorda8651",
    "apertium_kaz_rus",
    "common_voice_kk",
    "lingua_testdata",
)
CHATTERS = ("kazsandra", "debian_l10n", "mozilla_apps", "aosp_framework", "mozilla_www_l10n")
POOLS = ("chat", "cookies", "loans", "essays", "casino", "adverts", "prices", "keywords", "menus")
BUCKETS, EPOCHS, RATE, DECAY, LARGEST, LINES = 1 << 17, 6, 4.0, 1e-5, 14_000, 6
MADE = 500
"""Pages of each pool of templates; to every other one a headline is added, as a site does."""


def passages(data: Path, names: tuple[str, ...], chooser: random.Random) -> list[str]:
    """Passages of some lines; as many of each source as of the others, at most."""
    found = []
    for name in names:
        path = data / "text" / f"{name}.kk.txt"
        lines = [line for line in path.read_text("utf-8").splitlines() if len(line) > 20 and not line.startswith('"')]
        chooser.shuffle(lines)
        groups = ["\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]
        found += groups[: LARGEST // len(names)]
    return found


def rows(data: Path, chooser: random.Random) -> list[tuple[float, str]]:
    base = stock(data, "tune")
    good = tomllib.loads((HERE / "good.toml").read_text("utf-8"))
    made = [(1.0, x) for x in passages(data, EXPLAINS, chooser)]
    made += [(1.0, text) for table in good.values() for text in table["tune"] for _ in range(20)]
    made += [(0.0, x) for x in passages(data, CHATTERS, chooser)]
    for kind in POOLS:
        headlines = [" ".join(chooser.choice(chooser.choice(base.passages)).split()[:9]) for _ in range(MADE)]
        made += [(0.0, JUNK[kind](chooser, base) + ("\n" + headlines[n] if n % 2 else "")) for n in range(MADE)]
    chooser.shuffle(made)
    return made


def rows_of(data: Path, code: str, chooser: random.Random) -> list[tuple[float, str]]:
    """The same for a language without sources and templates of its own kind."""
    lines = [line for line in read_lines(data, code, None) if len(line) > 40]
    strings = (data / "parallel" / f"kk-{code}" / "debian_l10n.tsv").read_text("utf-8").splitlines()
    strings = half([row.split("\t")[1] for row in strings if 10 < len(row.split("\t")[1]) < 120], "tune")
    chooser.shuffle(strings)
    nouns = sorted({word.lower() for line in lines[:5000] for word in words(line) if len(word) > 4})
    tables = tomllib.loads((HERE / "junk_others.toml").read_text("utf-8"))[code]
    pools = {kind: table["tune"] for kind, table in tables.items()}
    base = Stock("tune", [], [], [], strings, {}, pools, {"city": nouns, "thing": nouns, "subject": nouns})
    made = [(1.0, "\n".join(lines[i : i + LINES])) for i in range(0, len(lines), LINES)]
    pages = [topic.pages[code].text for topic in read_topics() if code in topic.pages][::2]
    made += [(1.0, text) for text in pages for _ in range(20)]
    made += [(0.0, "\n".join(strings[i : i + LINES])) for i in range(0, min(len(strings), LARGEST), LINES)]
    for kind in TEMPLATES:
        make = pooled(kind, 60, " ")
        headlines = [" ".join(chooser.choice(lines).split()[:9]) for _ in range(MADE)]
        made += [(0.0, make(chooser, base) + ("\n" + headlines[n] if n % 2 else "")) for n in range(MADE)]
    chooser.shuffle(made)
    return made


def lowered(text: str, pack: LanguagePack) -> list[str]:
    return [pack.lower(word) for word in words(text)]


def learn(train: list[tuple[float, np.ndarray]], chooser: random.Random) -> tuple[np.ndarray, float]:
    weights, bias = np.zeros(BUCKETS), 0.0
    for epoch in range(EPOCHS):
        chooser.shuffle(train)
        rate = RATE * (1 - epoch / EPOCHS)
        for label, found in train:
            error = label - 1 / (1 + np.exp(-(weights[found].mean() + bias)))
            np.add.at(weights, found, rate * error / len(found) ** 0.5)
            weights[found] *= 1 - DECAY
            bias += 0.01 * rate * error
    return weights, bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--language", default="kk")
    arguments = parser.parse_args()
    chooser = random.Random(1)
    pack = load_pack(arguments.language)
    is_first = arguments.language == "kk"
    made = rows(arguments.data, chooser) if is_first else rows_of(arguments.data, arguments.language, chooser)
    cut = len(made) // 5
    schemes = sorted(pack.config.transliteration)
    train = []
    for number, (label, text) in enumerate(made[cut:]):
        others = [pack.transliterate(text, schemes[number % len(schemes)])] if schemes else []
        train += [(label, features(lowered(x, pack), BUCKETS)) for x in (text, *others) if len(words(x)) > 5]
    weights, bias = learn(train, chooser)
    scale = np.abs(weights).max() / 127
    small = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    np.savez_compressed(arguments.out, weights=small, scale=np.float64(scale), bias=np.float64(bias))
    print(f"{len(train)} passages to learn from; {arguments.out.stat().st_size / 1e3:.0f} kB")
    for scheme in ("", *schemes):
        test = [
            (label, lowered(pack.transliterate(text, scheme) if scheme else text, pack)) for label, text in made[:cut]
        ]
        test = [(label, found) for label, found in test if len(found) > 5]
        score = np.array([small[features(found, BUCKETS)].mean() * scale + bias for _, found in test])
        positive = np.array([label for label, _ in test]) == 1
        ranks = np.argsort(np.argsort(score))
        area = (ranks[positive].sum() - positive.sum() * (positive.sum() - 1) / 2) / (
            positive.sum() * (~positive).sum()
        )
        right = ((score > 0) == positive).mean()
        print(
            f"{scheme or pack.main_script}: {len(test)} apart, area under the curve {area:.4f}, right {right:.1%}, "
            f"the lowest 1 % of prose at {np.percentile(score[positive], 1):.2f}"
        )


if __name__ == "__main__":
    main()
