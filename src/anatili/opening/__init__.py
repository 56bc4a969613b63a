"""Open a model by its name: a run, a folder, a file, an address, a bundled model or a pulled one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili import models, weights
from anatili.engine import Engine, is_address, open_engine
from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.lang import LanguagePack, codes, load_pack
from anatili.models import registry
from anatili.opening import translation
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.sample import sentences
from anatili.sample.topics import read_topics
from anatili.text import show_path
from anatili.translate.dictionary import FOLDER as DICTIONARY
from anatili.translation_directions import Directions, directions_of_run, read_directions

Tell = Callable[[str], None]
"""Gets messages for a person who waits."""


def silent(_: str) -> None:
    """Ignore the message."""


@dataclass(frozen=True)
class OpenedModel:
    """An engine, and what is known about its model."""

    engine: Engine
    packs: dict[str, LanguagePack]
    """The packs of its languages, the main one first."""
    directions: Directions | None = None
    """The directions in which it was trained to translate; None if that is not known."""
    card: str = ""
    """The model's card, "" if it has none."""
    run: Run | None = None
    """The run that made it, whose corpus it answers from."""
    dictionary: Path | None = None
    """The folder of its dictionaries for translation; None if it has none."""
    answers_from_sample: bool = False
    """Whether it answers from the bundled sample, as a model without texts of its own does."""


def open_model(
    target: str | Path = "",
    runs: Path = Path("runs"),
    adapters: Sequence[Path] = (),
    tell: Tell = silent,
    slots: int = 1,
) -> OpenedModel:
    """The model named by `target`: the tuned model of a run, a file, a folder, a server's address, a bundled model or a
    pulled one. An empty name means the best bundled model.
    """
    target = str(target)
    if is_model(target):
        engine = open_engine(target, adapters, slots)
        if isinstance(engine, Seq2SeqEngine):
            return OpenedModel(engine, *translation.ways(engine, speaking()), read_card(Path(target)))
        return OpenedModel(engine, speaking())
    if not target or not is_run(target, runs):
        if folder := models.find(target or models.default()):
            description = models.describe(folder)
            packs = {code: load_pack(code) for code in description["languages"]}
            file = models.open_packaged(folder, tell)
            directions = read_directions(description.get("translation"), folder / models.DESCRIPTION)
            engine = open_engine(file, adapters, slots)
            dictionary = folder / DICTIONARY
            return OpenedModel(
                engine, packs, directions, read_card(folder), dictionary=dictionary, answers_from_sample=True
            )
        if pulled := registry.located(target):
            return open_pulled(pulled, adapters, tell, slots)
    run = run_of(target, runs)
    recipe = load_recipe(run.root / "recipe.toml")
    packs = {code: load_pack(code) for code in recipe.languages}
    engine = open_engine(model_of(run), adapters, slots)
    dictionary = run.folder("pairs") / DICTIONARY
    return OpenedModel(engine, packs, directions_of_run(run), read_card(run.folder("release")), run, dictionary)


def open_pulled(pulled: registry.Pulled, adapters: Sequence[Path], tell: Tell, slots: int) -> OpenedModel:
    """A pulled model, with the languages that its row in the registry names, else with all languages."""
    row = registry.find(pulled.name)
    if row and row.kind not in ("chat", "base", "translation"):
        raise Problem(f"{row.name} does not answer questions: it is a model for {row.kind}")
    spoken, card = speaking(), registry.card(pulled)
    if not pulled.opens and (weights.is_converted(pulled.place) or weights.is_encoder_decoder(pulled.place)):
        engine = translation.open_pulled(pulled, tell)
        return OpenedModel(engine, *translation.ways(engine, spoken), card)
    packs = {code: pack for code, pack in spoken.items() if row and code in row.languages} or spoken
    opened = open_engine(pulled.place, adapters, slots)
    opened.name = pulled.name  # not the name of its file or of a commit
    return OpenedModel(opened, packs, card=card, answers_from_sample=True)


