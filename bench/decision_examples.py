"""Questions with what answers them and what does not, as the decision is trained on them (bench/train_decision.py).

Besides questions on half of the sample's topics (bench/asked.py) there are: those that their page does not answer, as
they were written and from patterns; questions whose page is taken out, in all languages; questions on nothing in the
sample; half of the colloquial ones (bench/colloquial.toml, by topic) and all of bench/details.toml; short documents as
people have them (bench/everyday.toml), asked alone and among others, also for what they do not say. bench/natural.toml,
bench/fresh.toml and bench/own.toml are never read here.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from asked import LANGUAGES, PACKS, WORDINGS, Asked, absent, asked, covered, halves
from everyday import indexed, read_everyday, sets_of
from questions import Written, colloquial_halves, has, written

from anatili.sample.topics import Topic
from anatili.search.searcher import Hit, Search
from anatili.serve.decision import CANDIDATES
from anatili.serve.features import FEATURES, Candidate, Floats, features, share_of_many
from anatili.serve.question import Question, read_question

DETAILS = Path(__file__).with_name("details.toml")
FURTHER, ELSEWHERE, RANKED = 0.7, 0.3, {"colloquial": 2.0, "own": 0.5, "everyday": 0.5}
"""Weights in the ranking of further questions, of those whose page is there only in other languages, and of kinds of
examples that begin so; others weigh 1."""
WEIGHTS = {
    "answered": 1.0,
    "page taken out": 0.7,
    "missing": 2.0,
    "pattern": 1.0,
    "absent": 4.0,
    "elsewhere": 1.0,
    "wrong": 0.3,
    "colloquial answered": 3.0,
    "colloquial page taken out": 2.0,
    "colloquial missing": 4.0,
    "colloquial nothing": 4.0,
    "details answered": 3.0,
    "details page taken out": 2.0,
    "details missing": 4.0,
    "details nothing": 4.0,
    "own answered": 0.5,
    "own missing": 2.2,
    "own taken out": 0.7,
    "everyday answered": 0.5,
    "everyday missing": 1.9,
    "everyday elsewhere": 0.8,
}
"""Weights in the answering network by kind of example; "wrong": an answered question whose page did not come first."""
UNRANKED = "details"
"""Kinds that begin so train the answering network only."""
RIVALS = 4
"""Passages that do not answer which a question's sentences are compared with in training."""
FOUND = 14
"""Passages searched for: those on the topic may be taken out."""
FOREIGN = 0.1
"""Share of questions whose page is there only in other languages."""
PATTERNS = 2
"""Questions on details that a page does not give, for each page."""
OWN, SHORT, FEW = 0.5, 0.6, 4
"""Share of answered questions that are also asked over documents without titles; of these, share that leave the subject
out; most pages there."""
NAMES = ("", "letter", "document 1", "Ереже", "Отчёт", "notes", "tutanak")
TAKEN_OUT = ("subject", "detail 1", "detail 2", "detail 3", "key words", "polite")
OTHERS = 6
"""Questions on other documents that each short document is asked."""


@dataclass
class Example:
    """A question with the features of its sentences."""

    kind: str
    """One of `WEIGHTS`."""
    language: str
    hits: list[Hit]
    candidates: list[Candidate]
    rows: Floats
    right: np.ndarray
    """Which sentences hold the answer."""
    url: str
    """Address of the page that answers or, if a detail is missing, that may be on the subject; "" if there is none."""
    weight: float = 1.0
    asked: str = ""
    """The question as it was asked, after the words of earlier ones."""

    @property
    def has_answer(self) -> bool:
        return self.url != "" and not self.kind.endswith("missing")


