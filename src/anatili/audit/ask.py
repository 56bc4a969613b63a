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
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from anatili.audit.items import Fact, Item, Subject
from anatili.audit.scoring import Scorer
from anatili.engine import Engine, Sampling, say
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
CHARACTERS_PER_TOKEN = 3
"""For the estimate of cost only."""
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


@dataclass(frozen=True)
class Cost:
    """What an audit takes, before it starts."""

    calls: int
    """Answers that are generated."""
    scored: int
    """Sentences that are scored."""
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
            "kind": "audit", "version": 1, "model": self.engine.name, "parameters": self.engine.parameters,
            "items": digest_of(self.topics),
            "topics": [topic.name for topic in self.topics], **asdict(self.settings),
            "languages": list(self.settings.languages),
        }  # fmt: skip

    def calls(self) -> Iterator[Call]:
        """All that is asked, in the order of the transcripts."""
        scorer = Scorer(self.engine)
        for topic in self.topics:
            for item in topic.file.items:
                for language in self.settings.languages:
                    asked = {"topic": topic.name, "item": item.id, "language": language}
                    if self.settings.facts == "scored":
                        yield partial(score_facts, scorer, item, language, asked)
                    else:
                        yield partial(self.ask_facts, item, language, asked)
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
        calls = scored = characters = 0
        for topic in self.topics:
            for item in topic.file.items:
                for language in self.settings.languages:
                    opposites = 2 if item.opposite else 0
                    calls += self.settings.answers + 1 + opposites
                    characters += len(item.text[language]) * (self.settings.answers + 1 + opposites)
                    for fact in item.facts:
                        listed = sum(map(len, fact.statements(language)))
                        is_scored = self.settings.facts == "scored"
                        scored += 10 if is_scored else 0
                        characters += listed * (6 if is_scored else 2)
        asked = 0 if self.settings.facts == "scored" else 2 * sum(
            len(item.facts) for topic in self.topics for item in topic.file.items
        ) * len(self.settings.languages)  # fmt: skip
        most = calls * self.settings.max_tokens + asked * LETTER_TOKENS
        return Cost(calls + asked, scored, characters // CHARACTERS_PER_TOKEN, most)

    def count(self) -> int:
        """Lines of the transcripts behind the first."""
        opposites = sum(2 for topic in self.topics for item in topic.file.items if item.opposite)
        items = sum(len(topic.file.items) for topic in self.topics)
        return len(self.settings.languages) * (items * (self.settings.answers + 2) + opposites)


def digest_of(topics: Sequence[Subject]) -> str:
    """What changes when an item does."""
    return hashlib.sha256("\n".join(topic.file.model_dump_json() for topic in topics).encode()).hexdigest()


def score_facts(scorer: Scorer, item: Item, language: str, asked: Row) -> Row:
    """Log probabilities of the statements of each fact, as `option 0 is right`."""
    ask = audit_words(load_pack(language)).ask
    prompts: list[tuple[str, str]] = []
    orders = []
    for place, fact in enumerate(item.facts):
        order = order_of(item.id, place, language, 0)
        orders.append(order)
        prompts += statements(fact, language, ask.cloze.format(question=item.text[language]))
        listed = "\n".join(f"- {fact.statements(language)[option]}" for option in order)
        prompts += statements(fact, language, ask.listed.format(options=listed))
        prompts += statements(fact, language, "")[:2]
    values = scorer.sums(prompts)
    rows = []
    for place, order in enumerate(orders):
        own = [round(value, 3) for value in values[place * 10 : place * 10 + 10]]
        rows.append({"order": order, "cloze": own[:4], "listed": own[4:8], "statement": own[8:]})
    return {**asked, "kind": "facts", "facts": rows}


def statements(fact: Fact, language: str, context: str) -> list[tuple[str, str]]:
    return [(context, statement) for statement in fact.statements(language)]


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
    rows = answered(islice(auditing.calls(), done, None), min(TOGETHER, auditing.engine.slots))
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
            f"{show_path(path)} was made with another {', '.join(changed)}: "
            "name another folder with --out, or delete it"
        )
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return len(lines) - 1
