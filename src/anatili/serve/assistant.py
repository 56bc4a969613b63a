"""The assistant behind terminal, API and page: passages that fit, and an answer whose citations hold, or none."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from anatili import models, weights
from anatili.directions import Directions, of_run, read_directions
from anatili.engine import (
    Engine,
    Message,
    Piece,
    Prompt,
    Sampling,
    Translating,
    is_address,
    open_engine,
    sentences,
    stop,
)
from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.identify import identify
from anatili.lang import LanguagePack, codes, load_pack, reference
from anatili.models import registry
from anatili.problem import Problem, install
from anatili.prompt import PASSAGES, grounded
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.sample.topics import read_topics
from anatili.search.dense import Dense, Embedder, read_facts
from anatili.search.searcher import Hit, Search
from anatili.serve.citations import Report, checked, quotation
from anatili.serve.sample_index import Tell, sample_run
from anatili.text import show_path
from anatili.translate import opening

TOY = 50_000_000
"""Weights below which a model is not asked to answer from passages: they answer in their own words."""
SMALL = 1_000_000_000
"""Weights below which a model has nothing to say where no passage fits."""
GROUNDING_CONTEXT = 1024
"""Tokens a model must hold before passages are put into its prompt; smaller ones are asked the bare question."""
FITS = 0.6
"""Share of a question that a passage must cover to be an answer (`bench/abstain.py` has what it finds and refuses)."""
SAMPLE = "sample"
NO_VECTORS = "none"
TELLING = 80
"""Characters of an answer by which its language is told."""


@dataclass(frozen=True)
class Ready:
    """A question made ready to be answered."""

    language: str
    searched: bool
    """Whether passages were looked for."""
    passages: list[Hit]
    """Those that fit."""
    notice: str
    """What the answer is worth, in the reader's language."""
    prompt: Prompt
    quotes: bool
    """Whether the passages answer in their own words, without the model."""
    abstains: bool
    """Whether nothing fits and the model is too small to be asked without."""


