"""docs/guides/plan.md: its commands print what it shows."""

import re
import shlex

import pytest
from conftest import ROOT
from guides import GUIDES

GUIDE = (GUIDES / "plan.md").read_text("utf-8")
SHOWN = re.findall(r"^```sh\n(anatili plan [^\n]*)\n```\n+(?:[^`#\n][^\n]*\n+)?```text\n(.*?)^```$", GUIDE, re.M | re.S)


def undated(text: str) -> str:
    """The text without the day on which rules were read where none was given."""
    return re.sub(r"other, on \d{4}-\d\d-\d\d", "other, on a day", text)


def test_the_guide_shows_what_its_commands_print():
    assert len(SHOWN) == 5


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command.split("plan ")[1] for command, _ in SHOWN])
def test_a_command_of_the_guide(anatili, command, shown):
    answer = anatili(*shlex.split(command)[1:], cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    assert undated(shown) in undated(answer.stdout)
