"""How much of a page's main text stands in its links."""

import re
from itertools import pairwise

from anatili import text
from anatili.extraction.references import unescape

A = r"[aA](?:\s[^<>]{0,2000})?>"
LINK = re.compile(rf"<{A}([^<]*+(?:<(?!/?{A})[^<]*+)*+)(?=</{A})")
"""A link from its start to its end, with no other tag of a link inside: the two do not nest."""
END = "\x1e"
"""Stands between links, so that all are read at once. No word has it, nor what a character reference stands for."""
BETWEEN = f"\n{END}\n"
"""A character reference ends at a line's end."""
TAG = re.compile(f"<[^<>{END}]{{0,5000}}>")
WORD_OR_END = re.compile(f"{text.WORD.pattern}|{END}")


def linked_share(page: str, body: str) -> float:
    """Share of the words of `body` that stand in links of `page`, two words in a row or a link's only word."""
    read, links = text.words(body), {*LINK.findall(page)}
    if not read or not links:
        return 0.0
    joined = BETWEEN.join(links)
    if joined.count(END) >= len(links):
        joined = BETWEEN.join(link.replace(END, " ") for link in links)
    found = [END, *WORD_OR_END.findall(unescape(TAG.sub(" ", joined) if "<" in joined else joined)), END]
    pairs = set(pairwise(found))
    alone = {word for before, word, after in zip(found, found[1:], found[2:], strict=False) if before == END == after}
    linked = [*map(alone.__contains__, read)]
    paired = [*map(pairs.__contains__, pairwise(read))]
    if True in paired:
        for n, is_pair in enumerate(paired):
            if is_pair:
                linked[n] = linked[n + 1] = True
    return round(sum(linked) / len(read), 4)
