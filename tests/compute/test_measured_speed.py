"""A run's own log in place of the prior."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.compute.measured_speed import ENOUGH, hours_by, hours_left, read_speed
from anatili.problem import Problem

RECIPES = Path(__file__).parents[2] / "recipes"


def log(folder, steps: int, seconds: float = 2.0, noise: float = 0.0, more=lambda step: {}):
    """A run folder whose log has `steps` steps of 4,096 tokens; `more` changes the row of a step."""
    draw = random.Random(1)
    rows = []
    for step in range(steps):
        taken = seconds * (20 if step == 0 else 1) * draw.lognormvariate(0, noise)
        rows.append({"step": step, "tokens": 4096 * (step + 1), "tokens_per_second": 4096 / taken, **more(step)})
    (folder / "pretrain").mkdir()
    (folder / "pretrain" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_fifty_steps_tell_the_time_of_all(tmp_path):
    speed = read_speed(log(tmp_path, 60, noise=0.1))
    hours = hours_by(speed, 4096 * 10_000, 1)
    real = (19 + 10_000) * 2 / 3600
    assert hours.middle == pytest.approx(real, rel=0.2)
    assert hours.low < real < hours.high
    assert speed.steps == 60


def test_a_slow_first_step_has_passed_and_does_not_come_again(tmp_path):
    speed = read_speed(log(tmp_path, 60))
    assert speed.speed == pytest.approx(2048)
    assert speed.seconds == pytest.approx((20 + 59) * 2)
    assert hours_left(speed, 4096 * 60, 1).high == 0
    assert hours_by(speed, 4096 * 60, 1).middle == pytest.approx((20 + 59) * 2 / 3600)


def test_a_step_that_hung_is_not_what_the_others_take(tmp_path):
    hung = log(tmp_path, 60, more=lambda step: {"tokens_per_second": 4096 / 200} if step == 30 else {})
    assert read_speed(hung).speed == pytest.approx(2048, rel=0.07)


def test_pauses_are_counted_by_their_share(tmp_path):
    speed = read_speed(log(tmp_path, 100, more=lambda step: {"paused": 10.0} if step % 20 == 19 else {}))
    assert speed.speed == pytest.approx(4096 / (2 + 50 / 100))
    assert speed.paused == pytest.approx(50 / (50 + 2 * 119))
    assert speed.spread < 0.09, "a step after a pause is no slow step"


def test_the_last_steps_decide_when_a_machine_has_become_slower(tmp_path):
    slower = log(tmp_path, 600, more=lambda step: {"tokens_per_second": 1024} if step >= 400 else {})
    assert read_speed(slower).speed == pytest.approx(1024)


def test_other_work_on_the_machine_makes_the_interval_wider(tmp_path):
    quiet = read_speed(log(tmp_path, 60))
    busy = replace(quiet, waited=0.75)
    alone, shared = hours_left(quiet, 4096 * 1000, 1), hours_left(busy, 4096 * 1000, 1)
    assert shared.middle == alone.middle
    assert shared.low < alone.middle / 4, "without the other work"
    assert shared.high > alone.middle * 1.75, "with twice as much of it"


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


def test_a_run_on_unnamed_chips_is_told_by_its_speed_alone(tmp_path):
    (log(tmp_path, 60) / "recipe.toml").write_text((RECIPES / "tiny.toml").read_text("utf-8"), "utf-8")
    done = CliRunner().invoke(main, ["plan", "--log", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "with --chips NAME the plan has memory, energy and money" in done.stdout
    assert "hours left" in done.stdout
    for unknown in ("not published", "no layout fits", "does not fit", "MWh", "dollars"):
        assert unknown not in done.stdout
