"""A lesson in the terminal: plain text, wrapped, commands set off."""

import textwrap

from anatili.learn.markup import Block, cells, spans

WIDTH = 88


def draw(blocks: tuple[Block, ...], width: int = WIDTH) -> str:
    """The text of a lesson for a terminal of this width."""
    return "\n\n".join(text for block in blocks if (text := lines_of(block, width))) + "\n"


def lines_of(block: Block, width: int) -> str:
    match block.kind:
        case "title":
            title = plain(block.text)
            return f"{title}\n{'=' * len(title)}"
        case "heading":
            title = plain(block.text)
            return f"{title}\n{'-' * len(title)}"
        case "items":
            return "\n".join(wrapped(line, width, "- ") for line in block.lines)
        case "steps":
            return "\n".join(wrapped(line, width, f"{number}. ") for number, line in enumerate(block.lines, 1))
        case "note":
            return wrapped(block.text, width, "| ", "| ")
        case "table":
            return table([[plain(cell) for cell in cells(row)] for row in block.lines])
        case "sh":
            return "\n".join(f"    $ {line}" for line in block.lines)
        case "text" | "toml" | "output":
            return "\n".join(f"    {line}" for line in block.lines)
        case _:
            return wrapped(block.text, width)


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        plain(text),
        width,
        initial_indent=first,
        subsequent_indent=rest or " " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def plain(text: str) -> str:
    """A text without marks; code in quotation marks stays recognizable by its letters."""
    return "".join(part for _, part in spans(text))
