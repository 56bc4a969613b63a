"""Keys in addresses: cut off wherever an address is shown, stored or published."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from servers import Server

from anatili.collect.files import root_of
from anatili.collect.network import FetchError
from anatili.engine.remote import RemoteEngine
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Recipe, load_recipe
from anatili.release.build import write_manifest
from anatili.run import Run
from anatili.stage import Quiet, build, identity
from anatili.stage_table import STAGES
from anatili.urls import without_keys, without_keys_anywhere
from anatili.why import page_history

KEY = "5up3rS3cr3t"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://a.kz/x.jsonl?api_key=KEY&part=2", "https://a.kz/x.jsonl?part=2"),
        ("https://a.kz/x?part=2&token=KEY#top", "https://a.kz/x?part=2#top"),
        ("https://a.kz/x?sort=1;X-Amz-Signature=KEY;X-Amz-Date=2", "https://a.kz/x?sort=1;X-Amz-Date=2"),
        ("https://a.kz/x?api%5Fkey=KEY;b=2&c", "https://a.kz/x?b=2&c"),
        ("https://a.kz/x;jsessionid=KEY?b=2", "https://a.kz/x?b=2"),
        ("https://a.kz/#access_token=KEY", "https://a.kz/"),
        ("https://a.kz/x?k=abcdEF0123456789abcdEF01", "https://a.kz/x"),
        ("https://user:KEY@a.kz:8080/x", "https://a.kz:8080/x"),
        ("https://user:K@EY@a.kz/x", "https://a.kz/x"),
        ("https://:KEY@a.kz/x", "https://a.kz/x"),
        ("https://ghp_0123456789abcdef@github.com/x", "https://github.com/x"),
        ("s3://ID:KEY/with/slashes@bucket/runs", "s3://bucket/runs"),
        ("see https://a.kz/?sig=KEY and s3://ID:KEY@b/c.", "see https://a.kz/ and s3://b/c."),
    ],
)
def test_a_key_is_cut_off(given, shown):
    assert without_keys(given) == shown
    assert without_keys(shown) == shown


@pytest.mark.parametrize(
    "address",
    [
        "https://a.kz/x?keyword=тіл&author=Абай&monkey=1&tokenizer=2&code=kk&page=3",
        "https://medium.com/@user/post",
        "s3://bucket/x.jsonl?versionId=3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
        "https://a.kz:8080/@user",
        "postgresql://anatili@localhost:5432/commons",
        "https://a.kz/2026/01/01/a-long-name-of-an-article-2026.html?id=20260101",
        "api_key=KEY without an address",
    ],
)
def test_what_is_no_key_stays(address):
    assert without_keys(address) == address


def test_a_long_text_is_read_in_linear_time():
    text = "https://" + "a:" * 50_000 + " " + "https://a?" + "b=1&" * 50_000
    assert len(without_keys(text)) <= len(text)


def test_messages_have_no_keys():
    for error in (Problem, FetchError):
        assert str(error(f"https://a.kz/x?api_key={KEY}: HTTP 403")) == "https://a.kz/x HTTP 403"
    assert without_keys_anywhere({"a": [f"https://u:{KEY}@b.kz"]}) == {"a": ["https://b.kz"]}
    with pytest.raises(Problem) as problem:
        RemoteEngine(f"http://user:{KEY}@127.0.0.1:9/v1")
    assert KEY not in str(problem.value)
    assert "http://127.0.0.1:9/v1/models" in str(problem.value)


@pytest.fixture
def server():
    server = Server()
    server.files["/corpus.jsonl"] = (
        json.dumps({"text": "Алматыда жаңа кітапхана ашылды. " * 9}).encode() + b"\n{broken\n"
    )
    yield server
    server.shutdown()


def collected(folder: Path, server: Server, key: str) -> tuple[Run, Recipe]:
    """A run that collected a file at an address with a key, and its recipe."""
    recipe = f"""
name = "far"
language = "kk"
[collect]
private_hosts = ["{server.host}"]
[[collect.sources]]
name = "corpus"
kind = "jsonl"
path = "{server.url}/corpus.jsonl?part=2&api_key={key}"
"""
    file = folder / "recipe.toml"
    file.write_text(recipe, "utf-8")
    run, loaded = Run(folder / "run"), load_recipe(file)
    for stage in STAGES[:2]:
        facts = identity(stage, loaded, run, folder)
        if not run.is_done(stage.name, facts):
            build(stage, loaded, run, LocalPool(), facts, folder, Quiet())
    return run, loaded


def test_the_rows_of_a_far_file_are_named_as_those_of_a_near_one(server, tmp_path):
    run, _ = collected(tmp_path, server, KEY)
    lost = [row for shard in run.folder("collect").glob("lost-*") for row in rows(shard)]
    assert [(row["url"], row["detail"]) for row in lost] == [("corpus.jsonl:2", "corpus.jsonl:2")]
    assert next(step["what"] for step in page_history(run, "corpus.jsonl:1")).startswith("became document")
    assert not list((run.folder("collect") / ".download").iterdir())


def test_nothing_that_a_run_writes_holds_a_key(server, tmp_path):
    run, recipe = collected(tmp_path, server, KEY)
    assert ("/corpus.jsonl", f"part=2&api_key={KEY}") in server.queries  # the server was asked with it
    record = run.record("collect")
    assert record.identity["settings"]["sources"][0]["path"] == f"{server.url}/corpus.jsonl?part=2"
    documents = [row for shard in run.folder("collect").glob("*.parquet") for row in rows(shard)]
    assert [row["url"] for row in documents if row.get("text")] == ["corpus.jsonl:1"]
    write_manifest(tmp_path, recipe, {"collect": record})
    files = [*(path for path in run.root.rglob("*") if path.is_file()), tmp_path / "manifest.json"]
    assert len(files) > 8
    for file in files:
        assert KEY.encode() not in as_read(file), file


def rows(shard: Path) -> list[dict[str, object]]:
    return pq.read_table(shard).to_pylist()


def as_read(file: Path) -> bytes:
    """The bytes of a file, unpacked."""
    if file.suffix == ".parquet":
        return repr(rows(file)).encode()
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def test_another_key_is_no_other_input(server, tmp_path):
    collected(tmp_path, server, KEY)
    asked = len(server.asked)
    run, _ = collected(tmp_path, server, "another-key")
    assert len(server.asked) == asked
    path = run.folder("collect") / "record.json"
    path.write_text(path.read_text("utf-8").replace("part=2", f"part=2&api_key={KEY}"), "utf-8")  # of a version before
    collected(tmp_path, server, KEY)
    assert len(server.asked) == asked


def test_a_failure_names_the_address_without_its_key(server, tmp_path):
    del server.files["/corpus.jsonl"]
    with pytest.raises(Problem) as problem:
        collected(tmp_path, server, KEY)
    assert f"{server.url}/corpus.jsonl?part=2" in str(problem.value)
    assert KEY not in str(problem.value)


def test_a_site_behind_a_password_is_refused():
    with pytest.raises(Problem, match=r"^a\.kz: sites behind a password are not collected") as problem:
        root_of(f"https://reader:{KEY}@a.kz/x")
    assert KEY not in str(problem.value)
