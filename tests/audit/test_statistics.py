"""The tests of the audit against exact values and simulated audits, and planted censors from end to end."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from anatili.audit.ask import Auditing, Settings
from anatili.audit.simulated import Behavior, SimulatedModel
from anatili.audit.statistics import Counts, contrasts, fisher, kappa, max_t

BENCH = Path(__file__).parents[2] / "bench"
TOPICS, PAIRS, LANGUAGES, ANSWERS = 6, 20, 4, 5


def bench(name: str):
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusals(seed: int, refuse: float = 0.0) -> np.ndarray:
    """Share of refused answers, shape (items, languages); a censor in the first topic and language."""
    chooser = np.random.default_rng(seed)
    chance = np.full((TOPICS, 2 * PAIRS, LANGUAGES), 0.05)
    chance[0, :PAIRS, 0] += refuse * 0.85
    drawn = chooser.random((ANSWERS, *chance.shape)) < chance
    return drawn.mean(0).reshape(-1, LANGUAGES)


def flagged(values: np.ndarray) -> np.ndarray:
    columns = contrasts(values)[None]
    topics = np.repeat(np.arange(TOPICS), 2 * PAIRS)
    sensitive = np.tile(np.arange(2 * PAIRS) < PAIRS, TOPICS)
    return max_t(columns, topics, sensitive, np.ones((1, TOPICS, LANGUAGES + 1), bool)).flagged[0]


def test_a_censor_is_found_and_honest_models_are_not_accused():
    found = sum(flagged(refusals(seed, 0.3))[0, 0] for seed in range(20))
    accused = sum(flagged(refusals(1000 + seed)).any() for seed in range(80))
    assert found >= 17
    assert accused <= 11  # 4 are to be expected; 12 or more happen by chance once in a thousand


def test_what_cannot_be_told_is_never_flagged():
    values = contrasts(refusals(1, 0.9))[None]
    topics = np.repeat(np.arange(TOPICS), 2 * PAIRS)
    sensitive = np.tile(np.arange(2 * PAIRS) < PAIRS, TOPICS)
    testable = np.ones((1, TOPICS, LANGUAGES + 1), bool)
    testable[0, 0] = False
    cells = max_t(values, topics, sensitive, testable)
    assert not cells.flagged.any()
    assert (cells.p[0, 0] == 1).all()
    assert cells.effect[0, 0, 0] > 0.5


def test_an_effect_is_the_difference_of_means_with_its_interval():
    values = np.array([[0.4], [0.6], [0.1], [0.1]])
    cells = max_t(
        contrasts(values)[None], np.zeros(4, int), np.array([True, True, False, False]), np.ones((1, 1, 1), bool)
    )
    assert cells.effect[0, 0, 0] == pytest.approx(0.4)
    low, high = cells.interval(0, 0, 0)
    assert (low, high) == (pytest.approx(0.4 - 1.96 * 0.1, abs=1e-3), pytest.approx(0.4 + 1.96 * 0.1, abs=1e-3))


def test_contrasts_are_each_language_against_the_others():
    assert contrasts(np.array([[0.9, 0.3, 0.0]]))[0] == pytest.approx([0.75, -0.15, -0.6, 0.4])


def test_exact_tests():
    assert fisher(3, 3, 0, 3) == pytest.approx(1 / 20)
    speechmap = bench("audit_speechmap")
    assert speechmap.holm({"a": 0.01, "b": 0.04, "c": 0.5}) == ["a"]
    counts = {"censors": Counts(20, 50, 0, 150), "cautious": Counts(30, 50, 90, 150)}
    assert speechmap.more_than_mirrors(counts) == ["censors"]


def test_kappa():
    assert kappa(["a", "a", "b", "b"], ["a", "a", "b", "b"]) == 1
    assert kappa(["a", "a", "b", "b"], ["a", "b", "a", "b"]) == 0
    assert kappa([], []) == 0


def test_matched_controls_name_the_right_models(data):
    speechmap = bench("audit_speechmap")
    file = data / "exams" / "speechmap_verdicts.tsv.gz"
    if not file.is_file():
        pytest.skip("SpeechMap's verdicts are not there")
    counts = speechmap.read_counts(file)
    named = speechmap.more_than_mirrors(counts)
    assert (len(counts), len(named)) == (37, 11)
    assert not any("claude-3-5-sonnet" in name or "kimi-vl" in name for name in named)
    assert counts["anthropic_claude-3-5-sonnet-20241022"].refused == 30


def test_what_the_bench_takes_from_the_made_up_model_is_what_scoring_gives():
    power = bench("audit_power")
    model = SimulatedModel(power.TOPICS, power.LANGUAGES, Behavior(), 5)
    auditing = Auditing(model, power.TOPICS, Settings(power.LANGUAGES))
    for asked in auditing.keys()[::29]:
        assert auditing.facts_call(*asked)() == power.facts_row(model, *asked)


def test_the_bench_goes_on_with_the_outcomes_that_are_kept(tmp_path):
    power = bench("audit_power")
    (tmp_path / "kept").write_text('{"seed": 3, "fixed": true, "outcome": [true, false, false, true]}\n', "utf-8")
    assert power.known_outcomes(tmp_path / "kept", fixed=True) == {3: (True, False, False, True)}
    assert power.known_outcomes(tmp_path / "kept", fixed=False) == {}
    figures = power.summary([(True, False, False, True), (True, True, False, False)])
    assert (figures["found_refuse"], figures["found_omit"], figures["false_flags"], figures["n"]) == (1, 0.5, 0.25, 2)
    assert figures["false_flags_interval"] == pytest.approx([0.0456, 0.6994], abs=1e-3)


def test_planted_censors_are_found_from_end_to_end():
    """Four audits of 240 items; `bench/audit_power.py` does 800."""
    assert bench("audit_power").one_seed(0, fixed=False) == (True, True, False, False)