@dataclass(frozen=True)
class Assistant:
    """An engine, a search index if there is one, and the packs of the languages it speaks."""

    engine: Engine
    packs: dict[str, LanguagePack]
    search: Search | None = None
    card: str = ""
    """The model's card, "" if it has none."""
    directions: Directions | None = None
    """Between which languages it was taught to translate; None where that is not known."""

    @property
    def name(self) -> str:
        return self.engine.name

    def language_of(self, text: str) -> str:
        """The language of the recipe that `text` is in, the main one if it is in none of them."""
        found = identify(text).language
        return found if found in self.packs else next(iter(self.packs))

    def ready(self, messages: Sequence[Message], language: str = "", *, search: bool = True) -> Ready:
        """The last question with its passages, as the model gets it; without `search` the conversation as it is."""
        if isinstance(self.engine, Translating):
            raise Problem(f"{self.name} translates and does nothing else: it cannot answer")
        question = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        if not question.strip():
            raise Problem("the last message must be a question by the user")
        language = language if language in self.packs else self.language_of(question)
        looked = search and self.search is not None and not self.asks_to_translate(question)
        found = self.search.find(question, 2 * PASSAGES, language) if self.search and looked else []
        passages = fitting(found, language)
        quotes = bool(passages) and 0 < self.engine.parameters < TOY
        abstains = looked and not passages and 0 < self.engine.parameters < SMALL
        return Ready(
            language=language,
            searched=looked,
            passages=passages,
            notice="" if abstains else self.notice(language, quotes=quotes, sourced=bool(passages) or not looked),
            prompt=self.prompt(messages, passages, language) if search else list(messages),
            quotes=quotes,
            abstains=abstains,
        )

    def answer(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Piece]:
        """The answer as it comes, its citations checked; `report` tells about it when the last piece is out."""
        said = ""
        for piece in self._answer(ready, sampling, report):
            said += piece.text
            if piece.finish:
                report.language = identify(said).language if len(said) >= TELLING // 2 else ""
                if report.quoted and not ready.quotes:
                    report.notice = self.notice(ready.language, quotes=True, sourced=True)
            yield piece

    def _answer(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Piece]:
        if ready.abstains:
            yield Piece(self.no_answer(ready.language) + ".", finish="stop")
        elif ready.quotes:
            yield Piece(quotation(ready.passages[0], report), finish="stop")
        elif not ready.passages:
            yield from self.engine.generate(ready.prompt, sampling)
        elif not 0 < self.engine.parameters < SMALL:
            yield from checked(self.engine.generate(ready.prompt, sampling), ready.passages, report)
        else:
            yield from self.in_language(ready, sampling, report)

    def no_answer(self, language: str) -> str:
        """What is said where nothing fits; in the reference language where the pack has no words for it."""
        own = self.packs[language].prompts.get("no_answer")
        return str(own or load_pack(reference()).prompts["no_answer"])

    def in_language(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Piece]:
        """A small model's answer if it begins in the language of the question, in one of two tries; else quotations."""
        for seed in (sampling.seed, sampling.seed + 1):
            pieces = self.engine.generate(ready.prompt, replace(sampling, seed=seed))
            held, said = [], ""
            for piece in pieces:
                held.append(piece)
                said += piece.text
                if piece.finish or len(said) >= TELLING:
                    break
            if len(said) < TELLING // 2 or identify(said).language in (ready.language, ""):
                yield from checked(chain(held, pieces), ready.passages, report)
                return
            stop(pieces)
        yield Piece(quotation(ready.passages[0], report), finish="stop")

    def asks_to_translate(self, question: str) -> bool:
        """Whether a question begins as the requests to translate do that models are taught: nothing to look up then."""
        asking = (text for pack in self.packs.values() for text in pack.prompts.get("translate", {}).values())
        return question.strip().startswith(tuple(asking))

    def prompt(self, messages: Sequence[Message], passages: list[Hit], language: str) -> list[Message]:
        """The conversation as the model gets it."""
        last = max(place for place, turn in enumerate(messages) if turn["role"] == "user")
        if 0 < self.engine.context < GROUNDING_CONTEXT or self.asks_to_translate(messages[last]["content"]):
            return [dict(turn) for turn in messages[last:]]  # behind it may stand the beginning of an answer
        found = [(item.passage.title, item.passage.text) for item in passages]
        return grounded(self.packs[language].prompts, found, messages)

    def notice(self, language: str, *, quotes: bool, sourced: bool) -> str:
        """A sentence that says that a machine wrote this, how small it is if that is known, or that sources lack."""
        said = self.packs[language].prompts
        kind = "notice_quotes" if quotes else "notice" if sourced else "notice_unsourced"
        if not quotes and 0 < self.engine.parameters < TOY:
            kind = "notice_small"
        millions = f"{self.engine.parameters / 1e6:.1f}".replace(".", said.get("format", {}).get("decimal", "."))
        return str(said.get(kind, "")).format(millions=millions)


def fitting(found: Sequence[Hit], language: str) -> list[Hit]:
    """Those of the passages that cover the question; those in its language, if there are any. A passage in another
    language has other words: there it is enough that vectors tell it."""
    fit = [
        item for item in found if item.coverage >= FITS or (item.is_close and item.passage.language != language)
    ]  # fmt: skip
    own = [item for item in fit if item.passage.language == language]
    return (own or fit)[:PASSAGES]


def silent(_: str) -> None:
    """Nobody waits."""


