"""Repeated text: the constants as published, the ceiling, and the best size."""

import pytest

from anatili.compute.data_scaling import best_model, ceiling, most_worth, predicted_loss, worth


def test_losses_are_those_of_the_paper_s_repository():
    assert predicted_loss(6.34e9, 25e9, 242 / 25) == pytest.approx(2.2256440889984477, abs=1e-12)
    assert predicted_loss(8.67e9, 25e9, 178 / 25) == pytest.approx(2.2269634075087867, abs=1e-12)


def test_repeating_pays_less_and_less():
    assert worth(1e9, 1) == 1e9
    assert worth(1e9, 4) / 4e9 > 0.9
    assert worth(3.2e9, 40) / 3.2e9 == pytest.approx(15.2, abs=0.05)
    assert worth(3.2e9, 1000) == pytest.approx(most_worth(3.2e9))


def test_money_stops_helping_where_the_text_runs_out():
    losses = [best_model(budget, 3.2e9).loss for budget in (1e21, 1e22, 1e23)]
    assert losses == pytest.approx([2.493, 2.462, 2.461], abs=5e-4)
    endless = [best_model(budget, 1e15).loss for budget in (1e21, 1e22, 1e23)]
    assert endless == pytest.approx([2.348, 2.188, 2.082], abs=2e-3)
    assert 1e21 < ceiling(3.2e9) < 1e22
    assert ceiling(3.2e10) > 10 * ceiling(3.2e9)
