"""The main text of a page by the blocks that a small network takes for it: about a fifth of trafilatura's time."""

import numpy as np

from anatili.extraction import LINE_LETTERS, PASSAGE, InLanguage
from anatili.extraction.blocks import LINE, Blocks, blocks_of
from anatili.extraction.features import Features, Floats
from anatili.extraction.network import network

CELLS = ("td", "th")
AS_WRITTEN = ("pre",)
QUOTED = "blockquote"
TEMPER = 4.5
"""By which log odds less `Network.even` are divided to be taken for those of chances: the network is too sure."""
LEAST = -5.0
"""Log odds from which a block may be taken."""
FIRST = 3
"""Longest blocks of a main text that are asked for their language first."""


def main_text(page: str, title: str = "", in_language: InLanguage | None = None, parts: list[str] | None = None) -> str:
    """The main text of a page of HTML, a block a line; "" if it has none. `title`: that of the page, if it is known.

    `in_language`: no passage in that language is lost altogether (see `with_passage`). `parts`: the page split at "<".
    """
    blocks = blocks_of(page.split("<") if parts is None else parts)
    if not blocks.texts:
        return ""
    features = Features(blocks, page, title)
    kept = with_quotes(chosen(network()(features), features.letters, network().even), blocks, features)
    if in_language:
        kept = with_passage(kept, blocks, features.letters, in_language)
    return "\n".join(lines(blocks, kept))


def with_passage(kept: list[int], blocks: Blocks, letters: Floats, in_language: InLanguage) -> list[int]:
    """The choice; and if it has no passage in the language but the page does, all blocks in the language beside it.

    A short text in a large page in another language may stand where the network takes all for menus.
    """
    asked = [block for block in np.flatnonzero(letters >= LINE_LETTERS).tolist() if is_prose(blocks, block)]

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


def chosen(odds: Floats, letters: Floats, even: float) -> list[int]:
    """The likeliest blocks, as many as have the greatest F1 that is to be expected, by letters.

    So the limit is each page's own: where the network is unsure of all blocks, less likely ones are taken too.
    """
    order = np.argsort(-odds, kind="stable")
    sizes = letters[order] + 0.01  # Blocks without letters count a little: of those that are as likely all are taken.
    hits = np.cumsum(sizes / (1 + np.exp((even - odds[order]) / TEMPER)))
    last = int(np.argmax(hits / (np.cumsum(sizes) + hits[-1])))
    kept = order[: last + 1]
    return sorted(kept[odds[kept] > LEAST].tolist())


def with_quotes(kept: list[int], blocks: Blocks, features: Features) -> list[int]:
    """The choice, and all of quotations but links if some of it comes before them in the container around them.

    Posts from elsewhere are quotations too. Labeled pages differ about them, and the network leaves many out.
    """
    if not kept or QUOTED not in blocks.elements:
        return kept
    quotes = [element for element, name in enumerate(blocks.elements) if name == QUOTED]
    n = len(blocks.texts)
    number = np.zeros(n + 1, np.int64)
    number[np.array(kept) + 1] = 1
    number = np.cumsum(number)
    starts, ends = features.starts[quotes], features.ends[quotes]
    follow = number[starts] > number[features.starts[features.larger[quotes]]]
    depth = np.bincount(starts[follow], minlength=n + 1) - np.bincount(ends[follow], minlength=n + 1)
    quoted = np.flatnonzero(np.cumsum(depth)[:-1]).tolist()
    return sorted({*kept, *(block for block in quoted if is_prose(blocks, block))})


def is_prose(blocks: Blocks, block: int) -> bool:
    """At most half of a block are links."""
    return 2 * blocks.linked[block] <= len(blocks.texts[block])


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
        elif LINE in text:
            text = "\n".join(filter(None, (" ".join(line.split()) for line in text.split(LINE))))
        else:
            text = " ".join(text.split())
        if name == "li" and blocks.starts[element] == block:
            text = "- " + text
        row = blocks.parents[element] if name in CELLS else -1
        if row >= 0 and row == last_row:
            made[-1] += " | " + text
        else:
            made.append(text)
        last_row = row
    return made
