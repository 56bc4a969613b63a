"""A commons as a source of `collect`: accepted lines with their licenses, and nothing that was withdrawn."""

import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
from commons.lines import accept, join, open_commons, text_of

from anatili.collect.collect import run as collect
from anatili.collect.files import inventory
from anatili.commons.contribution import Contribution
from anatili.document import Document, read_shard
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.stage import Quiet, Task


@pytest.fixture
def commons(tmp_path):
    opened = open_commons(tmp_path / "commons.sqlite")
    yield opened
    opened.close()


def task(folder, out: str, **source) -> Task:
    recipe = Recipe.model_validate(
        {
            "name": "t",
            "language": "kk",
            "collect": {"sources": [{"name": "gifts", "kind": "commons", **source}]},
        }
    )
    return Task(recipe, recipe.collect, folder, {}, folder / out, LocalPool(1), Quiet())


def documents(made: Task) -> dict[str, Document]:
    collect(made)
    shards = sorted(made.out.glob("part-*.parquet"))
    return {document.url: document for shard in shards for document in read_shard(shard, Document)}


def test_accepted_lines_become_documents_until_they_are_withdrawn(commons, tmp_path):
    author = join(commons, "CC-BY-4.0")
    kept = accept(commons, author, kind="text", text=text_of(1, 40), title="Таң")
    gone = accept(commons, author, kind="text", text=text_of(2, 40), origin="https://e.kz/1", license="CC-BY-SA-4.0")
    accept(commons, author, kind="text", text="This text is in English and not in Kazakh.", language="en")
    commons.give(author, Contribution(id="f" * 32, kind="text", language="kk", text=text_of(3, 40)))
    first = documents(task(tmp_path, "first", path="commons.sqlite", language="kk"))
    assert first.keys() == {f"commons:{kept}", f"commons:{gone}"}
    document = first[f"commons:{kept}"]
    assert (document.text, document.title, document.license, document.source) == (
        text_of(1, 40),
        "Таң",
        "CC-BY-4.0",
        "gifts",
    )
    assert first[f"commons:{gone}"].license == "CC-BY-SA-4.0"
    before = inventory(task(tmp_path, "x", path="commons.sqlite").recipe, tmp_path)
    assert before["gifts"]["lines"] == 3
    commons.withdraw(author, gone)
    assert inventory(task(tmp_path, "x", path="commons.sqlite").recipe, tmp_path) != before
    second = documents(task(tmp_path, "second", path="commons.sqlite", language="kk"))
    assert second.keys() == {f"commons:{kept}"}
    assert second[f"commons:{kept}"].id == document.id, "the id never changes"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.sqlite", "there is no commons at"),
        ("postgresql://me:secret@127.0.0.1:1/x", "must not have a password"),
        ("postgresql://me@127.0.0.1:1/x", "cannot open the commons postgresql://me@127.0.0.1:1/x"),
        ("mysql://x", "postgresql://"),
        ("text.txt", "is not a database"),
    ],
)
def test_what_is_no_commons_is_told_in_a_sentence(tmp_path, path, reason):
    (tmp_path / "text.txt").write_text("Қазақ тілі", "utf-8")
    with pytest.raises(Problem, match=reason) as raised:
        collect(task(tmp_path, "out", path=path))
    assert "secret" not in str(raised.value)
