"""Translation by a model, sentence by sentence, with the prompts it was trained on; each result is checked."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

from anatili.engine import Engine, Sampling, Translating, say
from anatili.engine.similarity import closeness, installed
from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.lang.translation_words import Dictionary
from anatili.opening import Tell, open_model, silent
from anatili.problem import Problem
from anatili.translate.doubts import doubts
from anatili.translate.journal import read_journal
from anatili.translate.segments import Segment, addresses, around_addresses, split_text
from anatili.translation_directions import Direction, Directions

A = TypeVar("A")
B = TypeVar("B")
ATTEMPTS, TEMPERATURE = 7, 0.5
"""Further attempts at a doubtful sentence, and their sampling temperature. Kazakh to English with kazakh-270m, 20 lines
of FLORES dev: chrF++ 26.2 without, 27.2 with three, 28.3 with seven, the nearest in meaning taken."""
TOY = 100_000_000
"""Models with fewer parameters are in doubt about nearly every sentence: they get one further attempt,
as does a model of unknown size."""
END = Segment("", translatable=False)
"""Marks the end of each of many texts."""


@dataclass(frozen=True)
class Translated:
    """A translated sentence. `doubts`: names of what may be wrong with it, from `doubts.py`."""

    text: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A finished segment of a text: its source and its translation."""

    source: str
    text: str
    doubts: tuple[str, ...] = ()


