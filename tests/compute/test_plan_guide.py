"""docs/guides/plan.md: its commands print what it shows."""

import re
import shlex

import pytest
from conftest import ROOT
from guides import GUIDES
from planning import command

GUIDE = (GUIDES / "plan.md").read_text("utf-8")
SHOWN = re.findall(r"^```sh\n(anatili plan [^\n]*)\n```\n+(?:[^`#\n][^\n]*\n+)?```text\n(.*?)^```$", GUIDE, re.M | re.S)


def undated(text: str) -> str:
    """The text without the day on which rules were read where none was given."""
    return re.sub(r"other, on \d{4}-\d\d-\d\d", "other, on a day", text)


def test_the_guide_shows_what_its_commands_print():
    assert len(SHOWN) == 5


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=[line.split("plan ")[1] for line, _ in SHOWN])
def test_a_command_of_the_guide(line, shown, monkeypatch):
    monkeypatch.chdir(ROOT)
    answer = command(*shlex.split(line)[1:])
    assert answer.exit_code == 0, answer.output
    assert undated(shown) in undated(answer.stdout)
