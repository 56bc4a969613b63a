"""Read the sample's topics: plain text that a linguist can edit.

category: culture
== <language code>
Title
The text, paragraphs parted by blank lines.
? A question
! Its answer
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anatili.problem import Problem
from anatili.reading import read_text

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class TopicPage:
    title: str
    text: str
    question: str
    answer: str


@dataclass(frozen=True)
class Topic:
    slug: str
    category: str
    pages: dict[str, TopicPage]
    """Language -> page."""


@cache
def read_topics() -> tuple[Topic, ...]:
    """All topics in order of their file names."""
    return tuple(parse(path.stem, read_text(path)) for path in sorted((FOLDER / "topics").glob("*.txt")))


def parse(slug: str, text: str) -> Topic:
    """The topic in `text`; `Problem` names the line and what is missing."""
    head, *parts = text.split("\n== ")
    pages, number = {}, head.count("\n") + 2
    for part in parts:
        language, title, *lines = [*part.strip().splitlines(), "", ""]
        body = "\n".join(line for line in lines if line[:2] not in ("? ", "! ")).strip()
        ends = {line[0]: line[2:] for line in lines if line[:2] in ("? ", "! ")}
        if not (title and body and len(ends) == 2):
            said = f"{language}: title, text, question (? ) and answer (! ) are needed"
            raise Problem(f"topics/{slug}.txt:{number}: {said}")
        number += part.count("\n") + 1
        pages[language.strip()] = TopicPage(title, body, ends["?"], ends["!"])
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
