"""The rules of the tree, kept by tests: sizes, what loads, documents; test_policy_imports and _language hold others."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from anatili.recipe import load_recipe
from anatili.stage import load
from anatili.stage_table import STAGES

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "anatili"
MODULES = sorted(SOURCE.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_and_functions_are_small(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_what_it_is(path):
    if path.name != "__main__.py":
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", sorted((SOURCE / "train").rglob("*.py")), ids=name)
def test_training_names_no_vendors_device(path):
    text = path.read_text("utf-8")
    assert not re.search(r"cuda|nccl|hccl|rocm", text, re.IGNORECASE), "use torch.accelerator and get_device_module"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_stage_can_be_loaded(stage):
    assert callable(load(stage.work))
    assert not stage.watches or callable(load(stage.watches))


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=name)
def test_every_recipe_loads(path):
    assert load_recipe(path).name == path.stem


# What a command loads of these is written to stderr and makes the program fail.
LOADS_NOTHING_HEAVY = (
    "import sys; from anatili.cli import main\n"
    "try: main({arguments})\nexcept SystemExit: pass\n"
    "heavy = {{'torch', 'transformers', 'pyarrow', 'numpy', 'tantivy', 'fastapi', 'ray'{more}}}\n"
    "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [(["--help"], ", 'pydantic', 'rich'"), (["models", "--json"], ""), (["pull", "kazllm-9b"], "")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_quick_loads_nothing_heavy(arguments, more):
    program = LOADS_NOTHING_HEAVY.format(arguments=arguments, more=more)
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{arguments} loads {answer.stderr}"


# What checking a recipe loads of torch makes the program fail: a corpus is made without it.
CORPUS_WITHOUT_TORCH = (
    "import sys; from pathlib import Path; from anatili.recipe import load_recipe; from anatili.stage import accept\n"
    "accept(load_recipe('tiny'), Path())\n"
    "sys.exit(','.join(sorted({'torch', 'transformers'} & set(sys.modules))) or 0)"
)


def test_a_recipe_is_checked_without_torch():
    answer = subprocess.run([sys.executable, "-c", CORPUS_WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"checking a recipe loads {answer.stderr}"


def test_the_reference_pages_are_up_to_date():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "write_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for file, text in reference.pages().items():
        assert (ROOT / "docs" / file).read_text("utf-8") == text, "run: make docs"


PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "bench/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_documents_name_only_what_exists(path):
    text = path.read_text("utf-8")
    commands = importlib.import_module("anatili.cli").main.commands
    for command in re.findall(r"^ *(?:\$ )?(?:\.venv/bin/)?anatili ([a-z]+)", text, flags=re.MULTILINE):
        assert command in commands, f"{path.name} names the command {command}"
    for target in re.findall(r"^ *make ([a-z]+)", text, flags=re.MULTILINE):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8")
    for file, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        target = path.parent / file if file else path
        assert target.exists(), f"{path.name} links to {file}"
        assert not anchor or anchor in anchors(target), f"{path.name} links to {file}#{anchor}"


def test_every_page_is_in_the_list_of_pages():
    docs = ROOT / "docs"
    listed = {docs / link for link in re.findall(r"\]\(([^)#]+)", (docs / "README.md").read_text("utf-8"))}
    assert [name(path) for path in sorted(docs.rglob("*.md")) if path not in {*listed, docs / "README.md"}] == []


def anchors(path: Path) -> set[str]:
    """The names by which headings of a page can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_floor_stands_for_each_quality():
    floors = tomllib.loads((ROOT / "tests" / "floors.toml").read_text("utf-8"))
    assert {"identify", "extract", "search", "tiny", "own"} <= floors.keys()