def open_engine_of(
    target: str | Path = "", adapters: Sequence[Path] = (), slots: int = 1, runs: str | Path = "runs"
) -> Engine:
    """The engine of a model, named as for `open_assistant`: it generates text, scores it, and makes embeddings.

    `adapters`: LoRA adapters to apply. `slots`: answers to work on at the same time. `Problem` if the model is not
    found, is damaged, or needs a package that is not installed.
    """
    target = str(target) or models.default()
    return open_engine(target if is_address(target) else find_model(target, Path(runs)), adapters, slots)


def tokenizer_file(target: Path, tell: Tell = silent) -> Path:
    """The file with the tokenizer of the bundled or pulled model of this name, else the path itself."""
    if target.exists():
        return target
    if folder := models.find(str(target)):
        return models.open_packaged(folder, tell)
    pulled = registry.located(str(target))
    return pulled.place if pulled else target


def tokens_per_word(target: Path, language: str) -> float:
    """Tokens per word of a tokenizer file or of a model's tokenizer, on the bundled sentences in a language."""
    from anatili.tokenizer.peers import open_tokenizer

    texts = [row[language] for row in sentences(held_out=True) if language in row]
    if not texts:
        raise Problem(f"there are no bundled sentences in {language!r}: give the tokens per word as a number")
    tokenizer = open_tokenizer(tokenizer_file(target))
    tokens = sum(len(tokenizer.encode(text)) for text in texts)
    return round(tokens / sum(len(text.split()) for text in texts), 3)


def read_card(folder: Path) -> str:
    """The card of the model in a release or package, without its YAML metadata; "" if there is none."""
    for path in (folder / "model" / "README.md", folder / "README.md"):
        if path.is_file():
            text = path.read_text("utf-8")
            return text.split("\n---\n", 1)[-1].strip() if text.startswith("---\n") else text
    return ""


def speaking() -> dict[str, LanguagePack]:
    """The packs of all languages that have prompts, in the order of the sample."""
    order = list(read_topics()[0].pages)
    with_prompts = [code for code in codes() if load_pack(code).prompts]
    with_prompts.sort(key=lambda code: order.index(code) if code in order else len(order))
    return {code: load_pack(code) for code in with_prompts}


def is_model(target: str) -> bool:
    """Whether `target` is an address, a GGUF file or a Hugging Face folder."""
    path = Path(target)
    return is_address(target) or path.suffix == ".gguf" or (target != "" and (path / "config.json").is_file())


def is_run(target: str, runs: Path) -> bool:
    """Whether `target` is the folder of a run, or the name of one in the folder `runs`."""
    return any((root / "recipe.toml").is_file() for root in (Path(target), runs / target))


def find_model(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> Path:
    """The path of a model: a Hugging Face folder, a .gguf file, a run's newest model, a bundled or a pulled one."""
    path = Path(target)
    if not is_run(target, runs) and (folder := models.find(target)):
        return models.open_packaged(folder, tell)
    if not is_run(target, runs) and not path.exists() and (pulled := registry.located(target)):
        is_whole = pulled.opens or weights.is_converted(pulled.place)
        return pulled.place if is_whole else weights.check_folder(pulled.place)
    if path.suffix == ".gguf" or (path.is_dir() and not (path / "recipe.toml").is_file()):
        return path if path.suffix == ".gguf" or weights.is_converted(path) else weights.check_folder(path)
    return model_of(run_of(target, runs))


def run_of(target: str, runs: Path) -> Run:
    """The run of this name; the `Problem` lists the runs and the bundled models."""
    try:
        return find_run(Path(target), runs)
    except Problem as problem:
        known = f"Bundled models: {', '.join(models.names())}; for others see: anatili models"
        raise Problem(f"{problem}. {known}") from problem


def model_of(run: Run) -> Path:
    """The model folder of a run: the tuned model if that stage is finished, else the pretrained one."""
    for stage in ("tune", "pretrain"):
        if run.record(stage):
            return run.folder(stage) / "model"
    raise Problem(f"{show_path(run.root)} has no model yet; finish it with: anatili run RECIPE")
