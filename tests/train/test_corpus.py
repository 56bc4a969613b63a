"""The corpus as tokens on disk: parts that resume, and an order that needs no list in memory."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch")

from anatili.document import Kept, write_shard
from anatili.recipe import Tokenizer
from anatili.sample.topics import read_topics
from anatili.tokenizer import train as tokenizing
from anatili.train import corpus, data


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tokenizer and three shards of documents."""
    folder = tmp_path_factory.mktemp("corpus")
    pages = [(f"{t.slug}-{c}", c, p) for t in read_topics()[:12] for c, p in t.pages.items() if c in ("kk", "en")]
    (folder / "tokenizer").mkdir()
    tokenizing.save(tokenizing.train((p.text for *_, p in pages), Tokenizer(vocabulary=700)), folder / "tokenizer", 64)
    for number in range(3):
        rows = [Kept(i, p.text, p.title, "", "s", "", "CC0-1.0", c, "Cyrl") for i, c, p in pages[number::3]]
        write_shard(folder / f"part-{number}.parquet", Kept, rows)
    return folder


def write(place, folder, **options):
    return corpus.write_tokens(sorted(place.glob("part-*.parquet")), place / "tokenizer", folder, **options)


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stopped_tokenization_goes_on_with_the_next_part(place, tmp_path):
    counts = write(place, tmp_path / "whole")

    def stops(work, jobs, unit, **fixed):
        for number, job in enumerate(jobs):
            if number == 2:
                raise KeyboardInterrupt
            work(*job, **fixed)

    with pytest.raises(KeyboardInterrupt):
        write(place, tmp_path / "broken", run=stops)
    assert not (tmp_path / "broken" / "counts.json").exists()
    done = []

    def rest(work, jobs, unit, **fixed):
        done.extend(jobs)
        corpus.run_here(work, jobs, unit, **fixed)

    assert write(place, tmp_path / "broken", run=rest) == counts
    assert [job[0].name for job in done] == ["part-2.parquet"]
    assert bytes_of(tmp_path / "broken") == bytes_of(tmp_path / "whole")


def test_groups_are_read_across_parts(place, tmp_path):
    counts = write(place, tmp_path)
    group = corpus.open_group(tmp_path, "kk/s")
    assert group.tokens == counts["kk/s"]["tokens"]
    assert len(group.ends) == counts["kk/s"]["documents"]
    opened, begin, end = corpus.open_tokenizer(place / "tokenizer")
    texts = [
        t
        for n in range(3)
        for groups in corpus.texts_of_documents(place / f"part-{n}.parquet")
        for t in groups.get("kk/s", [])
    ]
    for number, text in enumerate(texts):
        ids = [begin, *opened.encode(text, add_special_tokens=False).ids, end]
        assert group.read(number, 0, 10**6).tolist() == ids
        assert group.read(number, 5, 7).tolist() == ids[5:12]
    assert group.lengths(np.arange(len(texts))).sum() == group.tokens


def test_a_large_group_is_shuffled_in_blocks_and_loses_nothing(place, tmp_path, monkeypatch):
    counts = write(place, tmp_path)
    monkeypatch.setattr(corpus, "BLOCK_DOCUMENTS", 5)
    group = corpus.Group(tmp_path, "kk/s")
    orders = []
    for epoch in range(2):
        order = corpus.Order(group, [1, 2, epoch])
        assert order.blocks == 3
        documents = list(order.documents_from(0, 0))
        assert Counter(documents) == Counter(range(len(group.ends)))
        flat = np.concatenate([group.read(document, 0, 10**6) for document in documents])
        for position in range(0, group.tokens, 37):
            block, number, offset = order.locate(position)
            assert group.read(next(order.documents_from(block, number)), offset, 1)[0] == flat[position]
        orders.append(documents)
    assert orders[0] != orders[1]
    windows = data.windows_of(counts["kk/s"]["tokens"], 32)
    mixture = data.Mixture(tmp_path, 32, {"kk/s": 1.0}, {}, 10**9, 1, 0)
    rows = [mixture.sequence(number) for number in range(windows)]
    text = [token for row in rows for token in row[1 if row[1] != 0 else 0 :].tolist() if token > 1]
    assert len(text) > 0.95 * (flat > 1).sum()
