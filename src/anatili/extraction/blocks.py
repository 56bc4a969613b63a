"""The text of a page in blocks, each with the elements it stands in: one pass over the tags, linear in the page.

Scripts, styles and comments are skipped. Elements are tracked as browsers do in the main: a paragraph ends where a
block begins, a list item where the next begins, and end tags without a start are ignored.
"""

import re
import zlib
from array import array
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from anatili.extraction.references import unescape

INLINE_NAMES = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q s samp small span strike "
    "strong sub sup time tt u var wbr img input picture source path ruby rb rt rp"
)
VOID_NAMES = "hr meta link embed param col base area track frame !doctype"
SKIPPED_NAMES = (
    "script style svg noscript template iframe textarea select head title math object canvas audio video datalist"
)
INLINE, VOID, SKIPPED = (frozenset(names.split()) for names in (INLINE_NAMES, VOID_NAMES, SKIPPED_NAMES))
ENDED = ("li li", "td td th", "th td th", "tr td th tr", "dt dt dd", "dd dt dd")
SIBLINGS = {names.split()[0]: tuple(names.split()[1:]) for names in ENDED}
"""Elements that end where one of these begins."""
NAMES = ("class=", "id=", "role=", "itemprop=")
HIDDEN = re.compile(r"""display\s*:\s*none|\shidden(?:[\s=]|$)|aria-hidden=["']?true""", re.I)
QUOTE_OR_END = re.compile("[\"'>]")
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
BUCKETS = 65536
"""Names of elements, classes and ids are hashed into so many buckets; bucket 0 is empty."""
MAX_NAMES = 16
"""Names of an element that count."""
MAX_LEVELS = 100
"""Open elements among which the one that an end tag closes is looked for."""
MAX_TAG = 20
"""Pieces between < that a tag with these signs in its quotes may span."""
TEXT, LINK, LINK_END, IMAGE, SKIP, BREAK, RULE, CLOSE, OPEN = range(9)
LINE = "\x0b"
"""Where a line ends inside of a block."""
Tag = tuple[int, str, "array[int]"]
"""What a tag does, its element's name, and the buckets of its names, two bytes each."""


@lru_cache(20_000)
def bucket(name: str) -> int:
    """The bucket of a name."""
    return zlib.crc32(name.encode()) % (BUCKETS - 1) + 1


@dataclass
class Blocks:
    """Blocks of text in the order of the page, and the elements around them, parents before children.

    Of each block: `texts`, `inside` (its innermost element), `linked` (characters in links), `links`, `images` and
    `tags` (since the block before). Of each element: `parents` (-1: none), `starts` and `ends` (its range of blocks),
    `kinds` (equal for equal tags) and `names`, the buckets of its names.
    """

    texts: list[str]
    inside: list[int]
    linked: list[int]
    links: list[int]
    images: list[int]
    tags: list[int]
    parents: list[int]
    starts: list[int]
    ends: list[int]
    kinds: list[int]
    elements: list[str]
    names: list["array[int]"]


def parse_tag(tag: str) -> Tag:
    """What a tag does; `tag` is what stands between < and >."""
    pieces = tag.split(None, 1)
    name = pieces[0].rstrip("/").lower() if pieces else ""
    if name.startswith("/"):
        name = name[1:]
        if name == "a":
            return LINK_END, name, NAMELESS
        return (TEXT, name, NAMELESS) if name in INLINE or name in VOID or name == "br" else (CLOSE, name, NAMELESS)
    if name == "a":
        return LINK, name, NAMELESS
    if name == "img":
        return IMAGE, name, NAMELESS
    if name in INLINE:
        return TEXT, name, NAMELESS
    if name == "br":
        return BREAK, name, NAMELESS
    if name in VOID or name.startswith(("!", "?")):
        return RULE, name, NAMELESS
    if name in SKIPPED:
        return (TEXT if name in ("svg", "math") and tag.endswith("/") else SKIP), name, NAMELESS
    attributes = pieces[1] if len(pieces) > 1 else ""
    return OPEN, name, array("H", names_of(name, attributes.lower() if tag[0].isupper() else attributes))


def names_of(element: str, attributes: str) -> tuple[int, ...]:
    """Buckets of an element's own name and of the words in its class, id, role and itemprop."""
    own = "<" + element
    names = WORD_BUCKETS.get(own) or remember(own, (bucket(own),))
    if attributes:
        attributes = " " + attributes[:MAX_ATTRIBUTES]
        for kind in NAMES:
            value = value_of(attributes, kind) if kind in attributes else ""
            if value:
                value = value if kind in ("class=", "id=") else kind + value
                names += WORD_BUCKETS.get(value) or remember(value, value_buckets(value))
        if ("none" in attributes or "hidden" in attributes) and HIDDEN.search(attributes):
            names += (HIDDEN_BUCKET,)
    return names if len(names) < MAX_NAMES else names[:MAX_NAMES]


