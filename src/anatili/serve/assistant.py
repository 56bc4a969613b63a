"""The assistant behind terminal, API and page: passages that fit, and an answer whose citations hold, or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from anatili.directions import Directions
from anatili.engine import Chunk, Engine, Message, Prompt, Sampling, Translating, stop
from anatili.identify import identify
from anatili.lang import LanguagePack, load_pack, reference
from anatili.opening import Tell, open_model, silent
from anatili.opening.sample_index import sample_run
from anatili.opening.search import search_of
from anatili.problem import Problem
from anatili.prompt import PASSAGES, grounded
from anatili.search.searcher import Hit, Search
from anatili.serve.citations import Citation, Report, checked, quotation

TOY = 50_000_000
"""Weights below which a model is not asked to answer from passages: they answer in their own words."""
SMALL = 1_000_000_000
"""Weights below which a model has nothing to say where no passage fits."""
GROUNDING_CONTEXT = 1024
"""Tokens a model must hold before passages are put into its prompt; smaller ones are asked the bare question."""
FITS = 0.6
"""Share of a question that a passage must cover to be an answer (`bench/abstain.py` has what it finds and refuses)."""
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
class Answer:
    """An answer with what bears it out."""

    text: str
    citations: tuple[Citation, ...]
    """Places in the text that name a passage, which says the same."""
    notice: str
    """What the answer is worth, in the language of the question."""
    passages: tuple[Hit, ...] = ()
    """Those that were found for the question, in the order in which citations number them."""
    language: str = ""
    """Of the question."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The addresses of the passages that are cited, each once."""
        return tuple(dict.fromkeys(self.passages[one.number - 1].passage.url for one in self.citations))


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

    def ask(
        self, question: str, *, language: str = "", search: bool = True, sampling: Sampling | None = None
    ) -> Answer:
        """The whole answer to one question; without `search` by the model alone, without passages."""
        ready, report = self.ready([{"role": "user", "content": question}], language, search=search), Report()
        text = "".join(chunk.text for chunk in self.answer(ready, sampling or Sampling(), report))
        notice = report.notice or ready.notice
        return Answer(text, tuple(report.citations), notice, tuple(ready.passages), ready.language)

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

    def answer(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        """The answer as it comes, its citations checked; `report` tells about it when the last chunk is out."""
        said = ""
        for chunk in self._answer(ready, sampling, report):
            said += chunk.text
            if chunk.finish:
                report.language = identify(said).language if len(said) >= TELLING // 2 else ""
                if report.quoted and not ready.quotes:
                    report.notice = self.notice(ready.language, quotes=True, sourced=True)
            yield chunk

    def _answer(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        if ready.abstains:
            yield Chunk(self.no_answer(ready.language) + ".", finish="stop")
        elif ready.quotes:
            yield Chunk(quotation(ready.passages[0], report), finish="stop")
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

    def in_language(self, ready: Ready, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        """A small model's answer if it begins in the language of the question, in one of two tries; else quotations."""
        for seed in (sampling.seed, sampling.seed + 1):
            chunks = self.engine.generate(ready.prompt, replace(sampling, seed=seed))
            held, said = [], ""
            for chunk in chunks:
                held.append(chunk)
                said += chunk.text
                if chunk.finish or len(said) >= TELLING:
                    break
            if len(said) < TELLING // 2 or identify(said).language in (ready.language, ""):
                yield from checked(chain(held, chunks), ready.passages, report)
                return
            stop(chunks)
        yield Chunk(quotation(ready.passages[0], report), finish="stop")

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


def open_assistant(
    target: str | Path = "", runs: str | Path = "runs", adapters: Sequence[Path] = (), tell: Tell = silent,
    slots: int = 1,
) -> Assistant:  # fmt: skip
    """The assistant of a run (its tuned model and index), of a model file or folder, of a server's address, or of a
    bundled or pulled model.

    Bundled and pulled models answer from the bundled texts; no name at all means the best of the bundled ones. `slots`:
    answers to be worked on at the same time. `tell` gets words for a person who waits.
    """
    model = open_model(target, Path(runs), adapters, tell, slots)
    run = sample_run(list(model.packs), tell) if model.answers_from_sample else model.run
    search = search_of(run, model.packs, tell) if run else None
    return Assistant(model.engine, model.packs, search, model.card, model.directions)
