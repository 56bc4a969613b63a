"""Questions on short documents in folders, as the decision on one's own documents is trained on them.

The documents of bench/everyday.toml and bench/folders.toml, each asked alone, among others in its language and among
others in all languages, in its own language and, put into it word by word, in another; and further questions of a
conversation. Those of bench/documents, which are many more, are asked in one of these ways each; the decision's two
networks learn nothing new from them (docs/log.md), so only the reader is trained on them. bench/own.toml,
bench/cross.toml and bench/papers.toml are never read here.
"""

import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asked import LANGUAGES, PACKS, Asked
from decision_examples import OTHERS, Example, example
from everyday import FEW, TOGETHER, Everyday, indexed, read_everyday, sets_of

from anatili.search.searcher import Search
from anatili.serve.decision import CANDIDATES
from anatili.serve.question import Question, read_question
from anatili.serve.translated import translated, widened

FILE = Path(__file__).with_name("folders.toml")
MORE = tuple(sorted(Path(__file__).with_name("documents").glob("*.toml")))
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
    more, others = read_file(FILE)
    return [*read_everyday(), *more], others


def read_file(file: Path) -> tuple[list[Everyday], dict[str, Folder]]:
    """The documents of a file like bench/folders.toml, and the other questions on them by the name of the document."""
    rows = tomllib.loads(file.read_text("utf-8"))["documents"]
    documents = [Everyday(row["name"], row["language"], row["text"], tuple(map(tuple, row["asked"]))) for row in rows]
    others = {
        row["name"]: Folder(*(tuple(map(tuple, row.get(key, ()))) for key in ("further", "abroad"))) for row in rows
    }
    return documents, others


def sets_once(documents: Sequence[Everyday]) -> list[list[Everyday]]:
    """Each document once: a third alone, a third with others in its language, a third with others in all languages."""
    shuffled = random.Random(0).sample(list(documents), len(documents))
    alone, few, many = (shuffled[number::3] for number in range(3))
    by_language = [[row for row in few if row.language == code] for code in LANGUAGES]
    return [
        *([row] for row in alone),
        *(rows[start : start + FEW] for rows in by_language for start in range(0, len(rows), FEW)),
        *(many[start : start + TOGETHER] for start in range(0, len(many), TOGETHER)),
    ]


def folder_examples() -> Iterator[Example]:
    """All questions of bench/everyday.toml and bench/folders.toml, over each set of documents."""
    documents, others = read_folders()
    yield from asked_over(sets_of(documents), documents, others)


def more_examples(*files: Path) -> Iterator[Example]:
    """The questions of other files of documents, each asked over one set."""
    documents: list[Everyday] = []
    others: dict[str, Folder] = {}
    for file in files:
        of_file, questions = read_file(file)
        documents += of_file
        others |= questions
    yield from asked_over(sets_once(documents), documents, others)


def asked_over(
    sets: Sequence[Sequence[Everyday]], documents: Sequence[Everyday], others: Mapping[str, Folder]
) -> Iterator[Example]:
    for number, together in enumerate(sets):
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
