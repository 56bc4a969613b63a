"""Accepted corrections as examples for tuning, and as an evaluation task on those that are held out."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.commons.contribution import PAIRS
from anatili.commons.database import Database
from anatili.commons.export import Line, accepted
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.refine.cut import is_held_out
from anatili.text import show_path

TRAIN = "train.jsonl"
HELD_OUT = 0.2
"""Share of the corrections that a tuned model is measured on; by their ids, so always the same ones."""
TASK = """kind = "choices"
measure = "prefers people's corrections ({language})"
about = "corrections"
language = "{language}"
data = "held-out-{language}.jsonl"
template = "{{question}}"
choices = "{{choices}}"
answer = "right"
delimiter = "\\n"
metric = "acc_bytes"
license = "see the column license of the export"
citation = "anatili commons examples"
chance = 0.5
"""


@dataclass(frozen=True)
class Example:
    """A question and what people answer; `draft`: what the machine answered, "" if that is not known."""

    line: Line
    question: str

    @property
    def kind(self) -> str:
        return "translation" if self.line.kind in PAIRS else "question"

    def conversation(self) -> dict[str, Any]:
        """As `[tune] instructions` reads it."""
        messages = [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.line.text}]
        return {"messages": messages, "language": self.line.language, "source": self.line.url, "kind": self.kind}

    def choice(self) -> dict[str, Any]:
        """As the evaluation task reads it: what people wrote, then what the machine wrote."""
        return {"id": self.line.id, "question": self.question, "choices": [self.line.text, self.line.draft], "right": 0}

    def is_for_measuring(self) -> bool:
        return bool(self.line.draft) and self.line.draft != self.line.text and is_held_out(self.line.id, HELD_OUT)


def examples(database: Database) -> Iterator[Example]:
    """Better answers, and translations in the words with which the source language asks for one. Lines of other kinds,
    and directions without such words, are left out."""
    for line in accepted(database):
        if line.kind in PAIRS:
            request = load_pack(line.source_language).prompts.get("translate", {}).get(line.language, "")
            if request:
                yield Example(line, f"{request} {line.source}")
        elif line.kind == "answer":
            yield Example(line, line.source)


def write_examples(database: Database, folder: Path) -> dict[str, int]:
    """Write the examples to learn from, and a task for each language with held-out ones. Returns how many of each."""
    learned, measured = list[Example](), defaultdict[str, list[Example]](list)
    for example in examples(database):
        if example.is_for_measuring():
            measured[example.line.language].append(example)
        else:
            learned.append(example)
    if not learned:
        raise Problem(
            f"nothing to write to {show_path(folder)}: no answer and no translation to learn from is accepted yet; "
            "vote on those that wait"
        )
    write_rows((example.conversation() for example in learned), folder / TRAIN)
    for language, held_out in measured.items():
        write_rows((example.choice() for example in held_out), folder / f"held-out-{language}.jsonl")
        with whole_file(folder / f"corrections_{language}.toml") as temporary:
            temporary.write_text(TASK.format(language=language), "utf-8")
    counts = Counter(example.kind for example in learned)
    return {**dict(sorted(counts.items())), "held out": sum(map(len, measured.values()))}


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
