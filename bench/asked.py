"""Questions on the topics of the sample, asked in eight ways, with what answers them; used to train and to measure.

The ways: on the subject of the page (as it was written), three details (as they were written), "tell me about", the
words of a detail without those that ask, a detail with a slip of a letter, and with polite words around it.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.sample.crawl import topic_url
from anatili.sample.topics import Topic, TopicPage, read_topics
from anatili.search.analysis import TERM, terms
from anatili.serve.question import read_question

WAYS = ("subject", "detail 1", "detail 2", "detail 3", "tell", "key words", "slip", "polite")
WORDINGS = tomllib.loads(Path(__file__).with_name("ways.toml").read_text("utf-8"))
LANGUAGES = ("kk", "ru", "en", "tr")
PACKS = {code: load_pack(code) for code in LANGUAGES}
HELD = 0.6
"""Share of the words of a written answer (those not in the question) from which a quotation holds the answer."""


@dataclass(frozen=True)
class Asked:
    """A question with what answers it."""

    way: str
    topic: str
    language: str
    question: str
    answer: str
    """"" if the page does not answer the question."""
    url: str
    """Of the page that answers."""
    related: frozenset[str]
    """Addresses of the pages on the same topic in all languages."""
    before: tuple[str, ...] = ()
    """Questions that were asked before."""


def slip(question: str, choose: random.Random) -> str:
    """`question` with two letters swapped, one left out or one doubled in a long word."""
    words = question.split(" ")
    long = [number for number, word in enumerate(words) if sum(map(str.isalpha, word)) >= 6]
    if not long:
        return question
    number = choose.choice(long)
    word = words[number]
    at = choose.randrange(1, len(word) - 2)
    kind = choose.randrange(3)
    words[number] = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if kind == 0
        else word[:at] + word[at + 1 :]
        if kind == 1
        else word[:at] + word[at] + word[at:]
    )
    return " ".join(words)


def asked(topics: list[Topic]) -> Iterator[Asked]:
    """All ways for all pages of `topics`, then the questions that the pages do not answer."""
    for topic in topics:
        related = frozenset(topic_url(topic, code) for code in topic.pages)
        for code in LANGUAGES:
            page = topic.pages[code]
            choose = random.Random(f"{topic.slug} {code}")
            for way, question, answer in ways(page, code, choose):
                yield Asked(way, topic.slug, code, question, answer, topic_url(topic, code), related)
            for question in page.unanswered:
                yield Asked("unanswered", topic.slug, code, question, "", "", related)


def ways(page: TopicPage, code: str, choose: random.Random) -> Iterator[tuple[str, str, str]]:
    yield "subject", *page.pairs[0]
    for number, pair in enumerate(page.pairs[1:4], 1):
        yield f"detail {number}", *pair
    detail, answer = choose.choice(page.pairs)
    yield "tell", choose.choice(WORDINGS[code]["tell"]).format(title=page.title), first_sentences(page)
    words = read_question(detail, code, PACKS).words
    yield "key words", " ".join(words).lower(), answer
    yield "slip", slip(detail, choose), answer
    lower = detail[0].lower() + detail[1:] if not detail[:2].isupper() else detail
    yield "polite", choose.choice(WORDINGS[code]["polite"]).format(question=lower), answer


def absent(code: str, *, train: bool) -> Iterator[str]:
    """Questions on nothing in the sample; those for training have other words than those for measuring."""
    texts = WORDINGS["absent"][code]
    yield from texts[: len(texts) // 2] if train else texts[len(texts) // 2 :]
    table = WORDINGS["absent_patterns"][code]
    for pattern in table["patterns"]:
        (name,) = re.findall(r"{(\w+)}", pattern)
        half = len(table[name]) // 2
        for filling in table[name][:half] if train else table[name][half:]:
            yield pattern.format(**{name: filling})


def first_sentences(page: TopicPage) -> str:
    return ". ".join(page.text.split(". ")[:1])


def content(text: str, code: str) -> set[str]:
    """The stems of a text without stop words."""
    pack: LanguagePack = PACKS[code]
    words = (word for word in TERM.findall(text) if pack.lower(word) not in pack.stopwords)
    return {term for word in words for term in terms(code)[word].split()}


def covered(quoted: str, answer: str, question: str, code: str) -> float:
    """Share of the words of `answer`, apart from those of `question`, that `quoted` has."""
    wanted = content(answer, code)
    wanted = wanted - content(question, code) or wanted
    return len(wanted & content(quoted, code)) / max(1, len(wanted))


def halves() -> tuple[list[Topic], list[Topic]]:
    """Topics to train on and topics to measure on."""
    topics = read_topics()
    return list(topics[::2]), list(topics[1::2])