def right_sentences(row: Asked, hits: list[Hit], candidates: list[Candidate], right: Sequence[str]) -> np.ndarray:
    """Which candidates hold most of the written answer, or the words that a right answer holds."""
    held = np.zeros(len(candidates))
    for number, candidate in enumerate(candidates):
        hit = hits[candidate.hit]
        if hit.passage.url == row.url:
            text = hit.passage.text[candidate.start : candidate.end]
            share = float(has(text, right)) if right else covered(text, row.answer, row.question, row.language)
            held[number] = 0.01 + share
    return held >= max(0.01, 0.75 * held.max()) if len(held) else held > 0


def example(
    kind: str,
    row: Asked,
    question: Question,
    search: Search,
    hits: list[Hit],
    weight: float = 1.0,
    right: Sequence[str] = (),
) -> Example:
    hits = hits[:CANDIDATES]
    candidates, rows = features(question, search, hits) if hits else ([], np.zeros((0, len(FEATURES))))
    if kind.startswith("own"):
        rows[:, FEATURES.index("collection")] = share_of_many(len(hits))
    answers = right_sentences(row, hits, candidates, right) if row.url else np.zeros(len(candidates), bool)
    asked_words = " ".join((*question.earlier, row.question))
    return Example(kind, row.language, hits, candidates, rows, answers, row.url, weight, asked_words)


def untitled(hits: Sequence[Hit], choose: random.Random) -> list[Hit]:
    """The same passages as if they came from files whose names say nothing."""
    name = choose.choice(NAMES)
    return [replace(hit, passage=replace(hit.passage, title=name)) for hit in hits]


def without_subject(question: Question, subject: str) -> Question:
    """The question without the words of its page's title, as one asks over a document that has one subject only."""
    stems = {word.lower()[:4] for word in read_question(subject, question.language, PACKS).words}
    rest = tuple(word for word in question.words if word.lower()[:4] not in stems)
    return replace(question, words=rest) if rest else question


def of_own(row: Asked, question: Question, search: Search, hits: list[Hit], choose: random.Random) -> Iterator[Example]:
    """The question as it is put to documents of one's own: no title names the subject, there are few documents, and the
    question may leave the subject out."""
    pages = list(dict.fromkeys(hit.passage.url for hit in hits if hit.passage.language == row.language))
    others = [url for url in pages if url not in row.related and url != row.url]
    few = {row.url, *choose.sample(others, min(len(others), choose.randrange(FEW)))} if row.url else set(pages[:FEW])
    short = without_subject(question, row.before[0]) if row.before else question
    asked_short = short if choose.random() < SHORT else question
    kind = "own answered" if row.url and row.answer else "own missing"
    chosen = [hit for hit in hits if hit.passage.url in few]
    if not chosen:
        return
    target = row if kind == "own answered" else replace(row, url="")
    yield example(kind, target, asked_short, search, untitled(chosen, choose))
    rest = [hit for hit in chosen if hit.passage.url != row.url]
    if kind == "own answered" and rest:
        yield example("own taken out", replace(row, url=""), asked_short, search, untitled(rest, choose))


def searched(question: Question, search: Search) -> list[Hit]:
    return search.find(question.query, FOUND, question.language)


def variants(row: Asked, question: Question) -> Iterator[tuple[Question, float]]:
    """The question, and as a further question of a conversation about the title."""
    yield question, 1.0
    if row.way.startswith("detail") and row.before:
        title = read_question(row.before[0], row.language, PACKS)
        stems = {word.lower()[:4] for word in title.words}
        rest = tuple(word for word in question.words if word.lower()[:4] not in stems)
        if rest and rest != question.words and title.words:
            yield replace(question, words=rest, earlier=title.words, points_back=True), FURTHER


