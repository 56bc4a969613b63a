"""OpenSearch in place of tantivy, before a stand-in that answers in its shapes; never run before a real one."""

import gzip
import json

import pytest
from click.testing import CliRunner
from cluster import start

from anatili.cli import main
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics
from anatili.search import opensearch
from anatili.search.opensearch import INDEX, Cluster, bulks, export, index_of, open_cluster
from anatili.search.searcher import Search

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


@pytest.fixture(scope="module")
def cluster(tiny_run):
    server, address = start()
    Cluster(address + "/tiny").load(tiny_run / "index")
    yield server, address + "/tiny"
    server.shutdown()


@pytest.fixture(scope="module")
def both(tiny_run, cluster):
    return Search(tiny_run / "index", PACKS), open_cluster(cluster[1], tiny_run / "index", PACKS)


def test_it_finds_what_the_embedded_index_finds(both):
    here, there = both
    asked = [question for topic in read_topics() for page in topic.pages.values() for question in [page.title]]
    same = first = 0
    for question in asked[:40]:
        one, other = here.results(question, 5, prefer="kk"), there.results(question, 5, prefer="kk")
        assert (one.counts, one.guessed) == (other.counts, other.guessed)
        ids = [[hit.passage.id for hit in found.hits] for found in (one, other)]
        same += set(ids[0]) == set(ids[1])
        first += ids[0][:1] == ids[1][:1]
        assert [hit.coverage for hit in one.hits if hit.passage.id == ids[1][0]] in ([other.hits[0].coverage], [])
    # tantivy keeps the length of a passage in a byte, so that near ties may come in another order.
    assert (first, same) >= (39, 36)


def test_misspelt_words_languages_and_passages(both):
    here, there = both
    assert there.languages() == here.languages()
    assert there.results("университеттт", 3).guessed == here.results("университеттт", 3).guessed
    found = there.find("өзен", 3, only="ru")
    assert {hit.passage.language for hit in found} <= {"ru"}
    passage = there.find("тағам", 1)[0].passage
    assert there.passage(passage.id) == here.passage(passage.id) == passage
    assert there.passage("nothing:0") is None
    assert there.find("", 3) == there.find("?!", 3) == []
    here_first, there_first = (sorted(passage.id for passage in one.beginnings("tr", 1000)) for one in both)
    assert here_first == there_first != []


def test_a_question_costs_few_requests(cluster, tiny_run):
    server, address = cluster
    search = open_cluster(address, tiny_run / "index", PACKS)
    search.find("бір")
    server.asked.clear()
    search.find("қазақтың ұлттық тағамдары мен сусындары", 5, prefer="kk")
    assert len(server.asked) <= 4


def test_loading_twice_changes_nothing_and_busy_clusters_are_waited_for(cluster, tiny_run, monkeypatch):
    server, address = cluster
    before = dict(server.indexes["tiny"].rows)
    monkeypatch.setattr(opensearch, "PAUSE", 0.01)
    server.busy = 3
    assert Cluster(address).load(tiny_run / "index") == len(before)
    assert server.indexes["tiny"].rows == before
    server.busy = 100
    with pytest.raises(Problem, match="answered 429: busy"):
        Cluster(address).exists()
    server.busy = 0


def test_the_export_is_what_is_loaded(tmp_path, tiny_run):
    count = export(tiny_run / "index", tmp_path)
    assert json.loads((tmp_path / "index.json").read_text("utf-8")) == index_of(1)
    raw = b"".join(gzip.decompress(path.read_bytes()) for path in sorted(tmp_path.glob("bulk-*.ndjson.gz")))
    assert raw == b"".join(body for body, _ in bulks(sorted((tiny_run / "index").glob("part-*.parquet"))))
    rows = [json.loads(line) for line in raw.splitlines()]
    assert len(rows) == 2 * count
    assert set(rows[1]) == set(INDEX["mappings"]["properties"])


def test_what_goes_wrong_is_told_without_the_password(cluster, tiny_run, tmp_path):
    _, address = cluster
    with pytest.raises(Problem, match="not the address of an index"):
        Cluster("http://127.0.0.1:9200")
    with pytest.raises(Problem, match="there is no index at") as told:
        open_cluster(
            address.replace("http://", "http://me:secret@").replace("tiny", "other"), tiny_run / "index", PACKS
        )
    assert "secret" not in str(told.value)
    with pytest.raises(Problem, match="no OpenSearch answers") as told:
        Cluster("http://me:secret@127.0.0.1:9/x").exists()
    assert "secret" not in str(told.value)
    with pytest.raises(Problem, match="no search index"):
        Cluster(address).load(tmp_path)


def test_the_commands(cluster, tiny_run, tmp_path, monkeypatch):
    _, address = cluster
    answer = CliRunner().invoke(main, ["opensearch", str(tiny_run), address.replace("tiny", "again"), "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["passages"] > 50
    answer = CliRunner().invoke(main, ["opensearch", str(tiny_run), "--out", str(tmp_path / "x")])
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "x" / "bulk-00000.ndjson.gz").is_file()
    monkeypatch.setenv("ANATILI_OPENSEARCH", address.replace("tiny", "again"))
    answer = CliRunner().invoke(main, ["search", str(tiny_run), "ұлттық тағамдар", "--json", "--limit", "2"])
    assert answer.exit_code == 0, answer.output
    assert len(answer.stdout.splitlines()) == 2
    assert "name" in CliRunner().invoke(main, ["opensearch", str(tiny_run)]).output
