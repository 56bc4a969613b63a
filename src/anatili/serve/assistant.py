"""The assistant behind terminal, API and page: passages first, then the model's own words, labelled as such."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili import models
from anatili.engine import Engine, Message, Sampling, open_engine
from anatili.lang import LanguagePack, codes, load_pack
from anatili.lang.identify import identify
from anatili.problem import Problem
from anatili.prompt import PASSAGES, grounded
from anatili.recipe import load_recipe
from anatili.run import Run, find_run
from anatili.search.answer import Found, Search
from anatili.serve.sample_index import Tell, sample_run
from anatili.text import show_path

SMALL = 50_000_000
"""Weights below which a model is said to be very small."""
GROUNDING_CONTEXT = 1024
"""Tokens a model must hold before passages are put into its prompt; smaller ones are asked the bare question."""


@dataclass(frozen=True)
class Reply:
    """What is said to a question. `notice` says in the reader's language what the model's words are worth."""

    language: str
    searched: bool
    """Whether passages were looked for."""
    passages: list[Found]
    notice: str
    pieces: Iterator[str]
    prompt_tokens: int


@dataclass(frozen=True)
class Assistant:
    """An engine, a search index if there is one, and the packs of the languages it speaks."""

    engine: Engine
    packs: dict[str, LanguagePack]
    search: Search | None = None

    @property
    def name(self) -> str:
        return self.engine.name

    def language_of(self, text: str) -> str:
        """The language of the recipe that `text` is in, the main one if it is in none of them."""
        found = identify(text).language
        return found if found in self.packs else next(iter(self.packs))

    def reply(self, messages: Sequence[Message], sampling: Sampling, language: str = "") -> Reply:
        """Passages for the last question and the model's answer to the conversation, as an iterator of pieces."""
        question = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        if not question.strip():
            raise Problem("the last message must be a question by the user")
        language = language if language in self.packs else self.language_of(question)
        looked = self.search is not None and not self.asks_to_translate(question)
        passages = self.search.find(question, PASSAGES, language) if self.search and looked else []
        prompt = self.prompt(messages, passages, language)
        return Reply(
            language=language,
            searched=looked,
            passages=passages,
            notice=self.notice(language),
            pieces=self.engine.generate(prompt, sampling),
            prompt_tokens=self.engine.count(prompt),
        )

    def asks_to_translate(self, question: str) -> bool:
        """Whether a question begins as the requests to translate do that models are taught: nothing to look up then."""
        asking = (text for pack in self.packs.values() for text in pack.prompts.get("translate", {}).values())
        return question.strip().startswith(tuple(asking))

    def prompt(self, messages: Sequence[Message], passages: list[Found], language: str) -> list[Message]:
        """The conversation as the model gets it."""
        if 0 < self.engine.context < GROUNDING_CONTEXT or self.asks_to_translate(messages[-1]["content"]):
            return [dict(messages[-1])]
        found = [(item.passage.title, item.passage.text) for item in passages]
        return grounded(self.packs[language].prompts, found, messages)

    def notice(self, language: str) -> str:
        """A sentence that says that a machine wrote this, and how small it is if that is known."""
        said = self.packs[language].prompts
        if 0 < self.engine.parameters < SMALL:
            millions = self.engine.parameters / 1e6
            return str(said.get("notice_small", "")).format(millions=f"{millions:.1f}")
        return str(said.get("notice", ""))


def silent(_: str) -> None:
    """Nobody waits."""


def open_assistant(
    target: str = "", runs: Path = Path("runs"), adapters: Sequence[Path] = (), tell: Tell = silent
) -> Assistant:
    """The assistant of a run (its tuned model and index), of a model, or of a server's address.

    A packaged model, and no name at all, which means the best of those that come with anatili, searches the sample.
    """
    if is_model(target):
        speaking = {code: pack for code in codes() if (pack := load_pack(code)).prompts}
        return Assistant(open_engine(target, adapters), speaking)
    if not target or not is_run(target, runs):
        place = models.find(target or models.default())
        if place:
            languages = models.describe(place)["languages"]
            packs = {code: load_pack(code) for code in languages}
            file = models.open_packaged(place, tell)
            return Assistant(open_engine(file, adapters), packs, search_of(sample_run(languages, tell), packs))
    run = find_run(Path(target), runs)
    recipe = load_recipe(run.root / "recipe.toml")
    packs = {code: load_pack(code) for code in recipe.languages}
    return Assistant(open_engine(model_of(run), adapters), packs, search_of(run, packs))


def is_model(target: str) -> bool:
    """Whether `target` is an address, a GGUF file or a Hugging Face folder."""
    path = Path(target)
    return (
        target.startswith(("http://", "https://"))
        or path.suffix == ".gguf"
        or (target != "" and (path / "config.json").is_file())
    )


def is_run(target: str, runs: Path) -> bool:
    return any((root / "recipe.toml").is_file() for root in (Path(target), runs / target))


def find_model(target: str, runs: Path = Path("runs"), tell: Tell = silent) -> Path:
    """The model that is meant: a Hugging Face folder, a .gguf file, a run's newest model, or a packaged one."""
    path = Path(target)
    if not is_run(target, runs) and (place := models.find(target)):
        return models.open_packaged(place, tell)
    if path.suffix == ".gguf" or (path.is_dir() and not (path / "recipe.toml").is_file()):
        return path
    return model_of(find_run(path, runs))


def model_of(run: Run) -> Path:
    """The model folder of a run: tuned if that stage is finished, else as pretrained."""
    for stage in ("tune", "pretrain"):
        if run.record(stage):
            return run.folder(stage) / "model"
    raise Problem(f"{show_path(run.root)} has no model yet; finish it with: anatili run RECIPE")


def search_of(run: Run, packs: dict[str, LanguagePack]) -> Search | None:
    return Search(run.folder("index"), packs) if run.record("index") else None


def open_search(target: str, runs: Path = Path("runs")) -> Search:
    """The search index of a run."""
    run = find_run(Path(target), runs)
    recipe = load_recipe(run.root / "recipe.toml")
    return Search(run.folder("index"), {code: load_pack(code) for code in recipe.languages})