class Memory:
    """Sentences that were already translated, in memory and in a file from which interrupted work resumes."""

    def __init__(self, file: Path | None = None, head: Mapping[str, str] | None = None) -> None:
        self.known: dict[str, Step] = {}
        self.file = file
        if file:
            for row in read_journal(file, dict(head or {})):
                self.known[row["source"]] = Step(row["source"], row["text"], tuple(row["doubts"]))

    def get(self, text: str) -> Step | None:
        return self.known.get(text)

    def put(self, step: Step) -> None:
        if step.source in self.known:
            return
        self.known[step.source] = step
        if self.file:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(asdict(step), ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Translator:
    """Translates between the languages of `packs` with an engine."""

    engine: Engine
    packs: Mapping[str, LanguagePack]
    directions: Directions | None = None
    """The directions that the model was taught; None if that is not known: then all are offered. Those that were
    measured and found useless are not offered."""
    dictionary: Dictionary = field(default_factory=Dictionary)

    def check_target(self, target: str) -> None:
        """`Problem` if the language to translate into is none of the model's: no fault of the text's language."""
        if target not in self.packs:
            raise Problem(f"no language {target!r} in this model; there are {', '.join(self.packs)}")

    def targets(self, source: str) -> list[str]:
        """The languages that `source` can be translated into."""
        if source not in self.packs:
            return []
        is_translation_model = isinstance(self.engine, Translating)  # other engines need a prompt from the pack
        available = self.packs if is_translation_model else self.packs[source].prompts.get("translate", {})
        taught = (
            None
            if self.directions is None
            else {row.target for row in self.directions if row.source == source and row.quality != "useless"}
        )
        return [
            code for code in self.packs if code in available and code != source and (taught is None or code in taught)
        ]

    def check_pair(self, source: str, target: str) -> None:
        """`Problem` if this direction is not offered."""
        if source == target or target in self.targets(source):
            return
        pairs = ", ".join(f"{first}-{second}" for first in self.packs for second in self.targets(first)) or "none"
        if {source, target} <= self.packs.keys() and self.directions is not None:
            known = self.direction(source, target)
            if known.quality == "useless":
                score = f"{known.chrf or 0:.1f}"
                raise Problem(
                    f"this model cannot translate from {source} to {target}: its translations are no closer to the "
                    f"right ones than any other sentence (chrF++ {score}). Models that can: anatili models"
                )
            if not self.directions:
                raise Problem("this model was not taught to translate. Models that can: anatili models")
            raise Problem(f"this model was not taught to translate from {source} to {target}; it translates {pairs}")
        raise Problem(f"no translation from {source!r} to {target!r}; there is {pairs}")

    def direction(self, source: str, target: str) -> Direction:
        """The measured quality of this direction."""
        return next(
            (
                direction
                for direction in self.directions or ()
                if (direction.source, direction.target) == (source, target)
            ),
            Direction(source, target),
        )

    def source_of(self, text: str) -> str:
        """The language of `text`; `Problem` if no pack has it."""
        language = identify(text).language
        if language not in self.packs:
            raise Problem("the language of the text was not identified as one of " + ", ".join(self.packs))
        return language

    def notice(self, source: str, target: str) -> str:
        """A notice on quality in the source's language, shown with each translation in this direction; "" if none."""
        direction, pack = self.direction(source, target), self.packs[source]
        if source == target or direction.quality == "usable":
            return ""
        text = str(pack.prompts.get("page", {}).get(f"quality_{direction.quality}", ""))
        score = f"{direction.chrf or 0:.1f}".replace(".", pack.prompts.get("format", {}).get("decimal", "."))
        return text.format(direction=f"{pack.own_name} → {self.packs[target].own_name}", score=score)

    def warning(self, source: str, target: str) -> str:
        """What one who asks for a direction should know of it before anything is shown, in English; "" if nothing."""
        known = self.direction(source, target)
        if source == target or known.quality == "usable":
            return ""
        if known.quality == "unknown":
            worth = "it was not measured how well this model does it"
        else:
            score = f"chrF++ {known.chrf or 0:.1f} of 100 on {known.count} lines of {known.texts}"
            worth = f"this model does it badly ({score})"
        return f"{known.name}: {worth}. Let somebody who knows both languages check the translation."

    def segments(self, text: str, source: str) -> list[Segment]:
        return split_text(text, self.packs[source].abbreviations)

    def steps(self, text: str, source: str, target: str) -> Iterator[Step]:
        """The segments of `text` in order as they finish, several in parallel. Joined, they keep its layout."""
        self.check_pair(source, target)
        segments = self.segments(text, source)
        with ThreadPoolExecutor(self.engine.slots) as pool:
            work: Callable[[Segment], Step] = lambda segment: self.step(segment, source, target)  # noqa: E731
            yield from ahead(pool, work, segments, 2 * self.engine.slots)

    def texts(self, texts: Iterable[str], source: str, target: str, known: Memory | None = None) -> Iterator[Step]:
        """Many texts in order, each complete when it is yielded. `known` has earlier results and receives new ones."""
        self.check_pair(source, target)
        memory = Memory() if known is None else known

        def work(row: tuple[str, Segment]) -> tuple[str, Segment, Step]:
            text, segment = row
            done = memory.get(segment.text) if segment.translatable else None
            return text, segment, done or self.step(segment, source, target)

        segments = ((text, segment) for text in texts for segment in [*self.segments(text, source), END])
        with ThreadPoolExecutor(self.engine.slots) as pool:
            done: list[Step] = []
            for text, segment, step in ahead(pool, work, segments, 2 * self.engine.slots):
                if segment is not END:
                    done.append(step)
                    if segment.translatable:
                        memory.put(step)
                    continue
                doubts = dict.fromkeys(doubt for step in done for doubt in step.doubts)
                yield Step(text, "".join(step.text for step in done), tuple(doubts))
                done = []

    def step(self, segment: Segment, source: str, target: str) -> Step:
        if not segment.translatable or source == target:
            return Step(segment.text, segment.text)
        translated = self.sentence(segment.text, source, target)
        return Step(segment.text, translated.text, translated.doubts)

    def sentence(self, sentence: str, source: str, target: str) -> Translated:
        """The best of several attempts: the one with the fewest doubts, and among equals the closest in meaning. Only
        one attempt is made if it raises no doubts. Addresses are always kept."""
        best = self.attempt(sentence, source, target)
        if best.doubts:
            numbers = range(1, 1 + self.attempts)
            attempts = self.pool.map(lambda number: self.attempt(sentence, source, target, number), numbers)
            best = min(
                (best, *attempts), key=lambda attempt: (len(attempt.doubts), -likeness_of(sentence, attempt.text))
            )
        if "addresses" in best.doubts and addresses(sentence):  # otherwise the model invented an address
            steps = [self.step(segment, source, target) for segment in around_addresses(sentence)]
            doubts = dict.fromkeys(doubt for step in steps for doubt in step.doubts)
            return Translated("".join(step.text for step in steps), tuple(doubts))
        return best

    def alternatives(self, sentence: str, source: str, target: str, count: int, besides: str = "") -> list[Translated]:
        """Up to `count` translations of a sentence that differ from each other and from `besides`; those with the
        fewest doubts first."""
        numbers = range(1, 1 + 2 * count)
        attempts = self.pool.map(lambda number: self.attempt(sentence, source, target, number), numbers)
        different = {attempt.text: attempt for attempt in attempts if attempt.text not in ("", besides)}
        return sorted(different.values(), key=lambda attempt: len(attempt.doubts))[:count]

    @property
    def attempts(self) -> int:
        """How many further attempts a doubtful sentence gets."""
        return ATTEMPTS if not isinstance(self.engine, Translating) and self.engine.parameters >= TOY else 1

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The pool for further attempts, shared by all sentences."""
        return ThreadPoolExecutor(self.engine.slots)

    def attempt(self, sentence: str, source: str, target: str, number: int = 0) -> Translated:
        """Attempt `number` at a sentence: attempt 0 is the most probable translation, others are sampled."""
        if isinstance(self.engine, Translating):
            languages = self.packs[source], self.packs[target]
            text = " ".join(self.engine.translate(sentence, *languages, again=number > 0).split())
            return Translated(text, tuple(doubts(sentence, text, *languages)))
        hint = self.dictionary.hint(sentence, self.packs[source], self.packs[target])
        instruction = hint + self.packs[source].prompts["translate"][target]
        temperature = TEMPERATURE if number else 0.0
        sampling = Sampling(
            max_tokens=len(sentence) // 2 + 32, temperature=temperature, repetition_penalty=1.05, seed=number
        )
        output = say(self.engine, [{"role": "user", "content": f"{instruction} {sentence}"}], sampling)
        text = " ".join(output.split())
        return Translated(text, tuple(doubts(sentence, text, self.packs[source], self.packs[target])))


def open_translator(
    target: str | Path, runs: str | Path = "runs", adapters: Sequence[Path] = (), tell: Tell = silent, slots: int = 4
) -> Translator:
    """The translator of a model that is named as for `open_assistant`, with `slots` sentences at the same time.

    `Problem` if the model is not found, is damaged, or needs a package that is not installed.
    """
    model = open_model(target, Path(runs), adapters, tell, slots)
    return Translator(model.engine, model.packs, model.directions, Dictionary(model.dictionary))


def likeness_of(sentence: str, text: str) -> float:
    """How close a translation is in meaning; 0 if no model can tell."""
    return closeness(sentence, text) if text and installed() else 0.0


def ahead(pool: ThreadPoolExecutor, work: Callable[[A], B], items: Iterable[A], most: int) -> Iterator[B]:
    """The results of `work` on all items, in order, with up to `most` started ahead."""
    remaining = iter(items)
    futures = [pool.submit(work, item) for item in islice(remaining, most)]
    while futures:
        first = futures.pop(0)
        futures += [pool.submit(work, item) for item in islice(remaining, 1)]
        yield first.result()
