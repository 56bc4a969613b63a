"""Muon against torch's own, and in the type that the processor has."""

import pytest
import torch

from anatili.train import optimizer


def trained(make, shape):
    """A matrix after five updates."""
    torch.manual_seed(1)
    matrix = torch.nn.Parameter(torch.randn(shape))
    chosen = make([matrix])
    for _ in range(5):
        matrix.grad = torch.randn(shape)
        chosen.step()
    return matrix.detach()


@pytest.mark.parametrize("shape", [(24, 96), (96, 24), (50, 50)])
def test_muon_does_as_torchs_own_does(shape):
    def torchs(params):
        return torch.optim.Muon(params, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")

    def ours(precision):
        return lambda params: optimizer.Muon(params, 1e-2, 0.1, precision)

    known = trained(torchs, shape)
    assert (trained(ours(torch.bfloat16), shape) - known).norm() < 1e-3 * known.norm()
    assert (trained(ours(torch.float32), shape) - known).norm() < 1e-2 * known.norm()


def test_an_update_is_nearly_orthogonal():
    values = torch.linalg.svdvals(optimizer.orthogonal(torch.randn(30, 80), torch.float32))
    assert values.min() > 0.3
    assert values.max() < 1.6
