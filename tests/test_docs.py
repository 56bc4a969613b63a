"""What the documents say, compared with the code: figures of the README, the recipe in it, environment variables."""

import ast
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from conftest import ROOT

import anatili

README = (ROOT / "README.md").read_text("utf-8")
RESULTS = [
    row
    for section in json.loads((ROOT / "docs" / "results.json").read_text("utf-8"))["sections"]
    for row in section["rows"]
]
SIX = ("lines-found", "other-scripts", "refinery", "known-item", "tokens-a-word", "citations")


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def figures(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_each_result_can_be_measured_again():
    names = [row["id"] for row in RESULTS]
    assert len(set(names)) == len(names)
    for row in RESULTS:
        assert {"id", "what", "value", "command", "date"} <= row.keys(), row["id"]
        for file in re.findall(r"\b(?:bench|tests|recipes)/[\w./-]+", row["command"]):
            assert (ROOT / file).exists(), f"{row['id']}: {file}"


def test_the_six_results_of_the_readme_are_those_that_were_measured():
    table = README.split("## Six results")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(SIX)
    for line, name in zip(rows, SIX, strict=True):
        row = next(one for one in RESULTS if one["id"] == name)
        told = f"{row['what']} {row['value']} {row.get('peer', '')}"
        assert figures(line) <= figures(told), f"{name}: {figures(line) - figures(told)}"


def test_the_readme_is_short():
    prose = re.sub(r"^```.*?^```|\(\S+\)|[|#*`-]", " ", README, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) < 750


def test_the_recipe_of_the_readme_is_one(tmp_path):
    (recipe,) = code_blocks("toml")
    file = tmp_path / "mine.toml"
    file.write_text(recipe, "utf-8")
    assert anatili.load_recipe(file).name == "mine"


def test_the_python_of_the_readme_names_what_there_is():
    (lines,) = code_blocks("python")
    named = {
        node.attr
        for node in ast.walk(ast.parse(lines))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "anatili"
    }
    assert named
    assert named <= set(anatili.__all__)


def read_variables(path: Path) -> set[str]:
    """Names of environment variables in the statements of a module that read or set them."""
    lines = [line for line in path.read_text("utf-8").splitlines() if "os.environ" in line or "envvar=" in line]
    return {name for line in lines for name in re.findall(r"\"([A-Z]+_[A-Z_]+|DISPLAY)\"", line)}


def test_each_environment_variable_is_told():
    page = (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
    told = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", page, flags=re.MULTILINE)
        for name in re.findall(r"[A-Z_]{4,}", row)
    }
    used = {name for path in (ROOT / "src").rglob("*.py") for name in read_variables(path)}
    assert {"ANATILI_CACHE", "ANATILI_KEY"} <= used
    assert told == used


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_shows(path, monkeypatch, tmp_path):
    """Its cells one after the other in this process: what each prints is what the file has below it."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            told = io.StringIO()
            with redirect_stdout(told):
                exec(compile("".join(cell["source"]), path.name, "exec"), names)
            assert told.getvalue() == "".join("".join(output["text"]) for output in cell["outputs"]), cell["source"]
