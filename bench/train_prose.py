"""Train what `refine/prose.py` knows of a language: which letters follow one another, which endings of words do.

    python bench/train_prose.py ../shared/data --language kk --out src/anatili/lang/kk/prose.npz
    python bench/train_prose.py ../shared/data --language tr --prose ../prose --out src/anatili/lang/tr/prose.npz
    python bench/train_prose.py --text FILE ... --language os --out packs/os/prose.npz

Per script: costs of sequences of three, four and five characters (interpolated as by Witten and Bell; of the longer
ones those that say most beyond the shorter are kept), and how well the endings of two neighboring words fit. The texts
of other scripts are the same ones, transliterated by the pack. Prints bits a character on lines that were kept apart.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.lang import LanguagePack, load_pack
from anatili.refine.prose import (
    BACKOFF,
    BITS,
    ENDING,
    SIGN,
    STEP,
    Script,
    character_costs,
    classes,
    code_points,
    ending_rows,
    first_ones,
    keys,
    word_costs,
    words_and_numbers,
)
from anatili.sample.topics import read_topics

TEXTS = {
    "kk": (
        "kaznerd",
        "stukenov_seeds",
        "akorda8651",
        "apertium_kaz_segcorpus",
        "apertium_kaz_rus",
        "common_voice_kk",
        "apertium_kaz_texts",
        "lingua_testdata",
        "sdg_translations",
        "faker_kkwiki",
    ),
}
PAIRS = {
    "ru": (("kk-ru/apertium_kaz_rus", 1), ("kk-ru/sdg_translations", 1)),
    "en": (("kk-en/kaznu_parallel", 1), ("kk-en/sdg_translations", 1)),
    "tr": (("kk-tr/sdg_translations", 1),),
}
LINES = ("lingua", "tatoeba", "udhr")
"""Sources of `lid/`; its other sources are benchmarks."""
MOST, ROWS = {4: 30_000, 5: 70_000}, 383
CHARACTERS, OF_MANUALS = 1_300_000, 150_000
"""Most characters of one source, and of a manual: their words are not those of daily life."""
TALES = "wesnoth"
"""The source of `recipes/get_prose.py` that is no manual."""
SMOOTHING = 8.0
ODD_WORDS, ODD_CASELESS = 1.0, 0.7
"""Percent of the words of prose that count as odd; fewer in scripts without capitals, where names are among them."""


def read_lines(data: Path, code: str, prose: Path | None) -> list[str]:
    """Lines of prose in a language from the files of `data` and of `prose`, each source capped."""
    sources = [(data / "text" / f"{name}.kk.txt").read_text("utf-8").splitlines() for name in TEXTS.get(code, ())]
    for name, column in PAIRS.get(code, ()):
        rows = (data / "parallel" / f"{name}.tsv").read_text("utf-8").splitlines()
        sources.append([row.split("\t")[column] for row in rows])
    rows = (data / "lid" / f"{code}.tsv").read_text("utf-8").splitlines()
    sources.append([row.split("\t")[1] for row in rows if row.split("\t")[0] in LINES])
    if not prose:
        return chosen_lines(sources)
    pages = [
        topic.pages[code].text for topic in read_topics()[::2] if code in topic.pages
    ]  # bench/junk_others.py: tune
    sources.append([line for page in pages for line in page.splitlines()])
    files = sorted(prose.glob(f"{code}.*.txt"))
    texts = {path: path.read_text("utf-8").splitlines() for path in files}
    tales = [lines for path, lines in texts.items() if TALES in path.name]
    manuals = [lines for path, lines in texts.items() if TALES not in path.name]
    lines = chosen_lines(sources + tales) + chosen_lines(manuals, OF_MANUALS)
    random.Random(4).shuffle(lines)
    return lines


def chosen_lines(sources: list[list[str]], most: int = CHARACTERS) -> list[str]:
    """Different lines of each source in a fixed random order, as many as fit into its share."""
    chooser, chosen = random.Random(3), list[str]()
    for lines in sources:
        lines = [line.strip() for line in dict.fromkeys(lines) if len(line.strip()) > 15 and not line.startswith('"')]
        chooser.shuffle(lines)
        total = 0
        for line in lines:
            total += len(line)
            if total > most:
                break
            chosen.append(line)
    chooser.shuffle(chosen)
    return chosen


def written(lines: list[str], pack: LanguagePack) -> dict[str, list[str]]:
    """The lines in the pack's script, and by each of its rules for others."""
    schemes = sorted(pack.config.transliteration)
    return {pack.main_script: lines} | {
        scheme: [pack.transliterate(line, scheme) for line in lines] for scheme in schemes
    }


def interpolated(found: list[npt.NDArray[np.int64]]) -> dict[int, dict[int, float]]:
    """Length -> key -> probability of the last character, by Witten and Bell."""
    chances: dict[int, dict[int, float]] = {}
    kinds_of_all = SIGN + 57
    for length in (1, 2, 3, 4, 5):
        key = np.concatenate([keys(one, length) for one in found])
        values, counts = np.unique(key, return_counts=True)
        contexts = values >> BITS
        _, inverse = np.unique(contexts, return_inverse=True)
        totals = np.bincount(inverse, counts)[inverse]
        kinds = np.bincount(inverse)[inverse]
        shorter = chances.get(length - 1, {})
        mask = (1 << (length - 1) * BITS) - 1
        lower = np.array([shorter.get(int(v) & mask, 0.0) for v in values]) if shorter else 1 / kinds_of_all
        share = (counts + kinds * lower) / (totals + kinds)
        chances[length] = dict(zip(values.tolist(), share.tolist(), strict=True))
        if length > 3:
            gain = counts * np.abs(np.log2(share / lower) + BACKOFF / STEP)
            best = np.argsort(-gain, kind="stable")[: MOST[length]]
            chances[-length] = {int(values[n]): float(share[n]) for n in best}
    return chances


