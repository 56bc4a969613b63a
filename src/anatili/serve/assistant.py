"""The assistant behind the terminal, the API and the page. It answers from the passages that answer the question.

A small model quotes the sentence that answers; a large one writes from the passages, and citations that do not hold are
removed. If no passage answers, a small model does not answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from anatili.attribution.find import Attribution
from anatili.engine import Chunk, Engine, Message, Prompt, Sampling, Translating
from anatili.engine.remote import RemoteEngine
from anatili.identify import identify
from anatili.lang import LanguagePack, load_pack, reference
from anatili.lang.questions_file import question_words
from anatili.lang.translation_words import Dictionary
from anatili.opening import Tell, open_model, silent
from anatili.opening.attribution import attribution_of
from anatili.opening.sample_index import sample_run
from anatili.opening.search import search_of
from anatili.problem import Problem
from anatili.prompt import PASSAGES, grounded
from anatili.search.searcher import Hit, Search
from anatili.serve.citations import Citation, Report, checked, citations_of, quotation
from anatili.serve.decision import ABROAD, CANDIDATES, Decision, decide, network
from anatili.serve.further import from_document, names_nothing, understood
from anatili.serve.passages import hits_of
from anatili.serve.passages_found import passages_found
from anatili.serve.question import READ, TURNS, Question, Role, base_of, read_question
from anatili.serve.translated import translated, widened
from anatili.text import words
from anatili.translate.translator import Translator
from anatili.translation_directions import Directions

TOY = 50_000_000
"""Models with fewer parameters are announced as toys."""
SMALL = 1_000_000_000
"""Models with fewer parameters quote: what kazakh-270m writes holds the answer to 9 of 100 questions, its quotations to
41. They do not answer if no passage does. Models of unknown size count as large."""
GROUNDING_CONTEXT = 1024
"""Minimum context, in tokens, for a prompt with passages. Models with less get only the question."""
LIKELY = 0.02
"""Probability that a passage holds the answer from which it is shown beside the best one."""
UNSURE = 0.15
"""Probability of an answer from which a large model gets the passages: it can decline by itself."""
OWN_FOUND = 0.3
"""Share of the words of a question that a passage must have, if earlier questions say what it is about and the question
does not point back to them: it may be on something new."""
WEAK, COVERED = 0.25, 0.7
"""Probability of an answer, and share of the question's words that its passage has, from either of which on an answer
in the question's own language stands, even if passages in others answer more probably."""
FOREIGN_ODDS = 7.0
"""How many times the odds of a weak answer those of a passage in another language have to be."""
NEAREST, NEAR, MAYBE = 3, 0.45, 0.05
"""Passages shown under "no answer"; the share of the question's words that each must have, or its probability."""
IDENTIFIED_CHARACTERS = 40
"""Characters of an answer from which its language is identified."""


