"""Give a commons on: a dataset with its card, and the list of what was withdrawn."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template
from typing import Any

from sqlalchemy import func, select

from anatili.atomic_files import whole_file, write_json
from anatili.commons.contribution import ACCEPTED
from anatili.commons.database import Database, today
from anatili.commons.figures import agreement, contributors
from anatili.commons.schema import lines, log, votes
from anatili.commons.store import ADDRESS
from anatili.document import write_shard
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.text import digest

CARD = Path(__file__).parent / "card.md"
DATA, JSON_LINES, WITHDRAWN_LIST, FIGURES = "lines.parquet", "lines.jsonl", "withdrawn.txt", "figures.json"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Size categories of Hugging Face's dataset cards."""


@dataclass(frozen=True, slots=True)
class Line:
    """An accepted line as it is given on: nothing of its author, of whom a number would already say too much."""

    id: str
    url: str
    """`commons:` and the id: its address as a document."""
    kind: str
    language: str
    text: str
    draft: str
    source: str
    source_language: str
    title: str
    origin: str
    license: str
    model: str
    good: int
    """People who agreed that it is good."""
    bad: int
    date: str


def accepted(database: Database, language: str = "") -> Iterator[Line]:
    """The accepted lines, in the order in which they were given; of one language if it is named."""
    good = select(func.count()).where(votes.c.line == lines.c.number, votes.c.good).scalar_subquery()
    bad = select(func.count()).where(votes.c.line == lines.c.number, votes.c.good.is_(False)).scalar_subquery()
    query = select(lines, good.label("good"), bad.label("bad")).where(lines.c.state == ACCEPTED)
    query = query.where(lines.c.language == language) if language else query
    names = [field.name for field in fields(Line) if field.name not in ("url", "date")]
    with database.read() as connection:
        for row in connection.execute(query.order_by(lines.c.number)).mappings():
            yield Line(**{name: row[name] for name in names}, url=ADDRESS + row["id"], date=row["day"])


def withdrawn(database: Database) -> list[str]:
    """The addresses of all lines that were once accepted and are no more: withdrawn, or rejected by a moderator later.

    `collect` gave their documents these addresses, so this is what a takedown needs.
    """
    once = select(log.c.line).where(log.c.action == ACCEPTED)
    query = select(lines.c.id).where(lines.c.id.in_(once), lines.c.state != ACCEPTED).order_by(lines.c.number)
    with database.read() as connection:
        return [ADDRESS + name for name in connection.execute(query).scalars()]


def identity(database: Database, language: str = "") -> dict[str, int | str]:
    """By what a run notices that a commons has changed: the accepted lines."""
    names = [line.id for line in accepted(database, language)]
    return {"lines": len(names), "digest": digest("\n".join(sorted(names)))}


def write_lines(rows: Iterable[Line], path: Path) -> int:
    """Write lines as JSON lines; their number."""
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(as_json(row), ensure_ascii=False) + "\n")
            count += 1
    return count


def as_json(line: Line) -> dict[str, Any]:
    return {field.name: getattr(line, field.name) for field in fields(Line)}


def export(database: Database, folder: Path) -> dict[str, Any]:
    """Write the dataset: Parquet, JSON lines, card, figures and the list of what was withdrawn. Returns the figures."""
    rows = list(accepted(database))
    if not rows:
        raise Problem("the commons has no accepted line yet: two people beside the author must agree on one first")
    write_shard(folder / DATA, Line, rows)
    write_lines(rows, folder / JSON_LINES)
    gone = withdrawn(database)
    with whole_file(folder / WITHDRAWN_LIST) as temporary:
        temporary.write_text("".join(f"{address}\n" for address in gone), "utf-8")
    facts = {
        "date": today(),
        "lines": len(rows),
        "kinds": counted(row.kind for row in rows),
        "languages": counted(row.language for row in rows),
        "licenses": counted(row.license for row in rows),
        "contributors": contributors(database),
        "agreement": agreement(database),
        "withdrawn": len(gone),
    }
    write_json(folder / FIGURES, facts)
    with whole_file(folder / "README.md") as temporary:
        temporary.write_text(card(facts), "utf-8")
    return facts


def counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def card(facts: dict[str, Any]) -> str:
    """The dataset card in the form of Hugging Face."""
    return Template(CARD.read_text("utf-8")).substitute(
        languages="\n".join(f"- {code}" for code in facts["languages"]),
        licenses="\n".join(f"- {name.lower()}" for name in facts["licenses"]),
        size=next((name for most, name in SIZES if facts["lines"] < most), "n>1M"),
        lines=facts["lines"],
        date=facts["date"],
        contributors=facts["contributors"],
        withdrawn=facts["withdrawn"],
        kinds=table(facts["kinds"]),
        license_table=table(facts["licenses"]),
        language_table=table({f"{load_pack(code).name} ({code})": n for code, n in facts["languages"].items()}),
        agreement=agreement_text(facts["agreement"]),
    )


def table(counts: dict[str, int]) -> str:
    return "\n".join(f"| {name} | {count} |" for name, count in counts.items())


def agreement_text(figures: dict[str, Any]) -> str:
    """A sentence with the agreement of voters."""
    if not figures["lines"]:
        return "No line was voted on by two people."
    low, high = figures["agreed_interval"]
    least, most = figures["ac1_interval"]
    return (
        f"Two people who voted on the same line agreed in {figures['agreed']:.1%} of {figures['lines']} lines "
        f"(95 % interval {low:.1%} to {high:.1%}); beyond chance (Gwet's AC1) {figures['ac1']:.2f} "
        f"({least:.2f} to {most:.2f})."
    )
