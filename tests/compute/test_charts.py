"""The plots of a plan are drawn, and draw what they should."""

import pytest
from planning import RECIPES, about, command

from anatili.compute.plan import make_plan

pytest.importorskip("matplotlib")


def test_barred_chips_are_hatched(tmp_path):
    from anatili.compute.charts import HATCH, draw_days

    sizes = {}
    for name, more in (("free", {}), ("barred", {"without": ("nvidia",)})):
        draw_days(tmp_path / f"{name}.svg", make_plan(about(**more)))
        text = (tmp_path / f"{name}.svg").read_text()
        sizes[name] = text.count("url(#h")  # matplotlib draws a hatch as a pattern
        assert "Ascend910B" in text or "<path" in text
    assert sizes["free"] == 0
    assert sizes["barred"] > 3
    assert HATCH


def test_days_are_not_drawn_where_no_kind_of_chip_holds_the_model(tmp_path):
    picture = tmp_path / "days.png"
    done = command("plan", RECIPES / "kazllm-70b.toml", "--chips", "RTX4090", "--words", "1e9", "--plot", picture)
    assert (done.exit_code, picture.exists()) == (1, False)
    assert "no days to draw: take more chips" in done.output


@pytest.mark.parametrize("chip", ["H200", "Ascend910B"])
def test_loss_against_money_is_drawn_with_and_without_a_price(tmp_path, chip):
    from anatili.compute.charts import draw_money
    from anatili.compute.chips import find_chip

    draw_money(tmp_path / "money.png", make_plan(about(chip=find_chip(chip), unique=3.2e9)))
    assert (tmp_path / "money.png").read_bytes().startswith(b"\x89PNG")
