"""A file translated: its texts one after the other, what is done kept beside it until the file is whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anatili.problem import Problem
from anatili.text import show_path
from anatili.translate.files import FORMATS, OpenedFile, open_file
from anatili.translate.translator import Memory, Step, Translator
from anatili.translation_directions import Direction

SAMPLE = 10_000
"""Characters of a file by which its language is identified."""
PLAIN = ".txt"


@dataclass(frozen=True)
class TranslatedFile:
    """A file that was translated, and what a person should know of it."""

    file: Path
    direction: Direction
    texts: int
    doubtful: tuple[Step, ...]
    """The texts with something to be doubted."""
    notices: tuple[str, ...]
    """What became of the file's form."""


def translated_name(file: Path, target: str) -> Path | None:
    """Where the translation of a file goes if no place is named: beside it; None for plain text, which is shown."""
    suffix = file.suffix.lower()
    return file.with_suffix(f".{target}{file.suffix}") if suffix in FORMATS and suffix != PLAIN else None


def open_work(file: Path, target: str, out: Path) -> OpenedFile:
    """The texts of a file that is to be translated into `out`; `Problem` if that is the file itself."""
    if out.exists() and file.exists() and out.samefile(file):
        raise Problem(f"{out} is the file to be translated; name another --out")
    return open_file(file, target)


def translate_file(
    translator: Translator,
    file: Path | OpenedFile,
    target: str,
    out: Path,
    *,
    source: str = "auto",
    weights: str = "",
    warn: Callable[[str], None] = lambda warning: None,
    begin: Callable[[int], None] = lambda texts: None,
    advance: Callable[[], None] = lambda: None,
) -> TranslatedFile:
    """Translate a file (.txt, .srt, .po, .docx, .xlsx) into the language `target`, and write it in its format to `out`.

    A call that was interrupted resumes, if `weights` (a digest of the model's) and all else are as they were. `source`:
    the file's language; `auto`: it is identified. `begin` is told how many texts there are, `advance` each one that is
    done; `warn` what the direction is worth. `Problem` if the file has no text, or if the model does not offer the
    direction.
    """
    work = file if isinstance(file, OpenedFile) else open_work(file, target, out)
    if not work.texts:
        raise Problem(f"there is nothing to translate in {show_path(file) if isinstance(file, Path) else 'that file'}")
    translator.check_target(target)
    start = translator.source_of("\n".join(work.texts)[:SAMPLE]) if source == "auto" else source
    translator.check_pair(start, target)
    if warning := translator.warning(start, target):
        warn(warning)
    journal = out.with_name(f".{out.name}.begun.jsonl")
    head = {"weights": weights, "model": translator.engine.name, "source": start, "target": target}
    memory = Memory(journal, head)
    texts, doubtful = [], []
    begin(len(work.texts))
    for step in translator.texts(work.texts, start, target, memory):
        texts.append(step.text)
        doubtful += [step] if step.doubts else []
        advance()
    notices = work.write(texts, out)
    journal.unlink()
    return TranslatedFile(out, translator.direction(start, target), len(texts), tuple(doubtful), tuple(notices))
