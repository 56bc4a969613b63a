"""The order of training stays the same before the step at which a document that is taken out was first seen."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from anatili.compute.shape import steps_of  # noqa: E402
from anatili.document import Kept, write_shard  # noqa: E402
from anatili.recipe import Pretrain, Tokenizer  # noqa: E402
from anatili.sample.topics import read_topics  # noqa: E402
from anatili.text import number_of  # noqa: E402
from anatili.tokenizer import train as tokenizing  # noqa: E402
from anatili.train import data, kept_checkpoints, replay  # noqa: E402
from anatili.train.corpus import open_group, text_of, write_tokens  # noqa: E402

BATCH = 4


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    pages = [(f"{t.slug}-{c}", c, p) for t in read_topics()[:20] for c, p in t.pages.items() if c in ("kk", "en")]
    (folder / "tokenizer").mkdir()
    tokenizing.save(tokenizing.train((p.text for *_, p in pages), Tokenizer(vocabulary=700)), folder / "tokenizer", 64)
    return folder, [Kept(i, p.text, p.title, "", "s", "", "CC0-1.0", c, "Cyrl") for i, c, p in pages]


def mixture(place, rows, name, **settings):
    """Sequences of these documents, in shards of another size each time; and the counts."""
    folder, size = place[0] / name, 3 + len(rows) % 7
    shards = [folder / f"part-{start:05}.parquet" for start in range(0, len(rows), size)]
    for number, shard in enumerate(shards):
        write_shard(shard, Kept, rows[number * size : (number + 1) * size])
    counts = write_tokens(shards, place[0] / "tokenizer", folder / "tokens")
    chosen = Pretrain(layers=1, hidden_size=32, heads=2, context=32, batch=BATCH, max_epochs=9, **settings)
    return data.mix(folder / "tokens", counts, chosen, 0), steps_of(chosen)


@pytest.mark.parametrize("settings", [{}, {"mix": {"kk": 2, "en": 1}}], ids=["one pool", "languages weighed"])
def test_without_a_document_all_batches_before_its_first_are_the_same(place, settings):
    rows = place[1]
    whole, steps = mixture(place, rows, f"whole{len(settings)}", tokens=20_000, **settings)
    batches = [whole.batch(step, BATCH)[0] for step in range(steps)]
    for row in rows[3::14]:
        others = [other for other in rows if other is not row]
        smaller, _ = mixture(place, others, f"{row.id}{len(settings)}", tokens=20_000, **settings)
        assert smaller.weights == whole.weights
        differ = (n for n in range(steps) if not np.array_equal(batches[n], smaller.batch(n, BATCH)[0]))
        changed = next(differ, steps)
        key = number_of(text_of(row))
        pool = next(pool for pool in whole.weights if f"{row.language}/s" in pool.split("+"))
        assert 0 <= changed - replay.first_seen(whole, BATCH, steps, pool, key) <= 1
        assert replay.first_seen(whole, BATCH, steps, pool, key) <= replay.first_pass(whole, BATCH, steps)
        wanted = kept_checkpoints.BatchDigests(lambda n: tuple(map(torch.from_numpy, whole.batch(n, BATCH)))).at(
            changed
        )
        chain = kept_checkpoints.BatchDigests(lambda n, of=smaller: tuple(map(torch.from_numpy, of.batch(n, BATCH))))
        assert chain.at(changed) == wanted
        if changed < steps:
            wanted = kept_checkpoints.BatchDigests(lambda n: tuple(map(torch.from_numpy, whole.batch(n, BATCH)))).at(
                changed + 1
            )
            assert chain.at(changed + 1) != wanted


def test_the_sequences_that_hold_a_document_are_counted(place):
    rows = place[1]
    whole, steps = mixture(place, rows, "counted", tokens=20_000)
    (pool,) = whole.weights
    group = open_group(whole.folder, pool)
    for row in rows[::13]:
        key = number_of(text_of(row))
        (number,) = np.flatnonzero(np.asarray(group.keys).view(np.int64) == key)
        text = group.read(int(number), 0, 10**6)[1:-1].tolist()
        parts = {tuple(text[start : start + 8]) for start in range(len(text) - 7)}
        holding = 0
        for number in range(steps * BATCH):
            tokens = whole.sequence(number).tolist()
            holding += any(tuple(tokens[start : start + 8]) in parts for start in range(len(tokens) - 7))
        counted = replay.windows_with(whole, steps * BATCH, pool, key, len(text) + 2)
        assert abs(counted - holding) <= 2 * -(-steps * BATCH // data.windows_of(group.tokens, 32))


def test_the_pool_of_a_group_follows_from_what_the_recipe_weighs():
    counts = {name: {"tokens": 100, "bytes": 400, "documents": 2} for name in ("en/a", "en/b", "kk/a", "kk/b")}

    def pools(**settings):
        return set(data.pooled(counts, Pretrain(**settings)))

    assert pools() == {"en/a+en/b+kk/a+kk/b"}
    assert pools(mix={"kk": 1, "en": 1}) == {"en/a+en/b", "kk/a+kk/b"}
    assert pools(source_weights={"a": 0.5}) == {"en/a+kk/a", "en/b+kk/b"}
    assert pools(anneal=("a",)) == {"en/a", "en/b", "kk/a", "kk/b"}


def test_more_checkpoints_make_takedowns_cheaper_and_more_documents_make_them_dearer():
    assert replay.expected_share(0, 1, 100, 100) == 1
    assert replay.expected_share(1, 1, 100, 100) == 0.75
    assert replay.expected_share(10**4, 1, 100, 100) == pytest.approx(0.5, abs=0.01)
    assert replay.expected_share(3, 1, 50, 100) > replay.expected_share(3, 1, 100, 100)  # two passes
    assert replay.expected_share(8, 1000, 100, 100) > 0.99
    assert replay.steps_to_keep(3, 100, 200) == {25, 50, 75, 200}
    assert replay.steps_to_keep(0, 100, 200) == set()


def test_only_whole_checkpoints_of_the_same_training_are_gone_on_from(tmp_path):
    def batch(step: int) -> tuple[torch.Tensor, ...]:
        return (torch.tensor([step if step < 7 else -step]),)

    def checkpoints(batch, **facts):
        return kept_checkpoints.KeptCheckpoints(tmp_path / "kept", batch, facts)

    training = tmp_path / "training"
    training.mkdir()
    first = checkpoints(batch, torch=1)
    for step in (2, 4, 6, 9):
        (training / "checkpoint.safetensors").write_bytes(b"%d" % step)
        first.keep(training, step)
    (training / "checkpoint.safetensors").unlink()
    (tmp_path / "kept" / "000000004" / "checkpoint.safetensors").write_bytes(b"damaged")
    (tmp_path / "kept" / "000000005").mkdir()  # the process was killed while this was written

    changed = checkpoints(lambda step: (torch.tensor([step]),), torch=1)
    assert changed.restore(training) == 6
    assert (training / "checkpoint.safetensors").read_bytes() == b"6"
    assert [path.name for path in sorted((tmp_path / "kept").iterdir())] == ["000000002", "000000006"]
    changed.keep(training, 8)  # lower than the last that was compared
    (training / "checkpoint.safetensors").unlink()
    assert checkpoints(lambda step: (torch.tensor([step]),), torch=1).restore(training) == 8
    (training / "checkpoint.safetensors").unlink()
    assert checkpoints(batch, torch=2).restore(training) == 0
    assert not list((tmp_path / "kept").iterdir())
    assert not list(training.iterdir())
