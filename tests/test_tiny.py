"""The tiny recipe, whole: what it reaches. A file of its own, so that no process of tests waits for the run."""

import json
import tomllib
from pathlib import Path

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text("utf-8"))["tiny"]


def test_the_tiny_recipe_keeps_its_floor(tiny_run):
    scores = json.loads((tiny_run / "evaluate" / "scores.json").read_text())["scores"]
    (row,) = [
        row for row in scores if (row["who"], row["language"], row["texts"]) == ("pretrain", "kk", "held-out Cyrl")
    ]
    print(f"kk {row['bits_per_byte']} bits per byte {row['interval']}, n = {row['count']}")
    assert row["bits_per_byte"] <= FLOORS["kk_bits_per_byte"]
    assert {row["who"] for row in scores} == {"pretrain", "tune", "xz", "byte 6-grams"}
    assert (tiny_run / "evaluate" / "scores.png").stat().st_size > 10_000
    assert (tiny_run / "pretrain" / "loss.png").stat().st_size > 10_000
