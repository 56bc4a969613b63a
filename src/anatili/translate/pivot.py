"""Pivot comparison: the same sentences by the same model, directly and through a third language, and the loss."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_lines
from anatili.translate.checks import Sample, own_samples, sample_of_reference
from anatili.translate.journal import read_journal
from anatili.translate.translator import Translator, ahead


class Way(TypedDict):
    """Translations of a sentence: direct, into the third language, and from there into the target."""

    direct: str
    middle: str
    pivot: str


@dataclass(frozen=True)
class PivotMeter:
    """Sentences to translate in two ways, directly and through `through`."""

    translator: Translator
    source: str
    target: str
    through: str
    samples: list[Sample] = field(default_factory=list)
    weights: str = ""
    """Identifies the model's weights among others of the same name."""

    def head(self) -> dict[str, Any]:
        """What the translations depend on: a file with another head is not resumed."""
        text = "\0".join(sample.text for sample in self.samples)
        return {
            "model": self.translator.engine.name,
            "weights": self.weights,
            "source": self.source,
            "through": self.through,
            "target": self.target,
            "texts": sha256(text.encode()).hexdigest(),
        }

    def ways(self, sample: Sample) -> Way:
        """Both translations of a sentence."""
        translate = self.translator.sentence
        middle = translate(sample.text, self.source, self.through).text
        return {
            "direct": translate(sample.text, self.source, self.target).text,
            "middle": middle,
            "pivot": translate(middle, self.through, self.target).text if middle else "",
        }

    def measure(self, file: Path, tell: Callable[[int], None]) -> list[Way]:
        """The translations of all sentences in order. Those in `file` are reused; new ones are appended to it."""
        done = read_journal(file, self.head())
        tell(len(done))
        with file.open("a", encoding="utf-8") as out, ThreadPoolExecutor(self.translator.engine.slots) as pool:
            remaining = self.samples[len(done) :]
            for way in ahead(pool, self.ways, remaining, 2 * self.translator.engine.slots):
                out.write(json.dumps(way, ensure_ascii=False) + "\n")
                out.flush()
                done.append(way)
                tell(1)
        return done


def prepare(
    translator: Translator,
    source: str,
    target: str,
    through: str,
    pair: tuple[Path, Path] | None,
    limit: int,
    weights: str = "",
) -> PivotMeter:
    """A comparison over the sentences in the pack of `source`, and over a text with a human translation."""
    for first, second in ((source, target), (source, through), (through, target)):
        if first == second:
            raise Problem(f"three different languages are needed: {first} is named twice")
        translator.check_pair(first, second)
    packs = translator.packs
    samples = list(own_samples(packs[source], packs[target]))
    if pair:
        samples += [sample_of_reference(*row, packs[target]) for row in aligned(*pair, limit)]
    if not samples:
        raise Problem(f"the pack of {source} has no sentences to measure with; give --text and --reference")
    return PivotMeter(translator, source, target, through, samples, weights)


def aligned(text: Path, reference: Path, limit: int) -> Iterator[tuple[str, str]]:
    """Pairs of lines of two parallel files, at most `limit` of them, evenly spread."""
    rows = [[line.strip() for line in read_lines(path)] for path in (text, reference)]
    if len(rows[0]) != len(rows[1]):
        raise Problem(f"{show_path(text)} has {len(rows[0])} lines, {show_path(reference)} {len(rows[1])}: not aligned")
    pairs = [pair for pair in zip(*rows, strict=True) if all(pair)]
    step = max(1.0, len(pairs) / limit) if limit else 1.0
    return (pairs[int(at * step)] for at in range(min(len(pairs), limit or len(pairs))))


def folder_of(meter: PivotMeter) -> Path:
    """The default folder for the translations."""
    name = re.sub(r"[^\w.-]+", "-", meter.translator.engine.name).strip("-")
    return Path(f"pivot-{name}-{meter.source}-{meter.through}-{meter.target}")
