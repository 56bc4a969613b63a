"""Export status as a history: what held on which day, never a bare permission."""

import re
from datetime import date

import pytest

from anatili.compute.chips import chips, find_chip
from anatili.compute.rules import UNNAMED, groups, read_day, rules, status_of
from anatili.problem import Problem

H200, ASCEND = find_chip("H200"), find_chip("Ascend910B")


@pytest.mark.parametrize(
    ("chip", "destination", "day", "status", "since"),
    [
        ("A100", "D:1", date(2023, 1, 1), UNNAMED, None),  # the first rule was for China only
        ("A100", "CHN", date(2023, 1, 1), "license-required", date(2022, 10, 7)),
        ("H200", "D:1", date(2023, 11, 16), UNNAMED, None),
        ("H200", "KAZ", date(2024, 6, 1), "license-required", date(2023, 11, 17)),
        ("H200", "D:1", date(2025, 5, 13), "license-required", date(2023, 11, 17)),
        ("H200", "other", date(2025, 3, 1), "license-required", date(2025, 1, 15)),
        ("H200", "other", date(2025, 6, 1), UNNAMED, None),  # not enforced any more
        ("H200", "D:5", date(2026, 2, 1), "license-case-by-case", date(2026, 1, 15)),
        ("B200", "D:5", date(2026, 2, 1), "license-required", date(2023, 11, 17)),  # too fast for case by case
        ("H20", "D:1", date(2025, 6, 1), UNNAMED, None),  # below the limit
        ("Ascend910B", "D:1", date(2025, 5, 12), UNNAMED, None),
        ("Ascend910B", "other", date(2025, 5, 13), "use-risks-violation", date(2025, 5, 13)),
    ],
)
def test_what_held_on_a_day(chip, destination, day, status, since):
    found = status_of(find_chip(chip), destination, day)
    assert (found.status, found.since) == (status, since)


def test_a_status_names_its_day_its_source_and_that_it_is_no_advice():
    line = status_of(H200, "D:1", date(2025, 5, 13)).line()
    assert "2023-11-17" in line
    assert "Baker McKenzie" in line
    assert "not legal advice" in line
    assert "from memory" in line  # the limit has no source here, and says so


def test_events_are_told_up_to_the_day():
    assert not any("512 H200" in event for event in status_of(H200, "D:1", date(2025, 6, 1)).events)
    assert any("512 H200" in event for event in status_of(H200, "D:1", date(2025, 8, 1)).events)


def test_nothing_is_ever_called_allowed():
    for chip in chips().values():
        for group in (*groups(), "other"):
            line = status_of(chip, group, date(2026, 6, 1)).line()
            assert not re.search(r"\ballowed|permitted|free\b", line)
            assert "not legal advice" in line


def test_every_rule_has_a_source():
    assert all(rule.source and rule.what for rule in rules())
    assert [rule.day for rule in rules()] == sorted(rule.day for rule in rules())


def test_bad_days_and_destinations():
    with pytest.raises(Problem, match="2030-01-01 is in the future"):
        read_day("2030-01-01", date(2026, 1, 1))
    with pytest.raises(Problem, match="'soon' is not a date; write it as 2025-05-13"):
        read_day("soon", date(2026, 1, 1))
    with pytest.raises(Problem, match="no destination 'Z:9': give a country group"):
        status_of(ASCEND, "Z:9", date(2026, 1, 1))