def of_topics(search: Search, topics: list[Topic], choose: random.Random) -> Iterator[Example]:
    """Questions on topics, as they are, with their page taken out, and with their page only in other languages."""
    subjects = {(row.topic, row.language): row.question for row in asked(topics) if row.way == "subject"}
    for row in asked(topics):
        row = replace(row, before=(subjects[row.topic, row.language],))
        for question, weight in variants(row, read_question(row.question, row.language, PACKS)):
            hits, nowhere = searched(question, search), replace(row, url="")
            if question.earlier == () and (not row.answer or choose.random() < OWN):
                yield from of_own(row, question, search, hits, choose)
            if not row.answer:
                yield example("missing", nowhere, question, search, hits)
            elif choose.random() < FOREIGN:
                yield from elsewhere(row, question, search, [hit for hit in hits if hit.passage.url != row.url])
            else:
                yield example("answered", row, question, search, hits, weight)
                if row.way in TAKEN_OUT:
                    without = [hit for hit in hits if hit.passage.url not in row.related]
                    yield example("page taken out", nowhere, question, search, without, weight)


def elsewhere(row: Asked, question: Question, search: Search, hits: list[Hit]) -> Iterator[Example]:
    """The page in another language: any of its sentences counts as right."""
    pages = [hit.passage.url for hit in hits[:CANDIDATES] if hit.passage.url in row.related]
    if pages:
        one = example("elsewhere", replace(row, url=""), question, search, hits, ELSEWHERE)
        one.right = np.array([one.hits[candidate.hit].passage.url in pages for candidate in one.candidates])
        one.url = pages[0]
        yield one


def without_answer(search: Search, topics: list[Topic], choose: random.Random) -> Iterator[Example]:
    """Details that pages do not give, from patterns, and questions on nothing in the sample."""
    texts = [
        (code, "pattern", pattern.format(title=topic.pages[code].title))
        for topic in topics
        for code in LANGUAGES
        for pattern in choose.sample(WORDINGS["missing"][code], PATTERNS)
    ] + [(code, "absent", text) for code in LANGUAGES for text in absent(code, train=True)]
    for code, kind, text in texts:
        question = read_question(text, code, PACKS)
        hits, row = searched(question, search), nothing(code, text)
        yield example(kind, row, question, search, hits)
        yield from of_own(row, question, search, hits, choose)


def nothing(code: str, text: str) -> Asked:
    return Asked("", "", code, text, "", "", frozenset())


def as_people_ask(search: Search, rows: Iterable[Written], name: str) -> Iterator[Example]:
    """Questions of a file like bench/colloquial.toml, those that have an answer also with their page taken out."""
    for row, right in rows:
        question = read_question(row.question, row.language, PACKS)
        hits = searched(question, search)
        if not right:
            yield example(f"{name} {row.way}", row, question, search, hits)
            continue
        yield example(f"{name} answered", row, question, search, hits, right=right)
        page = row.url.rpartition("/")[2]
        without = [hit for hit in hits if hit.passage.url.rpartition("/")[2] != page]
        yield example(f"{name} page taken out", replace(row, url=""), question, search, without)


def everyday() -> Iterator[Example]:
    """Questions on short documents, those alone also with questions on another document in their language."""
    documents, choose = read_everyday(), random.Random(0)
    for together in sets_of(documents):
        with indexed(together) as search:
            for document in together:
                rows = [(document.name, *asked_of) for asked_of in document.asked]
                if len(together) == 1:
                    others = [other for other in documents if other.language == document.language and other != document]
                    rows += [("", choose.choice(choose.choice(others).asked)[0]) for _ in range(OTHERS)]
                for name, text, *right in rows:
                    url = name if right else ""
                    row = Asked("", document.name, document.language, text, "", url, frozenset())
                    question = read_question(text, document.language, PACKS)
                    kind = "everyday answered" if right else "everyday missing" if name else "everyday elsewhere"
                    yield example(kind, row, question, search, searched(question, search), right=right)


def examples(search: Search) -> Iterator[Example]:
    topics, choose = halves()[0], random.Random(0)
    yield from of_topics(search, topics, choose)
    yield from without_answer(search, topics, choose)
    yield from as_people_ask(search, colloquial_halves()[0], "colloquial")
    yield from everyday()
    yield from as_people_ask(search, written(DETAILS), "details")
