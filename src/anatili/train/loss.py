"""Cross-entropy over a large vocabulary without holding all logits at once.

Head and loss are computed together for a chunk of tokens at a time, with their gradients in the forward pass. Memory is
that of one chunk, whatever the vocabulary (262,144 entries and 4,096 tokens would be 4 GB per copy in float32), and no
logit is computed twice.
"""

from typing import Any

import torch

from anatili.compute.training_memory import LOGIT_BYTES
from anatili.train.data import IGNORED
from anatili.train.sampled_loss import SampledVocabulary

MIN_PROBABILITY = 1e-38
"""Lower bound of probabilities before the logarithm, near the smallest float32."""


class HeadLoss(torch.autograd.Function):  # type: ignore[misc]
    """Sum over labels of -log p(label), in the type of `hidden`; the weight's gradient is summed in float32."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        full_weight: torch.Tensor,
        labels: torch.Tensor,
        bias: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """`hidden` (tokens, hidden_size), `full_weight` (vocabulary, hidden_size), `labels` (tokens,), `bias`
        (vocabulary,), which is added to the logits and not learned: float32 sum."""
        known = labels != IGNORED
        weight = full_weight.to(hidden.dtype)
        total = torch.zeros((), device=hidden.device)
        hidden_gradient = torch.zeros_like(hidden)
        wants_weight = ctx.needs_input_grad[1]
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
        size = max(1, LOGIT_BYTES // (4 * len(weight)))
        chosen = known.nonzero().squeeze(1)
        # Buffers are reused: allocating this much memory costs more than the arithmetic in it.
        size = max(1, min(size, len(chosen)))  # a device's part of a batch may have no labels
        logit_buffer = torch.empty(size, len(weight), dtype=hidden.dtype, device=hidden.device)
        probability_buffer = torch.empty(size, len(weight), device=hidden.device)
        weight_buffer = torch.empty_like(weight) if wants_weight else None
        for start in range(0, len(chosen), size):
            rows = chosen[start : start + size]
            chunk, label = hidden[rows], labels[rows][:, None]
            logits, probabilities = logit_buffer[: len(rows)], probability_buffer[: len(rows)]
            torch.mm(chunk, weight.T, out=logits)
            if bias is not None:
                logits += bias
            torch.softmax(logits, -1, dtype=torch.float32, out=probabilities)
            own = probabilities.gather(1, label)
            total -= own.clamp_min(MIN_PROBABILITY).log().sum()
            if not ctx.needs_input_grad[0]:
                continue
            probabilities.scatter_(1, label, own - 1)
            slope = logits.copy_(probabilities)
            hidden_gradient[rows] = slope @ weight
            if weight_gradient is not None:
                weight_gradient += torch.mm(slope.T, chunk, out=weight_buffer)
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        ctx.weight_type = full_weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        weight_part = None if weight_gradient is None else (weight_gradient * gradient).to(ctx.weight_type)
        return hidden_gradient * gradient.to(hidden_gradient.dtype), weight_part, None, None


class LossWrapper(torch.nn.Module):  # type: ignore[misc]
    """A causal language model whose forward pass returns the summed loss, so that wrappers see one module."""

    def __init__(
        self, model: torch.nn.Module, precision: torch.dtype, sampled: SampledVocabulary | None = None
    ) -> None:
        """`sampled`: while training, the loss is over this part of the vocabulary; the head must not be trained."""
        super().__init__()
        self.model = model
        self.precision = precision
        self.sampled = sampled

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The loss summed over labels, in nats; `inputs`, `labels` and `positions` are int64 (sequences, length)."""
        with torch.autocast(inputs.device.type, dtype=self.precision, enabled=self.precision != torch.float32):
            hidden = self.model.get_decoder()(input_ids=inputs, position_ids=positions, use_cache=False)[0]
        weight = self.model.get_output_embeddings().weight
        flat, wanted = hidden.flatten(0, 1).to(self.precision), labels.flatten()
        if self.sampled is None or not self.training:
            return HeadLoss.apply(flat, weight, wanted)
        rows, places, bias = self.sampled.choose(wanted)
        return HeadLoss.apply(flat, weight[rows], places, bias.to(self.precision))
