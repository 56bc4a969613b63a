"""How well a model translates in each direction: chrF++ on lines that people translated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili import models, weights
from anatili.directions import (
    MEASURED,
    Direction,
    Directions,
    card_section,
    joined,
    put_section,
    read_directions,
    read_measured,
    weights_of,
)
from anatili.document import write_json
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.run import Run
from anatili.text import digest, show_path
from anatili.translate.compare import CHRF_NAME
from anatili.translate.pivot import aligned
from anatili.translate.translator import Memory, Translator

RESAMPLES = 1000


@dataclass(frozen=True)
class Test:
    """Lines in one language and their translation by people into another, from the test set `texts`."""

    source: str
    target: str
    texts: str
    lines: tuple[str, ...]
    references: tuple[str, ...]


def find_test(folders: Sequence[Path], source: LanguagePack, target: LanguagePack, limit: int) -> Test | None:
    """The lines of the first folder that has both languages, in files named by code (`kk.txt` or `kaz.txt`)."""
    for folder in folders:
        files = [file_of(folder, pack) for pack in (source, target)]
        if files[0] and files[1]:
            pairs = list(aligned(files[0], files[1], limit))
            lines, references = zip(*pairs, strict=True) if pairs else ((), ())
            return Test(source.code, target.code, folder.resolve().name, lines, references)
    return None


def file_of(folder: Path, pack: LanguagePack) -> Path | None:
    names = (f"{code}.txt" for code in (pack.code, pack.said.iso639_3) if code)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def find_tests(
    translator: Translator, folders: Sequence[Path], limit: int, only: Sequence[str]
) -> tuple[list[Test], list[str]]:
    """A test for each direction that the model was taught (or for those named), and the directions without one."""
    packs = translator.packs
    names = only or [f"{source}-{target}" for source in packs for target in translator.targets(source)]
    tests, without = [], []
    for name in names:
        source, _, target = name.partition("-")
        if source == target or source not in packs or target not in packs:
            raise Problem(f"no direction {name!r}: name two of {', '.join(packs)}, such as {'-'.join(packs)[:5]}")
        test = find_test(folders, packs[source], packs[target], limit)
        if test and test.lines:
            tests.append(test)
        else:
            without.append(name)
    return tests, without


def measure(
    translator: Translator, test: Test, file: Path, head: dict[str, str], tell: Callable[[int], None]
) -> tuple[Direction, dict[str, float]]:
    """What came of a direction, and what doing nothing gets. What was broken off goes on from `file`."""
    about = {"texts": digest("\0".join(test.lines)), "source": test.source, "target": test.target}
    memory = Memory(file, {**head, "model": translator.engine.name, **about})
    made = []
    for step in translator.texts(test.lines, test.source, test.target, memory):
        made.append(" ".join(step.text.split()))
        tell(1)
    return score(made, test)


def measure_all(
    translator: Translator, tests: Sequence[Test], folder: Path, weights: str, tell: Callable[[int], None]
) -> list[tuple[Direction, dict[str, float]]]:
    """What came of each direction, its translations kept in `folder`."""
    head = {"weights": weights}
    return [
        measure(translator, test, folder / f"{test.source}-{test.target}.jsonl", head, tell) for test in tests
    ]  # fmt: skip


def score(made: Sequence[str], test: Test) -> tuple[Direction, dict[str, float]]:
    """chrF++ with its interval, and that of the source itself and of another line's reference."""
    from sacrebleu.metrics import CHRF
    from sacrebleu.significance import PairedTest

    references = list(test.references)
    systems = [("made", list(made)), ("copied", list(test.lines)), ("other line", references[1:] + references[:1])]
    judge = PairedTest(systems, {CHRF_NAME: CHRF(word_order=2)}, [references], test_type="bs", n_samples=RESAMPLES)
    results: list[Any] = judge()[1][CHRF_NAME]
    ends = (round(float(results[0].mean - results[0].ci), 1), round(float(results[0].mean + results[0].ci), 1))
    row = Direction(
        test.source, test.target, round(float(results[0].score), 1), ends, len(references), test.texts
    )  # fmt: skip
    return row, {name: round(float(one.score), 1) for (name, _), one in zip(systems[1:], results[1:], strict=True)}


def write_packaged(place: Path, rows: Sequence[Direction]) -> Path:
    """Put what was measured into a packaged model's `model.json` and card; what these say of other directions stays.

    A direction that neither lists is not one that the model was taught.
    """
    said, file = models.describe(place), place / models.DESCRIPTION
    listed = put(read_directions(said.get("translation"), file) or (), rows)
    card = place / "README.md"
    if card.is_file():
        card.write_text(put_section(card.read_text("utf-8"), card_section(listed)), "utf-8")
        said["files"][card.name] = weights.sha256(card)
    write_json(file, {**said, "translation": [one.row() for one in listed]})
    return file


def write_run(run: Run, rows: Sequence[Direction]) -> Path:
    """Keep what was measured beside a run's stages, with the digest of the model that it is about."""
    tuned, file = run.record("tune"), run.root / MEASURED
    if not tuned:
        raise Problem(f"{show_path(run.root)} has no tuned model to keep figures of")
    before = read_measured(file)
    listed = put(before["translation"] if before.get("model") == tuned.content else (), rows)
    write_json(file, {"model": tuned.content, "translation": [one.row() for one in listed]})
    return file


def write_converted(folder: Path, rows: Sequence[Direction]) -> Path:
    """Keep what was measured in the folder of a model that only translates, with what tells its weights."""
    file, model = folder / MEASURED, weights_of(folder)
    before = read_measured(file)
    listed = put(before["translation"] if before.get("model") == model else (), rows)
    write_json(file, {"model": model, "translation": [one.row() for one in listed]})
    return file


def put(before: Directions, rows: Sequence[Direction]) -> Directions:
    """The directions of both, new figures in the place of old ones."""
    both = [*before, *rows]
    return joined(dict.fromkeys((one.source, one.target) for one in both), both)
