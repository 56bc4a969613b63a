"""Ask the assistant as people ask, and count: own page first, the answer held, declined, cited where it should not be.

    python bench/questions.py                   # the half of the sample's topics that nothing was trained on
    python bench/questions.py --natural         # bench/natural.toml: other phrasings, for final figures only
    python bench/questions.py --fresh           # bench/fresh.toml: the same on other pages, with details that they lack
    python bench/questions.py --unseen          # bench/unseen.toml: Kazakh and Russian, with the reason for asking
    python bench/questions.py --colloquial      # the half of bench/colloquial.toml that nothing was trained on
    python bench/questions.py --failures        # also print what went wrong
    python bench/questions.py --natural --curve # held against declined, at each threshold, in the worst language
    python bench/questions.py --save A.json     # keep what came of each question ...
    python bench/questions.py --against A.json  # ... and count which were won and lost since

Topics x 8 ways of asking x 4 languages (bench/asked.py), further questions of conversations, questions that their page
does not answer, the same questions with their page taken out (in all languages), questions on nothing in the sample.
An answer counts as held if the quotation has most of the words of the written answer that are not in the question
(bench/natural.toml: one of the words given there). Intervals: 95 %, Wilson.
"""

import argparse
import json
import re
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from asked import HELD, LANGUAGES, PACKS, WAYS, Asked, absent, asked, covered, halves
from thresholds import THRESHOLDS, at_threshold

from anatili.engine import Message, Sampling
from anatili.opening.sample_index import sample_run
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search.searcher import Hit, Search
from anatili.serve.assistant import Assistant
from anatili.serve.citations import Report
from anatili.serve.decision import CANDIDATES, decide
from anatili.serve.question import read_question

TIMED = 200
NATURAL, COLLOQUIAL, FRESH, UNSEEN = (
    Path(__file__).with_name(f"{name}.toml") for name in ("natural", "colloquial", "fresh", "unseen")
)
Written = tuple[Asked, Sequence[str]]
"""A question and the words that a right answer holds."""


