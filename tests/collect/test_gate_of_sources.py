"""The gate of a source applies to every kind of source: pages of sites and of the index, and rows of corpora."""

import json

from anatili.collect.collect import collect_file, collect_stream
from anatili.document import Document, Lost, SiftedOut, read_counts, read_shard
from anatili.recipe import Collect, Source
from anatili.warc import Page, read_pages

KAZAKH_PAGE = "Қазақстан Республикасының ғылым және білім беру жүйесі туралы заңы қабылданды, оның ішінде мың сөз. " * 3
KARAKALPAK_PAGE = "Қарақалпақстан Республикасының халқы ҳәм оның тарийхы ҳаққында жаңа китап баспадан шықты. " * 3


def test_the_gate_applies_to_pages_of_sites_and_of_the_index(tmp_path):
    pages = [
        Page(f"https://a.example/{name}", "2026-01-01", f"<p>{body}</p>".encode())
        for name, body in (("kk", KAZAKH_PAGE), ("kaa", KARAKALPAK_PAGE), ("en", "Nothing but English. " * 20))
    ]
    target = tmp_path / "lost-00-00000.parquet"
    for kind in ("site", "commoncrawl"):
        collect_stream(pages, target, Source(name="s", path="x", kind=kind, sift=("kk",)))
        assert read_counts(target) == {"records": 3, "lost: sifted out": 2, "kept": 1}
        assert len(list(read_shard(tmp_path / "sifted-00-00000.parquet", SiftedOut))) == 2
        assert [p.url for p in read_pages(tmp_path / "part-00-00000-00000.warc.gz", 10**6)] == ["https://a.example/kk"]


def test_the_gate_applies_to_corpora(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"text": KAZAKH_PAGE, "url": "u1"}, {"text": KARAKALPAK_PAGE, "url": "u2"}]
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    target = tmp_path / "lost-00-00000.parquet"
    collect_file(file, target, Source(name="s", path="x", kind="jsonl", sift=("kk",)), Collect())
    shards = sorted(tmp_path.glob("part-*.parquet"))
    assert [row.url for shard in shards for row in read_shard(shard, Document)] == ["u1"]
    assert read_counts(target) == {"records": 2, "kept": 1, "lost: sifted out": 1}
    assert [(row.url, row.reason) for row in read_shard(target, Lost)] == [("u2", "sifted out")]
