"""A run's own log in place of the prior."""

import json
import random

import pytest

from anatili.compute.own_speed import ENOUGH, hours_by, read_speed
from anatili.problem import Problem


def log(folder, steps: int, seconds: float = 2.0, noise: float = 0.0):
    """A run folder whose log has `steps` steps of 4,096 tokens."""
    draw = random.Random(1)
    rows = []
    for step in range(steps):
        taken = seconds * (20 if step == 0 else 1) * draw.lognormvariate(0, noise)
        rows.append({"step": step, "tokens": 4096 * (step + 1), "tokens_per_second": 4096 / taken})
    (folder / "pretrain").mkdir()
    (folder / "pretrain" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_fifty_steps_tell_the_time_of_all(tmp_path):
    speed = read_speed(log(tmp_path, 60, noise=0.1))
    hours = hours_by(speed, 4096 * 10_000, 1)
    real = 10_000 * 2 / 3600
    assert hours.middle == pytest.approx(real, rel=0.2)
    assert hours.low < real < hours.high
    assert speed.steps == 60


def test_a_slow_first_step_is_left_out(tmp_path):
    assert read_speed(log(tmp_path, 60)).speed == pytest.approx(2048)


def test_half_a_line_of_a_killed_process_is_passed_over(tmp_path):
    file = log(tmp_path, 60) / "pretrain" / "log.jsonl"
    file.write_text(file.read_text() + '{"step": 60, "tok')
    assert read_speed(tmp_path).steps == 60


def test_too_few_steps_are_not_believed(tmp_path):
    with pytest.raises(Problem, match=f"has {ENOUGH - 1} steps; its speed is believed from {ENOUGH}"):
        read_speed(log(tmp_path, ENOUGH - 1))
    with pytest.raises(Problem, match="has no log of a training"):
        read_speed(tmp_path / "nothing")


def test_large_runs_stand_still_more(tmp_path):
    speed = read_speed(log(tmp_path, 60))
    small, large = hours_by(speed, 1e9, 8), hours_by(speed, 1e9, 1024)
    assert small.middle / 8 < large.middle / 1024  # hours of all chips together
    assert large.high / large.low > small.high / small.low
