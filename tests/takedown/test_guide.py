"""docs/guides/takedown.md: its commands print what it shows, and its numbers are right."""

import re
import shlex
import tomllib

import pytest
from click.testing import CliRunner
from guides import GUIDES, blocks

from anatili.cli import main
from anatili.recipe import Pretrain, Tokenizer
from anatili.train.replay import expected_share

GUIDE = "takedown.md"
TEXT = (GUIDES / GUIDE).read_text("utf-8")
COMMANDS = [line for block in blocks(GUIDE, "sh") for line in block.splitlines() if line.startswith("anatili ")]


def untimed(text: str) -> str:
    return re.sub(r"about [\d,]+ s", "about a while", text)


def test_the_guide_has_its_commands():
    assert len(COMMANDS) == 3


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: line.split()[1])
def test_a_command_of_the_guide(line, tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*shlex.split(line)[1:], "--runs", str(tiny_run.parent)])
    if "--url" in line:
        assert result.exit_code == 1
        assert "nothing was changed; to carry this out, add --yes" in result.output
        (shown,) = blocks(GUIDE, "text")
        assert untimed(shown) in untimed(result.output)
    else:
        assert result.exit_code == 0, result.output
    assert (tmp_path / "cost.png").exists() == ("--plot" in line)
    assert not (tiny_run / "takedowns.jsonl").exists()


def test_the_recipes_of_the_guide_are_valid():
    settings = [tomllib.loads(block) for block in blocks(GUIDE, "toml")]
    assert [list(each) for each in settings] == [["tokenizer"], ["pretrain"]]
    Tokenizer.model_validate(settings[0]["tokenizer"])
    Pretrain.model_validate(settings[1]["pretrain"])


def test_the_numbers_of_the_guide_are_right():
    def percent(checkpoints: int, passes: int) -> int:
        return round(100 * expected_share(checkpoints, 1, 10_000 // passes, 10_000))

    one, two = ([percent(number, passes) for number in (0, 1, 8, 5000)] for passes in (1, 2))
    assert one == [100, 75, 56, 50]
    assert two == [100, 88, 78, 75]
    assert "100 % without checkpoints to\n75 % with one, 56 % with eight and at last 50 %" in TEXT
    assert "100, 88, 78 and 75 %" in TEXT
