"""How many tokens a text takes: tokens per word, bytes per token, parity with English, exactness; as table and plot."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anatili.plot import DARK, LIGHT, finish, start
from anatili.problem import Problem
from anatili.text import script_of, show_path
from anatili.text_files import unreadable
from anatili.tokenizer.peers import OpenedTokenizer

MAX_BYTES = 20_000_000
"""Bytes of text that are read from one file."""


@dataclass(frozen=True)
class ParallelText:
    """Lines in one language; texts with the same number of lines are assumed to be translations of each other."""

    language: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class FertilityRow:
    """How a tokenizer fares on a text."""

    tokenizer: str
    size: int
    text: str
    language: str
    script: str
    lines: int
    words: int
    tokens_per_word: float
    bytes_per_token: float
    one_token_words: float
    """Share of words that are a single token, each with a space before it."""
    exact: float
    """Share of lines that decode to exactly the same text."""
    parity: float | None
    """Tokens per token of the pivot text with as many lines; `None` if there is none."""


def read_text(path: Path, language: str = "") -> ParallelText:
    """A text file with a sentence or paragraph per line; its language is identified if it is not given."""
    from anatili.identify import identify

    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig", "ignore" if path.stat().st_size > MAX_BYTES else "strict")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise Problem(f"{show_path(path)} is not UTF-8 (byte {error.start}); convert it first") from error
    lines = tuple(line.rstrip("\r") for line in text.split("\n") if line.strip())
    if not lines:
        raise Problem(f"{show_path(path)} has no text")
    return ParallelText(language or identify("\n".join(lines[:200])).language, path.name, lines)


def report(tokenizers: Sequence[OpenedTokenizer], texts: Sequence[ParallelText], pivot: str) -> list[FertilityRow]:
    """A row for each tokenizer and text; parity is with the text in language `pivot` that has as many lines."""
    rows = []
    for tokenizer in tokenizers:
        counts = {id(text): count(tokenizer, text) for text in texts}
        for text in texts:
            tokens, exact = counts[id(text)]
            reference = next((t for t in texts if t.language == pivot and len(t.lines) == len(text.lines)), None)
            words = [word for line in text.lines for word in line.split()]
            single = {word for word in set(words[:50_000]) if len(tokenizer.encode(" " + word)) == 1}
            rows.append(
                FertilityRow(
                    tokenizer=tokenizer.name,
                    size=tokenizer.size,
                    text=text.name,
                    language=text.language,
                    script=script_of("\n".join(text.lines[:200])),
                    lines=len(text.lines),
                    words=len(words),
                    tokens_per_word=round(tokens / max(1, len(words)), 3),
                    bytes_per_token=round(sum(len(line.encode()) for line in text.lines) / max(1, tokens), 3),
                    one_token_words=round(sum(w in single for w in words[:50_000]) / max(1, len(words[:50_000])), 3),
                    exact=round(exact / len(text.lines), 4),
                    parity=round(tokens / counts[id(reference)][0], 3) if reference else None,
                )
            )
    return sorted(rows, key=lambda row: [text.name for text in texts].index(row.text))


def count(tokenizer: OpenedTokenizer, text: ParallelText) -> tuple[int, int]:
    """Tokens of a text, and how many lines decode to exactly the same text."""
    tokens = exact = 0
    for line in text.lines:
        ids = tokenizer.encode(line)
        tokens += len(ids)
        exact += tokenizer.decode(ids) == line
    return tokens, exact


def as_json(rows: Iterable[FertilityRow]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def draw(path: Path, rows: Sequence[FertilityRow]) -> None:
    """Draw bars of tokens per word, by text and tokenizer; `Problem` without matplotlib."""
    groups = list(dict.fromkeys((row.language, row.text) for row in rows))
    names = sorted(
        {row.tokenizer for row in rows}, key=lambda n: next(r.tokens_per_word for r in rows if r.tokenizer == n)
    )
    plot, figure = start(path, (1 + 3.2 * len(groups), 0.9 + 0.32 * len(names)))
    subplots = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for number, (language, text) in enumerate(groups):
        axes = subplots[number]
        by_name = {row.tokenizer: row.tokens_per_word for row in rows if (row.language, row.text) == (language, text)}
        values = [by_name[name] for name in names]
        axes.barh(names, values, color=[DARK if i == 0 else LIGHT for i in range(len(names))])
        for index, value in enumerate(values):
            axes.text(value, index, f" {value:.2f}", va="center", fontsize=8)
        axes.set(title=f"{language}: {text}", xlabel="tokens per word", xlim=(0, max(values) * 1.18))
        axes.invert_yaxis() if number == 0 else None
    finish(plot, figure, path)
