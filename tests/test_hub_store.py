"""Datasets of the Hugging Face hub by address: the library's file system, and a server that speaks the hub's API."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import contents
from hub import LARGE, Repository, serving
from small_runs import TEXT, write_recipe

from anatili.pipeline.run_recipe import run_recipe
from anatili.pool.store import StorePool
from anatili.problem import Problem

NAME, TOKEN = "datasets/team/kazakh", "hf_good"


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import HfFileSystem, constants

    with serving() as server:
        server.tokens.add(TOKEN)
        server.large = (*LARGE, ".parquet", ".gz")
        server.repositories[NAME] = Repository({"README.md": b"about"})
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the server offers the older transfer only
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)  # made of the address when it is loaded
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        HfFileSystem.clear_instance_cache()
        yield server
        HfFileSystem.clear_instance_cache()


def table(texts: list[str]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), stream)
    return stream.getvalue()


@pytest.mark.parametrize("path", ["data/*.parquet", "data/", "data/a.parquet"])
def test_a_dataset_of_the_hub_is_a_source(hub, tmp_path, path):
    texts = TEXT.split("\n\n")
    hub.repositories[NAME].files |= {"data/a.parquet": table(texts[:20]), "data/deep/b.txt": b"no"}
    recipe = write_recipe(tmp_path)
    said = recipe.read_text("utf-8").replace('kind = "text"', 'kind = "parquet"')
    recipe.write_text(said.replace('path = "text.txt"', f'path = "hf://{NAME}/{path}"'), "utf-8")
    run = run_recipe(recipe, tmp_path / "runs", until="collect")
    assert run.record("collect").summary["records"] == {"kept": 20, "records": 20}


def test_a_run_is_copied_to_a_dataset_of_the_hub_and_goes_on_from_there(hub, tmp_path):
    recipe = write_recipe(tmp_path)
    first = run_recipe(recipe, tmp_path / "one", until="extract", mirror=f"hf://{NAME}/runs")
    files = hub.repositories[NAME].files
    for stage in ("collect", "extract"):
        shards = {
            path.relative_to(tmp_path / "one").as_posix(): path.read_bytes()
            for path in (first.root / stage).rglob("*.parquet")
        }
        assert shards
        assert shards.items() <= {name.removeprefix("runs/"): content for name, content in files.items()}.items()
    assert json.loads(files["runs/t/extract/record.json"])["stage"] == "extract"

    del files["runs/t/extract/record.json"]  # as if the first machine had died
    found = {}
    second = run_recipe(
        recipe,
        tmp_path / "two",
        until="extract",
        mirror=f"hf://{NAME}/runs",
        tell=lambda outcome: found.update({outcome.stage: outcome.what}),
    )
    assert found == {"collect": "kept", "extract": "built"}
    assert contents(second.root) == contents(first.root)
    assert "runs/t/extract/record.json" in files


def test_what_the_hub_refuses_is_told(hub, tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path)
    with pytest.raises(Problem, match=r"(?s)hf://datasets/team/none/t: .*the same command goes on"):
        run_recipe(recipe, tmp_path / "one", until="collect", mirror="hf://datasets/team/none")
    with pytest.raises(Problem, match=r"hf://.*a commit of every object"):
        StorePool(f"hf://{NAME}/queue", tmp_path)