def open_assistant(
    target: str = "", runs: Path = Path("runs"), adapters: Sequence[Path] = (), tell: Tell = silent, slots: int = 1
) -> Assistant:
    """The assistant of a run (its tuned model and index), of a model, or of a server's address.

    A packaged or pulled model, and no name at all, which means the best of those that come with anatili, searches the
    sample.
    """
    if is_model(target):
        engine = open_engine(target, adapters, slots)
        if isinstance(engine, Seq2SeqEngine):
            known, taught = opening.ways(engine, speaking())
            return Assistant(engine, known, card=read_card(Path(target)), directions=taught)
        return Assistant(engine, speaking())
    if not target or not is_run(target, runs):
        place = models.find(target or models.default())
        if place:
            about = models.describe(place)
            languages = about["languages"]
            packs = {code: load_pack(code) for code in languages}
            file = models.open_packaged(place, tell)
            search = search_of(sample_run(languages, tell), packs, tell)
            ways = read_directions(about.get("translation"), place / models.DESCRIPTION)
            return Assistant(open_engine(file, adapters, slots), packs, search, read_card(place), ways)
        if found := registry.located(target):
            return open_pulled(found, adapters, tell, slots)
    run = run_of(target, runs)
    recipe = load_recipe(run.root / "recipe.toml")
    packs = {code: load_pack(code) for code in recipe.languages}
    search = search_of(run, packs, tell)
    return Assistant(
        open_engine(model_of(run), adapters, slots), packs, search, read_card(run.folder("release")), of_run(run)
    )


def open_pulled(found: registry.Pulled, adapters: Sequence[Path], tell: Tell, slots: int) -> Assistant:
    """The assistant of a model that was pulled, in the languages that its row names, else in all that there are."""
    row = registry.find(found.name)
    if row and row.kind not in ("chat", "base", "translation"):
        raise Problem(f"{row.name} cannot be asked: it is for {row.kind}")
    spoken = speaking()
    if not found.opens and (weights.is_converted(found.place) or weights.is_encoder_decoder(found.place)):
        engine = opening.open_pulled(found, tell)
        known, taught = opening.ways(engine, spoken)
        return Assistant(engine, known, card=registry.card(found), directions=taught)
    packs = {code: pack for code, pack in spoken.items() if row and code in row.languages} or spoken
    search = search_of(sample_run(list(packs), tell), packs, tell)
    opened = open_engine(found.place, adapters, slots)
    opened.name = found.name  # not that of its file, or of a commit
    return Assistant(opened, packs, search, registry.card(found))


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


def search_of(run: Run, packs: dict[str, LanguagePack], tell: Tell = silent) -> Search | None:
    """The search index of a run, None if it has none; its vectors are asked too where it has any.

    Where ANATILI_OPENSEARCH is set, it is the index there; where ANATILI_EMBEDDINGS is, that model makes the vectors.
    """
    folder = run.folder("index")
    if not run.record("index"):
        return None
    dense = vectors_of(folder, os.environ.get("ANATILI_EMBEDDINGS", ""), tell)
    if cluster := os.environ.get("ANATILI_OPENSEARCH", ""):
        from anatili.search.opensearch import open_cluster

        return open_cluster(cluster, folder, packs, dense)
    return Search(folder, packs, dense=dense)


def vectors_of(folder: Path, model: str, tell: Tell) -> Dense | None:
    """The vectors of an index with the model that made them; without a name only the one that needs none.

    `none` as its name means that words alone are to be asked.
    """
    made_by = read_facts(folder).get("model", "")
    if model == NO_VECTORS or not (model or made_by == sentences.PACKAGE):
        return None
    if not model and not sentences.installed():
        tell(f"search goes by words alone: its vectors need {sentences.PACKAGE}: {install('dense')}")
        return None
    return Dense(folder, open_embedder(model))


def open_embedder(model: str = "") -> Embedder:
    """What makes vectors: a server's address or a model; without a name the model that comes as a package."""
    if model in ("", sentences.PACKAGE):
        return sentences.SentenceEngine()
    return open_engine(model if is_address(model) else find_model(model))


def searched_run(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> tuple[Run, dict[str, LanguagePack]]:
    """The run that is meant and the packs of its languages; that of the sample, if this is its name and no run's."""
    if target == SAMPLE and not is_run(target, runs):
        packs = speaking()
        return sample_run(list(packs), tell), packs
    run = find_run(Path(target), runs)
    recipe = load_recipe(run.root / "recipe.toml")
    return run, {code: load_pack(code) for code in recipe.languages}


def open_search(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> Search:
    """The search index of a run, or of the sample."""
    run, packs = searched_run(target, runs, tell)
    return search_of(run, packs, tell) or Search(run.folder("index"), packs)