def value_of(attributes: str, name: str) -> str:
    """The value of an attribute that is in `attributes`, which begin with a space; "" if only in another's name."""
    start = attributes.find(name)
    if not attributes[start - 1].isspace():
        return ""
    start += len(name)
    quote = attributes[start : start + 1]
    if quote in ('"', "'"):
        end = attributes.find(quote, start + 1)
        return attributes[start + 1 : end] if end > 0 else ""
    return (attributes[start:].split(None, 1) or [""])[0]


def value_buckets(value: str) -> tuple[int, ...]:
    """Buckets of the names in a class or id, each in full and its parts (`post-Content2`: post, content)."""
    prefix, _, names = value.rpartition("=")
    if prefix not in ("role", "itemprop"):
        prefix, names = "", value
    prefix += "=" if prefix else ""
    found: list[str] = []
    for name in names[:MAX_ATTRIBUTES].split()[:MAX_NAMES]:
        lower = name.lower()
        found.append(prefix + lower)
        if lower != name or not name.isalpha():
            found += [prefix + part.lower() for part in WORDS.findall(name) if len(part) > 1]
    return tuple(dict.fromkeys(map(bucket, found)))


def remember(value: str, buckets: tuple[int, ...]) -> tuple[int, ...]:
    if len(WORD_BUCKETS) >= MAX_CACHE:
        WORD_BUCKETS.clear()
    WORD_BUCKETS[value] = buckets
    return buckets


WORD_BUCKETS: dict[str, tuple[int, ...]] = {}
MAX_ATTRIBUTES = 1000
"""Characters of a tag's attributes that are looked at."""
HIDDEN_BUCKET = bucket("hidden!")
NAMELESS = array("H")
NOTHING: Tag = (TEXT, "", NAMELESS)
ROOT: Tag = (OPEN, "html", array("H", [bucket("<html")]))
ANCHOR: Tag = (LINK, "a", NAMELESS)
PICTURE: Tag = (IMAGE, "img", NAMELESS)
CACHE: dict[str, Tag] = {}
MAX_CACHE, LONG = 20_000, 200
"""Most tags that are remembered, and the length from which none is."""


def known_tag(tag: str) -> Tag:
    """`parse_tag`, remembered for short tags."""
    parsed = parse_tag(tag)
    if len(tag) < LONG:
        if len(CACHE) >= MAX_CACHE:
            CACHE.clear()
        CACHE[tag] = parsed
    return parsed


