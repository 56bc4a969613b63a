"""What cutting out shared sentences costs genuine text, and which planted notices it finds.

    python bench/shared.py TEXT ... [--documents 20000]

Each file is genuine text, a sentence or paragraph a line; a document is ten lines that follow one another, copies of
documents are left out as `dedup` would. Every tenth document is given one of eight notices. For each number of
documents from which a sentence is shared: the share of genuine words that is cut out, and of the notices.
"""

import argparse
from collections import Counter
from pathlib import Path

from anatili.document import Document, Mark
from anatili.lang import load_pack
from anatili.refine.shared_sentences import is_long, sentences_of

LEAST = (3, 5, 10, 20, 50)
NOTICES = (
    "Сайт материалдарын пайдалану үшін редакцияның жазбаша рұқсаты қажет.",
    "Редакция оқырман пікіріне жауап бермейді және мақалаға түзету енгізуге құқылы.",
    "Біз сайттың жұмысын жақсарту үшін cookie файлдарын қолданамыз.",
    "Жаңалықтарды бірінші болып білу үшін біздің арнаға жазылыңыз.",
    "Қате таптыңыз ба, оны белгілеп, пернелерді қатар басыңыз.",
    "Жарнама орналастыру туралы сұрақтар бойынша мына нөмірге хабарласыңыз.",
    "Барлық құқықтар қорғалған, авторлық құқық туралы заң қолданылады.",
    "Осы тақырыпқа қатысты басқа да мақалаларды төменнен оқи аласыз.",
)
MARK = Mark("", 0, "kk", "Cyrl", 1, 1, 0, 0, (), 0, 0, 0, 0, 0, 0, 0, 0, 0, "", -1, 0)


def documents(path: Path, most: int) -> list[str]:
    """Documents of ten lines, each once."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    return list(dict.fromkeys("\n".join(lines[n : n + 10]) for n in range(0, len(lines), 10)))[:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--documents", type=int, default=20_000, help="Most documents of a file.")
    arguments = parser.parse_args()
    packs = {"kk": load_pack("kk")}
    print(f"{'text':36}{'documents':>10}{'words':>11}   words cut out from {', '.join(map(str, LEAST))} documents on")
    for path in arguments.texts:
        bodies = documents(path, arguments.documents)
        planted = {n: NOTICES[n // 10 % len(NOTICES)] for n in range(0, len(bodies), 10)}
        held: Counter[str] = Counter()
        lengths: Counter[str] = Counter()
        notices: Counter[str] = Counter()
        total = 0
        for number, body in enumerate(bodies):
            document = Document("", f"{body}\n{planted.get(number, '')}", *[""] * 7)
            spoken = [(words, document.text[a:b]) for a, b, words in sentences_of(document, MARK, packs)]
            held.update({words for words, _ in spoken})
            for words, text in spoken:
                if text in NOTICES:
                    notices[words] += 1
                    continue
                total += words.count(" ") + 1
                lengths[words] += (words.count(" ") + 1) * is_long(words)
        lost = {least: sum(lengths[words] for words, count in held.items() if count >= least) for least in LEAST}
        found = {least: sum(count for words, count in notices.items() if held[words] >= least) for least in LEAST}
        print(
            f"{path.name:36}{len(bodies):10,}{total:11,}   "
            + ", ".join(f"{lost[least] / total:.3%}" for least in LEAST)
            + f"; notices {found[LEAST[0]]}, {found[LEAST[2]]} of {len(planted)} (3, 10)"
        )
        worst = max(
            (words for words in lengths if held[words] >= LEAST[1] and lengths[words]),
            key=lambda words: lengths[words],
            default="",
        )
        if worst:
            print(f"    most words: {held[worst]} documents hold {worst[:100]!r}")


if __name__ == "__main__":
    main()
