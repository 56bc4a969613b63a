"""recipes/get_replay.py: text that a base writes itself."""

import importlib
import random
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes"))
replay: Any = importlib.import_module("get_replay")


def test_tokens_are_drawn_by_their_probability():
    torch.manual_seed(0)
    wanted = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])
    drawn = replay.draw(wanted.log().repeat(20_000, 1))
    assert drawn.shape == (20_000, 1)
    counts = torch.bincount(drawn[:, 0], minlength=5)
    assert counts[1] == 0
    expected = 20_000 * wanted
    # Chi-square with three degrees of freedom: 16.3 is exceeded once in 1,000 seeds.
    assert float(((counts - expected) ** 2 / expected.clamp_min(1)).sum()) < 16.3


def test_openings_are_lines_and_frequent_words_in_equal_parts():
    drawn = list(islice(replay.openings(["the mountains of Altai are high"], random.Random(1)), 1000))
    of_lines = [text for text in drawn if text.startswith("The mountains")]
    assert set(of_lines) == {"The mountains", "The mountains of"}
    assert 400 < len(of_lines) < 600
    assert {text for text in drawn if text not in of_lines} <= set(replay.OPENINGS)


def test_samples_go_on_from_the_opening_and_end_at_an_end_token(tiny_run):
    from anatili.train.init import open_model

    model = open_model(tiny_run / "tune" / "model").eval()
    torch.manual_seed(0)
    start = torch.full((4, 2), 5)
    plain = replay.samples(model, start, set())
    assert plain.shape == (4, 2 + replay.LENGTH)
    assert (plain[:, :2] == 5).all()
    assert len(plain[:, 2:].unique()) > 20, "drawn, not the likeliest again and again"
    end = int(plain[0, 40])
    torch.manual_seed(0)
    ended = replay.samples(model, start, {end})
    place = int((plain[0] == end).nonzero()[0])
    assert (ended[0, :place] == plain[0, :place]).all()
    assert (ended[0, place:] == 0).all()


def test_batches_hold_openings_of_one_length(monkeypatch):
    monkeypatch.setattr(replay, "BATCH", 3)

    class Letters:
        def __call__(self, text: str) -> Any:
            return type("Ids", (), {"input_ids": [ord(letter) for letter in text]})

    shapes = [tuple(batch.shape) for batch in replay.batches(Letters(), iter(["ab", "c", "de", "f", "gh", "i", "abc"]))]
    assert shapes == [(3, 2), (3, 1)]
