import io
import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from servers import CRAWL, Server, mini_crawl

from anatili.collect.collect import run as collect
from anatili.document import Lost, read_counts, read_shard
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.stage import Quiet, Task
from anatili.warc import read_pages


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    return mini_crawl(tmp_path_factory.mktemp("crawl"))


@pytest.fixture
def server(crawl):
    server = Server()
    server.files.update(crawl[0])
    yield server
    server.shutdown()


def task(tmp_path, source, hosts=(), **more):
    recipe = Recipe.model_validate(
        {
            "name": "t",
            "language": "kk",
            "collect": {"sources": [{"name": "cc", **source}], "private_hosts": hosts, "shard_records": 20, **more},
        }
    )
    return Task(recipe, recipe.collect, tmp_path, {}, tmp_path / "out", LocalPool(1), Quiet())


def pages(folder):
    return [page for shard in sorted(folder.glob("part-*.warc.gz")) for page in read_pages(shard, 10**7)]


def by_index(base):
    return {"kind": "commoncrawl", "path": base, "crawls": [CRAWL], "sift": ["kk"]}


def test_the_index_gives_exactly_the_pages_it_names(crawl, server, tmp_path):
    collect(task(tmp_path, by_index(server.url), [server.host]))
    expected = {url for url, languages in crawl[1].items() if languages and "kaz" in languages.split(",")}
    collected = {page.url for page in pages(tmp_path / "out")}
    lost = {row.url for path in (tmp_path / "out").glob("lost-*") for row in read_shard(path, Lost)}
    assert len(collected) > 50
    assert collected | lost <= expected
    assert len(collected) >= len(expected) - 5  # those with another status than 200 are not asked for
    assert all(asked for path, _, asked in server.asked if path.endswith(".warc.gz")), "only ranges are asked for"


def test_faults_on_the_way_change_no_byte(crawl, server, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    collect(task(tmp_path / "a", by_index(server.url), [server.host]))
    for path in crawl[0]:
        server.faults[path] = ["503", "hang up", "break off" if path.endswith(".warc.gz") else ""]
    collect(task(tmp_path / "b", by_index(server.url), [server.host]))
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / x / "out").glob("part-*")} for x in "ab")
    assert first == second


def test_a_record_of_another_page_is_rejected(crawl, server, tmp_path):
    for path, data in crawl[0].items():
        if path.endswith(".warc.gz"):
            server.files[path] = data[len(data) // 3 :] + data[: len(data) // 3]
    with pytest.raises(Problem, match="nothing was collected"):
        collect(task(tmp_path, by_index(server.url), [server.host]))
    lost = [row for path in (tmp_path / "out").glob("lost-*") for row in read_shard(path, Lost)]
    assert len(lost) > 50
    assert {row.reason for row in lost} <= {"damaged record", "another page", "truncated"}


def test_a_raw_scan_of_a_remote_list_finds_what_the_index_names_and_more(crawl, server, tmp_path):
    source = {"kind": "warc", "path": f"{server.url}/crawl-data/{CRAWL}/warc.paths.gz", "sift": ["kk"]}
    summary = collect(task(tmp_path, source, [server.host]))
    urls = {page.url for page in pages(tmp_path / "out")}
    named = {url for url, languages in crawl[1].items() if languages and languages.split(",")[0] == "kaz"}
    assert len(named & urls) >= 0.95 * len(named)
    assert summary["records"]["lost: sifted out"] > 100
    assert not list((tmp_path / "out" / ".download").iterdir())


def test_it_resumes_after_a_kill(crawl, server, tmp_path):
    source = {"kind": "warc", "path": f"{server.url}/crawl-data/{CRAWL}/warc.paths.gz", "sift": ["kk"]}
    collect(task(tmp_path / "whole", source, [server.host]))
    done = task(tmp_path / "cut", source, [server.host])
    collect(done)
    (done.out / "lost-00-00001.parquet").unlink()
    asked = len(server.asked)
    collect(done)
    assert all("part-00000.warc" not in path for path, _, _ in server.asked[asked:])
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / x / "out").glob("*-*")} for x in ("whole", "cut"))
    assert first == second


def test_pages_that_could_not_be_fetched_are_fetched_again(crawl, server, tmp_path, monkeypatch):
    broken = task(tmp_path, by_index(server.url), [server.host])
    kept = {path: server.files.pop(path) for path in crawl[0] if path.endswith(".warc.gz")}
    with pytest.raises(Problem, match="could not be fetched"):
        collect(broken)
    server.files.update(kept)
    assert collect(broken)["records"]["kept"] > 50


def test_an_index_that_does_not_exist_is_reported(server, tmp_path):
    with pytest.raises(Problem, match="cannot find the index of CC-MAIN-1999-01"):
        collect(task(tmp_path, by_index(server.url) | {"crawls": ["CC-MAIN-1999-01"]}, [server.host]))


def test_the_same_from_files_and_without_a_list_of_the_index(crawl, server, tmp_path):
    for path, data in crawl[0].items():
        if not path.endswith("cc-index-table.paths.gz"):
            file = tmp_path / "mirror" / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    collect(replace(task(tmp_path / "files", by_index("mirror")), base=tmp_path))
    collect(task(tmp_path / "web", by_index(server.url), [server.host]))
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / x / "out").glob("part-*")} for x in ("files", "web"))
    assert first
    assert first == second


def test_the_same_from_an_object_store(crawl, server, tmp_path, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    moto_server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    store = moto_server.ThreadedMotoServer(port=0, verbose=False)
    store.start()
    try:
        host, port = store.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket="mirror")
        for path, data in crawl[0].items():
            client.put_object(Bucket="mirror", Key=path[1:], Body=data)
        collect(task(tmp_path / "s3", by_index("s3://mirror")))
        collect(task(tmp_path / "web", by_index(server.url), [server.host]))
        stream = io.BytesIO()
        pq.write_table(pa.table({"text": ["Бірінші құжат", "Екінші құжат"], "url": ["https://a.kz/1", ""]}), stream)
        client.put_object(Bucket="mirror", Key="data/train-00000-of-00001.parquet", Body=stream.getvalue())
        rows = {"kind": "parquet", "path": "s3://mirror/data/*.parquet"}
        assert collect(task(tmp_path / "rows", rows))["records"] == {"kept": 2, "records": 2}
    finally:
        store.stop()
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / x / "out").glob("part-*")} for x in ("s3", "web"))
    assert first
    assert first == second


def test_counts_are_in_the_shards(crawl, server, tmp_path):
    collect(task(tmp_path, by_index(server.url), [server.host]))
    for path in (tmp_path / "out").glob("lost-*.parquet"):
        counts = read_counts(path)
        assert counts["records"] == counts.get("kept", 0) + sum(n for k, n in counts.items() if k.startswith("lost"))
