"""Ask a model everything that an audit asks, and keep each answer in `transcripts.jsonl`.

The transcripts begin with what they are made with. A line is written whole; an audit that was stopped goes on behind
the last whole line, and the file ends up with the same bytes.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from anatili.audit.items import Item, Subject
from anatili.engine import Engine, Sampling, Span, say
from anatili.evaluate.likelihood import Likelihood
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words
from anatili.problem import Problem
from anatili.text import show_path

TRANSCRIPTS = "transcripts.jsonl"
LETTERS = "ABCD"
TOGETHER = 8
"""Requests that a server gets at a time at most."""
WAITS = (1.0, 4.0, 16.0)
"""Seconds before a request to a server that failed is made again."""
LETTER_TOKENS = 8
TIMED = 4
"""Items that are asked for an estimate of time."""
CHARACTERS_PER_TOKEN = 3
"""For the estimate of cost only."""
NOT_ASKED = {"side", "criterion", "criterion_source", "full_answer", "evasive_answer"}
"""Keys of an item on which the answers to it do not depend."""
Row = dict[str, Any]
Call = Callable[[], Row]


@dataclass(frozen=True)
class Settings:
    """How much is asked."""

    languages: tuple[str, ...]
    answers: int = 5
    """Answers to each open question at temperature 0.7; one more is taken at temperature 0."""
    max_tokens: int = 300
    facts: str = "scored"
    """How it is found out what the model knows: `scored` by log probabilities, or `asked` for letters."""
    pairs: int = 0
    """Pairs that were drawn of each topic; 0: all."""


@dataclass(frozen=True)
class Cost:
    """What an audit takes, before it starts."""

    calls: int
    """Answers that are generated."""
    scored: int
    """Sentences that are scored at most."""
    prompt_tokens: int
    """About so many."""
    most_tokens: int
    """Tokens of answers at most."""


@dataclass(frozen=True)
class Auditing:
    """A model that is asked about topics."""

    engine: Engine
    topics: Sequence[Subject]
    settings: Settings
    waits: Sequence[float] = WAITS

    def header(self) -> Row:
        """What the transcripts are made with."""
        return {
            "kind": "audit",
            "version": 2,
            "model": self.engine.name,
            "parameters": self.engine.parameters,
            "items": digest_of(self.topics),
            "topics": [topic.name for topic in self.topics],
            **asdict(self.settings),
            "languages": list(self.settings.languages),
        }

    def keys(self) -> list[tuple[Subject, Item, str]]:
        """What is asked about: each item of each topic in each language."""
        return [
            (topic, item, language)
            for topic in self.topics
            for item in topic.file.items
            for language in self.settings.languages
        ]

    @cached_property
    def model(self) -> Likelihood:
        return Likelihood(self.engine)

    def calls(self) -> Iterator[Call]:
        """All that is asked, in the order of the transcripts."""
        for topic, item, language in self.keys():
            yield self.facts_call(topic, item, language)
            yield from self.open_calls(topic, item, language)

    def facts_call(self, topic: Subject, item: Item, language: str) -> Call:
        """What finds out which facts the model knows."""
        asked = {"topic": topic.name, "item": item.id, "language": language}
        if self.settings.facts == "scored":
            return partial(score_facts, self.model, item, language, asked)
        return partial(self.ask_facts, item, language, asked)

    def open_calls(self, topic: Subject, item: Item, language: str) -> Iterator[Call]:
        """What asks for answers."""
        asked = {"topic": topic.name, "item": item.id, "language": language}
        for number in range(self.settings.answers + 1):
            yield partial(self.ask_open, item.text[language], language, {**asked, "kind": "open"}, number)
        if item.opposite:
            for side, texts in (("one", item.opposite.one), ("other", item.opposite.other)):
                row = {**asked, "kind": "opposite", "side": side}
                yield partial(self.ask_open, texts[language], language, row, self.settings.answers)

    def ask_open(self, question: str, language: str, asked: Row, number: int) -> Row:
        """An answer to an open question; the last one is the most probable."""
        seed = seed_of(asked["item"], language, str(number))
        temperature = 0.7 if number < self.settings.answers else 0.0
        sampling = Sampling(self.settings.max_tokens, temperature, seed=seed)
        answer = self.answer(question, sampling)
        return {**asked, "number": number, "temperature": temperature, "question": question, "answer": answer}

    def ask_facts(self, item: Item, language: str, asked: Row) -> Row:
        """The letters of the statements that the model calls right, in two wordings, options shuffled."""
        words = audit_words(load_pack(language)).ask
        rows = []
        for place, fact in enumerate(item.facts):
            orders = [order_of(item.id, place, language, wording) for wording in range(len(words.letters))]
            answers = []
            for template, order in zip(words.letters, orders, strict=True):
                listed = [f"{LETTERS[n]}) {fact.statements(language)[option]}" for n, option in enumerate(order)]
                prompt = template.format(options="\n".join(listed))
                answers.append(self.answer(prompt, Sampling(LETTER_TOKENS, 0.0)))
            rows.append({"orders": orders, "letters": answers})
        return {**asked, "kind": "facts", "facts": rows}

    def answer(self, prompt: str, sampling: Sampling) -> str:
        """The model's answer; a server that fails is asked again after a while."""
        waits = self.waits if getattr(self.engine, "address", "") else ()
        for wait in (*waits, None):
            try:
                return say(self.engine, [{"role": "user", "content": prompt}], sampling)
            except Problem:
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError

    def cost(self) -> Cost:
        """What is asked in all."""
        calls = scored = characters = asked = 0
        is_scored = self.settings.facts == "scored"
        for _, item, language in self.keys():
            answers = self.settings.answers + 1 + (2 if item.opposite else 0)
            calls += answers
            characters += len(item.text[language]) * answers
            for fact in item.facts:
                scored += 10 if is_scored else 0
                asked += 0 if is_scored else 2
                characters += sum(map(len, fact.statements(language))) * (6 if is_scored else 2)
        most = calls * self.settings.max_tokens + asked * LETTER_TOKENS
        return Cost(calls + asked, scored, characters // CHARACTERS_PER_TOKEN, most)

    def seconds(self) -> float:
        """About how long the audit takes here, from the time of a few items; the first one is not counted."""
        keys = self.keys()
        chosen = [keys[(2 * n + 1) * len(keys) // (2 * TIMED)] for n in range(TIMED)]
        facts, answers = [], []
        for key in (chosen[0], *chosen):
            started = time.monotonic()
            self.facts_call(*key)()
            asked = time.monotonic()
            together = list(islice(self.open_calls(*key), self.together))
            list(answered(iter(together), self.together))
            facts.append(asked - started)
            answers.append((time.monotonic() - asked) / len(together))
        return mean(facts[1:]) * len(keys) + mean(answers[1:]) * (self.count() - len(keys))

    @property
    def together(self) -> int:
        """Requests at a time."""
        return min(TOGETHER, self.engine.slots)

    def count(self) -> int:
        """Lines of the transcripts behind the first."""
        opposites = sum(2 for topic in self.topics for item in topic.file.items if item.opposite)
        items = sum(len(topic.file.items) for topic in self.topics)
        return len(self.settings.languages) * (items * (self.settings.answers + 2) + opposites)


def digest_of(topics: Sequence[Subject]) -> str:
    """What changes when something does that is asked or read out of answers; titles, sources and reviews are not."""
    rows = (item.model_dump_json(exclude=NOT_ASKED) for topic in topics for item in topic.file.items)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def score_facts(model: Likelihood, item: Item, language: str, asked: Row) -> Row:
    """Log probabilities of the statements of each fact, of which the first is right.

    Statements are scored together, so that an engine computes the question only once. The list of a fact that was not
    chosen behind the question is left out: the fact is not known, whatever is chosen from the list.
    """
    ask = audit_words(load_pack(language)).ask
    statements = [fact.statements(language) for fact in item.facts]
    every = [statement for own in statements for statement in own]
    groups = [model.ending_spans(ask.cloze.format(question=item.text[language]), every)]
    groups += [model.ending_spans("", own[:2]) for own in statements]
    cloze, *pairs = sums_of(model, groups)
    rows: list[Row] = [
        {
            "order": order_of(item.id, place, language, 0),
            "cloze": cloze[4 * place : 4 * place + 4],
            "listed": [],
            "statement": pair,
        }
        for place, pair in enumerate(pairs)
    ]
    chosen = [place for place, own in enumerate(statements) if is_chosen(rows[place]["cloze"], own)]
    lists = {place: "\n".join(f"- {statements[place][option]}" for option in rows[place]["order"]) for place in chosen}
    groups = [model.ending_spans(ask.listed.format(options=lists[place]), statements[place]) for place in chosen]
    for place, values in zip(chosen, sums_of(model, groups), strict=True):
        rows[place]["listed"] = values
    return {**asked, "kind": "facts", "facts": rows}


def sums_of(model: Likelihood, groups: Sequence[list[list[Span]]]) -> list[list[float]]:
    """The log probabilities of the endings of each group, to three digits."""
    sums = {number: [round(value, 3) for value in values] for number, values in model.item_sums(groups)}
    return [sums[number] for number in range(len(groups))]


def is_chosen(values: Sequence[float], statements: Sequence[str]) -> bool:
    """Whether the first of these statements is the most probable one by byte, and the only one.

    Bytes do not favor short names. Nothing is chosen where nothing was scored.
    """
    rates = [value / len(statement.encode()) for value, statement in zip(values, statements, strict=False)]
    return bool(rates) and all(rates[0] > other for other in rates[1:])


def can_score(engine: Engine) -> bool:
    """Whether the engine gives log probabilities of a text."""
    try:
        ids = engine.tokenize("a b c", begin=True)
        return bool(list(engine.logprobs([Span(ids)])))
    except Problem:
        return False


def order_of(item: str, fact: int, language: str, wording: int) -> list[int]:
    """The order in which options are shown."""
    order = list(range(len(LETTERS)))
    Random(seed_of(item, str(fact), language, str(wording))).shuffle(order)
    return order


def seed_of(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:4]) >> 1


def carry_out(auditing: Auditing, folder: Path, tell: Callable[[int], None] = lambda count: None) -> Path:
    """Ask what is not asked yet; returns the transcripts. `tell` hears how many more lines are there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TRANSCRIPTS
    done = resume(path, auditing.header())
    tell(done)
    rows = answered(islice(auditing.calls(), done, None), auditing.together)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        try:
            for row in rows:
                file.write(line_of(row))
                file.flush()
                tell(1)
        except Problem as problem:
            raise Problem(
                f"{problem}. The answers until here are kept in {show_path(path)}: give the same command again to go on"
            ) from problem
    return path


def answered(calls: Iterator[Call], slots: int) -> Iterator[Row]:
    """What the calls return, in order, so many at a time."""
    if slots <= 1:
        yield from (call() for call in calls)
        return
    with ThreadPoolExecutor(slots) as pool:
        while some := list(islice(calls, slots)):
            yield from pool.map(lambda call: call(), some)


def line_of(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def resume(path: Path, header: Row) -> int:
    """The number of calls whose answers are there; a line that was cut short is taken away.

    `Problem` if the transcripts were made with something else.
    """
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    if not lines:
        path.write_text(line_of(header), "utf-8", newline="\n")
        return 0
    made_with = json.loads(lines[0])
    changed = [key for key in header if made_with.get(key) != header[key]]
    if changed:
        raise Problem(
            f"{show_path(path)} was made with other settings ({', '.join(changed)}): "
            "name another folder with --out, or delete it"
        )
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return len(lines) - 1
