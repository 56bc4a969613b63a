"""The assistant behind the terminal, the API and the page. It answers from passages that fit the question.

Citations that do not hold are removed. If no passage fits, a small model does not answer.
"""

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
"""Models with fewer parameters are not asked to answer from passages: the best passage is quoted instead."""
SMALL = 1_000_000_000
"""Models with fewer parameters do not answer if no passage fits."""
GROUNDING_CONTEXT = 1024
"""Minimum context, in tokens, for a prompt with passages. Models with less get only the question."""
MIN_COVERAGE = 0.6
"""Share of a question that a passage must cover to fit (`bench/abstain.py` measures what is answered and declined)."""
IDENTIFIED_CHARACTERS = 80
"""Characters from the start of an answer by which its language is identified."""


@dataclass(frozen=True)
class PreparedQuestion:
    """A question with its passages and prompt."""

    language: str
    searched: bool
    """Whether the index was searched."""
    passages: list[Hit]
    """The passages that fit."""
    notice: str
    """A notice on the answer's reliability, in the language of the question."""
    prompt: Prompt
    quotes: bool
    """Whether a passage is quoted instead of asking the model."""
    abstains: bool
    """Whether no passage fits and the model is too small to answer without one."""


@dataclass(frozen=True)
class Answer:
    """An answer with its sources."""

    text: str
    citations: tuple[Citation, ...]
    """Each names a passage that supports the sentence before it."""
    notice: str
    """A notice on the answer's reliability, in the language of the question."""
    passages: tuple[Hit, ...] = ()
    """The passages that fit the question, in the order in which citations number them."""
    language: str = ""
    """The language of the question."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The addresses of the cited passages, each once."""
        return tuple(dict.fromkeys(self.passages[citation.number - 1].passage.url for citation in self.citations))


