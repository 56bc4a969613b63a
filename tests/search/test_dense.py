"""Search by vectors beside words: it finds what shares no word, goes on where it was broken off, and tells misuse."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.search import index as index_stage
from anatili.search.answer import Search
from anatili.search.dense import Dense, build, embedded, fused

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


class Meanings:
    """An embedder that knows one thing: what is about horses, in whatever words."""

    name = "meanings"
    words = ("жылқы", "лошад", "horse", "at sırtında", "steed")

    def __init__(self) -> None:
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        noise = np.random.default_rng(5)
        return [[10.0 * any(word in text.lower() for word in self.words), *noise.normal(size=7)] for text in texts]


@pytest.fixture
def index(tiny_run, tmp_path):
    return shutil.copytree(tiny_run / "index", tmp_path / "index")


def test_what_shares_no_word_is_found(index):
    engine = Meanings()
    total = build(index, engine, "passage: ", "query: ")
    assert len(engine.asked) == total
    assert all(text.startswith("passage: ") for text in engine.asked)
    plain, both = Search(index, PACKS), Search(index, PACKS, dense=Dense(index, engine))
    assert not plain.find("steed", 3, only="kk")[0:] or all(
        "жылқы" not in f.passage.text for f in plain.find("steed", 3, only="kk")
    )
    found = both.find("steed", 5, only="kk")
    assert engine.asked[-1] == "query: steed"
    assert any("жылқы" in one.passage.text.lower() for one in found)
    assert {one.passage.language for one in found} == {"kk"}


def test_passages_that_both_channels_find_go_first(index):
    build(index, Meanings())
    found = Search(index, PACKS, dense=Dense(index, Meanings())).find("horse", 5)
    assert "horse" in found[0].passage.text.lower()
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert list(fused([["a", "b"], ["b", "c"]])) == ["b", "a", "c"]


def test_what_is_there_is_kept_and_what_does_not_fit_is_told(index):
    engine = Meanings()
    total = build(index, engine)
    files = {path.name: path.read_bytes() for path in (index / "dense").iterdir()}
    first = sorted((index / "dense").glob("*.npy"))[0]
    first.unlink()
    again = Meanings()
    assert build(index, again) == total
    assert 0 < len(again.asked) < total or len(list((index / "dense").glob("*.npy"))) == 1
    assert {path.name: path.read_bytes() for path in (index / "dense").iterdir()} == files
    with pytest.raises(Problem, match="by another model or with other prefixes"):
        build(index, engine, "passage: ")
    other = Meanings()
    other.name = "other"
    with pytest.raises(Problem, match="are by meanings, the server has other"):
        Dense(index, other)
    np.save(first, np.zeros((1, 8), dtype=np.float16))
    with pytest.raises(Problem, match="of another index"):
        Dense(index, engine).nearest("x")
    first.unlink()
    with pytest.raises(Problem, match="is missing"):
        Dense(index, engine).nearest("x")
    shutil.rmtree(index / "dense")
    with pytest.raises(Problem, match="no vectors"):
        Dense(index, engine)


def test_a_text_that_is_too_long_for_the_model_is_shortened():
    class Short(Meanings):
        def embed(self, texts):
            if any(len(text) > 300 for text in texts):
                raise Problem("too long")
            return super().embed(texts)

    engine = Short()
    assert len(embedded(engine, ["a" * 1000, "b"])) == 2
    assert engine.asked == ["a" * 250, "b"]

    class Broken(Meanings):
        def embed(self, texts):
            raise Problem("broken")

    with pytest.raises(Problem, match="broken"):
        embedded(Broken(), ["a" * 1000])


def test_the_commands_with_a_real_server(tiny_run, tmp_path, llama_address, monkeypatch):
    shutil.copytree(tiny_run, tmp_path / "run", ignore=lambda _, names: {"extract", "tune", "pretrain"} & set(names))
    run = str(tmp_path / "run")
    shards = sorted((tmp_path / "run" / "index").glob("part-*.parquet"))
    pq.write_table(pq.read_table(shards[0]).slice(0, 12), shards[0])  # the model takes half a second for each
    for shard in shards[1:]:
        shard.unlink()
    index_stage.build(shards[:1], tmp_path / "run" / "index" / "tantivy")
    answer = CliRunner().invoke(main, ["embed", run, llama_address, "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["passages"] == 12
    monkeypatch.setenv("ANATILI_EMBEDDINGS", llama_address)
    answer = CliRunner().invoke(main, ["search", run, "ұлттық тағамдар", "--json", "--limit", "3"])
    assert answer.exit_code == 0, answer.output
    assert len(answer.stdout.splitlines()) == 3
