"""Where the measured figures of a model are kept, and what tells its weights from others under its name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from anatili import models
from anatili.engine import Engine, is_address
from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.opening import find_model, is_model, is_run
from anatili.problem import Problem
from anatili.run import find_run
from anatili.text import short_hash
from anatili.translate import score
from anatili.translate.dictionary import FOLDER as DICTIONARY
from anatili.translate.journal import weights_of as weights_in
from anatili.translation_directions import Direction
from anatili.weights import weight_files


def weights_of(model: str, runs: Path, adapters: Sequence[Path]) -> str:
    """What tells the weights and dictionaries from others of the same name, "" for a server's."""
    if is_address(model):
        return ""
    if not is_run(model, runs) and not adapters and (folder := models.find(model)):
        description = models.describe(folder)
        files: dict[str, str] = description["files"]
        telling = {file: files[file] for file in files if file.startswith(f"{DICTIONARY}/")}
        return short_hash(repr(sorted({**telling, "": files[description["weights"]]}.items())))
    places = [find_model(model, runs), *adapters]
    weights = (file for folder in places for file in ([folder] if folder.is_file() else weight_files(folder)))
    dictionaries = (find_run(Path(model), runs).folder("pairs") / DICTIONARY).glob("*") if is_run(model, runs) else ()
    return weights_in([*weights, *dictionaries])


def keeper(model: str, runs: Path, engine: Engine) -> Callable[[Sequence[Direction]], Path]:
    """What keeps the figures of `model`; `Problem` if it has no place for them."""
    if is_run(model, runs):
        return lambda rows: score.write_run(find_run(Path(model), runs), rows)
    if isinstance(engine, Seq2SeqEngine):
        return lambda rows: score.write_converted(engine.folder, rows)
    folder = None if is_model(model) else models.find(model)
    if folder is None:
        raise Problem(f"--write needs a run, or a packaged or converted model: {model} has no file for the figures")
    return lambda rows: score.write_packaged(folder, rows)
