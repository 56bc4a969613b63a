"""A bilingual dictionary for translation: stems of a language and their likely translations in another.

A small model knows few words of Kazakh. `word_alignment.py` learns more from the sentence pairs that it is trained on.
The likely words of a translation are given in the prompt, as they were when the model was tuned.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.lang import LanguagePack
from anatili.lang.stemming import stem
from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_lines

FOLDER = "dictionary"
"""Folder beside a run's pairs, or in a package, with a file for each direction, such as `kk-ru.tsv`."""
WORD = re.compile(r"[^\W\d_]+")
LEAST, MOST = 0.15, 40
"""Least score of a word in a hint, and most words."""
NEAR = 0.5
"""Share of the likeliest word's score that another word needs to stand beside it."""

Entries = dict[str, tuple[tuple[float, tuple[str, ...]], ...]]
"""Stem -> words it may be, the likeliest first: score from 0 to 1, forms in lower case."""


@dataclass(frozen=True)
class Dictionary:
    """The dictionaries of a model's directions, files in `folder` such as `kk-ru.tsv`; empty where there is none."""

    folder: Path | None = None

    def words(self, sentence: str, source: LanguagePack, target: LanguagePack) -> list[str]:
        """The likely words of a translation of `sentence`, each once, in the order of its own words; `way/road` where
        it may be one or the other."""
        entries = read_entries(self.folder, f"{source.code}-{target.code}") if self.folder else {}
        found: dict[str, None] = {}
        for word in WORD.findall(source.lower(sentence)) if entries else ():
            rows = entries.get(stem(word, source), ())
            likely = [forms[0] for score, forms in rows if score >= max(LEAST, NEAR * rows[0][0])]
            if likely:
                found["/".join(likely)] = None
        return list(found)[:MOST]

    def hint(self, sentence: str, source: LanguagePack, target: LanguagePack) -> str:
        """What stands before the request to translate `sentence`: a line of words, "" if none is known."""
        words = self.words(sentence, source, target)
        return f"{', '.join(words)}\n" if words else ""


@lru_cache
def read_entries(folder: Path, direction: str) -> Entries:
    """The dictionary of a direction, empty if the folder has none; threads share it and only read it."""
    path, entries = folder / f"{direction}.tsv", defaultdict[str, list[tuple[float, tuple[str, ...]]]](list)
    for number, line in enumerate(read_lines(path) if path.exists() else (), 1):
        try:
            own, score, written = line.split("\t")
            forms = tuple(written.split())
            if not forms or not 0 <= float(score) <= 1:
                raise ValueError
            entries[own].append((float(score), forms))
        except ValueError as error:
            raise Problem(
                f"{show_path(path)}:{number}: this is not a stem, a score from 0 to 1 and words, separated by tabs"
            ) from error
    return {own: tuple(rows) for own, rows in entries.items()}


def write_entries(folder: Path, direction: str, entries: Entries) -> Path:
    """Write the dictionary of a direction, a row for each stem and word."""
    with whole_file(folder / f"{direction}.tsv") as temporary:
        rows = (f"{own}\t{score:.2f}\t{' '.join(forms)}\n" for own in sorted(entries) for score, forms in entries[own])
        Path(temporary).write_text("".join(rows), "utf-8", newline="\n")
    return folder / f"{direction}.tsv"
