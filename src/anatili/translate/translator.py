"""A model asked to translate, sentence by sentence, in the words it was taught; what it gives back is looked at."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

from anatili.directions import Direction, Directions
from anatili.engine import Engine, Sampling, Translating, say
from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.meaning import closeness, installed
from anatili.opening import Tell, open_model, silent
from anatili.problem import Problem
from anatili.translate.cut import Part, around_kept, cut, kept
from anatili.translate.doubts import doubts
from anatili.translate.journal import begun

A = TypeVar("A")
B = TypeVar("B")
TRIES, TEMPERATURE = 7, 0.5
"""Further tries at a doubtful sentence, and how far they may be from the likeliest."""
END = Part("", wanted=False)
"""Stands behind the last part of each of many texts."""


@dataclass(frozen=True)
class Translated:
    """A sentence in another language. `doubts`: what can be seen to be wrong with it, by the names in `doubts.py`."""

    text: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A part of a text that is done: as it is now, and what it was."""

    source: str
    text: str
    doubts: tuple[str, ...] = ()


class Memory:
    """Sentences that were translated before, in memory and, so that work goes on after a kill, in a file."""

    def __init__(self, file: Path | None = None, head: Mapping[str, str] | None = None) -> None:
        self.known: dict[str, Step] = {}
        self.file = file
        if file:
            for row in begun(file, dict(head or {})):
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
    """Translation by an engine between the languages of `packs`."""

    engine: Engine
    packs: Mapping[str, LanguagePack]
    directions: Directions | None = None
    """Those that the model was taught; None where that is not known: then all are offered."""

    def check_target(self, target: str) -> None:
        """`Problem` if the language to translate into is none of the model's: no fault of the text's language."""
        if target not in self.packs:
            raise Problem(f"no language {target!r} in this model; there are {', '.join(self.packs)}")

    def targets(self, source: str) -> list[str]:
        """The languages that can be asked for from `source`."""
        if source not in self.packs:
            return []
        asks = isinstance(self.engine, Translating)  # others are asked in words, which a pack must have
        asking = self.packs if asks else self.packs[source].prompts.get("translate", {})
        taught = None if self.directions is None else {one.target for one in self.directions if one.source == source}
        return [code for code in self.packs if code in asking and code != source and (taught is None or code in taught)]

    def check_pair(self, source: str, target: str) -> None:
        """`Problem` if this direction is not offered."""
        if source == target or target in self.targets(source):
            return
        pairs = ", ".join(f"{one}-{other}" for one in self.packs for other in self.targets(one)) or "none"
        if {source, target} <= self.packs.keys() and self.directions is not None:
            raise Problem(f"this model was not taught to translate from {source} to {target}; it was taught {pairs}")
        raise Problem(f"no translation from {source!r} to {target!r}; there is {pairs}")

    def direction(self, source: str, target: str) -> Direction:
        """What is known of how well this direction goes."""
        return next(
            (one for one in self.directions or () if (one.source, one.target) == (source, target)),
            Direction(source, target),
        )

    def source_of(self, text: str) -> str:
        """The language that `text` is in; `Problem` if it is none of the packs'."""
        found = identify(text).language
        if found not in self.packs:
            raise Problem("the language of the text was not recognised as one of " + ", ".join(self.packs))
        return found

    def notice(self, source: str, target: str) -> str:
        """What a reader of the source's language must know of each translation in this direction, "" if nothing."""
        known, pack = self.direction(source, target), self.packs[source]
        if source == target or known.quality == "usable":
            return ""
        text = str(pack.prompts.get("page", {}).get(f"quality_{known.quality}", ""))
        score = f"{known.chrf or 0:.1f}".replace(".", pack.prompts.get("format", {}).get("decimal", "."))
        return text.format(direction=f"{pack.own_name} → {self.packs[target].own_name}", score=score)

    def warning(self, source: str, target: str) -> str:
        """What one who asks for a direction should know of it before anything is shown, in English; "" if nothing."""
        known = self.direction(source, target)
        if source == target or known.quality == "usable":
            return ""
        if known.quality == "unknown":
            worth = "it was not measured how well this model does it"
        else:
            worth = f"this model does it badly (chrF++ {known.chrf:.1f} of 100 on {known.count} lines of {known.texts})"
        return f"{known.name}: {worth}. Let somebody who knows both languages check the translation."

    def parts(self, text: str, source: str) -> list[Part]:
        return cut(text, self.packs[source].abbreviations)

    def steps(self, text: str, source: str, target: str) -> Iterator[Step]:
        """The parts of `text` in order as they are done, several worked on at a time. Joined they keep its layout."""
        self.check_pair(source, target)
        parts = self.parts(text, source)
        with ThreadPoolExecutor(self.engine.slots) as pool:
            work: Callable[[Part], Step] = lambda part: self.step(part, source, target)  # noqa: E731
            yield from ahead(pool, work, parts, 2 * self.engine.slots)

    def texts(self, texts: Iterable[str], source: str, target: str, known: Memory | None = None) -> Iterator[Step]:
        """Many texts in order, each whole when it is done. `known`: what was done before; what is new is put in."""
        self.check_pair(source, target)
        memory = Memory() if known is None else known

        def work(row: tuple[str, Part]) -> tuple[str, Part, Step]:
            text, part = row
            done = memory.get(part.text) if part.wanted else None
            return text, part, done or self.step(part, source, target)

        parts = ((text, part) for text in texts for part in [*self.parts(text, source), END])
        with ThreadPoolExecutor(self.engine.slots) as pool:
            done: list[Step] = []
            for text, part, step in ahead(pool, work, parts, 2 * self.engine.slots):
                if part is not END:
                    done.append(step)
                    if part.wanted:
                        memory.put(step)
                    continue
                doubts = dict.fromkeys(doubt for step in done for doubt in step.doubts)
                yield Step(text, "".join(step.text for step in done), tuple(doubts))
                done = []

    def step(self, part: Part, source: str, target: str) -> Step:
        if not part.wanted or source == target:
            return Step(part.text, part.text)
        done = self.sentence(part.text, source, target)
        return Step(part.text, done.text, done.doubts)

    def sentence(self, sentence: str, source: str, target: str) -> Translated:
        """The best of several tries, of which all but the first are made only if that is doubtful: the one with the
        fewest doubts and, of those, the nearest in meaning. Addresses always stay."""
        best = self.attempt(sentence, source, target)
        if best.doubts:
            tries = range(1, 1 + (1 if isinstance(self.engine, Translating) else TRIES))
            others = self.pool.map(lambda number: self.attempt(sentence, source, target, number), tries)
            best = min((best, *others), key=lambda one: (len(one.doubts), -likeness_of(sentence, one.text)))
        if "addresses" in best.doubts and kept(sentence):  # else the model has made one up: there is nothing to keep
            parts = [self.step(part, source, target) for part in around_kept(sentence)]
            doubts = dict.fromkeys(doubt for part in parts for doubt in part.doubts)
            return Translated("".join(part.text for part in parts), tuple(doubts))
        return best

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """Where further tries are made, for all sentences together."""
        return ThreadPoolExecutor(self.engine.slots)

    def attempt(self, sentence: str, source: str, target: str, number: int = 0) -> Translated:
        """Try `number` at a sentence: the first is the likeliest translation, each other is another one."""
        if isinstance(self.engine, Translating):
            given = self.packs[source], self.packs[target]
            text = " ".join(self.engine.translate(sentence, *given, again=number > 0).split())
            return Translated(text, tuple(doubts(sentence, text, *given)))
        asking = self.packs[source].prompts["translate"][target]
        temperature = TEMPERATURE if number else 0.0
        sampling = Sampling(limit=len(sentence) // 2 + 32, temperature=temperature, repetition=1.05, seed=number)
        said = say(self.engine, [{"role": "user", "content": f"{asking} {sentence}"}], sampling)
        text = " ".join(said.split())
        return Translated(text, tuple(doubts(sentence, text, self.packs[source], self.packs[target])))


def open_translator(
    target: str | Path, runs: str | Path = "runs", adapters: Sequence[Path] = (), tell: Tell = silent, slots: int = 4
) -> Translator:
    """The translator of a model that is named as for `open_assistant`, with `slots` sentences at the same time."""
    model = open_model(target, Path(runs), adapters, tell, slots)
    return Translator(model.engine, model.packs, model.directions)


def likeness_of(sentence: str, text: str) -> float:
    """How near a translation is in meaning; 0 for all where that cannot be told."""
    return closeness(sentence, text) if text and installed() else 0.0


def ahead(pool: ThreadPoolExecutor, work: Callable[[A], B], things: Iterable[A], most: int) -> Iterator[B]:
    """`work` done on all things, in order, with up to `most` begun before they are asked for."""
    waiting = iter(things)
    begun = [pool.submit(work, thing) for thing in islice(waiting, most)]
    while begun:
        first = begun.pop(0)
        begun += [pool.submit(work, thing) for thing in islice(waiting, 1)]
        yield first.result()
