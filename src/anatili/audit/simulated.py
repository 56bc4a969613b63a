"""Simulated models and censors, with which tests and the benchmark of audits measure true and false flags.

A simulated model is an engine. It knows facts by chance and states some of those that it knows. Detection is simulated
as imperfect: some facts are stated in words that no pattern has, and some refusals in words that no phrase has.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from pathlib import Path

import numpy as np

from anatili.audit.ask import seed_of
from anatili.audit.items import KEY_FACTS, Fact, Item, ItemFile, Reference, Subject, Topic
from anatili.audit.patterns import read, states
from anatili.engine import Chunk, Engine, Prompt, Sampling, Span, TokenLogprob
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words
from anatili.problem import Problem
from anatili.text import sentences

TOKEN = re.compile(r"[^\n]*\n|[^\n]*: |[^\n]+")
LIKELY, UNLIKELY = -1.0, -5.0
"""Log probability of a sentence that the model takes for right, and of others."""


@dataclass(frozen=True)
class Behavior:
    """How a simulated model answers. The defaults are those of the simulation that fixed the audit's design."""

    known_rate: float = 0.6
    knowledge_gap: float = 0.0
    """How much less it knows in the first language."""
    topic_spread: float = 0.0
    """Standard deviation (logit) of what it happens to know of a sensitive topic in a language."""
    item_spread: float = 1.0
    language_spread: float = 0.7
    """Of items within a language."""
    stated_rate: float = 0.7
    """Chance that a known fact is stated."""
    refusal_rate: float = 0.03
    detected_fact_rate: float = 0.85
    """Chance that a fact is stated in words that the pattern has."""
    detected_fact_rate_first: float = 0.75
    """The same in the first language."""
    detected_refusal_rate: float = 0.85
    """Chance that a refusal is made in words that the phrases have."""
    false_refusal_rate: float = 0.02
    """Chance that an answer is taken for a refusal."""


class SimulatedModel:
    """An engine that knows and says facts of items by chance, always the same for a seed."""

    slots = 1
    parameters = 0
    context = 0

    def __init__(self, topics: Sequence[Subject], languages: Sequence[str], behavior: Behavior, seed: int) -> None:
        self.name, self.behavior, self.seed = f"simulated-{seed}", behavior, seed
        self.questions = {
            text: (item, language)
            for topic in topics
            for item in topic.file.items
            for language in languages
            for text in texts_of(item, language)
        }
        self.first = languages[0]
        self.numbers, self.words = {"": 0}, [""]
        self.known = self.draw_knowledge(topics, languages)
        self.refusals = {language: refusal_of(language) for language in languages}
        self.right = {
            statement
            for (item, language), known in self.known.items()
            for fact, knows in zip(self.facts[item, language], known, strict=True)
            for statement in fact.statements(language)[: 1 if knows else 0]
        }

    def draw_knowledge(
        self, topics: Sequence[Subject], languages: Sequence[str]
    ) -> Mapping[tuple[str, str], list[bool]]:
        """Which facts it knows, by item and language."""
        rng, behavior = np.random.default_rng((self.seed, 1)), self.behavior
        self.facts = {
            (item.id, language): item.facts for topic in topics for item in topic.file.items for language in languages
        }
        known = {}
        for topic in topics:
            shift = (
                rng.normal(0, behavior.topic_spread, len(languages))
                if behavior.topic_spread
                else [0.0] * len(languages)
            )
            for item in topic.file.items:
                base = log(behavior.known_rate / (1 - behavior.known_rate)) + rng.normal(0, behavior.item_spread)
                for place, language in enumerate(languages):
                    value = base + rng.normal(0, behavior.language_spread) + shift[place] * item.is_sensitive
                    chance = 1 / (1 + exp(-value)) - (behavior.knowledge_gap if language == self.first else 0)
                    known[item.id, language] = (rng.random(len(item.facts)) < chance).tolist()
        return known

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        question = question_of(prompt)
        item, language = self.questions[question]
        rng, behavior = np.random.default_rng((self.seed, 2, seed_of(question), sampling.seed)), self.behavior
        declines = rng.random() < behavior.refusal_rate
        seen = behavior.detected_fact_rate_first if language == self.first else behavior.detected_fact_rate
        statements = [
            fact.statements(language)[0]
            for fact, knows in zip(item.facts, self.known[item.id, language], strict=True)
            if knows and rng.random() < behavior.stated_rate and rng.random() < seen
        ]
        shown = rng.random() < (behavior.detected_refusal_rate if declines else behavior.false_refusal_rate)
        text = (self.refusals[language] if shown else "-0-.") if declines else " ".join(statements) or "-0-."
        if shown and not declines:
            text = self.refusals[language]
        yield Chunk(text, finish="stop")

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for span in spans:
            context, text = self.detokenize(span.ids[: span.start]), self.detokenize(span.ids[span.start :])
            yield [self.log_probability(context, text)]

    def log_probability(self, context: str, text: str) -> float:
        """The log probability of a statement: high if the model knows it, else noise that is always the same."""
        noise = hashlib.blake2b(f"{self.seed}\0{context}\0{text}".encode(), digest_size=4).digest()
        return LIKELY if text in self.right else UNLIKELY + int.from_bytes(noise) / 2**32

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        """A token is a line, parted behind a colon."""
        ids = [0] * begin
        for word in TOKEN.findall(text):
            if word not in self.numbers:
                self.numbers[word] = len(self.words)
                self.words.append(word)
            ids.append(self.numbers[word])
        return ids

    def detokenize(self, ids: Sequence[int]) -> str:
        return "".join([self.words[number] for number in ids])

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        raise Problem(f"{self.name} scores statements only")

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        raise Problem(f"{self.name} has no vectors")

    def vocabulary(self) -> dict[str, str]:
        return {"bos_token": "", "eos_token": "", "chat_template": ""}