class Quoting:
    """Stands for a small model: the assistant quotes and never asks it."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024


@dataclass(frozen=True)
class Without(Search):
    """The index without some pages."""

    taken: frozenset[str] = frozenset()

    def find(self, query: str, limit: int = 5, prefer: str = "", only: str = "") -> list[Hit]:
        hits = super().find(query, limit + len(self.taken), prefer, only)
        return [hit for hit in hits if hit.passage.url not in self.taken][:limit]


@dataclass(frozen=True)
class Outcome:
    """What became of a question."""

    first: bool
    """Whether the page that answers is the first passage."""
    held: bool
    declined: bool
    cited: bool
    answer: str
    shown: bool
    """Whether the answer is held, or in what is shown as nearest under "no answer"."""


@dataclass(frozen=True)
class Row:
    """A question of one kind with its outcome."""

    kind: str
    language: str
    question: str
    outcome: Outcome


def ask(search: Search, row: Asked, right: Sequence[str] = ()) -> Outcome:
    assistant = Assistant(Quoting(), PACKS, search)  # type: ignore[arg-type]
    messages: list[Message] = [{"role": "user", "content": text} for text in (*row.before, row.question)]
    prepared, report = assistant.prepare(messages, row.language), Report()
    answer = "".join(chunk.text for chunk in assistant.answer(prepared, Sampling(), report))
    first = bool(prepared.passages) and prepared.passages[0].passage.url == row.url
    quoted = " ".join(citation.quote for citation in report.citations)
    near = " ".join(hit.passage.text[slice(*hit.snippet)] for hit in prepared.nearest)
    held, shown = (holds(text, row, right) for text in (quoted, f"{quoted} {near}"))
    return Outcome(first, held, not prepared.passages, bool(report.citations), answer, shown)


def holds(text: str, row: Asked, right: Sequence[str]) -> bool:
    return has(text, right) if right else covered(text, row.answer, row.question, row.language) >= HELD


def has(text: str, right: Sequence[str]) -> bool:
    """Whether a word of `text` begins with one of `right`; capitals count where they are given."""
    return any(re.search(rf"\b{re.escape(words)}", text, 0 if words[0].isupper() else re.IGNORECASE) for words in right)


def measured(search: Search, ways: Sequence[str] = WAYS) -> Iterator[Row]:
    """All questions on the half of the topics that is for measuring."""
    _, topics = halves()
    subjects: dict[tuple[str, str], Asked] = {}
    taken: dict[frozenset[str], Search] = {}
    for row in asked(topics):
        if row.way == "subject":
            subjects[row.topic, row.language] = row
        if row.way == "unanswered":
            yield Row(row.way, row.language, row.question, ask(search, row))
        elif row.way in ways:
            yield Row(row.way, row.language, row.question, ask(search, row))
            if row.way in ("detail 1", "detail 2", "key words", "polite"):
                if row.related not in taken:
                    taken[row.related] = Without(search.folder, PACKS, taken=row.related)
                yield Row("page taken out", row.language, row.question, ask(taken[row.related], row))
        if row.way == "detail 3" and (further := as_further(row, subjects[row.topic, row.language])):
            yield Row("further", row.language, further.question, ask(search, further))
    for language in LANGUAGES:
        for text in absent(language, train=False):
            yield Row("absent", language, text, ask(search, Asked("absent", "", language, text, "", "", frozenset())))


def as_further(row: Asked, subject: Asked) -> Asked | None:
    """A detail without the words of the page's title, asked after the question on the page's subject."""
    title = {word.lower()[:4] for word in re.findall(r"\w{3,}", subject.question)}
    words = [word for word in row.question.split() if word.lower().strip("«»\"'?.,")[:4] not in title]
    return replace(row, question=" ".join(words), before=(subject.question,)) if words != row.question.split() else None


def written(file: Path, languages: Sequence[str] = LANGUAGES) -> Iterator[Written]:
    """The questions of a file like bench/natural.toml, each with the words that a right answer holds."""
    topics = {topic.slug: topic for topic in read_topics()}
    for kind, rows in tomllib.loads(file.read_text("utf-8")).items():
        for row in rows:
            for language in (code for code in languages if code in row):
                turns = [row[language]] if isinstance(row[language], str) else row[language]
                url = topic_url(topics[row["topic"]], language) if "topic" in row else ""
                item = Asked(kind, row.get("topic", ""), language, turns[-1], "", url, frozenset(), tuple(turns[:-1]))
                yield item, row.get("right", ())


def colloquial_halves() -> tuple[list[Written], list[Written]]:
    """The questions of bench/colloquial.toml to train on and to measure on: facts by topic, others in turns."""
    rows = list(written(COLLOQUIAL))
    train = set(sorted({row.topic for row, _ in rows if row.topic})[::2])
    counts: dict[tuple[str, str], int] = {}
    both: tuple[list[Written], list[Written]] = ([], [])
    for row, right in rows:
        number = counts[row.way, row.language] = counts.get((row.way, row.language), -1) + 1
        trains = row.topic in train if row.topic else number % 2 == 0
        both[0 if trains else 1].append((row, right))
    return both


def from_file(file: Path, search: Search, languages: Sequence[str] = LANGUAGES) -> Iterator[Row]:
    """What became of the questions of a file; of the colloquial ones of the half that nothing is trained on."""
    rows = colloquial_halves()[1] if file == COLLOQUIAL else written(file, languages)
    for item, right in rows:
        yield Row(item.way, item.language, item.question, ask(search, item, right))


def interval(count: int, total: int) -> str:
    """A share with its interval (Wilson)."""
    if not total:
        return "-"
    share, z = count / total, 1.96
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5 / (1 + z * z / total)
    return f"{share:.3f} [{middle - half:.2f}, {middle + half:.2f}]"


COUNTED = ("first", "held", "declined", "cited", "shown")
UNANSWERED = ("absent", "missing", "nothing")
ANSWERED = (*WAYS, "further", "fact", "follow")


def table(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, language) -> how many of each outcome, and n; "all ways" sums up the ways."""
    counts: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for kind in (row.kind, "all ways") if row.kind in WAYS else (row.kind,):
            cell = counts.setdefault((kind, row.language), dict.fromkeys((*COUNTED, "n"), 0))
            cell["n"] += 1
            for name in COUNTED:
                cell[name] += getattr(row.outcome, name)
    return counts


