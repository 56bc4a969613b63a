"""Measure how well a model translates in each direction: chrF++ on lines with human translations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili import models
from anatili.atomic_files import write_json
from anatili.lang import LanguagePack
from anatili.models.packaging import renew_cards
from anatili.problem import Problem
from anatili.release.facts import FILE as FACTS
from anatili.run import Run
from anatili.text import digest, show_path
from anatili.translate.compare import CHRF_NAME
from anatili.translate.pivot import aligned
from anatili.translate.translator import Memory, Translator
from anatili.translation_directions import (
    MEASURED,
    Direction,
    Directions,
    joined,
    read_directions,
    read_measured,
    weights_of,
)

RESAMPLES = 1000


@dataclass(frozen=True)
class Test:
    """Lines in one language and their human translations, from the test set `texts`."""

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
    names = (f"{code}.txt" for code in (pack.code, pack.config.iso639_3) if code)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def find_tests(
    translator: Translator, folders: Sequence[Path], limit: int, only: Sequence[str]
) -> tuple[list[Test], list[str]]:
    """A test for each direction that the model was taught, or for those in `only`, and the directions without one."""
    packs = translator.packs
    names = only or [f"{source}-{target}" for source in packs for target in translator.targets(source)]
    tests, missing = [], []
    for name in names:
        source, _, target = name.partition("-")
        if source == target or source not in packs or target not in packs:
            raise Problem(f"no direction {name!r}: name two of {', '.join(packs)}, such as {'-'.join(packs)[:5]}")
        test = find_test(folders, packs[source], packs[target], limit)
        if test and test.lines:
            tests.append(test)
        else:
            missing.append(name)
    return tests, missing


def measure(
    translator: Translator, test: Test, file: Path, head: dict[str, str], tell: Callable[[int], None]
) -> tuple[Direction, dict[str, float]]:
    """The score of a direction and of two baselines. Interrupted work resumes from `file`."""
    facts = {"texts": digest("\0".join(test.lines)), "source": test.source, "target": test.target}
    memory = Memory(file, {**head, "model": translator.engine.name, **facts})
    translations = []
    for step in translator.texts(test.lines, test.source, test.target, memory):
        translations.append(" ".join(step.text.split()))
        tell(1)
    return score(translations, test)


def measure_all(
    translator: Translator, tests: Sequence[Test], folder: Path, weights: str, tell: Callable[[int], None]
) -> list[tuple[Direction, dict[str, float]]]:
    """The score of each direction and of its baselines; translations are kept in `folder`."""
    head = {"weights": weights}
    return [measure(translator, test, folder / f"{test.source}-{test.target}.jsonl", head, tell) for test in tests]


def score(translations: Sequence[str], test: Test) -> tuple[Direction, dict[str, float]]:
    """chrF++ with its interval, and chrF++ of two baselines: the copied source, and the reference of another line."""
    from sacrebleu.metrics import CHRF
    from sacrebleu.significance import PairedTest

    references = list(test.references)
    systems = [
        ("made", list(translations)),
        ("copied", list(test.lines)),
        ("other line", references[1:] + references[:1]),
    ]
    paired_test = PairedTest(
        systems, {CHRF_NAME: CHRF(word_order=2)}, [references], test_type="bs", n_samples=RESAMPLES
    )
    results: list[Any] = paired_test()[1][CHRF_NAME]
    interval = (round(float(results[0].mean - results[0].ci), 1), round(float(results[0].mean + results[0].ci), 1))
    checks = {name: round(float(result.score), 1) for (name, _), result in zip(systems[1:], results[1:], strict=True)}
    direction = Direction(
        test.source,
        test.target,
        round(float(results[0].score), 1),
        interval,
        len(references),
        test.texts,
        checks["other line"],
    )
    return direction, checks


def write_packaged(folder: Path, rows: Sequence[Direction]) -> Path:
    """Write scores into a packaged model's `model.json` and card; entries of other directions are kept.

    A direction that neither lists was not taught.
    """
    description, file = models.describe(folder), folder / models.DESCRIPTION
    directions = put(read_directions(description.get("translation"), file) or (), rows)
    write_json(file, {**description, "translation": [direction.row() for direction in directions]})
    if (folder / FACTS).is_file():
        renew_cards(folder)
    return file


def write_run(run: Run, rows: Sequence[Direction]) -> Path:
    """Write scores into a run's folder, with the digest of the measured model."""
    tuned, file = run.record("tune"), run.root / MEASURED
    if not tuned:
        raise Problem(f"{show_path(run.root)} has no tuned model to keep scores of")
    measured = read_measured(file)
    directions = put(measured["translation"] if measured.get("model") == tuned.content else (), rows)
    write_json(file, {"model": tuned.content, "translation": [direction.row() for direction in directions]})
    return file


def write_converted(folder: Path, rows: Sequence[Direction]) -> Path:
    """Write scores into the folder of a translation-only model, with the digest of its weights."""
    file, model = folder / MEASURED, weights_of(folder)
    measured = read_measured(file)
    directions = put(measured["translation"] if measured.get("model") == model else (), rows)
    write_json(file, {"model": model, "translation": [direction.row() for direction in directions]})
    return file


def put(before: Directions, rows: Sequence[Direction]) -> Directions:
    """The directions of both; new scores replace old ones."""
    directions = [*before, *rows]
    return joined(dict.fromkeys((direction.source, direction.target) for direction in directions), directions)
