"""Imports go one way: every module and folder of the tree has a layer, and takes only from layers below its own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "anatili"
# From the bottom up. A new module or folder must be placed: in the lowest layer that lets it take what it needs.
LAYERS = (
    {
        "": "the version",
        "pack_folders": "",
        "problem": "",
        "text": "",
        "urls": "",
        "confidence_intervals": "",
        "machine": "processors and memory",
        "compression": "what is compressed in archives and response bodies",
    },
    {
        "atomic_files": "files that are whole or not there",
        "doctor": "what is installed, by metadata alone",
        "data_errors": "",
        "extraction": "charset, main text and opt-outs of a page",
        "prompt": "",
        "text_files": "",
    },
    {
        "benchmarks": "",
        "document": "",
        "files": "people's files as text",
        "licenses": "",
        "morphology": "",
        "object_store": "",
        "plot": "",
        "run": "",
        "warc": "",
        "weights": "",
    },
    {"gguf": "", "lang": "the packs and what reads them", "takedown_log": "what was taken down, for every stage"},
    {"engine": "", "identify": "", "recipe": "", "sample": "", "pool": ""},
    {"stage_table": ""},
    {"compute": "", "stage": "how stages are built", "why": "what became of a page"},
    {"attribution": "from an answer back to the corpus", "refine": ""},
    {"commons": "lines are checked by the refinery, and collected as documents"},
    {
        "census": "",
        "collect": "",
        "evaluate": "",
        "release": "",
        "search": "",
        "stats": "",
        "tokenizer": "",
        "train": "",
    },
    {
        "translation_directions": "what SFT examples taught a model to translate",
        "documents": "people's own, read and indexed",
    },
    {"lang_check": "a pack is checked with what reads it", "models": "packed from runs by what `train` writes"},
    {"opening": "a model by its name"},
    {"translate": ""},
    {
        "pipeline": "whole runs by one call, from a recipe or from files alone",
        "slurm": "",
        "takedown": "reads what every stage has made, and builds the stages again",
    },
    {"serve": ""},
    {"audit": "it also asks the assistant as it is served"},
    {"review": "people label what an audit got, on a page with the access rules of `serve`"},
    {"learn": "the course uses everything"},
    {"cli": ""},
    {"__main__": ""},
)
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
# (from, to): why it may still reach up. One that is no longer needed must go.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def room(module: str) -> str:
    """`train.tune` -> `train`: the first name below `anatili`."""
    return module.split(".")[0]


def imports(text: str, rooms: set[str]) -> Iterator[str]:
    """What a module takes from anatili, wherever in it, as names below `anatili`; names of `anatili` itself as ""."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: name the whole path, not a relative one"
            first, _, rest = (node.module or "").partition(".")
            if first == "anatili":
                yield from [rest] if rest else (n.name if n.name in rooms else "" for n in node.names)
        elif isinstance(node, ast.Import):
            yield from (n.name.partition(".")[2] for n in node.names if room(n.name) == "anatili")


def reaches_up(name: str, text: str, rooms: set[str]) -> set[tuple[str, str]]:
    """(own room, other room) of each import of the module `name` that does not go down."""
    own = room(name)
    others = {room(taken) for taken in imports(text, rooms)} - {own}
    return {(own, other) for other in others if HEIGHT.get(other, 99) >= HEIGHT.get(own, -1)}


def modules() -> dict[str, str]:
    """`train.tune` -> its text."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = list(path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return found


MODULES = modules()
ROOMS = {room(name) for name in MODULES}
del MODULES[""]  # `anatili` itself names what it offers from all rooms, and loads a room when somebody asks for it


def test_every_module_and_folder_has_a_layer():
    assert sorted(ROOMS - HEIGHT.keys()) == [], "give it a layer in LAYERS"
    assert sum(map(len, LAYERS)) == len(HEIGHT), "one stands in two layers"


def test_the_page_on_the_architecture_names_them_all():
    page = (SOURCE.parents[1] / "docs" / "concepts" / "architecture.md").read_text("utf-8")
    named = {name.strip("/") for name in re.findall(r"`([a-z_]+/?)`", page)}
    assert sorted(ROOMS - named - {"", "__main__"}) == [], "say in its table what they are for"


def test_imports_only_go_down():
    up = {pair: name for name, text in MODULES.items() for pair in reaches_up(name, text, ROOMS)}
    new = {pair: name for pair, name in up.items() if pair not in EXCEPTIONS}
    assert new == {}, "(from, to): first module that does it"
    assert EXCEPTIONS.keys() - up.keys() == set(), "no longer needed: take it out of EXCEPTIONS"
    assert all(EXCEPTIONS.values()), "say why"


def in_circles(modules: dict[str, str]) -> list[str]:
    """The modules that need one another, also by imports inside functions."""
    takes = {name: set() for name in modules}
    for name, text in modules.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and room(node.module or "") == "anatili":
                base = (node.module or "").partition(".")[2]
                whole = [f"{base}.{n.name}" if base else n.name for n in node.names]
                # A package's own `__init__` holds what its modules share, and opens them inside functions.
                takes[name] |= ({w if w in modules else base for w in whole} & modules.keys()) - {parent(name), name}
    while free := [name for name, others in takes.items() if not others & takes.keys()]:
        for name in free:
            del takes[name]
    return sorted(takes)


def parent(name: str) -> str:
    return name.rpartition(".")[0]


def test_no_two_modules_need_one_another():
    assert in_circles(MODULES) == []


def test_a_circle_is_seen():
    crawl = "def f():\n    from anatili.sample.traps import broken"
    assert in_circles({"sample.crawl": crawl, "sample.traps": "from anatili.sample import crawl", "text": ""}) == [
        "sample.crawl",
        "sample.traps",
    ]


@pytest.mark.parametrize(
    ("module", "text", "pair"),
    [
        ("text", "from anatili import lang", ("text", "lang")),
        ("lang.check", "def f():\n    from anatili.refine.cut import Cut", ("lang", "refine")),
        ("translate.compare", "import anatili.serve.api", ("translate", "serve")),
        ("refine.mark", "from anatili.search import index", ("refine", "search")),
        ("models", "from anatili.serve.assistant import open_assistant", ("models", "serve")),
        ("brand_new", "from anatili.text import words", ("brand_new", "text")),
    ],
)
def test_an_import_that_reaches_up_is_seen(module, text, pair):
    assert reaches_up(module, text, ROOMS) == {pair}


def test_a_relative_import_is_seen():
    with pytest.raises(AssertionError, match="whole path"):
        list(imports("from ..serve import api", ROOMS))


def test_an_import_that_goes_down_is_not():
    assert reaches_up("serve.api", "from anatili import __version__\nfrom anatili.search import index", ROOMS) == set()
