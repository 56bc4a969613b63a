"""The main text of a page by the blocks that a small network takes for it: about a fifth of trafilatura's time."""

import numpy as np

from anatili.extraction import LINE_LETTERS, PASSAGE, InLanguage
from anatili.extraction.blocks import LINE, Blocks, read_blocks
from anatili.extraction.features import Features, Floats
from anatili.extraction.network import network

CELLS = ("td", "th")
AS_WRITTEN = ("pre",)
FEW = 300
"""Letters of a main text, or half of all, below which less likely blocks are taken too."""
FIRST = 3
"""Longest blocks of a main text that are asked for their language first."""


def main_text(page: str, title: str = "", in_language: InLanguage | None = None) -> str:
    """The main text of a page of HTML, a block a line; "" if it has none. `title`: that of the page, if it is known.

    `in_language`: no passage in that language is lost altogether (see `with_passage`).
    """
    blocks = read_blocks(page)
    if not blocks.texts:
        return ""
    features = Features(blocks, page, title)
    kept = chosen(network()(features), features.letters, network().threshold)
    if in_language:
        kept = with_passage(kept, blocks, features.letters, in_language)
    return "\n".join(lines(blocks, kept))


def with_passage(kept: list[int], blocks: Blocks, letters: Floats, in_language: InLanguage) -> list[int]:
    """The choice; and if it has no passage in the language but the page does, all blocks in the language beside it.

    A short text in a large page in another language may stand where the network takes all for menus.
    """
    asked = [block for block in np.flatnonzero(letters >= LINE_LETTERS).tolist()
             if 2 * blocks.linked[block] <= len(blocks.texts[block])]  # fmt: skip

    def own(some: list[int]) -> list[int]:
        answers = in_language([blocks.texts[block] for block in some])
        return [block for block, answer in zip(some, answers, strict=True) if answer]

    def is_passage(some: list[int]) -> bool:
        return bool(letters[some].sum() >= PASSAGE)

    outside = sorted(set(asked).difference(kept))
    inside = sorted(set(asked).intersection(kept), key=lambda block: (-letters[block], block))
    # In an order that mostly ends before many are asked: the longest that are kept nearly always decide.
    if not is_passage(outside) or is_passage(longest := own(inside[:1])):
        return kept
    if is_passage(longest + own(inside[1:FIRST])):
        return kept
    lost = own(outside)
    return kept if not is_passage(lost) or is_passage(own(inside)) else sorted([*kept, *lost])


def chosen(odds: Floats, letters: Floats, threshold: float) -> list[int]:
    """The blocks above the threshold, which is lowered up to three times by 1 while they have few letters."""
    few = min(FEW, letters.sum() / 2)
    for step in range(4):
        kept = odds > threshold - step
        if letters[kept].sum() >= few:
            break
    return np.flatnonzero(kept).tolist()


def lines(blocks: Blocks, kept: list[int]) -> list[str]:
    """The blocks as lines: items of lists with a dash, the cells of a table's row in one line."""
    made: list[str] = []
    last_row = -1
    for block in kept:
        element = blocks.inside[block]
        name = blocks.elements[element]
        text = blocks.texts[block]
        if name in AS_WRITTEN:
            text = text.replace(LINE, "\n")
        else:
            text = "\n".join(filter(None, (" ".join(line.split()) for line in text.split(LINE))))
        if name == "li" and blocks.starts[element] == block:
            text = "- " + text
        row = blocks.parents[element] if name in CELLS else -1
        if row >= 0 and row == last_row:
            made[-1] += " | " + text
        else:
            made.append(text)
        last_row = row
    return made
