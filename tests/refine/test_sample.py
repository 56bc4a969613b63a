"""The sample crawl from `collect` to `cut`: what its traps must not bring into the corpus."""

import pytest

from anatili.document import Duplicate, Kept, Lost, read_shard
from anatili.pool import LocalPool
from anatili.recipe import load_recipe
from anatili.stage import carry_out, prepare


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    (folder / "sample.toml").write_text(
        'name = "sample"\nlanguage = "kk"\nbeside = ["ru", "en", "tr"]\n[[collect.sources]]\nname = "sample"\n'
        'path = "sample:"\nlicense = "CC0-1.0"\n[collect]\nshard_records = 100\n',
        "utf-8",
    )
    recipe = load_recipe(folder / "sample.toml")
    with prepare(recipe, folder / "sample.toml", folder / "runs") as run:
        outcomes = carry_out(recipe, run, LocalPool(1), base=folder)
        assert "cut" in (outcome.stage for outcome in outcomes)  # no further
    return run


def rows(run, stage, kind, pattern="part-*.parquet"):
    return [row for shard in sorted(run.folder(stage).glob(pattern)) for row in read_shard(shard, kind)]


def test_copies_with_look_alike_letters_stay_out(run):
    kept = rows(run, "cut", Kept) + rows(run, "cut", Kept, "held-out/*.parquet")
    assert len(kept) > 50
    assert [row.url for row in kept if "/lookalikes/" in row.url] == []
    lost = {row.id: row for row in rows(run, "cut", Lost, "lost/*.parquet") if "/lookalikes/" in row.url}
    assert lost
    assert {row.reason for row in lost.values()} == {"duplicate"}
    copies = {row.id: row for row in rows(run, "dedup", Duplicate)}
    assert {copies[one].of for one in lost} <= {row.id for row in kept}
