"""The strict subset of Markdown in which lessons are written, and the placeholders in it.

Blocks: one `# Title`, then `## Heading {#id}`, paragraphs, `- ` and `1. ` lists, `> ` notes, tables, and fences of
`sh` (commands), `text`, `toml` and `output` (empty; filled with what the commands before it printed). Inline: `code`,
**strong** and *emphasis*. Anything else is an error that names file and line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from anatili.problem import Problem

Kind = Literal["title", "heading", "paragraph", "items", "steps", "note", "table", "sh", "text", "toml", "output"]
FENCES: tuple[Kind, ...] = ("sh", "text", "toml", "output")
HEADING = re.compile(r"## (\S[^{}\n]{0,100}) \{#([a-z0-9-]{1,40})\}")
STEP = re.compile(r"\d{1,2}\. (.+)")
PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_.]*)\}\}")
INLINE = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\n]+)\*")
ANSWERS_OF = "answers-"
"""Start of the id of the list of an exercise's answers."""
BY_COMMAND = "by-command"
"""Id of what only those need to read who have no page with buttons."""
UNKNOWN = re.compile(r"#|```|\t|!\[|\[[^\]\n]{0,200}\]\(|</?[a-z]|\|")
"""Markdown that is not in the subset, at the start of a line or in a paragraph."""


@dataclass(frozen=True)
class Block:
    """A part of a text: `lines` are paragraphs (one), items, rows of a table or lines of code."""

    kind: Kind
    lines: tuple[str, ...]
    id: str = ""
    """Of a heading."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def parse(text: str, name: str) -> tuple[Block, ...]:
    """The blocks of a text; `Problem` names the line of what is not in the subset."""
    lines = text.splitlines()
    blocks, number = list[Block](), 0
    while number < len(lines):
        if not lines[number].strip():
            number += 1
            continue
        block, after = _block(lines, number, name)
        blocks.append(block)
        number = after
    titles = [block for block in blocks if block.kind == "title"]
    if not blocks or blocks[0].kind != "title" or len(titles) != 1:
        raise Problem(f"{name}:1: a text begins with one `# Title`, and has no other")
    return tuple(blocks)


def _block(lines: list[str], first: int, name: str) -> tuple[Block, int]:
    """The block that begins on a line, and the number of the line after it."""
    line = lines[first]
    if line.startswith("```"):
        return _fence(lines, first, name)
    end = first
    while end < len(lines) and lines[end].strip() and not lines[end].startswith("```"):
        end += 1
    chunk = [text.rstrip() for text in lines[first:end]]
    if line.startswith("# "):
        return Block("title", (line[2:].strip(),)), first + 1
    if heading := HEADING.fullmatch(line.rstrip()):
        return Block("heading", (heading[1],), heading[2]), first + 1
    if line.startswith("- "):
        return Block("items", _entries(chunk, first, name, "- ")), end
    if STEP.fullmatch(line.rstrip()):
        return Block("steps", _entries(chunk, first, name, "")), end
    if line.startswith("> "):
        return Block("note", (" ".join(text.removeprefix(">").strip() for text in chunk),)), end
    if line.startswith("|"):
        return _table(chunk, first, name), end
    for number, text in enumerate(chunk, first + 1):
        if UNKNOWN.match(text) or UNKNOWN.search(INLINE.sub("", text)):
            raise Problem(
                f"{name}:{number}: {text[:40]!r} is not in the subset of Markdown of lessons (learn/markup.py)"
            )
    return Block("paragraph", (" ".join(text.strip() for text in chunk),)), end


def _fence(lines: list[str], first: int, name: str) -> tuple[Block, int]:
    kind = next((kind for kind in FENCES if lines[first].rstrip() == f"```{kind}"), None)
    if kind is None:
        raise Problem(f"{name}:{first + 1}: a fence is one of {', '.join(FENCES)}")
    end = next((number for number in range(first + 1, len(lines)) if lines[number].rstrip() == "```"), None)
    if end is None:
        raise Problem(f"{name}:{first + 1}: this fence is not closed; add ``` after its last line")
    return Block(kind, tuple(line.rstrip() for line in lines[first + 1 : end])), end + 1


def _entries(chunk: list[str], first: int, name: str, mark: str) -> tuple[str, ...]:
    """The entries of a list; a line that is indented continues the entry before it."""
    entries = list[str]()
    for number, text in enumerate(chunk, first + 1):
        step = None if mark else STEP.fullmatch(text)
        if mark and text.startswith(mark):
            entries.append(text[len(mark) :])
        elif step:
            entries.append(step[1])
        elif text.startswith("  ") and entries:
            entries[-1] += " " + text.strip()
        else:
            raise Problem(f"{name}:{number}: indent the continuation of a list's entry, or leave a line free before it")
    return tuple(entries)


def _table(chunk: list[str], first: int, name: str) -> Block:
    """A table; the line of dashes under its head is left out."""
    width = chunk[0].count("|")
    for number, text in enumerate(chunk, first + 1):
        if text.count("|") != width or not text.endswith("|"):
            raise Problem(f"{name}:{number}: a row of this table needs {width - 1} cells, each closed with |")
    if len(chunk) < 3 or set(chunk[1]) - set("|-: "):
        raise Problem(f"{name}:{first + 2}: the second line of a table is |---|---|, and a row follows")
    return Block("table", (chunk[0], *chunk[2:]))


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def spans(text: str) -> Iterator[tuple[Literal["", "code", "strong", "em"], str]]:
    """The inline parts of a text, in order."""
    end = 0
    for match in INLINE.finditer(text):
        if match.start() > end:
            yield "", text[end : match.start()]
        if match[1] is not None:
            yield "code", match[1]
        elif match[2] is not None:
            yield "strong", match[2]
        else:
            yield "em", match[3]
        end = match.end()
    if end < len(text):
        yield "", text[end:]


def placeholders(blocks: tuple[Block, ...]) -> list[str]:
    """The names in `{{name}}`, in order, repeats included."""
    return [name for block in blocks for name in PLACEHOLDER.findall(block.text)]


def is_command(line: str) -> bool:
    """Whether a line of a lesson can be run: it calls our program."""
    return line.startswith("anatili ")


def runnable(blocks: tuple[Block, ...]) -> list[str]:
    """All commands of a text in order, those that are for an exercise included."""
    return [line for block in blocks if block.kind in ("sh", "text") for line in block.lines if is_command(line)]


def commands(blocks: tuple[Block, ...]) -> list[str]:
    return [line for block in blocks if block.kind == "sh" for line in block.lines if line.strip()]


def own_commands(blocks: tuple[Block, ...], drawn: Mapping[str, object]) -> list[str]:
    """The commands with what was drawn for a learner in place of `{{your.name}}`."""
    values = {f"your.{name}": str(value) for name, value in drawn.items()}
    return [PLACEHOLDER.sub(lambda match: values[match[1]], line) for line in commands(blocks)]


def fill(
    blocks: tuple[Block, ...], values: Mapping[str, str], outputs: tuple[str, ...], name: str
) -> tuple[Block, ...]:
    """The blocks with values in place of placeholders, and with what commands printed in the `output` blocks."""
    left = iter(outputs)

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise Problem(f"{name}: {{{{{match[1]}}}}} has no value; known: {', '.join(sorted(values))}")
        return values[match[1]]

    filled = []
    for block in blocks:
        if block.kind == "output":
            filled.append(replace(block, lines=tuple(next(left, "").splitlines())))
        else:
            filled.append(replace(block, lines=tuple(PLACEHOLDER.sub(value, line) for line in block.lines)))
    return tuple(filled)
