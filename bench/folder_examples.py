"""Questions on short documents in folders, as the decision on one's own documents is trained on them.

The documents of bench/everyday.toml and bench/folders.toml, each asked alone, among others in its language and among
others in all languages, in its own language and, put into it word by word, in another; and further questions of a
conversation. bench/own.toml, bench/cross.toml and bench/papers.toml are never read here.
"""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asked import PACKS, Asked
from decision_examples import OTHERS, Example, example
from everyday import Everyday, indexed, read_everyday, sets_of

from anatili.search.searcher import Search
from anatili.serve.decision import CANDIDATES
from anatili.serve.question import Question, read_question
from anatili.serve.translated import translated, widened

FILE = Path(__file__).with_name("folders.toml")
ELSEWHERE = 0.4
"""Share of the questions over a large set that are also put to the documents in each other language, which do not
answer them."""
FOLDER_WEIGHTS = {
    "everyday answered": 1.0,
    "everyday missing": 4.0,
    "everyday elsewhere": 3.0,
    "further answered": 1.0,
    "abroad answered": 1.0,
    "abroad missing": 3.0,
    "abroad elsewhere": 1.0,
    "wrong": 1.0,
}
"""Weights in the answering network by kind of example; "wrong": what would be quoted does not hold the answer."""


@dataclass(frozen=True)
class Folder:
    """A document with the questions on it that only bench/folders.toml has."""

    further: tuple[tuple[str, ...], ...] = ()
    """A question, the one after it, what a right answer holds."""
    abroad: tuple[tuple[str, ...], ...] = ()
    """The language of a question, the question, what a right answer holds; nothing if there is no answer."""


def read_folders() -> tuple[list[Everyday], dict[str, Folder]]:
    """The documents of both files, and the other questions on those of the second by the name of the document."""
    rows = tomllib.loads(FILE.read_text("utf-8"))["documents"]
    more = [Everyday(row["name"], row["language"], row["text"], tuple(map(tuple, row["asked"]))) for row in rows]
    others = {row["name"]: Folder(*(tuple(map(tuple, row[key])) for key in ("further", "abroad"))) for row in rows}
    return [*read_everyday(), *more], others


def folder_examples() -> Iterator[Example]:
    """All questions, over each set of documents."""
    documents, others = read_folders()
    for number, together in enumerate(sets_of(documents)):
        choose = random.Random(number)
        with indexed(together) as search:
            for document in together:
                yield from asked_at_home(document, together, documents, search, choose)
                yield from asked_otherwise(document, others.get(document.name, Folder()), search)


def row_of(document: Everyday, language: str, text: str, right: Sequence[str] | None) -> Asked:
    return Asked("", document.name, language, text, "", document.name if right else "", frozenset())


def over(
    kind: str, row: Asked, question: Question, search: Search, right: Sequence[str] = (), only: str = ""
) -> Example:
    hits = search.find(question.wide_query, CANDIDATES, question.language, only)
    return example(kind, row, question, search, hits, right=right)


def asked_at_home(
    document: Everyday,
    together: Sequence[Everyday],
    documents: Sequence[Everyday],
    search: Search,
    choose: random.Random,
) -> Iterator[Example]:
    """Questions in the language of the document; over a document alone, some on others; over many, some also put to the
    documents in other languages."""
    alone, many = len(together) == 1, len({other.language for other in together}) > 1
    rows = [(True, asked) for asked in document.asked]
    if alone:
        near = [other for other in documents if other.language == document.language and other != document]
        rows += [(False, choose.choice(choose.choice(near).asked)[:1]) for _ in range(OTHERS)]
    for own, (text, *right) in rows:
        question = widened(read_question(text, document.language, PACKS), PACKS, search)
        kind = "everyday answered" if right else "everyday missing" if own else "everyday elsewhere"
        yield over(kind, row_of(document, document.language, text, right), question, search, right)
        if many and choose.random() < ELSEWHERE:
            for code in sorted({other.language for other in together} - {document.language}):
                row = row_of(document, code, text, None)
                yield over("abroad elsewhere", row, translated(question, PACKS[code], search), search, only=code)


def asked_otherwise(document: Everyday, more: Folder, search: Search) -> Iterator[Example]:
    """Further questions of a conversation, and questions in another language than the document's."""
    for before, text, *right in more.further:
        question = widened(read_question(text, document.language, PACKS), PACKS, search)
        question = question.after([read_question(before, document.language, PACKS)])
        yield over("further answered", row_of(document, document.language, text, right), question, search, right)
    for code, text, *right in more.abroad:
        question = translated(read_question(text, code, PACKS), PACKS[document.language], search)
        row = row_of(document, document.language, text, right)
        kind = "abroad answered" if right else "abroad missing"
        yield over(kind, row, question, search, right, only=document.language)
