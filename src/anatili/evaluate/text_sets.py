"""The held-out texts that scores are taken on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.document import Kept, read_shard
from anatili.evaluate import task_data
from anatili.evaluate.task_file import load_task
from anatili.problem import Problem
from anatili.recipe import Evaluate, Recipe
from anatili.text import file_digest, show_path
from anatili.text_files import read_lines


@dataclass(frozen=True)
class TextSet:
    """Texts of one language that no model of the run was trained on."""

    language: str
    name: str
    texts: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(len(text.encode()) for text in self.texts)


def inventory(recipe: Recipe, base: Path) -> dict[str, Any]:
    """Digests of the files named in [evaluate] texts, and of the tasks with their data."""
    settings = recipe.evaluate
    facts: dict[str, Any] = {
        language: {show_path(Path(name).name): _digest(base / name) for name in names}
        for language, names in settings.texts.items()
    }
    for name in settings.tasks:
        facts |= task_data.inventory(load_task(name, base), recipe.languages)
    return facts


def _digest(path: Path) -> str:
    """The digest of a text file. It is read, too: a wrong encoding is reported before anything is built."""
    for _ in read_lines(_file(path)):
        pass
    return file_digest(path)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise Problem(f"[evaluate] texts: no file {show_path(path)}; correct the path in the recipe or take it out")
    return path


def held_out(folder: Path, languages: tuple[str, ...], most: int) -> Iterator[TextSet]:
    """The documents that `cut` kept from training, by language and script, up to `most` bytes each.

    Scripts apart, because a letter's bytes differ with them: a few Latin texts would decide a Cyrillic mean.
    """
    texts: dict[tuple[str, str], list[str]] = {}
    for shard in sorted((folder / "held-out").glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            texts.setdefault((document.language, document.script), []).append(document.text)
    for language, script in sorted(texts, key=lambda pair: (languages.index(pair[0]), pair[1])):
        yield TextSet(language, f"held-out {script}", first_bytes(texts[language, script], most))


def from_files(settings: Evaluate, base: Path) -> Iterator[TextSet]:
    """The files named in [evaluate] texts, a text a line."""
    for language, names in settings.texts.items():
        for name in names:
            lines = [line.strip() for line in read_lines(_file(base / name))]
            yield TextSet(language, Path(name).name, first_bytes([line for line in lines if line], settings.max_bytes))


def first_bytes(texts: list[str], most: int) -> tuple[str, ...]:
    """As many of `texts` as fit into `most` bytes; if not even the first does, its beginning, a character at least."""
    chosen, total = list[str](), 0
    for text in texts:
        total += len(text.encode())
        if total > most:
            break
        chosen.append(text)
    if texts and not chosen:
        return (texts[0].encode()[:most].decode("utf-8", "ignore") or texts[0][:1],)
    return tuple(chosen)
