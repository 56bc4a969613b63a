"""How many tokens a text costs: tokens a word, bytes a token, parity to English, exactness; as table and plot."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anatili.plot import DARK, LIGHT, finish, start
from anatili.problem import Problem
from anatili.reading import unreadable
from anatili.text import script_of, show_path
from anatili.tokenizer.peers import Opened

MOST_BYTES = 20_000_000
"""Text of one file that is looked at."""


@dataclass(frozen=True)
class Text:
    """Lines of one language; files with equally many lines are taken to say the same."""

    language: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What a tokenizer makes of a text."""

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
    """Share of words that are one token, each word with a space before it."""
    exact: float
    """Share of lines that come back letter for letter."""
    parity: float | None
    """Tokens for each token of the English file that says the same; `None` without one."""


def read_text(path: Path, language: str = "") -> Text:
    """A text file, a sentence or paragraph a line; its language is recognised if it is not given."""
    from anatili.identify import identify

    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8", "ignore" if path.stat().st_size > MOST_BYTES else "strict")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise Problem(f"{show_path(path)} is not UTF-8 (byte {error.start}); convert it first") from error
    lines = tuple(line for line in text.splitlines() if line.strip())
    if not lines:
        raise Problem(f"{show_path(path)} has no text")
    return Text(language or identify("\n".join(lines[:200])).language, path.name, lines)


def report(tokenizers: Sequence[Opened], texts: Sequence[Text], pivot: str) -> list[Row]:
    """A row for each tokenizer and text; parity is to the text in `pivot` with as many lines."""
    rows = []
    for tokenizer in tokenizers:
        counts = {id(text): count(tokenizer, text) for text in texts}
        for text in texts:
            tokens, exact = counts[id(text)]
            same = next((t for t in texts if t.language == pivot and len(t.lines) == len(text.lines)), None)
            words = [word for line in text.lines for word in line.split()]
            kinds = set(words[:50_000])
            single = {word for word in kinds if len(tokenizer.encode(" " + word)) == 1}
            rows.append(
                Row(
                    tokenizer=tokenizer.name, size=tokenizer.size, text=text.name, language=text.language,
                    script=script_of("\n".join(text.lines[:200])), lines=len(text.lines), words=len(words),
                    tokens_per_word=round(tokens / max(1, len(words)), 3),
                    bytes_per_token=round(sum(len(line.encode()) for line in text.lines) / max(1, tokens), 3),
                    one_token_words=round(sum(w in single for w in words[:50_000]) / max(1, len(words[:50_000])), 3),
                    exact=round(exact / len(text.lines), 4),
                    parity=round(tokens / counts[id(same)][0], 3) if same else None,
                )
            )  # fmt: skip
    return sorted(rows, key=lambda row: [text.name for text in texts].index(row.text))


def count(tokenizer: Opened, text: Text) -> tuple[int, int]:
    """Tokens of a text, and lines that come back letter for letter."""
    tokens = exact = 0
    for line in text.lines:
        ids = tokenizer.encode(line)
        tokens += len(ids)
        exact += tokenizer.decode(ids) == line
    return tokens, exact


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Bars of tokens a word by language and tokenizer; `Problem` without matplotlib."""
    groups = list(dict.fromkeys((row.language, row.text) for row in rows))
    names = sorted(
        {row.tokenizer for row in rows}, key=lambda n: next(r.tokens_per_word for r in rows if r.tokenizer == n)
    )
    plot, figure = start(path, (1 + 3.2 * len(groups), 0.9 + 0.32 * len(names)))
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for place, (language, text) in enumerate(groups):
        one = axes[place]
        mine = {row.tokenizer: row.tokens_per_word for row in rows if (row.language, row.text) == (language, text)}
        values = [mine[name] for name in names]
        one.barh(names, values, color=[DARK if i == 0 else LIGHT for i in range(len(names))])
        for at, value in enumerate(values):
            one.text(value, at, f" {value:.2f}", va="center", fontsize=8)
        one.set(title=f"{language}: {text}", xlabel="tokens a word", xlim=(0, max(values) * 1.18))
        one.invert_yaxis() if place == 0 else None
    finish(plot, figure, path)