class Reader:
    """Gathers blocks and elements while the tags of a page go by."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        # Of each block and element what `Blocks` says of it. A tuple for each takes longer to make.
        self.inside, self.linked, self.links, self.images, self.tags = ([0][:0] for _ in range(5))
        self.parents, self.starts, self.ends = [-1], [0], [-1]
        self.written, self.known = ["html"], [ROOT]
        """Of each element its tag as it is written, and what is known of that."""
        self.stack, self.named = [0], [" "]
        """Open elements and their names. No end tag can name the outermost."""
        self.last = 0
        """Where the last block ended, in tags."""

    def add(self, pieces: list[str], position: int, linked: int, links: int, images: int) -> int:
        """The text so far becomes a block if it has any; returns the images that stand in none."""
        text = "".join(pieces)
        pieces.clear()
        text = (unescape(text) if "&" in text else text).strip()
        if not text:
            return images
        self.texts.append(text)
        self.inside.append(self.stack[-1])
        self.linked.append(linked)
        self.links.append(links)
        self.images.append(images)
        self.tags.append(position - self.last)
        self.last = position
        return 0

    def make_room(self, name: str) -> None:
        """What an element of this name cannot stand in ends."""
        self.leave(("p",))
        self.leave(SIBLINGS.get(name, ()))

    def leave(self, names: tuple[str, ...]) -> None:
        """The innermost elements end as long as they have one of these names."""
        while self.named[-1] in names:
            self.named.pop()
            self.ends[self.stack.pop()] = len(self.texts)

    def end(self, name: str) -> None:
        """An element of this name ends, and all inside of it; nothing if none is open among the innermost."""
        level = len(self.stack) - 1
        lowest = max(0, level - MAX_LEVELS)
        while level > lowest and self.named[level] != name:
            level -= 1
        if level > lowest:
            for element in self.stack[level:]:
                self.ends[element] = len(self.texts)
            del self.stack[level:], self.named[level:]

    def blocks(self) -> Blocks:
        """All blocks and elements; those that are still open end here."""
        for element in self.stack:
            self.ends[element] = len(self.texts)
        numbers = dict(zip(dict.fromkeys(self.written), count(), strict=False))
        kinds = [*map(numbers.__getitem__, self.written)]
        _, elements, names = map(list, zip(*self.known, strict=True))
        shown = self.inside, self.linked, self.links, self.images, self.tags
        return Blocks(self.texts, *shown, self.parents, self.starts, self.ends, kinds, elements, names)


def read_blocks(page: str) -> Blocks:
    """The blocks of a page."""
    return blocks_of(page.split("<"))


def blocks_of(parts: list[str]) -> Blocks:
    """The blocks of a page that was split where tags may begin."""
    reader = Reader()
    texts, parents, starts, ends = reader.texts, reader.parents, reader.starts, reader.ends
    written, kinds, stack, named, get = reader.written, reader.known, reader.stack, reader.named, CACHE.get
    pieces, never = [*filter(str.strip, parts[:1])], set[str]()
    position, end, in_link, is_broken = 1, len(parts), False, False
    linked = links = images = 0
    while position < end:
        tag, closed, text = parts[position].partition(">")
        position += 1
        known = get(tag)
        if known is None or not closed:
            if tag[:2] == "a " and closed and not (tag.count('"') | tag.count("'")) & 1:
                known = ANCHOR
            else:
                position, known, tag, text = unknown_tag(parts, position, tag, closed, text, never)
        does, name, _ = known
        if does >= RULE:
            if pieces:
                images = reader.add(pieces, position, linked, links, images)
                linked = links = 0
            if does == CLOSE:
                if named[-1] == name:
                    named.pop()
                    ends[stack.pop()] = len(texts)
                else:
                    reader.end(name)
            elif does == OPEN:
                if named[-1] == "p" or (name in SIBLINGS and named[-1] in SIBLINGS[name]):
                    reader.make_room(name)
                parents.append(stack[-1])
                starts.append(len(texts))
                written.append(tag)
                kinds.append(known)
                stack.append(len(ends))
                ends.append(-1)
                named.append(name)
        elif does == LINK:
            in_link = True
            links += 1
        elif does == LINK_END:
            in_link = False
        elif does == IMAGE:
            images += 1
        elif does == BREAK:
            if is_broken and pieces:  # like a rule
                images, linked, links = reader.add(pieces, position, linked, links, images), 0, 0
            elif pieces:
                pieces.append(LINE)
            is_broken = True
        elif does == SKIP:
            position, text = after_element(parts, position, name, text, never)
        if text and (pieces or not text.isspace()):
            pieces.append(text)
            if in_link:
                linked += len(text)
            is_broken = is_broken and text.isspace()
    reader.add(pieces, position, linked, links, images)
    return reader.blocks()


def unknown_tag(
    parts: list[str], position: int, tag: str, closed: str, text: str, never: set[str]
) -> tuple[int, Tag, str, str]:
    """What follows < where it is no known tag: where reading goes on, what the tag does, the tag, the text after it."""
    if closed and tag.startswith(("a ", "img ")) and not (tag.count('"') | tag.count("'")) & 1:
        return position, ANCHOR if tag[0] == "a" else PICTURE, tag, text
    first = tag[:1]
    if tag.startswith("!--"):
        position, text = after_comment(parts, position - 1, never)
        return position, NOTHING, tag, text
    if not (first.isalpha() or first in ("/", "!", "?")) or not first:
        return position, NOTHING, tag, "<" + parts[position - 1]
    is_odd = not closed or tag.count('"') % 2 or tag.count("'") % 2
    if is_odd:
        position, tag, text = whole_tag(parts, position - 1)
    if tag.startswith(("a ", "A ")):
        return position, ANCHOR, tag, text
    # Where an odd one ends depends on what follows it, so it is not remembered for other places and pages.
    return position, parse_tag(tag) if is_odd else known_tag(tag), tag, text


def after_comment(parts: list[str], position: int, never: set[str]) -> tuple[int, str]:
    """Where reading goes on after a comment, and the text there. A comment that never ends is none."""
    if "--" not in never:
        for at in range(position, len(parts)):
            _, closed, text = parts[at].partition("-->")
            if closed:
                return at + 1, text
        never.add("--")
    return position + 1, ""


def whole_tag(parts: list[str], position: int) -> tuple[int, str, str]:
    """A tag with signs of tags in its quotes: where reading goes on, the tag and the text after it."""
    inside = ""
    for at in range(position, min(position + MAX_TAG, len(parts))):
        part = parts[at]
        for match in QUOTE_OR_END.finditer(part, 0, MAX_ATTRIBUTES * 4):
            sign = match.group()
            if sign == ">" and not inside:
                ends = match.start()
                before = "<".join([*parts[position:at], part[:ends]])
                return at + 1, before, part[ends + 1 :]
            if sign != ">":
                inside = "" if sign == inside else inside or sign
    tag, _, text = parts[position].partition(">")
    return position + 1, tag, text


def after_element(parts: list[str], position: int, name: str, text: str, never: set[str]) -> tuple[int, str]:
    """Where reading goes on after the end of an element whose content is skipped, and the text there.

    One that never ends is skipped alone, so that a page cut short is not lost.
    """
    if name not in never:
        closing, size = "/" + name, len(name) + 1
        for at in range(position, len(parts)):
            part = parts[at]
            if part[:1] == "/" and part[:size].lower() == closing and not part[size : size + 1].isalnum():
                return at + 1, part.partition(">")[2]
        never.add(name)
    return position, "" if name in ("script", "style") else text