@dataclass(frozen=True)
class PreparedQuestion:
    """A question with its passages and prompt."""

    language: str
    searched: bool
    """Whether the index was searched."""
    passages: list[Hit]
    """The passages that probably answer, the most probable first."""
    notice: str
    """A notice on the answer's reliability, in the language of the question."""
    prompt: Prompt
    quotes: bool
    """Whether a passage is quoted instead of asking the model."""
    abstains: bool
    """Whether no passage answers and the model is too small to answer without one."""
    role: Role = "question"
    """Whether it is a question at all."""
    span: tuple[int, int] = (0, 0)
    """Where the words to quote start and end in the first passage."""
    nearest: tuple[Hit, ...] = ()
    """If it abstains: the passages that share most with the question. A reader may find in them what is asked."""
    relayed: bool = False
    """Whether another anatili searches and answers: what it says of its answer comes with the first chunk."""


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
    nearest: tuple[Hit, ...] = ()
    """If no passage answers: those that share most with the question."""

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
    dictionary: Path | None = None
    """The folder of its dictionaries for translation; None if it has none."""
    attribution: Attribution | None = None
    """The index of the training text; None if it was not built."""

    @property
    def name(self) -> str:
        return self.engine.name

    def translator(self) -> Translator:
        """What translates with its model."""
        return Translator(self.engine, self.packs, self.directions, Dictionary(self.dictionary))

    def language_of(self, text: str, likely: str = "") -> str:
        """The language of `text` as it is identified, unless it has common words of another one only (a name may make
        the rest of a short question); otherwise the one with most, of several that have as many `likely`."""
        language = identify(text).language
        common = {code: self.common_words(text[:READ], code) for code in self.packs}
        most = [code for code, count in common.items() if count == max(common.values())]
        if language in self.packs and (common[language] or len(most) > 1):
            return language
        return likely if likely in most else most[0]

    def language_in(self, messages: Sequence[Message], likely: str = "") -> str:
        """The language of the newest question of a conversation that has letters ("?" has none); see `language_of`."""
        texts = (m["content"] for m in reversed(messages) if m["role"] == "user")
        return self.language_of(next((text for text in texts if any(map(str.isalpha, text))), ""), likely)

    def common_words(self, text: str, code: str) -> int:
        """How many words of `text` are stop words, or words with which people ask, in a language."""
        pack = self.packs[code]
        known, lower = question_words(pack), [pack.lower(word) for word in words(text)]
        tables = (known.asking.labels(lower), known.talk.labels(lower), known.tasks.labels(lower))
        return sum(any(names) or word in pack.stopwords for word, *names in zip(lower, *tables, strict=True))

    def ask(
        self,
        question: str,
        *,
        language: str = "",
        search: bool = True,
        sampling: Sampling | None = None,
        before: Sequence[Message] = (),
        likely: str = "",
    ) -> Answer:
        """The answer to a question after the messages `before`. Without `search`, the model answers alone. `likely`:
        the language if the question does not tell it."""
        messages = [*before, {"role": "user", "content": question}]
        prepared, report = self.prepare(messages, language, search=search, likely=likely), Report()
        prepared, chunks = told(prepared, self.answer(prepared, sampling or Sampling(), report), report)
        text = "".join(chunk.text for chunk in chunks)
        passages = tuple(prepared.passages)
        return Answer(text, tuple(report.citations), prepared.notice, passages, prepared.language, prepared.nearest)

    def prepare(
        self, messages: Sequence[Message], language: str = "", *, search: bool = True, likely: str = ""
    ) -> PreparedQuestion:
        """The last question with its passages and prompt. Without `search`, the prompt is the conversation itself.
        `likely`: the language if the conversation does not tell it."""
        if isinstance(self.engine, Translating):
            raise Problem(f"{self.name} translates and does nothing else: it cannot answer questions")
        message = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        if not message.strip():
            raise Problem("there is no question: the last user message is missing or empty")
        language = language if language in self.packs else self.language_in(messages, likely)
        searched = search and self.search is not None and not self.asks_to_translate(message)
        before = self.questions_before(messages) if searched else []
        question = understood(read_question(message, language, self.packs), before) if searched else None
        decision = self.decide(question, before) if question else Decision(0.0)
        small = 0 < self.engine.parameters < SMALL
        passages = passages_of(decision, network().threshold if small else UNSURE)
        quotes, abstains = small and bool(passages), small and searched and not passages
        sourced = bool(passages) or not searched
        is_anatili = isinstance(self.engine, RemoteEngine) and self.engine.is_anatili
        relayed = is_anatili and search and self.search is None
        is_whole = not relayed and (search or is_anatili)  # another anatili gets a system message or searches
        bare = [dict(m) for m in messages if not (relayed and m["role"] == "system")]
        return PreparedQuestion(
            language=language,
            searched=searched,
            passages=passages,
            notice="" if abstains else self.notice(language, quotes=quotes, sourced=sourced),
            prompt=self.prompt(messages, passages, language) if is_whole else bare,
            quotes=quotes,
            abstains=abstains,
            role=question.role if question else "question",
            span=decision.spans[0] if passages else (0, 0),
            nearest=nearest(decision) if abstains else (),
            relayed=relayed,
        )

    def questions_before(self, messages: Sequence[Message]) -> list[Question]:
        """The earlier questions of a conversation, oldest first."""
        earlier = [m["content"] for m in messages if m["role"] == "user" and m["content"].strip()][:-1]
        return [read_question(text, self.language_of(text), self.packs) for text in earlier[-TURNS:]]

    def decide(self, question: Question, before: Sequence[Question]) -> Decision:
        """The passages that answer a question, alone or together with earlier ones, whichever is more probable. A
        question that refers to earlier ones is not searched for alone."""
        assert self.search is not None
        if question.role != "question":
            return Decision(0.0)
        before = [earlier for earlier in before if earlier.role == "question"]
        question = widened(question, self.packs, self.search)
        together = question.after(before)
        readings = [together] if question.points_back else [question, together] if together.earlier else [question]
        best = of_both = Decision(0.0)
        for reading in readings:
            decision = decide(reading, self.search, passages_found(reading, self.search))
            if is_about(reading, decision):
                best = max(best, decision, key=lambda one: one.probability)
                of_both = decision if reading.earlier else of_both
        is_answered = bool(of_both.hits) and of_both.probability >= network().threshold
        if is_answered and names_nothing(question, self.packs[question.language]):
            best = self.decide_further(together, before, of_both) or best
        return self.decide_abroad(readings, best) if is_weak(best) else best

    def decide_further(self, together: Question, before: Sequence[Question], found: Decision) -> Decision | None:
        """What the document that answered the earlier question says to a further one; `found` are the passages of all
        documents. None if it does not answer."""
        assert self.search is not None
        number = base_of(before)
        answered = self.decide(before[number], before[:number])
        if answered.probability < network().threshold:
            return None
        own = from_document(self.search, together, found, answered.hits[0].passage.document)
        return own if own and is_about(together, own) else None

    def decide_abroad(self, readings: Sequence[Question], own: Decision) -> Decision:
        """The passages in another language than the question's, if they answer more probably than those in its own."""
        assert self.search is not None
        best = Decision(0.0)
        for code in (code for code in self.packs if code != readings[0].language):
            for reading in (translated(reading, self.packs[code], self.search) for reading in readings):
                hits = self.search.find(reading.wide_query, CANDIDATES, only=code)
                decision = decide(reading, self.search, hits)
                if is_about(reading, decision):
                    best = max(best, decision, key=lambda one: one.probability)
        answers = own.probability >= network().threshold
        if best.probability >= ABROAD and (not answers or odds_of(best) > FOREIGN_ODDS * odds_of(own)):
            return best
        return own if own.hits else replace(best, probability=0.0)

    def answer(self, prepared: PreparedQuestion, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        """The answer as it comes, with checked citations. `report` is complete after the last chunk."""
        text = ""
        for chunk in self._answer(prepared, sampling, report):
            text += chunk.text
            if chunk.finish:
                report.language = identify(text).language if len(text) >= IDENTIFIED_CHARACTERS else ""
            yield chunk

    def _answer(self, prepared: PreparedQuestion, sampling: Sampling, report: Report) -> Iterator[Chunk]:
        if prepared.abstains:
            yield Chunk(self.reply(prepared.language, prepared.role), finish="stop")
        elif prepared.quotes:
            yield Chunk(quotation(prepared.passages[0], prepared.span, report), finish="stop")
        elif not prepared.passages:
            yield from self.engine.generate(prepared.prompt, sampling)
        else:
            yield from checked(self.engine.generate(prepared.prompt, sampling), prepared.passages, report)

    def reply(self, language: str, role: Role) -> str:
        """What is said instead of an answer: to small talk, to a request to write something, or if nothing answers."""
        if role == "question":
            return self.no_answer(language).rstrip(".") + "."
        key = "small_talk" if role == "talk" else "no_task"
        return str(self.packs[language].prompts.get(key) or load_pack(reference()).prompts[key])

    def no_answer(self, language: str) -> str:
        """The answer if no passage fits; in the reference language if the pack has no text for it."""
        text = self.packs[language].prompts.get("no_answer")
        return str(text or load_pack(reference()).prompts["no_answer"])

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


def is_about(reading: Question, decision: Decision) -> bool:
    """Whether passages found for a question together with earlier ones are on what it asks itself."""
    return not reading.earlier or reading.points_back or decision.own_found >= OWN_FOUND


def is_weak(decision: Decision) -> bool:
    """Whether passages in other languages may answer better than what was decided in the question's own."""
    if decision.probability < network().threshold:
        return True
    return decision.probability < WEAK and decision.hits[0].coverage < COVERED


def odds_of(decision: Decision) -> float:
    """The odds of there being an answer."""
    return decision.probability / max(1e-9, 1 - decision.probability)


def passages_of(decision: Decision, threshold: float) -> list[Hit]:
    """The passages that probably answer; none if the probability that any does is below the threshold."""
    if decision.probability < threshold:
        return []
    likely = [hit for hit, share in zip(decision.hits, decision.shares, strict=True) if share >= LIKELY]
    return (likely or list(decision.hits[:1]))[:PASSAGES]


def told(
    prepared: PreparedQuestion, chunks: Iterator[Chunk], report: Report
) -> tuple[PreparedQuestion, Iterator[Chunk]]:
    """What another anatili found for the question, and the rest of its answer, whose citations are put into `report`;
    both as they are if this assistant answers by itself."""
    first = next(chunks, None) if prepared.relayed else None
    if first is None:
        return prepared, chunks
    if not (details := first.details):
        return prepared, chain([first], chunks)
    found = replace(
        prepared,
        searched=bool(details.get("searched")),
        passages=hits_of(details.get("passages")),
        nearest=tuple(hits_of(details.get("nearest"))),
        notice=str(details.get("notice") or ""),
    )
    return found, with_citations(chain([first], chunks), report)


def with_citations(chunks: Iterator[Chunk], report: Report) -> Iterator[Chunk]:
    """The chunks of another anatili; the citations that come with the last are put into `report`."""
    for chunk in chunks:
        if chunk.details and "citations" in chunk.details:
            report.citations = citations_of(chunk.details["citations"])
        yield chunk


def nearest(decision: Decision) -> tuple[Hit, ...]:
    """The passages that have most of the question's words or may hold the answer, each with the sentences that would be
    quoted: a reader may find there what the decision is not sure of."""
    rows = zip(decision.hits, decision.spans, decision.shares, strict=True)
    hits = [
        replace(hit, snippet=span) if span[1] > span[0] else hit
        for hit, span, share in rows
        if hit.coverage >= NEAR or share >= MAYBE
    ]
    return tuple(sorted(hits, key=lambda hit: -hit.coverage)[:NEAREST])


def open_assistant(
    target: str | Path = "",
    runs: str | Path = "runs",
    adapters: Sequence[Path] = (),
    tell: Tell = silent,
    slots: int = 1,
) -> Assistant:
    """The assistant of a run (its tuned model and index), a model file or folder, a server's address, or a bundled or
    pulled model.

    Bundled and pulled models answer from the bundled texts. Without a name, the best bundled model is opened. `slots`:
    answers that can be generated at the same time. `tell` gets progress messages for a person who waits.
    """
    model = open_model(target, Path(runs), adapters, tell, slots)
    run = sample_run(list(model.packs), tell) if model.answers_from_sample else model.run
    search = search_of(run, model.packs, tell) if run else None
    traces = attribution_of(model.run, tell)
    return Assistant(model.engine, model.packs, search, model.card, model.directions, model.dictionary, traces)
