"""The loss over part of a vocabulary: right on average, drawn by the batch, for adapters only."""

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")

from anatili.recipe import Pretrain  # noqa: E402
from anatili.train import corpus, sampled_loss  # noqa: E402
from anatili.train.data import IGNORED  # noqa: E402
from anatili.train.init import from_scratch  # noqa: E402
from anatili.train.loss import HeadLoss, LossWrapper  # noqa: E402

VOCABULARY, WIDTH, TOKENS = 2000, 16, 64


def a_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    head = torch.randn(VOCABULARY, WIDTH) * 0.3
    labels = torch.randint(0, VOCABULARY, (TOKENS,))
    labels[::9] = IGNORED
    return hidden, head, labels


def part(drawn: int, frequent: int = 100) -> sampled_loss.SampledVocabulary:
    return sampled_loss.SampledVocabulary(torch.arange(VOCABULARY) < frequent, drawn)


def gradient(hidden: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
    hidden.grad = None
    loss.backward()
    assert hidden.grad is not None
    return hidden.grad.flatten()


def test_with_all_other_tokens_drawn_it_is_the_whole_loss():
    hidden, head, labels = a_batch()
    rows, places, bias = part(VOCABULARY).choose(labels)
    assert sorted(rows.tolist()) == list(range(VOCABULARY))
    assert torch.equal(places == IGNORED, labels == IGNORED)
    whole = HeadLoss.apply(hidden, head, labels)
    assert HeadLoss.apply(hidden, head[rows], places, bias).item() == pytest.approx(whole.item(), rel=1e-5)


def test_a_part_gives_nearly_the_loss_and_the_gradient_of_the_whole():
    hidden, head, labels = a_batch()
    whole = HeadLoss.apply(hidden, head, labels)
    wanted = gradient(hidden, whole)
    rows, places, bias = part(400).choose(labels)
    assert len(rows) < 600
    some = HeadLoss.apply(hidden, head[rows], places, bias)
    assert some.item() == pytest.approx(whole.item(), rel=0.01)
    assert float((gradient(hidden, some) - wanted).norm() / wanted.norm()) < 0.1
    # Without its weight a drawn token would not stand for those that were not drawn.
    assert HeadLoss.apply(hidden, head[rows], places, torch.zeros_like(bias)).item() < 0.9 * whole.item()


def test_the_same_batch_draws_the_same_and_another_draws_others():
    _, _, labels = a_batch()
    first, again = (part(50).choose(labels)[0] for _ in range(2))
    other = part(50).choose((labels + 1).clamp_max(VOCABULARY - 1))[0]
    assert torch.equal(first, again)
    assert set(first[-50:].tolist()) != set(other[-50:].tolist())


def test_only_training_uses_it():
    model = from_scratch(
        Pretrain(layers=1, hidden_size=32, heads=2, intermediate_size=64, context=32), VOCABULARY, 0, 1
    )
    whole, some = LossWrapper(model, torch.float32), LossWrapper(model, torch.float32, part(10))
    ids = torch.randint(5, VOCABULARY, (2, 16))
    given = ids, ids, torch.arange(16).repeat(2, 1)
    whole.eval(), some.eval()
    assert some(*given).item() == whole(*given).item()
    some.train()
    assert some(*given).item() != whole(*given).item()


def test_frequent_tokens_are_counted_in_the_corpus(tmp_path, monkeypatch):
    tokens = np.repeat(np.array([7, 3, 9], np.uint32), [900, 90, 10])

    class OneFile:
        files = ((tmp_path / "0.bin", (0, 0, 0)),)

    tokens.tofile(tmp_path / "0.bin")
    monkeypatch.setattr(sampled_loss, "open_group", lambda folder, group: OneFile)
    counts: corpus.Counts = {"kk/s": {"tokens": 1000, "bytes": 1, "documents": 1}}
    found = sampled_loss.sampled_vocabulary(tmp_path, counts, 50, 5)
    assert found is not None
    assert found.frequent.nonzero().flatten().tolist() == [3, 7]
    assert sampled_loss.sampled_vocabulary(tmp_path, counts, 50, 48) is None, "nothing would be left out"


def test_it_is_refused_where_the_head_is_trained():
    with pytest.raises(ValidationError, match="adapters"):
        Pretrain(sampled_vocabulary=10)
    assert Pretrain(sampled_vocabulary=10, method="lora").sampled_vocabulary == 10
