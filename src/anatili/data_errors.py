"""What is lost because files are damaged, not because a run decides to leave it out, and how much of it is too much."""

from typing import Any

from anatili.problem import Problem

CUT_SHORT = "archive cut short"
"""The reason if a web archive ends inside a record or cannot be unpacked to its end: later records may be lost."""
DAMAGED = "damaged file"
"""The reason for what is lost of any other file where it is cut short, damaged, or not what its name says."""
ERRORS = (
    "damaged record",
    "damaged page",
    "truncated",
    CUT_SHORT,
    DAMAGED,
    "unreadable: damaged",
    "not fetched",
    "another page",
    "parser failed",
    "took too long",
)
"""Reasons for which a record is lost because of an error, not of a decision."""
MAX_ERRORS = 0.01
"""Share of records lost to errors, or of damaged files, that is reported but does not count as a failure."""


class TooMuchLost(Problem):
    """All work is done, but more than one record or file in a hundred was lost to errors."""

    status = 3


def lost_to_errors(stage: str, summary: dict[str, Any]) -> str:
    """A message if more than one record in a hundred was lost to errors, or more than one file in a hundred is
    damaged, so that an unknown number of records is missing; "" otherwise."""
    counts = summary.get("records") or summary.get("lost") or {}
    errors = {reason: n for reason, n in counts.items() if reason.removeprefix("lost: ") in ERRORS}
    total = counts.get("records") or (summary["documents"] + sum(counts.values()) if errors else 0)
    listed = ", ".join(f"{reason} {count}" for reason, count in errors.items())
    damaged = summary.get("damaged") or {"files": 0, "of": 0, "first": {}}
    if damaged["files"] > MAX_ERRORS * damaged["of"]:
        name, detail = next(iter(damaged["first"].items()))
        return (
            f"{stage}: {damaged['files']} of {damaged['of']} files, more than 1 in 100, are damaged, and some of their "
            f"records are lost (the first: {name}: {detail})"
        )
    if (lost := sum(errors.values())) > MAX_ERRORS * total:
        return f"{stage}: {lost} of {total} records, more than 1 in 100, were lost to errors ({listed})"
    return ""
