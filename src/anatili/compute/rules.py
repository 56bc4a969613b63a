"""Export status of a chip for a destination on a date, with the rule and its source. Not legal advice."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from anatili.compute.chips import Chip
from anatili.problem import Problem
from anatili.text_files import read_toml

FILE = Path(__file__).with_name("rules.toml")
ADVICE = "not legal advice"
UNNAMED = "not named by a rule known here"
OTHER = "other"
"""Any destination that is in none of the groups known here."""
UNITED_STATES = ("nvidia", "amd", "intel", "google")
"""Vendors whose chips fall under US rules by origin."""
CONTROLLED = "us-3A090"
RESTRICTED = ("license-required", "license-case-by-case", "use-risks-violation")
"""Statuses under which a plan cannot count on a chip."""
RULING = ("us-chips-china", "us-chips", "diffusion", "ascend")
"""Topics that decide a status, the most particular first; the topic `event` only says what happened."""


@dataclass(frozen=True)
class Rule:
    """One entry of the history."""

    day: date
    topic: str
    status: str
    what: str
    source: str
    """The source in words."""
    unsourced: str
    """What of the entry has no source."""
    chips: tuple[str, ...]
    """Names, or `us-3A090`: chips of US companies from a TPP on."""
    destinations: tuple[str, ...]
    tpp_from: float
    tpp_below: float
    bandwidth_below: float
    """TB/s."""

    def names(self, chip: Chip, group: str) -> bool:
        if group not in self.destinations:
            return False
        if CONTROLLED not in self.chips:
            return chip.name in self.chips
        return (
            chip.vendor in UNITED_STATES
            and self.tpp_from <= chip.tpp < self.tpp_below
            and chip.bandwidth_tbs < self.bandwidth_below
        )


@dataclass(frozen=True)
class Status:
    """What holds for a chip, a destination and a date."""

    chip: str
    destination: str
    on: date
    status: str
    since: date | None
    """The date of the rule; `None` if no rule names the chip."""
    what: str
    source: str
    unsourced: str
    events: tuple[str, ...]
    """What else happened up to that date."""

    @property
    def restricted(self) -> bool:
        return self.status in RESTRICTED

    def line(self) -> str:
        """One sentence with the rule, its date and its source."""
        if self.since is None:
            return f"{self.chip}, destination {self.destination}, on {self.on}: {self.status} ({ADVICE})"
        return (
            f"{self.chip}, destination {self.destination}, on {self.on}: {self.status.replace('-', ' ')} since "
            f"{self.since}: {self.what}. Source: {self.source}{self.doubt()} ({ADVICE})"
        )

    def doubt(self) -> str:
        return f"; without a source: {self.unsourced}" if self.unsourced else ""


@cache
def rules() -> tuple[Rule, ...]:
    """All entries, the earliest first."""
    content = read_toml(FILE)
    return tuple(sorted((_rule(row, content["sources"]) for row in content["rule"]), key=lambda rule: rule.day))


@cache
def groups() -> dict[str, Any]:
    """Country group -> its countries (ISO 3166), as far as they are known here."""
    return dict(read_toml(FILE)["groups"])


def _rule(row: dict[str, Any], sources: dict[str, str]) -> Rule:
    chips = (row["chips"],) if isinstance(row["chips"], str) else tuple(row["chips"])
    return Rule(
        day=date.fromisoformat(row["date"]),
        topic=row["topic"],
        status=row["status"],
        what=row["what"],
        source=sources[row["source"]],
        unsourced=row.get("unsourced", ""),
        chips=chips,
        destinations=tuple(row["destinations"]),
        tpp_from=row.get("tpp_from", 0),
        tpp_below=row.get("tpp_below", float("inf")),
        bandwidth_below=row.get("bandwidth_below_tbs", float("inf")),
    )


def group_of(destination: str) -> str:
    """The country group of a destination: a group (`D:1`) or a country (ISO 3166, `KAZ`). `Problem` if unknown."""
    code = destination.upper()
    if destination == OTHER:
        return OTHER
    if code in groups():
        return code
    for group, row in groups().items():
        if code in row["countries"]:
            return group
    raise Problem(f"no destination {destination!r}: give a country group ({', '.join(groups())}) or a country in one")


def read_day(text: str, today: date) -> date:
    """A date as 2025-05-13; `Problem` if it is none, or in the future: nobody knows tomorrow's rules."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Problem(f"{text!r} is not a date; write it as 2025-05-13") from error
    if day > today:
        raise Problem(f"{day} is in the future (today is {today}): rules are known only up to today")
    return day


def status_of(chip: Chip, destination: str, on: date) -> Status:
    """What the rules known here say of a chip for a destination on a date."""
    group = group_of(destination)
    named = [rule for rule in rules() if rule.day <= on and rule.names(chip, group)]
    events = tuple(f"{rule.day}: {rule.what} ({rule.source})" for rule in named if rule.topic == "event")
    latest = {rule.topic: rule for rule in named}  # of each topic, the last one holds
    ruling = [latest[topic] for topic in RULING if topic in latest and latest[topic].status != "not-enforced"]
    if not ruling:
        return Status(chip.name, destination, on, UNNAMED, None, "", "", "", events)
    rule = ruling[0]
    return Status(chip.name, destination, on, rule.status, rule.day, rule.what, rule.source, rule.unsourced, events)