def show(rows: Sequence[Row]) -> None:
    columns = " ".join(f"{name:20}" for name in ("page first", "answer held", "declined", "cited", "held or nearest"))
    print(f"{'kind':15} {'':3} {'n':>5}  {columns}")
    for (kind, language), cell in table(rows).items():
        shares = (interval(cell[name], cell["n"]) for name in COUNTED)
        print(f"{kind:15} {language:3} {cell['n']:5}  " + " ".join(f"{share:20}" for share in shares))


def curve(file: Path, search: Search) -> None:
    """Print what a threshold costs and gains: shares of the language in which they are lowest."""
    columns = [("fact", "first"), ("fact", "held"), *((kind, "declined") for kind in UNANSWERED)]
    print("threshold  " + "  ".join(f"{f'{kind} {name}':>16}" for kind, name in columns))
    for threshold in THRESHOLDS:
        with at_threshold(threshold):
            counts = table(list(from_file(file, search)))
        print(f"{threshold:9.2f}  " + "  ".join(f"{worst(counts, *column):>16}" for column in columns))


def worst(counts: dict[tuple[str, str], dict[str, Any]], kind: str, name: str) -> str:
    shares = [cell[name] / cell["n"] for (way, _), cell in counts.items() if way == kind]
    return f"{min(shares):.2f}" if shares else "-"


def failed(row: Row) -> bool:
    if row.kind in ANSWERED:
        return not (row.outcome.first and row.outcome.held)
    return row.outcome.cited


def outcomes(rows: Sequence[Row]) -> dict[str, list[bool]]:
    """Question -> its outcomes, in the order of `COUNTED`."""
    return {key(row): [getattr(row.outcome, name) for name in COUNTED] for row in rows}


def key(row: Row) -> str:
    return f"{row.kind} {row.language} {row.question}"


def compare(rows: Sequence[Row], before: dict[str, list[bool]]) -> None:
    """Print how many questions were won and lost, by kind and language."""
    counts: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        for name, now, old in zip(COUNTED, outcomes([row])[key(row)], before.get(key(row), ()), strict=False):
            for language in (row.language, "all"):
                change = counts.setdefault((row.kind, name, language), [0, 0])
                change[now < old] += now != old
    for (kind, name, language), (won, lost) in sorted(counts.items()):
        if won or lost:
            print(f"{kind:15} {name:8} {language:3} yes now, not before {won}; not now, yes before {lost}")


def timed(search: Search, rows: Sequence[Row]) -> tuple[float, float, float]:
    """Milliseconds of CPU that a question takes to be read, searched for, and decided on, with warm caches."""
    spent = [0.0, 0.0, 0.0]
    for turn in range(2):
        for row in rows:
            times = [time.process_time()]
            question = read_question(row.question, row.language, PACKS)
            times.append(time.process_time())
            hits = search.find(question.query, CANDIDATES, row.language)
            times.append(time.process_time())
            decide(question, search, hits)
            times.append(time.process_time())
            spent = [total + turn * (b - a) for total, (a, b) in zip(spent, pairwise(times), strict=True)]
    read, found, decided = (1000 * total / len(rows) for total in spent)
    return read, found, decided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--natural", action="store_const", dest="file", const=NATURAL)
    parser.add_argument("--colloquial", action="store_const", dest="file", const=COLLOQUIAL)
    parser.add_argument("--fresh", action="store_const", dest="file", const=FRESH)
    parser.add_argument("--unseen", action="store_const", dest="file", const=UNSEEN)
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--curve", action="store_true", help="With --natural, --fresh or --colloquial")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    search = Search(sample_run(LANGUAGES, print).folder("index"), PACKS)
    if options.curve:
        curve(options.file or NATURAL, search)
        return
    rows = list(from_file(options.file, search) if options.file else measured(search))
    show(rows)
    if options.save:
        options.save.write_text(json.dumps(outcomes(rows)), "utf-8")
    if options.against:
        compare(rows, json.loads(options.against.read_text("utf-8")))
    read, found, decided = timed(search, rows[:TIMED])
    print(f"CPU a question: {read:.1f} ms to read it, {found:.1f} to search, {decided:.1f} to decide, n = {TIMED}")
    if options.failures:
        for row in filter(failed, rows):
            print(
                f"{row.kind} {row.language} first={row.outcome.first} held={row.outcome.held}: {row.question}\n"
                f"    {row.outcome.answer[:200]}"
            )


if __name__ == "__main__":
    main()
