"""How well hours are predicted: each published run without its family."""

import json

import pytest

from anatili.compute.chips import find_chip
from anatili.compute.mfu_prior import CENTER, Prior, Setting, doubt_of, reach_of
from anatili.compute.published_runs import FILE, bundled_runs
from anatili.compute.validate import validate
from anatili.problem import Problem

RUN = """
[[run]]
id = "{id}"
family = "{family}"
tier = "{tier}"
kind = "run"
tokens = 1000000000000
layers = 32
hidden = 4096
heads = 32
ffn = 11008
vocab = 32000
seq = 2048
chip = "{chip}"
chip_hours = {hours}
"""
KNOWN = {"id": "a", "family": "new", "tier": "A", "chip": "A100-80GB", "hours": 82432}


@pytest.fixture(scope="module")
def report():
    return validate(FILE)


def test_published_runs_are_predicted_without_their_family(report):
    assert report["n"] == 25
    assert report["median_factor"] <= 1.35
    assert report["worst_factor"] <= 1.9
    assert 0.7 <= report["coverage"] <= 0.95
    assert report["constant_worst"] > report["worst_factor"]


def test_every_run_is_checked_or_says_why_not(report):
    assert {row["id"] for row in report["runs"]} | report["unused"].keys() == {
        *(run.id for run in bundled_runs()),
        "pangu-sigma",
    }
    assert report["unused"]["deepseek-v3"] == "outside the model, by its tier"
    assert "shape is not published" in report["unused"]["pangu-sigma"]


def test_another_file_is_predicted_from_the_bundled_runs(tmp_path, report):
    file = tmp_path / "runs.toml"
    own = next(row for row in report["runs"] if row["id"] == "llama1-7b")
    file.write_text(RUN.format(**KNOWN | {"family": "llama1"}) + RUN.format(**KNOWN | {"id": "b"}))
    same, new = validate(file)["runs"]
    assert same["predicted"] == pytest.approx(own["predicted"], rel=0.01)  # its family is left out here too
    assert new["predicted"] < same["predicted"]  # one more fast family to learn from
    assert json.dumps(validate(file))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours": 0}, "no run of kind"),
        ({"tier": "limit"}, "no run of kind"),
        ({"chip": "X1"}, "no run of kind"),
        ({"family": ""}, "run 1 has no `id` or no `family`"),
    ],
)
def test_a_file_without_a_usable_run(tmp_path, changes, message):
    file = tmp_path / "runs.toml"
    file.write_text(RUN.format(**KNOWN | changes))
    with pytest.raises(Problem, match=message):
        validate(file)


def test_a_run_on_an_unknown_chip_is_named(tmp_path):
    file = tmp_path / "runs.toml"
    file.write_text(RUN.format(**KNOWN) + RUN.format(**KNOWN | {"id": "b", "chip": "X1"}))
    assert "no chip 'X1'" in validate(file)["unused"]["b"]


def test_a_chip_without_runs_keeps_a_wide_interval():
    prior = Prior(bundled_runs())
    known, unknown = (prior.predict(Setting(name, 7e9, 64)) for name in ("hopper", "davinci"))
    assert unknown.high / unknown.low > 1.2 * known.high / known.low
    wide = prior.predict(Setting("davinci", 7e9, 64), doubt_of(find_chip("Ascend910B")))
    assert wide.high / wide.low > unknown.high / unknown.low  # sources disagree about its peak


def test_without_any_run_the_prior_is_its_center():
    assert Prior([]).predict(Setting("hopper", 7e9, 64)).middle == pytest.approx(CENTER)


def test_many_runs_of_one_team_count_little_more_than_one():
    pythia = [run for run in bundled_runs() if run.family == "pythia" and run.shape.matrices > 1e9]
    one, many = (Prior(runs).predict(Setting("ampere", 7e9, 64)) for runs in (pythia[:1], pythia))
    assert many.high / many.low > 0.7 * one.high / one.low


def test_a_peak_that_products_do_not_reach_is_not_believed():
    assert reach_of(find_chip("MI300X")) < 0.7
    assert reach_of(find_chip("H100")) == reach_of(find_chip("Ascend910B")) == 1
