"""Words that a language writes with small letters, counted in text: `small.txt` of the packs.

    python bench/train_small_words.py DATA

DATA/parallel holds pairs of sentences (kk-en, kk-ru, kk-tr; sources in the packs). A word counts if it stands at least
four times with a small letter, and more often so than with a capital inside a sentence. By these words is known which
words of a name are translated (Law, Center), and which are carried over.
"""

import sys
from collections import Counter
from pathlib import Path

from anatili.lang import load_pack
from anatili.pack_folders import FOLDER
from anatili.text import WORD, is_small

MOST, LEAST = 12_000, 4


def main() -> None:
    lines: dict[str, set[str]] = {}
    for folder in sorted((Path(sys.argv[1]) / "parallel").glob("*-*")):
        for path in sorted(folder.glob("*.tsv")):
            for line in path.read_text("utf-8", "replace").splitlines():
                for code, text in zip(folder.name.split("-"), line.split("\t"), strict=False):
                    lines.setdefault(code, set()).add(text)
    for code, texts in lines.items():
        pack, small, capital = load_pack(code), Counter[str](), Counter[str]()
        letters = set("".join(pack.config.letters.values()))
        for text in texts:
            for place, word in enumerate(WORD.findall(text)):
                if is_small(word[0]):
                    small[word] += 1
                elif place:
                    capital[pack.lower(word)] += 1
        found = [
            word
            for word, count in small.most_common()
            if count >= LEAST and count > capital[word] and len(word) > 2 and letters.issuperset(word)
        ]
        (FOLDER / code / "small.txt").write_text("\n".join(sorted(found[:MOST])) + "\n", "utf-8")
        print(code, len(texts), "lines", len(found[:MOST]), "words")


if __name__ == "__main__":
    main()
