"""First questions about documents that people have: made of their titles and headings in the forms of the packs.

Each is asked before it is offered, and offered only if what would be quoted stands under the heading that it names.
"""

import random
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from anatili.files import title_of
from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.search.analysis import TERM
from anatili.search.index import Passage
from anatili.search.searcher import Search
from anatili.serve.assistant import Assistant

QUESTIONS = 3
DRAWN = 100
"""Passages of a language in which documents are looked for that begin there."""
TRIED = 6
"""Questions that are asked until there are enough."""
HEADINGS = 3
"""Headings of a document of which questions are made, drawn from all in its first `PASSAGES`."""
PASSAGES, OPENED = 8, 200
"""First passages of a document in which headings are looked for, and most passages that are opened after the first ones
of documents."""
IDENTIFIED = 500
"""Characters of a document by which it is checked that it is in the language as which it was indexed."""
FIRST = ":0"
"""How the id of the first passage of a document ends."""
WORDS = 8
"""Most words of a heading."""
SHORTEST = 20
"""Characters under a heading that an answer has at least."""
NUMBERED = re.compile(r"\A(?:§\s*)?(?:\d+(?:\.\d+)*|[IVXLC]+)[.)]?\s+")
"""The number of a heading."""
PLAIN = re.compile(r"[\w\s.,()№%’'ʼ«»“”\"–—-]+")
"""What a heading is made of: neither addresses nor marks of a program."""
INNER = {"«": str.maketrans('«»"', "“””"), "“": str.maketrans('“”«»"', "‘’‘’’")}
"""How quotation marks are written inside of others, which a form has around the heading."""


@dataclass(frozen=True)
class Heading:
    """A title or heading of a document, and what stands under it in a passage."""

    passage: Passage
    text: str
    start: int
    end: int
    """Where it ends and what it is above begins."""
    until: int
    """Where the next heading begins."""
    is_title: bool
    """Whether it names the whole document."""


def questions_about_documents(assistant: Assistant, language: str) -> list[str]:
    """Up to three questions that the assistant answers from the documents that it searches, about those in `language`
    first. Each is in the language of its document."""
    questions: list[str] = []
    tried = 0
    for heading in headings_of_all(assistant, language):
        question = question_on(heading, assistant.packs[heading.passage.language])
        if not question or question in questions:
            continue
        if is_answered(assistant, heading, question):
            questions.append(question)
        tried += 1
        if tried == TRIED or len(questions) == QUESTIONS:
            break
    return questions


def headings_of_all(assistant: Assistant, language: str) -> Iterator[Heading]:
    """The headings of documents, one of each in turn, those of documents in `language` first."""
    search = assistant.search
    assert search is not None
    left = iter(range(OPENED))
    waiting: deque[Iterator[Heading]] = deque()
    for code in sorted(assistant.packs, key=lambda code: code != language):
        documents = search.beginnings(code, DRAWN)
        waiting += (headings_of_document(search, first, left) for first in random.sample(documents, len(documents)))
    while waiting:
        document = waiting.popleft()
        if heading := next(document, None):
            yield heading
            waiting.append(document)


def headings_of_document(search: Search, first: Passage, left: Iterator[int]) -> Iterator[Heading]:
    """Some headings of a document in their order, at last its title."""
    found = [heading for passage in beginning_of(search, first, left) for heading in headings_of(passage)]
    parts = [heading for heading in found if not heading.is_title]
    drawn = random.sample(range(len(parts)), min(HEADINGS, len(parts)))
    yield from (parts[number] for number in sorted(drawn))
    yield from (heading for heading in found if heading.is_title)


def beginning_of(search: Search, first: Passage, left: Iterator[int]) -> Iterator[Passage]:
    """The first passages of a document; for each one opened after the very first, an item of `left` is taken."""
    yield first
    for number, _ in zip(range(1, PASSAGES), left, strict=False):
        passage = search.passage(first.id.removesuffix(FIRST) + f":{number}")
        if passage is None or passage.language != first.language:
            return
        yield passage


def headings_of(passage: Passage) -> list[Heading]:
    """The headings of a passage; if it is the first of its document, at last the title of that."""
    lines = passage.text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    below = 1 if lines[0].strip() == passage.title else 0
    numbers = [
        number for number in range(below, len(lines)) if lines[number].strip() and has_text_below(lines[number:])
    ]
    found = [
        Heading(passage, lines[number].strip(), starts[number], starts[number + 1], starts[after], is_title=False)
        for number, after in pairwise([*numbers, len(lines)])
    ]
    first_section = found[1].start if len(found) > 1 else len(passage.text)
    title = Heading(passage, passage.title, 0, starts[below], first_section, is_title=True)
    is_file_name = passage.title == PurePath(passage.url.rstrip("/")).stem
    return found if is_file_name or not passage.id.endswith(FIRST) else [*found, title]


def has_text_below(lines: Sequence[str]) -> bool:
    """Whether the first line is a heading, and neither another one nor an item of a list follows it."""
    below = next((number for number, line in enumerate(lines) if number and line.strip()), 0)
    return bool(title_of(lines) and below and not title_of(lines[below:]) and len(lines[below].strip()) >= SHORTEST)


def question_on(heading: Heading, pack: LanguagePack) -> str:
    """The question that asks what stands under a heading; "" if the pack has no form for it or it is none to ask by."""
    form = str(pack.prompts.get("page", {}).get("suggestion_document" if heading.is_title else "suggestion_part", ""))
    text = NUMBERED.sub("", heading.text)
    words = [pack.lower(word) for word in TERM.findall(text)]
    names = [word for word in words if word.isalpha() and word not in pack.stopwords]
    if not form or not names or len(words) > WORDS or not PLAIN.fullmatch(text):
        return ""
    inner = next((table for mark, table in INNER.items() if mark in form), {})
    return form.format(title=text.translate(inner))


def is_answered(assistant: Assistant, heading: Heading, question: str) -> bool:
    """Whether the answer to a question is taken from below the heading that it names."""
    passage = heading.passage
    if identify(passage.text[:IDENTIFIED]).language != passage.language:  # it is only read as a text in this language
        return False
    prepared = assistant.prepare([{"role": "user", "content": question}], passage.language)
    if not prepared.passages or prepared.passages[0].passage.id != passage.id:
        return False
    start, end = prepared.span
    return heading.start <= start < heading.until and end - max(start, heading.end) >= SHORTEST
