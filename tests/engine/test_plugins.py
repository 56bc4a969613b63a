"""An engine that another package brings, by the letter of its guide."""

import sys
import tomllib

import guides
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.engine import Sampling, is_address, open_engine, say
from anatili.problem import Problem

GUIDE = "add-an-engine.md"


def install(folder):
    """The guide's package as an installer leaves it: the module and a folder of metadata."""
    guides.write_files(GUIDE, folder, "python", "toml")
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    about = folder / f"anatili_bigrams-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("".join(lines), "utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kk.txt").write_text("қазақ тілі\n" * 20, "utf-8")
    yield tmp_path
    sys.modules.pop("anatili_bigrams", None)


def test_the_guide_s_engine_answers_and_is_evaluated(folder):
    assert is_address("bigrams:kk.txt")
    engine = open_engine("bigrams:kk.txt")
    assert engine.name == "kk"
    assert say(engine, [{"role": "user", "content": "т"}], Sampling(max_tokens=8)).startswith("і")
    values = {}
    for text in ("қазақ тілі", "Two words."):
        (folder / "held-out.txt").write_text(text, "utf-8")
        done = CliRunner().invoke(main, ["evaluate", "bigrams:kk.txt", "--text", "held-out.txt"])
        assert done.exit_code == 0, done.output
        values[text] = float(done.output.split(": ")[1].split()[0])
    assert values["қазақ тілі"] < 5 < 7.9 < values["Two words."]


def test_what_is_wrong_with_a_plug_in_is_said(folder):
    assert not is_address("trigrams:kk.txt")
    with pytest.raises(Problem, match="adapters are applied where the model runs"):
        open_engine("bigrams:kk.txt", [folder])
    (folder / "anatili_bigrams.py").write_text("import nowhere_to_be_found\n", "utf-8")
    sys.modules.pop("anatili_bigrams", None)
    with pytest.raises(Problem, match=r"the engine 'bigrams' \(anatili_bigrams:Bigrams\) cannot be loaded: No module"):
        open_engine("bigrams:kk.txt")
