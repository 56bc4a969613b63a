"""The figures of a training reach the trackers that are installed."""

import json

import pytest

pytest.importorskip("torch")

import training

from anatili.stage import Quiet
from anatili.train import init, loop, trackers


def test_the_numbers_of_a_row_are_its_figures():
    row = {
        "step": 3,
        "context": 64,
        "loss": 1.5,
        "norm": None,
        "skipped": "loss 9",
        "held_out": {"kk": 1.25, "mean": 2},
    }
    assert trackers.figures_of(row) == {"loss": 1.5, "held_out/kk": 1.25, "held_out/mean": 2.0}


def test_tensorboard_has_what_the_log_has(tmp_path, monkeypatch):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setenv("ANATILI_TRACKERS", "tensorboard")
    (tmp_path / "pretrain").mkdir()
    folder = tmp_path / "pretrain"
    loop.train(init.from_scratch(training.settings(), 128, 0, 1), training.plan(3), folder, Quiet())
    found = events.EventAccumulator(str(folder / trackers.FOLDER)).Reload()
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    assert [event.value for event in found.Scalars("loss")] == pytest.approx([row["loss"] for row in rows])
    assert [event.step for event in found.Scalars("loss")] == [0, 1, 2]


def test_trackers_can_be_switched_off(tmp_path, monkeypatch):
    monkeypatch.setenv("ANATILI_TRACKERS", "none")
    assert trackers.open_trackers(tmp_path) == []


def test_a_tracker_that_cannot_be_opened_or_fails_does_not_end_a_training(tmp_path, monkeypatch, caplog):
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "mlflow.py").write_text("def start_run(**facts): raise OSError('no such address')\n")
    (tmp_path / "trackio.py").write_text(
        "def init(**facts): pass\ndef log(*facts, **more): raise OSError('it is gone')\ndef finish(): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ANATILI_TRACKERS", "mlflow,trackio")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    rows = loop.train(
        init.from_scratch(training.settings(), 128, 0, 1), training.plan(3), tmp_path / "pretrain", Quiet()
    )
    assert len(rows) == 3
    assert "no figures go to MLflow: no such address" in caplog.text
    assert "no further figures go to Trackio: it is gone" in caplog.text
