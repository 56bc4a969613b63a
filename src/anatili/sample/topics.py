"""Read the sample's topics: plain text that a linguist can edit.

category: culture
== <language code>
Title
The text, paragraphs parted by blank lines.
? A question
! Its answer
? A question in other words than the text's, on something that it tells; as many as there are, after the first
! Its answer
?? A question on the same subject that the text does not answer
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from anatili.problem import Problem
from anatili.reading import read_text

FOLDER = Path(__file__).parent
MARKS = ("? ", "! ", "?? ")
"""What lines begin with that are a question, its answer, a question without one."""


@dataclass(frozen=True)
class TopicPage:
    title: str
    text: str
    pairs: tuple[tuple[str, str], ...]
    """Questions and answers. The first asks what the page is about; the others are on what it tells."""
    unanswered: tuple[str, ...] = ()
    """Questions on its subject that it does not answer."""

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
    """Whether its questions after the first are for measuring and never taught."""


@cache
def read_topics() -> tuple[Topic, ...]:
    """All topics in order of their file names; each fifth is held out."""
    found = [parse(path.stem, read_text(path)) for path in sorted((FOLDER / "topics").glob("*.txt"))]
    return tuple(replace(topic, held_out=number % 5 == 4) for number, topic in enumerate(found))


def parse(slug: str, text: str) -> Topic:
    """The topic in `text`; `Problem` names the line and what is missing."""
    head, *parts = text.split("\n== ")
    pages, number = {}, head.count("\n") + 2
    for part in parts:
        language, title, *lines = [*part.strip().splitlines(), "", ""]
        body = "\n".join(line for line in lines if not line.startswith(MARKS)).strip()
        asked, answers, unanswered = ([line[len(mark) :] for line in lines if line.startswith(mark)] for mark in MARKS)
        if not (title and body and asked and len(asked) == len(answers)):
            said = f"{language}: title, text, questions (? ) and an answer (! ) to each are needed"
            raise Problem(f"topics/{slug}.txt:{number}: {said}")
        number += part.count("\n") + 1
        pairs = tuple(zip(asked, answers, strict=True))
        pages[language.strip()] = TopicPage(title, body, pairs, tuple(unanswered))
    return Topic(slug, head.partition("category:")[2].strip(), pages)


@cache
def read_neighbors() -> tuple[tuple[str, str, str], ...]:
    """(language, title, text) of the pages in close languages; a file holds one page after another, parted by ==."""
    found = []
    for path in sorted((FOLDER / "neighbors").glob("*.txt")):
        for part in path.read_text("utf-8").split("\n==\n"):
            title, _, body = part.strip().partition("\n")
            found.append((path.stem, title, body.strip()))
    return tuple(found)


@cache
def read_sentences() -> tuple[dict[str, str], ...]:
    """Language -> sentence, the same said in each. A file's first line names the languages of its columns."""
    found = []
    for path in sorted((FOLDER / "sentences").glob("*.tsv")):
        head, *rows = read_text(path).splitlines()
        for number, row in enumerate(rows, 2):
            texts = row.split("\t")
            if len(texts) != len(head.split("\t")) or not all(text.strip() for text in texts):
                raise Problem(f"sentences/{path.name}:{number}: a sentence in each of {head.split()} is needed")
            found.append(dict(zip(head.split("\t"), texts, strict=True)))
    return tuple(found)
