"""docs/guides/commons.md: its commands work, its recipe loads, its figures and routes are those of the code."""

import re

import pyarrow.parquet as pq
import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
pytest.importorskip("fastapi")
from click.testing import CliRunner
from commons.lines import accept, join, open_commons, text_of
from guides import GUIDES, blocks, write_files

from anatili.cli import main
from anatili.commons import contribution, examples, figures, store
from anatili.recipe import load_recipe
from anatili.serve import commons as routes

GUIDE = "commons.md"
TEXT = (GUIDES / GUIDE).read_text("utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commons = open_commons("commons.sqlite")
    author = join(commons)
    for number in range(3):
        fields = {"id": f"{15 - number:x}" * 32, "draft": "?", "source": f"Сұрақ {number}?"}
        accept(commons, author, kind="answer", text=text_of(number), **fields)
    commons.withdraw(author, accept(commons, author, kind="text", text=text_of(9)))
    commons.close()
    return tmp_path


def test_its_commands_do_what_it_says(folder):
    ran = [
        line.split()[1:]
        for block in blocks(GUIDE, "sh")
        for line in block.splitlines()
        if line.startswith("anatili commons")
    ]
    assert [command[1] for command in ran] == ["backup", "restore", "export", "examples", "examples"]
    for command in ran:
        answer = CliRunner().invoke(main, command)
        assert answer.exit_code == 0, answer.output
    assert {path.name for path in (folder / "dataset").iterdir()} == {
        "lines.parquet",
        "lines.jsonl",
        "README.md",
        "figures.json",
        "withdrawn.txt",
    }
    assert (folder / "dataset" / "withdrawn.txt").read_text("utf-8").startswith("commons:")
    assert (folder / "corrections" / "train.jsonl").is_file()
    assert CliRunner().invoke(main, ["commons", "export", "gone.sqlite", "-o", "x"]).exit_code == 1


def test_the_dataset_has_a_valid_card_and_nothing_of_its_authors(folder):
    from huggingface_hub import DatasetCard

    assert CliRunner().invoke(main, ["commons", "export", "commons.sqlite", "-o", "dataset"]).exit_code == 0
    card = DatasetCard.load(folder / "dataset" / "README.md")
    assert card.data.to_dict()["license"] == ["cc0-1.0"]
    assert "$" not in card.text
    lines = pq.read_table(folder / "dataset" / card.data.configs[0]["data_files"])
    assert lines["text"].to_pylist() == [text_of(number) for number in range(3)]
    assert not {"person", "token", "hashes"} & set(lines.column_names)


def test_its_recipe_is_one(folder):
    write_files(GUIDE, folder, "toml")
    (source,) = load_recipe(folder / "with-gifts.toml").collect.sources
    assert (source.kind, source.path) == ("commons", "commons.sqlite")


def test_its_figures_and_routes_are_those_of_the_code(folder):
    told = re.sub(r"\s+", " ", TEXT)
    for figure in (
        f"{routes.LINES_A_MINUTE} lines a minute and {routes.LINES_A_DAY:,} a day",
        f"{routes.VOTES_A_MINUTE} votes a minute",
        f"{routes.JOINS_A_DAY} new contributors a day",
        f"{contribution.SHORT:,} characters of a line and {contribution.LONG:,} of a text",
        f"the {figures.PAIRS_GOAL:,} pairs",
        f"goal: {figures.ANSWERS_GOAL},",
    ):
        assert figure in told, figure
    assert store.NEEDED == 2
    assert examples.HELD_OUT == 0.2
    states = re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE)
    assert states == [
        contribution.WAITING,
        contribution.QUEUED,
        contribution.ACCEPTED,
        contribution.REJECTED,
        contribution.WITHDRAWN,
    ]
    commons = open_commons("commons.sqlite")
    known = {route.path for router in routes.commons_routers(commons) for route in router.routes}
    commons.close()
    assert set(re.findall(r"(/v1/commons[\w/]*)", TEXT)) == {
        path for path in known if path.startswith("/v1") and "{" not in path
    }
    assert routes.TOKEN in TEXT
