"""What is measured about a training."""

from itertools import count

import pytest

torch = pytest.importorskip("torch")

from anatili.train import throughput  # noqa: E402


@pytest.mark.parametrize(("seconds", "sizes"), [(0.02, [512]), (0.001, [512, 1024, 2048])])
def test_the_practical_limit_is_measured_by_no_larger_a_product_than_needed(monkeypatch, seconds, sizes):
    made, real, clock = [], torch.full, count()

    def full(shape, *arguments, **options):
        made.append(shape[0])
        return real((2, 2), *arguments, **options)

    monkeypatch.setattr(torch, "full", full)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: seconds * next(clock))
    found = throughput.peak_flops.__wrapped__(torch.device("cpu"), torch.float32)
    assert made == [size for size in sizes for _ in range(2)]
    assert found == pytest.approx(2 * sizes[-1] ** 3 / seconds)
