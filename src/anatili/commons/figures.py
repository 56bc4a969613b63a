"""Figures of a commons: how much there is, what is missing most, how far people agree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from anatili.commons.contribution import ACCEPTED, KINDS, PAIRS, REJECTED, WITHDRAWN
from anatili.commons.database import Database
from anatili.commons.schema import lines, people, votes
from anatili.confidence_intervals import wilson
from anatili.recipe import Tune

PAIRS_GOAL = Tune().max_pairs
"""Pairs that `tune` learns from in each direction, if a recipe does not say otherwise."""
ANSWERS_GOAL = 200
"""As many answers as a review labels: with these, the interval of a share is 14 points wide at most."""
RESAMPLES, SEED = 1000, 11


@dataclass(frozen=True)
class Goal:
    """What a language could use: how much there is, and how much would be enough."""

    kind: str
    source: str
    """Language that is translated from, "" for other kinds."""
    target: str
    has: int
    goal: int
    why: str
    """`poor`, `useless` or `unknown` quality of a direction, `passages` fewer than another language has, `answers`."""
    chrf: float | None = None

    @property
    def share(self) -> float:
        return min(1.0, self.has / self.goal) if self.goal else 1.0


def amounts(database: Database, language: str) -> dict[str, dict[str, int]]:
    """Kind -> lines and words accepted, lines that are open, and lines given in the last seven days."""
    week_ago = (datetime.now(UTC).date() - timedelta(days=6)).isoformat()
    table: dict[str, dict[str, int]] = {kind: {"accepted": 0, "words": 0, "open": 0, "week": 0} for kind in KINDS}
    is_here = (lines.c.language == language) & (lines.c.state != WITHDRAWN)
    by_state = select(lines.c.kind, lines.c.state, func.count(), func.sum(lines.c.words)).where(is_here)
    by_week = select(lines.c.kind, func.count()).where(is_here, lines.c.day >= week_ago).group_by(lines.c.kind)
    with database.read() as connection:
        for kind, state, count, words in connection.execute(by_state.group_by(lines.c.kind, lines.c.state)):
            if state == ACCEPTED:
                table[kind]["accepted"], table[kind]["words"] = count, int(words or 0)
            elif state != REJECTED:
                table[kind]["open"] += count
        for kind, count in connection.execute(by_week):
            table[kind]["week"] = count
    return table


def contributors(database: Database) -> int:
    """People of whom at least one line is accepted."""
    query = select(func.count(func.distinct(lines.c.person))).where(lines.c.state == ACCEPTED)
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def goals(
    database: Database,
    language: str,
    have: Mapping[str, Mapping[str, int]],
    directions: Iterable[Mapping[str, Any]],
    passages: Mapping[str, int],
) -> list[Goal]:
    """What is missing in a language, the most first. `have` are its amounts; `directions` have source, target, quality
    and perhaps chrf; `passages`: how many the index has of each language."""
    pair_counts = (
        select(lines.c.source_language, func.count())
        .where(lines.c.language == language, lines.c.kind.in_(PAIRS), lines.c.state == ACCEPTED)
        .group_by(lines.c.source_language)
    )
    with database.read() as connection:
        pairs = {source: int(count) for source, count in connection.execute(pair_counts)}
    missing = [
        Goal(
            "sentence",
            way["source"],
            language,
            pairs.get(way["source"], 0),
            PAIRS_GOAL,
            way["quality"],
            way.get("chrf"),
        )
        for way in directions
        if way["target"] == language and way["quality"] != "usable"
    ]
    missing.append(Goal("answer", "", language, have["answer"]["accepted"], ANSWERS_GOAL, "answers"))
    if passages:
        own = passages.get(language, 0) + have["text"]["accepted"]
        missing.append(Goal("text", "", language, own, max(passages.values()), "passages"))
    return sorted((goal for goal in missing if goal.share < 1), key=lambda goal: goal.share)


def agreement(database: Database) -> dict[str, Any]:
    """How often two people who voted on the same line agree, and beyond chance (Gwet's AC1), with 95 % intervals over
    lines; n is the number of lines with two votes or more."""
    with database.read() as connection:
        rows = np.array(patterns(connection), float).reshape(-1, 3)
    good, bad, times = rows.T
    count, lines_voted = good + bad, int(times.sum())
    if not lines_voted:
        return {"lines": 0, "agreed": None, "agreed_interval": None, "ac1": None, "ac1_interval": None}
    agreed, shares = (good * (good - 1) + bad * (bad - 1)) / (count * (count - 1)), good / count
    drawn = np.random.default_rng(SEED).multinomial(lines_voted, times / lines_voted, size=RESAMPLES)
    low, high = np.percentile(ac1(agreed, shares, drawn), [2.5, 97.5])
    mean = float(agreed @ times) / lines_voted
    return {
        "lines": lines_voted,
        "agreed": round(mean, 4),
        "agreed_interval": wilson(mean * lines_voted, lines_voted),
        "ac1": round(float(ac1(agreed, shares, times[None])[0]), 4),
        "ac1_interval": [round(float(low), 4), round(float(high), 4)],
    }


def ac1(agreed: Any, shares: Any, times: Any) -> Any:
    """Gwet's AC1 (2008) for two categories: `agreed` and share of good votes of each pattern of votes, and how often
    each pattern occurs, of shape (draws, patterns)."""
    total = times.sum(1)
    mean = times @ shares / total
    expected = 2 * mean * (1 - mean)
    return (times @ agreed / total - expected) / (1 - expected)


def patterns(connection: Connection) -> list[tuple[int, int, int]]:
    """Good votes, bad votes, and how many lines have just so many; of lines with two votes or more that were not
    withdrawn. There are only few such patterns, however many lines there are."""
    good = func.sum(votes.c.good.cast(lines.c.words.type)).label("good")
    of_line = (
        select(good, func.count().label("votes"))
        .join(lines, lines.c.number == votes.c.line)
        .join(people, people.c.id == votes.c.person)
        .where(lines.c.state != WITHDRAWN, people.c.blocked.is_(False))
        .group_by(votes.c.line)
        .having(func.count() > 1)
        .subquery()
    )
    query = select(of_line.c.good, of_line.c.votes, func.count()).group_by(of_line.c.good, of_line.c.votes)
    return [
        (int(good), int(total - good), count) for good, total, count in sorted(map(tuple, connection.execute(query)))
    ]
