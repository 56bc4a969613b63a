"""Read the sample's topics, plain text that a linguist can edit. The format:

category: culture
== <language code>
Title
The text; blank lines separate paragraphs.
? A question on the subject of the page
! Its answer
? A question on something that the text tells, in other words than the text's; any number of these may follow
! Its answer
?? A question on the same subject that the text does not answer
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from anatili.problem import Problem
from anatili.text_files import read_text

FOLDER = Path(__file__).parent
MARKS = ("? ", "! ", "?? ")
"""Prefixes of lines with a question, an answer, and a question without an answer."""


@dataclass(frozen=True)
class TopicPage:
    title: str
    text: str
    pairs: tuple[tuple[str, str], ...]
    """Questions and answers. The first asks what the page is about; the others ask for details of the text."""
    unanswered: tuple[str, ...] = ()
    """Questions on the subject that the text does not answer."""

    @property
    def question(self) -> str:
        return self.pairs[0][0]

    @property
    def answer(self) -> str:
        return self.pairs[0][1]


@dataclass(frozen=True)
class Topic:
    slug: str
    category: str
    pages: dict[str, TopicPage]
    """Language -> page."""
    held_out: bool = False
    """Whether its questions after the first are for evaluation and never for training."""


@cache
def read_topics() -> tuple[Topic, ...]:
    """All topics in order of their file names; every fifth is held out."""
    topics = [parse(path.stem, read_text(path)) for path in sorted((FOLDER / "topics").glob("*.txt"))]
    return tuple(replace(topic, held_out=number % 5 == 4) for number, topic in enumerate(topics))


def parse(slug: str, text: str) -> Topic:
    """Parse a topic; `Problem` names the line and what is missing."""
    head, *parts = text.split("\n== ")
    pages, number = {}, head.count("\n") + 2
    for part in parts:
        language, title, *lines = [*part.strip().splitlines(), "", ""]
        body = "\n".join(line for line in lines if not line.startswith(MARKS)).strip()
        questions, answers, unanswered = (
            [line[len(mark) :] for line in lines if line.startswith(mark)] for mark in MARKS
        )
        if not (title and body and questions and len(questions) == len(answers)):
            expected = f"{language}: needs a title, a text, and questions (? ) each with an answer (! )"
            raise Problem(f"topics/{slug}.txt:{number}: {expected}")
        number += part.count("\n") + 1
        pairs = tuple(zip(questions, answers, strict=True))
        pages[language.strip()] = TopicPage(title, body, pairs, tuple(unanswered))
    return Topic(slug, head.partition("category:")[2].strip(), pages)


@cache
def read_neighbors() -> tuple[tuple[str, str, str], ...]:
    """(language, title, text) of the pages in close languages. In a file, pages are separated by ==."""
    pages = []
    for path in sorted((FOLDER / "neighbors").glob("*.txt")):
        for part in path.read_text("utf-8").split("\n==\n"):
            title, _, body = part.strip().partition("\n")
            pages.append((path.stem, title, body.strip()))
    return tuple(pages)


@cache
def read_sentences() -> tuple[dict[str, str], ...]:
    """Parallel sentences: language -> sentence. A file's first line names the languages of its columns."""
    sentences = []
    for path in sorted((FOLDER / "sentences").glob("*.tsv")):
        head, *rows = read_text(path).splitlines()
        for number, row in enumerate(rows, 2):
            texts = row.split("\t")
            if len(texts) != len(head.split("\t")) or not all(text.strip() for text in texts):
                raise Problem(f"sentences/{path.name}:{number}: needs a sentence in each of {', '.join(head.split())}")
            sentences.append(dict(zip(head.split("\t"), texts, strict=True)))
    return tuple(sentences)
