"""Muon against torch's own, and in the type that the processor has."""

import pytest
import torch

from anatili.train import optimizer


def trained(make, shape, precision, monkeypatch):
    """A matrix after five updates."""
    monkeypatch.setattr(optimizer, "pick_precision", lambda wanted, device: precision)
    torch.manual_seed(1)
    matrix = torch.nn.Parameter(torch.randn(shape))
    chosen = make([matrix])
    for _ in range(5):
        matrix.grad = torch.randn(shape)
        chosen.step()
    return matrix.detach()


@pytest.mark.parametrize("shape", [(24, 96), (96, 24), (50, 50)])
def test_muon_does_as_torchs_own_does(shape, monkeypatch):
    def torchs(params):
        return torch.optim.Muon(params, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")

    def ours(params):
        return optimizer.Muon(params, 1e-2, 0.1)

    known = trained(torchs, shape, torch.bfloat16, monkeypatch)
    assert (trained(ours, shape, torch.bfloat16, monkeypatch) - known).norm() < 1e-3 * known.norm()
    assert (trained(ours, shape, torch.float32, monkeypatch) - known).norm() < 1e-2 * known.norm()


def test_an_update_is_nearly_orthogonal():
    values = torch.linalg.svdvals(optimizer.orthogonal(torch.randn(30, 80)).float())
    assert values.min() > 0.3
    assert values.max() < 1.6
