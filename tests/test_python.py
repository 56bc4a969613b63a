"""What `import anatili` offers, as somebody uses it who never saw the command line."""

import ast
import inspect
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import ROOT

import anatili
from anatili.problem import Problem

DOOR = ROOT / "src" / "anatili" / "__init__.py"
HEAVY = "{'torch', 'transformers', 'fastapi', 'tantivy', 'ray', 'pyarrow', 'pydantic', 'rich'}"


def python(code: str, *arguments: object, **options) -> str:
    """What a new Python prints."""
    answer = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def imported_for_types() -> dict[str, str]:
    """Name -> `module:name`, as type checkers and editors see it."""
    (block,) = (node for node in ast.parse(DOOR.read_text("utf-8")).body if isinstance(node, ast.If))
    return {
        name.asname or name.name: f"{node.module.removeprefix('anatili.')}:{name.name}"
        for node in block.body
        for name in node.names
    }


def test_types_say_what_is_loaded():
    assert imported_for_types() == anatili.HOMES
    assert sorted(anatili.HOMES) == sorted(anatili.__all__)
    assert (DOOR.parent / "py.typed").is_file()


def test_every_name_is_there_and_says_what_it_does():
    for name in anatili.__all__:
        offered = getattr(anatili, name)
        assert callable(offered), name
        assert inspect.getdoc(offered), name
    assert set(anatili.__all__) < set(dir(anatili))
    with pytest.raises(AttributeError, match="no attribute 'recognise'"):
        anatili.recognise  # noqa: B018


def test_a_language_is_told_without_loading_what_is_heavy():
    told = python(
        "import sys, anatili; print(anatili.identify('Қазақ тілі').language); "
        f"print(*sorted({HEAVY} & set(sys.modules)))"
    )
    assert told.split() == ["kk"]


def test_a_module_of_the_same_name_does_not_hide_what_is_offered():
    told = python(
        "import anatili.run, anatili.evaluate.measure\nfrom anatili.identify import identify\nimport anatili\n"
        "print(anatili.identify is identify, *(callable(getattr(anatili, name)) for name in anatili.__all__))\n"
        "from anatili import *\nprint(run is anatili.run, run.__module__)"
    )
    assert "False" not in told
    assert "anatili.pipeline.run_recipe" in told


def test_the_text_of_a_page_is_taken_from_words_bytes_and_files(tmp_path):
    page = "<html><head><title>T</title><meta charset='windows-1251'></head><body><article>{}</article></body></html>"
    html = page.format("<p>Қазақ тілі — түркі тілдерінің бірі.</p>" * 5)
    file = tmp_path / "page.html"
    file.write_text(html.replace("windows-1251", "utf-8"), "utf-8")
    modes, forms = ("careful", "fast", "quick"), (html, file, file.read_bytes())
    read = [anatili.extract(one, mode=mode) for mode in modes for one in forms]
    assert all(one.text.startswith("Қазақ тілі") for one in read)
    with pytest.raises(Problem, match="not a complete gzip"):
        anatili.extract(b"\x1f\x8bx")


def test_text_is_normalized():
    assert anatili.normalize("Qazaqstan, қaзaқ", "kk", keep_script=True) == "Qazaqstan, қазақ"
    assert anatili.normalize("Qazaqstan", "kk") == "Қазақстан"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A run of the sample up to its search index."""
    from anatili.pool import LocalPool
    from anatili.recipe import load_recipe
    from anatili.stage import carry_out, prepare

    folder = tmp_path_factory.mktemp("python")
    recipe = folder / "small.toml"
    recipe.write_text(
        'name = "small"\nlanguage = "kk"\n[cut]\nheld_out = 0.2\n'
        '[[collect.sources]]\nname = "s"\npath = "sample:"\nlicense = "CC0-1.0"\n',
        "utf-8",
    )
    with prepare(load_recipe(recipe), recipe, folder / "runs") as run:
        for outcome in carry_out(load_recipe(recipe), run, LocalPool(1)):
            if outcome.stage == "index":
                break
    return run.root


def test_a_corpus_is_read_by_us_by_arrow_and_by_datasets(corpus, tmp_path):
    import pyarrow.parquet as pq

    ours = [asdict(document) for document in anatili.read_corpus(corpus)]
    assert len(ours) > 20
    assert {document["language"] for document in ours} == {"kk"}
    files = sorted((corpus / "cut").glob("part-*.parquet"))
    assert [row for file in files for row in pq.read_table(file).to_pylist()] == ours
    kept_out = [document.id for document in anatili.read_corpus(corpus, held_out=True)]
    assert kept_out
    assert not set(kept_out) & {document["id"] for document in ours}
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(
        "parquet", data_files=[str(file) for file in files], split="train", cache_dir=str(tmp_path)
    )
    assert list(loaded) == ours


def test_a_run_without_a_corpus_says_so(tmp_path):
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(Problem, match="has no corpus yet"):
        list(anatili.read_corpus(tmp_path))


def test_passages_are_searched(corpus):
    index = anatili.open_search(corpus)
    assert isinstance(index, anatili.Search)
    best, *_ = index.find("Бәйтерек қай қалада?")
    assert "Бәйтерек" in best.passage.text