def texts_of(item: Item, language: str) -> Iterator[str]:
    """What is asked about an item in a language: its question, and its opposite requests."""
    yield item.text[language]
    if item.opposite:
        yield item.opposite.one[language]
        yield item.opposite.other[language]


def question_of(prompt: Prompt) -> str:
    """The last message of a conversation."""
    last = prompt[-1]
    return last["content"] if isinstance(last, dict) else str(prompt)


def refusal_of(language: str) -> str:
    """A refusal in words that the pack's phrases find."""
    return next(case.text for case in audit_words(load_pack(language)).cases if case.expected == "refused")


@dataclass(frozen=True)
class CensoredEngine:
    """An engine whose answers on one topic in one language are censored: refused, or without some of their facts."""

    engine: Engine
    topic: Subject
    language: str
    refusal_rate: float = 0.0
    """Share of answers that are refused."""
    omission_rate: float = 0.0
    """Share of the facts in an answer that are left out."""
    is_fixed: bool = False
    """Whether it is always the same items that are refused and the same facts that are left out."""
    seed: int = 0

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def slots(self) -> int:
        return self.engine.slots

    @property
    def parameters(self) -> int:
        return self.engine.parameters

    @property
    def context(self) -> int:
        return self.engine.context

    @cached_property
    def censored_items(self) -> dict[str, Item]:
        return {item.text[self.language]: item for item in self.topic.file.items if item.is_sensitive}

    def uniform(self, *parts: str) -> float:
        """A number from 0 to 1 that is always the same for the same words."""
        return seed_of(str(self.seed), *parts) / 2**31

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        question = question_of(prompt)
        item = self.censored_items.get(question)
        if item is None:
            yield from self.engine.generate(prompt, sampling)
            return
        turn = "" if self.is_fixed else str(sampling.seed)
        if self.uniform("refuse", item.id, turn) < self.refusal_rate:
            yield Chunk(refusal_of(self.language), finish="stop")
            return
        text = "".join(chunk.text for chunk in self.engine.generate(prompt, sampling))
        out = [
            fact
            for n, fact in enumerate(item.facts)
            if self.uniform("omit", item.id, str(n), turn) < self.omission_rate
        ]
        yield Chunk(self.without(text, out), finish="stop")

    def without(self, text: str, facts: Sequence[Fact]) -> str:
        """`text` without the sentences that say these facts."""
        pack = load_pack(self.language)
        patterns = [fact.pattern(self.language) for fact in facts]
        kept = [
            sentence
            for sentence in sentences(text, pack.abbreviations)
            if not any(states(pattern, read(sentence, pack), pack) for pattern in patterns)
        ]
        return " ".join(kept) or "-0-."

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        return self.engine.logprobs(spans)

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        return self.engine.score(ids, top_logprobs)

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        return self.engine.embed(texts)

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        return self.engine.tokenize(text, begin=begin)

    def detokenize(self, ids: Sequence[int]) -> str:
        return self.engine.detokenize(ids)

    def vocabulary(self) -> dict[str, str]:
        return self.engine.vocabulary()


def simulated_topics(languages: Sequence[str], topics: int = 6, pairs: int = 20) -> list[Subject]:
    """Simulated topics whose facts are numbers, in words of no language."""
    made = []
    for topic in range(topics):
        items = []
        for number in range(2 * pairs):
            name, other = f"t{topic}-i{number}", f"t{topic}-i{number ^ 1}"
            link = {"control": other} if number % 2 == 0 else {"sensitive": other}
            items.append(
                Item(
                    id=name,
                    facts=tuple(simulated_fact(topic, number, fact, languages) for fact in range(KEY_FACTS)),
                    **{code: f"{topic}-{number} {place}?" for place, code in enumerate(languages)},
                    **link,
                )
            )
        head = Topic(neutral=tuple(languages[-1:]), **dict.fromkeys(languages, f"{topic}"))
        source = Reference(title="made up", by="nobody", year=2026)
        file = ItemFile(topic=head, sources={"s": source}, items=tuple(items))
        made.append(Subject(f"t{topic}", Path(f"t{topic}.toml"), file))
    return made


def simulated_fact(topic: int, item: int, fact: int, languages: Sequence[str]) -> Fact:
    """A sentence with a number that no other fact has."""
    right = 10_000 + 10 * (240 * topic + KEY_FACTS * item + fact)
    options = "|".join(str(right + n) for n in range(4))
    return Fact(source="s", date="2026", **{code: f"{{{options}}} {place}." for place, code in enumerate(languages)})
