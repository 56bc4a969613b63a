"""A model opened by its name: a run, a folder, a file, an address, one that is bundled or one that was pulled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili import models, weights
from anatili.directions import Directions, of_run, read_directions
from anatili.engine import Engine, is_address, open_engine
from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.lang import LanguagePack, codes, load_pack
from anatili.models import registry
from anatili.opening import translation
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.sample.topics import read_topics
from anatili.text import show_path

Tell = Callable[[str], None]
"""Where one who waits is told what is done meanwhile."""


def silent(_: str) -> None:
    """Nobody waits."""


@dataclass(frozen=True)
class OpenedModel:
    """An engine and what is known of its model."""

    engine: Engine
    packs: dict[str, LanguagePack]
    """The languages that it speaks, the main one first."""
    directions: Directions | None = None
    """Between which languages it was taught to translate; None where that is not known."""
    card: str = ""
    """The model's card, "" if it has none."""
    run: Run | None = None
    """The run that it comes from, whose corpus it answers from."""
    answers_from_sample: bool = False
    """Whether it answers from the bundled sample: a model that comes without texts of its own."""


def open_model(
    target: str | Path = "", runs: Path = Path("runs"), adapters: Sequence[Path] = (), tell: Tell = silent,
    slots: int = 1,
) -> OpenedModel:  # fmt: skip
    """The model named by `target`: a run's (the tuned one), a file, a folder, a server's address, one that comes with
    anatili or one that was pulled. No name at all means the best of those that come with anatili.
    """
    target = str(target)
    if is_model(target):
        engine = open_engine(target, adapters, slots)
        if isinstance(engine, Seq2SeqEngine):
            return OpenedModel(engine, *translation.ways(engine, speaking()), read_card(Path(target)))
        return OpenedModel(engine, speaking())
    if not target or not is_run(target, runs):
        if folder := models.find(target or models.default()):
            about = models.describe(folder)
            packs = {code: load_pack(code) for code in about["languages"]}
            file = models.open_packaged(folder, tell)
            taught = read_directions(about.get("translation"), folder / models.DESCRIPTION)
            engine = open_engine(file, adapters, slots)
            return OpenedModel(engine, packs, taught, read_card(folder), answers_from_sample=True)
        if pulled := registry.located(target):
            return open_pulled(pulled, adapters, tell, slots)
    run = run_of(target, runs)
    recipe = load_recipe(run.root / "recipe.toml")
    packs = {code: load_pack(code) for code in recipe.languages}
    engine = open_engine(model_of(run), adapters, slots)
    return OpenedModel(engine, packs, of_run(run), read_card(run.folder("release")), run)


def open_pulled(pulled: registry.Pulled, adapters: Sequence[Path], tell: Tell, slots: int) -> OpenedModel:
    """A model that was pulled, in the languages that its row names, else in all that there are."""
    row = registry.find(pulled.name)
    if row and row.kind not in ("chat", "base", "translation"):
        raise Problem(f"{row.name} cannot be asked: it is for {row.kind}")
    spoken, card = speaking(), registry.card(pulled)
    if not pulled.opens and (weights.is_converted(pulled.place) or weights.is_encoder_decoder(pulled.place)):
        engine = translation.open_pulled(pulled, tell)
        return OpenedModel(engine, *translation.ways(engine, spoken), card)
    packs = {code: pack for code, pack in spoken.items() if row and code in row.languages} or spoken
    opened = open_engine(pulled.place, adapters, slots)
    opened.name = pulled.name  # not that of its file, or of a commit
    return OpenedModel(opened, packs, card=card, answers_from_sample=True)


def open_engine_of(
    target: str | Path = "", adapters: Sequence[Path] = (), slots: int = 1, runs: str | Path = "runs"
) -> Engine:
    """The engine of a model that is named as for `open_assistant`: it makes text, scores it, and makes vectors."""
    target = str(target) or models.default()
    return open_engine(target if is_address(target) else find_model(target, Path(runs)), adapters, slots)


def tokenizer_file(target: Path, tell: Tell = silent) -> Path:
    """Where the tokenizer of a packaged or pulled model of this name is, else the path itself."""
    if target.exists():
        return target
    if folder := models.find(str(target)):
        return models.open_packaged(folder, tell)
    pulled = registry.located(str(target))
    return pulled.place if pulled else target


def read_card(folder: Path) -> str:
    """The card of the model in a release or package, without the facts for machines before it; "" if there is none."""
    for path in (folder / "model" / "README.md", folder / "README.md"):
        if path.is_file():
            text = path.read_text("utf-8")
            return text.split("\n---\n", 1)[-1].strip() if text.startswith("---\n") else text
    return ""


def speaking() -> dict[str, LanguagePack]:
    """The packs of all languages that have prompts, in the order in which the sample has them."""
    order = list(read_topics()[0].pages)
    found = {code: pack for code in codes() if (pack := load_pack(code)).prompts}
    return dict(sorted(found.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)))


def is_model(target: str) -> bool:
    """Whether `target` is an address, a GGUF file or a Hugging Face folder."""
    path = Path(target)
    return is_address(target) or path.suffix == ".gguf" or (target != "" and (path / "config.json").is_file())


def is_run(target: str, runs: Path) -> bool:
    return any((root / "recipe.toml").is_file() for root in (Path(target), runs / target))


def find_model(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> Path:
    """The model that is meant: a Hugging Face folder, a .gguf file, a run's newest, a packaged or a pulled one."""
    path = Path(target)
    if not is_run(target, runs) and (place := models.find(target)):
        return models.open_packaged(place, tell)
    if not is_run(target, runs) and not path.exists() and (found := registry.located(target)):
        is_whole = found.opens or weights.is_converted(found.place)
        return found.place if is_whole else weights.check_folder(found.place)
    if path.suffix == ".gguf" or (path.is_dir() and not (path / "recipe.toml").is_file()):
        return path if path.suffix == ".gguf" or weights.is_converted(path) else weights.check_folder(path)
    return model_of(run_of(target, runs))


def run_of(target: str, runs: Path) -> Run:
    """The run of this name; `Problem` names the runs and models that there are."""
    try:
        return find_run(Path(target), runs)
    except Problem as problem:
        known = f"Models that come with anatili: {', '.join(models.names())}; others: anatili models"
        raise Problem(f"{problem}. {known}") from problem


def model_of(run: Run) -> Path:
    """The model folder of a run: tuned if that stage is finished, else as pretrained."""
    for stage in ("tune", "pretrain"):
        if run.record(stage):
            return run.folder(stage) / "model"
    raise Problem(f"{show_path(run.root)} has no model yet; finish it with: anatili run RECIPE")
