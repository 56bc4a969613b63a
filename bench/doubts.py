"""Errors planted into translations by people, and how many of them are told; and how many right ones are doubted.

    python bench/doubts.py DATA [--part report] [--lines 250] [--json FILE] [--show KIND]

DATA/bench/flores_dev and ntrex_dev hold lines that people translated. The rules were made by looking at the odd lines
(--part develop); the figures in docs/results.md are of the even ones (--part report). Each kind of error is planted
into every line that allows it; an error counts as told if anything is doubted, and as named if the doubt is of its
kind.
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anatili.confidence_intervals import wilson
from anatili.engine import similarity
from anatili.lang import load_pack
from anatili.translate.doubts import doubts

SETS = {
    ("flores_dev", "kk", "en"): ("kk.txt", "en.txt"),
    ("flores_dev", "kk", "ru"): ("kk.txt", "ru.txt"),
    ("flores_dev", "en", "ru"): ("en.txt", "ru.txt"),
    ("ntrex_dev", "kk", "tr"): ("kaz.txt", "tur.txt"),
    ("ntrex_dev", "kk", "en"): ("kaz.txt", "eng.txt"),
    ("ntrex_dev", "en", "tr"): ("eng.txt", "tur.txt"),
    ("ntrex_dev", "ru", "tr"): ("rus.txt", "tur.txt"),
}
NAME = re.compile(r"(?<=[^\W\d_,;] )[^\W\d_]\w{3,}(?:[ -][^\W\d_]\w{3,})?")
DENIED = {
    "en": (r" not\b|n['’]t\b", ""),
    "ru": (r"\b[Нн]е ", ""),
    "tr": (r" değil\b", ""),
    "kk": (r" емес\b", ""),
}
"""What makes a sentence deny, in words that can be taken out; forms of verbs are below."""
VERBS = {
    "kk": [
        (r"([аеиоөұүы]л|т|с|қ|к|п)п?[аеы]й(?=ды|ді|мын|мін|мыз|міз)", r"\1"),
        (r"([а-яәіңғүұқөһ]{2,})[мбп][аеә](?=ды|ді|ған|ген)", r"\1"),
    ],
    "tr": [(r"(\w{2,})m[ae](?=d[ıi]|m[ıi]ş)", r"\1"), (r"(\w{2,})m[ıiuü]yor", r"\1ıyor")],
}
DENY = {
    "en": (r"\b(is|are|was|were|will|can|could|has|have|had|would|should|may|must|did|does|do)\b(?! not)", r"\1 not"),
    "ru": (r"(?<= )(?<!не )([а-яё]{2,}(?:ет|ит|ют|ят|ал|ил|ла|ли|ло|ся))\b", r"не \1"),
    "kk": (r"([а-яәіңғүұқөһ]{2,}?)(ды|ді|ты|ті)(?=[.!?»\"]*$)", None),
    "tr": (r"(\w{2,})(d[ıi]|t[ıi])(?=[.!?”\"]*$)", None),
}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("--part", choices=("develop", "report"), default="report")
    asked.add_argument("--lines", type=int, default=250)
    asked.add_argument("--json", type=Path)
    asked.add_argument("--show", default="")
    asked.add_argument("--only", default="", help="directions whose name has this in it")
    asked.add_argument("--without-vectors", action="store_true", help="as where the package with vectors is missing")
    asked.add_argument("--both", action="store_true", help="also from the second language to the first")
    options = asked.parse_args()
    if options.without_vectors:
        similarity.PACKAGE = ""
    found: dict[str, dict[str, Any]] = {}
    for (folder, one, other), names in SETS.items():
        files = [(options.data / "bench" / folder / name).read_text("utf-8").splitlines() for name in names]
        pairs = [pair for pair in zip(*files, strict=True) if all(part.strip() for part in pair)]
        pairs = pairs[options.part == "report" :: 2][: options.lines]
        for start, end, rows in ((one, other, pairs), (other, one, [pair[::-1] for pair in pairs])):
            if (start == one or options.both) and options.only in f"{folder} {start}-{end}":
                found[f"{folder} {start}-{end}"] = direction(start, end, rows, options.show)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")


def direction(start: str, end: str, pairs: Sequence[tuple[str, str]], shown: str) -> dict[str, Any]:
    """Counts of a direction: planted, told, named for each kind; doubted right lines by kind of doubt."""
    source, target = load_pack(start), load_pack(end)
    judge: Callable[[str, str], list[str]] = lambda text, said: list(doubts(text, said, source, target))  # noqa: E731
    kinds: dict[str, list[int]] = {}
    right: dict[str, int] = {"lines": len(pairs), "doubted": 0}
    for number, (text, reference) in enumerate(pairs):
        said = judge(text, reference)
        right["doubted"] += bool(said)
        for doubt in said:
            right[doubt] = right.get(doubt, 0) + 1
            if shown in ("right", f"right {doubt}"):
                print(f"RIGHT {start}-{end} {said}\n  {text}\n  {reference}")
        for kind, wrong in planted(end, pairs, number):
            if wrong == reference:
                continue
            told = judge(text, wrong)
            row = kinds.setdefault(kind, [0, 0, 0])
            row[0] += 1
            row[1] += bool(told)
            row[2] += bool(set(told) - set(said))
            if shown == kind and not told:
                print(f"MISSED {kind} {start}-{end}\n  {text}\n  {wrong}")
    return {"right": right, "kinds": kinds}


def planted(end: str, pairs: Sequence[tuple[str, str]], number: int) -> Iterator[tuple[str, str]]:
    """Each kind of error in the translation of a line, where the line allows it."""
    text, reference = pairs[number]
    choose = random.Random(number)
    words, source_words = reference.split(), text.split()
    other = pairs[(number + 7) % len(pairs)][1]
    yield "empty", ""
    yield "copied", text
    yield "answer", load_pack(end).prompts["no_answer"]
    yield "elsewhere", other
    yield "loop", " ".join(words[: len(words) // 2] + words[len(words) // 2 - 3 : len(words) // 2] * 8)
    yield "cut off", " ".join(words[: len(words) // 2])
    half = [*words[: len(words) // 2], *source_words[len(source_words) // 2 :]]
    yield "half left", " ".join(half)
    yield "shuffled", " ".join(choose.sample(words, len(words)))
    pool = [word for _, line in pairs for word in line.split()]
    yield "random words", " ".join(choose.choices(pool, k=len(words)))
    yield "half elsewhere", " ".join([*words[: len(words) // 2], *other.split()[len(other.split()) // 2 :]])
    digits = list(re.finditer(r"\d", reference))
    if digits:
        at = choose.choice(digits).start()
        yield "number", reference[:at] + str((int(reference[at]) + choose.randint(1, 8)) % 10) + reference[at + 1 :]
    yield from renamed(pairs, number, choose)
    yield from turned(end, reference)


def renamed(pairs: Sequence[tuple[str, str]], number: int, choose: random.Random) -> Iterator[tuple[str, str]]:
    """A name taken out, and another in its place."""
    reference = pairs[number][1]
    names = [match for match in NAME.finditer(reference) if match.group()[0].isupper()]
    if not names:
        return
    match = choose.choice(names)
    rivals = [found.group() for _, line in pairs for found in NAME.finditer(line) if found.group()[0].isupper()]
    yield "name swapped", reference[: match.start()] + choose.choice(rivals) + reference[match.end() :]
    yield "name dropped", reference[: match.start()] + reference[match.end() + 1 :]


def turned(end: str, reference: str) -> Iterator[tuple[str, str]]:
    """A denial taken out, and one put in."""
    for pattern, into in (DENIED[end], *VERBS.get(end, ())):
        if len(re.findall(pattern, reference)) == 1:
            yield "negation dropped", re.sub(pattern, into, reference)
            break
    pattern, into = DENY[end]
    found = list(re.finditer(pattern, reference))
    if found and into:
        yield "negation added", reference[: found[0].start()] + found[0].expand(into) + reference[found[0].end() :]
    elif found:
        stem = found[0].group(1)
        back = is_back(stem)
        denial = {"kk": ("ма", "ме"), "tr": ("ma", "me")}[end][not back]
        vowels = {"kk": ("ды", "ді"), "tr": ("dı", "di")}[end][not back]
        yield "negation added", reference[: found[0].start()] + stem + denial + vowels + reference[found[0].end() :]


def is_back(stem: str) -> bool:
    """Whether the last vowel of a stem is a back one."""
    vowels = [c for c in stem if c in "аоұыуяaıouәеөүіeiöü"]
    return bool(vowels) and vowels[-1] in "аоұыуяaıou"


def show(found: dict[str, dict[str, Any]]) -> None:
    kinds = list(dict.fromkeys(kind for one in found.values() for kind in one["kinds"]))
    print(f"{'told / planted':18}" + "".join(f"{name.replace('_dev', ''):>16}" for name in found) + f"{'all':>24}")
    sums = [0, 0]
    for kind in kinds:
        rows = [one["kinds"].get(kind, [0, 0, 0]) for one in found.values()]
        planted_count, told = sum(row[0] for row in rows), sum(row[1] for row in rows)
        sums = [sums[0] + planted_count, sums[1] + told]
        cells = "".join(f"{str(row[1]) + '/' + str(row[0]):>16}" for row in rows)
        print(f"{kind:18}{cells}{share(told, planted_count):>24}")
    print(f"{'all':18}{'':{16 * len(found)}}{share(sums[1], sums[0]):>24}")
    rights = [one["right"] for one in found.values()]
    for doubt in dict.fromkeys(["doubted", *(key for one in rights for key in one if key != "lines")]):
        cells = "".join(f"{str(one.get(doubt, 0)) + '/' + str(one['lines']):>16}" for one in rights)
        total = sum(one["lines"] for one in rights)
        print(f"right: {doubt:11}{cells}{share(sum(one.get(doubt, 0) for one in rights), total):>24}")


def share(part: int, whole: int) -> str:
    low, high = wilson(part, whole) or (0.0, 0.0)
    return f"{part / max(1, whole):.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