def once(text: str, alphabet: str, pack: LanguagePack) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The classes of the characters that count, and which of them are capitals."""
    lower = pack.lower(text)
    found = classes(lower, alphabet)
    counts = first_ones(found)
    is_capital = code_points(text) != code_points(lower) if len(text) == len(lower) else np.zeros(len(lower), np.bool_)
    return found[counts], is_capital[counts]


def dense(chances: dict[int, dict[int, float]], symbols: int) -> npt.NDArray[np.uint8]:
    """Cost of the last of any three characters."""
    table = np.full(1 << 3 * BITS, 255, np.uint8)
    for first in range(symbols):
        for second in range(symbols):
            context = first << BITS | second
            for last in range(symbols):
                key = context << BITS | last
                chance = chances[3].get(key) or 0.4 * (
                    chances[2].get(second << BITS | last) or 0.4 * chances[1].get(last, 1e-6)
                )
                table[key] = cost(chance)
    return table


def cost(chance: float) -> int:
    return min(255, round(-np.log2(chance) * STEP))


def endings_of(lines: list[list[str]]) -> tuple[dict[str, int], npt.NDArray[np.int8]]:
    """The most frequent words and endings, and how well each follows each, as the next word and as the one after."""
    whole = Counter(word for line in lines for word in line)
    frequent = [word for word, _ in whole.most_common(ROWS // 3)]
    listed = set(frequent)
    ends = Counter("-" + word[-ENDING:] for line in lines for word in line if word not in listed)
    three = [end for end, _ in ends.most_common(ROWS // 2)]
    listed.update(three)
    short = Counter("-" + end[2:] for end in ends.elements() if end not in listed)
    names = frequent + three + [end for end, _ in short.most_common(ROWS - len(frequent) - len(three))]
    rows = {name: n for n, name in enumerate(names, 1)}
    found = [ending_rows(line, rows) for line in lines if line]
    return rows, np.stack([fit(found, distance) for distance in (1, 2)])


def fit(lines: list[npt.NDArray[np.int64]], distance: int) -> npt.NDArray[np.int8]:
    """How much likelier each ending is than alone, so many words after each other one."""
    together = np.zeros((ROWS + 1, ROWS + 1))
    for at in lines:
        np.add.at(together, (at[:-distance], at[distance:]), 1)
    first, second = together.sum(1, keepdims=True), together.sum(0, keepdims=True)
    expected = first * second / together.sum()
    likelier = np.log2((together + SMOOTHING) / (expected + SMOOTHING))
    return np.clip(np.round(likelier * 4), -127, 127).astype(np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="Files of running text instead of the data.")
    parser.add_argument("--prose", type=Path, help="Folder of recipes/get_prose.py, to learn from its texts as well.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--language", default="kk")
    arguments = parser.parse_args()
    pack = load_pack(arguments.language)
    stored: dict[str, npt.NDArray[np.generic]] = {}
    files = [path.read_text("utf-8").splitlines() for path in arguments.text]
    lines = chosen_lines(files) if files else read_lines(arguments.data, arguments.language, arguments.prose)
    for script, texts in written(lines, pack).items():
        alphabet = pack.config.letters[script[:4]]
        apart, learned = texts[: min(2000, len(texts) // 5)], texts[min(2000, len(texts) // 5) :]
        found = [once(f" {line} ", alphabet, pack)[0] for line in learned]
        chances = interpolated(found)
        three = dense(chances, SIGN + 1 + len(alphabet))
        longer = []
        for length in (4, 5):
            key = np.array(sorted(chances[-length]), np.int64)
            value = np.array([cost(chances[-length][k]) for k in key.tolist()], np.uint8)
            longer.append((key, value))
            stored[f"{script}_keys{length}"] = np.diff(key, prepend=0).astype(np.uint32)
            stored[f"{script}_costs{length}"] = value
        endings, pairs = endings_of([words_and_numbers(line, pack) for line in learned])
        stored[f"{script}_alphabet"] = np.array(alphabet)
        stored[f"{script}_three"] = three
        stored[f"{script}_endings"] = np.array("\n".join(endings))
        stored[f"{script}_pairs"] = pairs
        model = Script(alphabet, 1.0, 0.0, three, tuple(longer), endings, pairs)
        tested = [once(f" {line} ", alphabet, pack) for line in apart]
        scored = [character_costs(found, model) for found, _ in tested]
        each = np.concatenate(
            [word_costs(found, costs, is_capital) for (found, is_capital), costs in zip(tested, scored, strict=True)]
        )
        stored[f"{script}_typical"] = np.float64(np.concatenate(scored).mean())
        stored[f"{script}_odd"] = np.float64(
            np.percentile(each, 100 - (ODD_WORDS if alphabet.upper() != alphabet else ODD_CASELESS))
        )
        typical, odd = stored[f"{script}_typical"], stored[f"{script}_odd"]
        print(
            f"{script}: {sum(map(len, learned)):,} characters to learn from; {len(apart)} lines apart: "
            f"{typical:.3f} bits a character, odd words from {odd:.2f}"
        )
    np.savez_compressed(arguments.out, **stored)
    print(f"{arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
