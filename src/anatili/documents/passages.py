"""A file as passages: cut at sentences within its pages and lines, each with its language and location."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import PurePath

from anatili.files import FileText, Part, UnreadableError
from anatili.files.locations import BY_LINE, moved
from anatili.identify import identify, identify_all
from anatili.lang import codes, load_pack, reference
from anatili.search.index import Passage, Span, blocks
from anatili.text import SCRIPTS, clean, sentence_spans

SOURCE = "documents"
"""The source of the passages of files that people have."""
PASSAGE_WORDS = 120
LONGEST_SENTENCE = 2 * PASSAGE_WORDS
"""Words of a sentence; longer ones, such as tables without full stops, are divided."""
MAX_PASSAGES = 100_000
"""Passages of a file. More is a corpus, which `anatili run` indexes."""
IDENTIFIED = 2000
"""Characters from the start of a file by which its language is identified."""
SURE, ENOUGH = 0.9, 60
"""A passage is in a language of its own if the identifier is so sure, and it has so many characters."""
FULL_LINE = 0.6
"""A line of this share of the longest lines may go on in the next one."""
SHORTEST_FULL = 40
ENDS = (".", "!", "?", "…", ":", ";", "؟")
FLOWING = ("line", "page")
"""Kinds of parts in which a sentence may go on in the next line."""


@dataclass(frozen=True)
class Source:
    """What is known about a file before it is read."""

    name: str
    document: str
    """The id of the document."""
    prefix: str
    """What the ids of its passages begin with."""
    time: str


def passages_of(file: FileText, source: Source, languages: tuple[str, ...]) -> Iterator[tuple[Passage, str]]:
    """The passages of a file in order, each with its identified language, for which there may be no pack.

    `languages`: those that come first for a script without a pack of its own.
    """
    parts = iter(file.parts)
    first = list(until_identified(parts))
    beginning = "\n".join(part.text for part in first)
    main = identify(beginning[:IDENTIFIED])
    is_whole = len(first) == 1 and len(beginning) < IDENTIFIED  # and nothing follows
    title = " ".join(clean(file.title).split()) or PurePath(source.name.rstrip("/")).stem
    abbreviations = load_pack(analyzed_as(main.language, main.script, languages)[0]).abbreviations
    number = 0
    for part in chain(first, parts):
        stretches = list(stretches_of(part, abbreviations))
        is_one = is_whole and len(stretches) == 1  # it is identified already
        verdicts = [main] if is_one else identify_all([text for _, text in stretches])
        for (location, text), verdict in zip(stretches, verdicts, strict=True):
            own = verdict if verdict.confidence >= SURE and len(text) >= ENOUGH else main
            language, script = analyzed_as(own.language, verdict.script or own.script, languages)
            if number == MAX_PASSAGES:
                raise UnreadableError("too_large", f"it has more than {MAX_PASSAGES:,} passages")
            passage = Passage(
                id=f"{source.prefix}:{number}",
                document=source.document,
                title=part.title or title,
                text=text,
                url=part.url or source.name,
                source=SOURCE,
                time=part.time or source.time,
                license=part.license,
                language=language,
                script=script,
                location=location,
            )
            number += 1
            yield passage, own.language


def until_identified(parts: Iterator[Part]) -> Iterator[Part]:
    length = 0
    for part in parts:
        yield part
        length += len(part.text)
        if length >= IDENTIFIED:
            return


def stretches_of(part: Part, abbreviations: Container[str]) -> Iterator[tuple[str, str]]:
    """Location and text of the passages of a part. The text keeps its lines where each has its own location, so that a
    quotation can be cited by its line."""
    kind = part.location.partition(":")[0]
    flowing = unwrapped(part.text) if kind in FLOWING else part.text
    line = counted = 0
    for block in blocks(flowing, short_spans(flowing, abbreviations), PASSAGE_WORDS):
        start, end = block[0][0], block[-1][1]
        text = clean(flowing[start:end] if kind in BY_LINE else " ".join(flowing[a:b] for a, b in block))
        line += part.text.count("\n", counted, start)
        counted = start
        if any(map(str.isalnum, text)):
            yield moved(part.location, line), text


def short_spans(text: str, abbreviations: Container[str]) -> Iterator[Span]:
    """The spans of sentences, those of too many words divided."""
    for start, end in sentence_spans(text, abbreviations):
        words = text[start:end].split(" ")
        if len(words) <= LONGEST_SENTENCE:
            yield start, end
            continue
        words_left = iter(words)
        while some := list(islice(words_left, PASSAGE_WORDS)):
            length = len(" ".join(some))
            yield start, start + length
            start += length + 1


def unwrapped(text: str) -> str:
    """`text` with a space instead of each line end inside a sentence: of the same length, with the same offsets."""
    lines = text.split("\n")
    longest = sorted(map(len, filter(str.strip, lines)))
    if not longest:
        return text
    full = max(SHORTEST_FULL, FULL_LINE * longest[9 * len(longest) // 10])
    joined = [
        line + (" " if len(line) >= full and goes_on(line, after) else "\n")
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
    ]
    return "".join(joined)[:-1]


def goes_on(line: str, after: str) -> bool:
    """Whether a sentence goes on in the next line."""
    start = after.strip()[:1]
    return start.isalpha() and not line.rstrip().endswith(ENDS)


@cache
def analyzed_as(language: str, script: str, preferred: tuple[str, ...]) -> tuple[str, str]:
    """The pack and script by which a text is analyzed: a language without a pack is read as a preferred one in its
    script, or as the reference language. Its words are then found as they are written, or nearly so."""
    if language in codes():
        return language, script if script in SCRIPTS else load_pack(language).main_script
    packs = [load_pack(code) for code in preferred]
    pack = next((pack for pack in packs if pack.main_script == script), None) or load_pack(reference())
    return pack.code, pack.main_script
