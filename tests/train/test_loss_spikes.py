"""A planted bad batch is left out, damaged weights are put right from a checkpoint, and both are said."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

import training  # noqa: E402

from anatili.problem import Problem  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.train import init, loop  # noqa: E402
from anatili.train.loss_spikes import ENOUGH, MOST_RETURNS, PATIENCE, SpikeWatch  # noqa: E402

STEPS, PLANTED = 50, 35


def pattern(step):
    """Text that is easily learned: each token follows from the one before it."""
    starts = torch.randint(3, 60, (4, 1), generator=torch.Generator().manual_seed(step))
    tokens = 3 + (starts + torch.arange(33)) % 60
    return tokens[:, :-1], tokens[:, 1:], torch.arange(32).expand(4, 32)


def train(folder, batch):
    folder.mkdir()
    torch.manual_seed(1)
    model = init.from_scratch(training.settings(), 128, 0, 1)
    plan = replace(training.plan(STEPS), batch=lambda step: batch(step, model), micro_batch=0, average=0.0)
    loop.train(model, plan, folder, Quiet())
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    return model, rows


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return train(tmp_path_factory.mktemp("healthy") / "run", lambda step, model: pattern(step))[1]


def test_nothing_is_left_out_of_a_healthy_training(healthy):
    assert len(healthy) == STEPS
    assert not any("skipped" in row or "returned" in row for row in healthy)
    assert healthy[-1]["loss"] < 1


@pytest.mark.parametrize("kind", ["noise", "not a number"])
def test_a_bad_batch_is_left_out_and_said(healthy, tmp_path, caplog, kind):
    kept = []

    def batch(step, model):
        inputs, labels, positions = pattern(step)
        row = model.get_output_embeddings().weight.data[5]
        if kept:
            row.copy_(kept.pop())
        if step == PLANTED and kind == "noise":
            labels = torch.randint(64, 128, labels.shape, generator=torch.Generator().manual_seed(1))
        elif step == PLANTED:
            kept.append(row.clone())
            row.fill_(float("nan"))
        return inputs, labels, positions

    _, rows = train(tmp_path / "run", batch)
    (bad,) = (row for row in rows if "skipped" in row)
    assert bad["step"] == PLANTED
    assert f"step {PLANTED} is left out: " in caplog.text
    assert ("was usual" if kind == "noise" else "not a finite number") in bad["skipped"]
    assert [row["loss"] for row in rows[:PLANTED]] == [row["loss"] for row in healthy[:PLANTED]]
    assert rows[-1]["loss"] == pytest.approx(healthy[-1]["loss"], abs=0.1)


def test_damaged_weights_are_put_right_from_a_checkpoint(healthy, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    damaged = []

    def batch(step, model):
        if step == PLANTED and not damaged:
            damaged.append(step)
            for value in model.parameters():
                value.data *= 3
        return pattern(step)

    _, rows = train(tmp_path / "run", batch)
    (back,) = (row for row in rows if "returned" in row)
    last = PLANTED + PATIENCE - 1
    assert back["returned"] == {"from": last, "to": PLANTED - 1, "skipped": list(range(PLANTED - 1, last + 1))}
    assert f"back to the checkpoint of step {PLANTED - 1}" in caplog.text
    assert [row["step"] for row in rows] == [*range(PLANTED - 1), *range(last + 1, STEPS)]
    assert rows[-1]["loss"] == pytest.approx(healthy[-1]["loss"], abs=0.1)


def test_a_loss_that_stays_high_ends_the_training():
    watch = SpikeWatch([1.0] * ENOUGH)
    for step in range(100, 100 + PATIENCE):
        assert watch.look(step, 9.0, 1.0)
        assert watch.is_damaged(step) == (step == 99 + PATIENCE)
    with pytest.raises(Problem, match="Lower learning_rate"):
        watch.left_out(99 + PATIENCE, 100)  # no checkpoint from before the damage
    sizes = []
    for _ in range(MOST_RETURNS):
        watch.first = 100
        sizes.append(len(watch.left_out(102, 0)))
    assert sizes == [4, 5, 7]
    watch.first = 100
    with pytest.raises(Problem, match="after 3 returns"):
        watch.left_out(102, 0)


def test_a_falling_or_noisy_loss_is_no_spike():
    watch = SpikeWatch([])
    noise = torch.rand(500, generator=torch.Generator().manual_seed(1)).tolist()
    assert not any(watch.look(step, 7 / (1 + step / 50) + noise[step], 1.0) for step in range(500))