@dataclass(frozen=True)
class Assistant:
    """An engine, the packs of its languages, and a search index if there is one."""

    engine: Engine
    packs: dict[str, LanguagePack]
    search: Search | None = None
    card: str = ""
    """The model card, "" if there is none."""
    directions: Directions | None = None
    """The directions in which it was taught to translate; None if that is not known."""

    @property
    def name(self) -> str:
        return self.engine.name

    def language_of(self, text: str) -> str:
        """The language of `text` if it is one of the assistant's, otherwise the main one."""
        language = identify(text).language
        return language if language in self.packs else next(iter(self.packs))

    def ask(
        self, question: str, *, language: str = "", search: bool = True, sampling: Sampling | None = None
    ) -> Answer:
        """The answer to one question. Without `search`, the model answers alone, without passages."""
        prepared, report = self.prepare([{"role": "user", "content": question}], language, search=search), Report()
        text = "".join(chunk.text for chunk in self.answer(prepared, sampling or Sampling(), report))
        notice = report.notice or prepared.notice
        return Answer(text, tuple(report.citations), notice, tuple(prepared.passages), prepared.language)

    def prepare(self, messages: Sequence[Message], language: str = "", *, search: bool = True) -> PreparedQuestion:
        """The last question with its passages and prompt. Without `search`, the prompt is the conversation itself."""
        if isinstance(self.engine, Translating):
            raise Problem(f"{self.name} translates and does nothing else: it cannot answer questions")
        question = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        if not question.strip():
            raise Problem("there is no question: the last user message is missing or empty")
        language = language if language in self.packs else self.language_of(question)
        searched = search and self.search is not None and not self.asks_to_translate(question)
        hits = self.search.find(question, 2 * PASSAGES, language) if self.search and searched else []
        passages = fitting_passages(hits, language)
        quotes = bool(passages) and 0 < self.engine.parameters < TOY
        abstains = searched and not passages and 0 < self.engine.parameters < SMALL
        return PreparedQuestion(
            language=language,
            searched=searched,
            passages=passages,
            notice="" if abstains else self.notice(language, quotes=quotes, sourced=bool(passages) or not searched),
            prompt=self.prompt(messages, passages, language) if search else list(messages),
            quotes=quotes,
            abstains=abstains,
        )

    def answer(self, prepared: PreparedQuestion, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        """The answer as it comes, with checked citations. `report` is complete after the last chunk."""
        text = ""
        for chunk in self._answer(prepared, sampling, report):
            text += chunk.text
            if chunk.finish:
                report.language = identify(text).language if len(text) >= IDENTIFIED_CHARACTERS // 2 else ""
                if report.quoted and not prepared.quotes:
                    report.notice = self.notice(prepared.language, quotes=True, sourced=True)
            yield chunk

    def _answer(self, prepared: PreparedQuestion, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        if prepared.abstains:
            yield Chunk(self.no_answer(prepared.language) + ".", finish="stop")
        elif prepared.quotes:
            yield Chunk(quotation(prepared.passages[0], report), finish="stop")
        elif not prepared.passages:
            yield from self.engine.generate(prepared.prompt, sampling)
        elif not 0 < self.engine.parameters < SMALL:
            yield from checked(self.engine.generate(prepared.prompt, sampling), prepared.passages, report)
        else:
            yield from self.answer_in_language(prepared, sampling, report)

    def no_answer(self, language: str) -> str:
        """The answer if no passage fits; in the reference language if the pack has no text for it."""
        text = self.packs[language].prompts.get("no_answer")
        return str(text or load_pack(reference()).prompts["no_answer"])

    def answer_in_language(self, prepared: PreparedQuestion, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        """A small model's answer if one of two attempts starts in the question's language; otherwise a quotation."""
        for seed in (sampling.seed, sampling.seed + 1):
            chunks = self.engine.generate(prepared.prompt, replace(sampling, seed=seed))
            start, text = list[Chunk](), ""
            for chunk in chunks:
                start.append(chunk)
                text += chunk.text
                if chunk.finish or len(text) >= IDENTIFIED_CHARACTERS:
                    break
            if len(text) < IDENTIFIED_CHARACTERS // 2 or identify(text).language in (prepared.language, ""):
                yield from checked(chain(start, chunks), prepared.passages, report)
                return
            stop(chunks)
        yield Chunk(quotation(prepared.passages[0], report), finish="stop")

    def asks_to_translate(self, question: str) -> bool:
        """Whether a question starts like the translation requests that models are taught: it needs no search."""
        requests = (text for pack in self.packs.values() for text in pack.prompts.get("translate", {}).values())
        return question.strip().startswith(tuple(requests))

    def prompt(self, messages: Sequence[Message], passages: list[Hit], language: str) -> list[Message]:
        """The conversation as the model gets it."""
        last = max(index for index, message in enumerate(messages) if message["role"] == "user")
        if 0 < self.engine.context < GROUNDING_CONTEXT or self.asks_to_translate(messages[last]["content"]):
            return [dict(message) for message in messages[last:]]  # the start of an answer may follow the question
        texts = [(hit.passage.title, hit.passage.text) for hit in passages]
        return grounded(self.packs[language].prompts, texts, messages)

    def notice(self, language: str, *, quotes: bool, sourced: bool) -> str:
        """A sentence that says that a model wrote the answer, and how small it is or that sources are missing."""
        prompts = self.packs[language].prompts
        kind = "notice_quotes" if quotes else "notice" if sourced else "notice_unsourced"
        if not quotes and 0 < self.engine.parameters < TOY:
            kind = "notice_small"
        millions = f"{self.engine.parameters / 1e6:.1f}".replace(".", prompts.get("format", {}).get("decimal", "."))
        return str(prompts.get(kind, "")).format(millions=millions)


def fitting_passages(hits: Sequence[Hit], language: str) -> list[Hit]:
    """The hits that cover the question: those in its language, or else those in others. A passage in another language
    has other words, so there it is enough that dense search finds it close."""
    fitting = [
        hit for hit in hits if hit.coverage >= MIN_COVERAGE or (hit.is_close and hit.passage.language != language)
    ]  # fmt: skip
    own = [hit for hit in fitting if hit.passage.language == language]
    return (own or fitting)[:PASSAGES]


def open_assistant(
    target: str | Path = "", runs: str | Path = "runs", adapters: Sequence[Path] = (), tell: Tell = silent,
    slots: int = 1,
) -> Assistant:  # fmt: skip
    """The assistant of a run (its tuned model and index), a model file or folder, a server's address, or a bundled or
    pulled model.

    Bundled and pulled models answer from the bundled texts. Without a name, the best bundled model is opened. `slots`:
    answers that can be generated at the same time. `tell` gets progress messages for a person who waits.
    """
    model = open_model(target, Path(runs), adapters, tell, slots)
    run = sample_run(list(model.packs), tell) if model.answers_from_sample else model.run
    search = search_of(run, model.packs, tell) if run else None
    return Assistant(model.engine, model.packs, search, model.card, model.directions)
