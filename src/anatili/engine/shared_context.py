"""Spans that begin with the same tokens: their context is computed once."""

from collections.abc import Sequence
from typing import Any

from anatili.engine import Span

LEAST = 32
"""Tokens of a common context for which a computation of its own pays off."""


def runs(spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """(first span, number of spans, tokens of the common context): spans in order, grouped where that pays off."""
    groups: list[tuple[int, int, int]] = []
    for number, span in enumerate(spans):
        if groups:
            first, count, shared = groups[-1]
            common = common_start(spans[first].ids, span.ids, min(span.start, spans[first].start) - 1)
            common = min(common, shared) if count > 1 else common
            if common >= LEAST and (count == 1 or common >= shared // 2):
                groups[-1] = (first, count + 1, common)
                continue
        groups.append((number, 1, 0))
    return groups


def common_start(first: Sequence[int], second: Sequence[int], most: int) -> int:
    """Leading tokens that both have, `most` at most."""
    most = max(0, min(most, len(first), len(second)))
    return next((n for n in range(most) if first[n] != second[n]), most)


def share(
    model: Any, cache_name: str, device: Any, spans: Sequence[Span], shared: int, torch: Any
) -> list[list[float]]:
    """Log probabilities of the spans behind their common context of `shared` tokens.

    Padding is behind the shorter ones, where causal attention does not see it.
    """
    longest = max(len(span.ids) for span in spans) - shared
    tails = [[*span.ids[shared:], *[0] * (longest + shared - len(span.ids))] for span in spans]
    with torch.inference_mode():
        context = torch.tensor([list(spans[0].ids[:shared])], device=device)
        cache = model(input_ids=context, use_cache=True, logits_to_keep=1)[cache_name]
        cache.batch_repeat_interleave(len(spans))
        ids = torch.tensor(tails, device=device)
        logits = model(input_ids=ids[:, :-1], use_cache=True, **{cache_name: cache}).logits.float()
        picked = logits.gather(2, ids[:, 1:, None]).squeeze(2)
        values = (picked - logits.logsumexp(-1)).cpu().tolist()
    return [row[span.start - shared - 1 : len(span.ids) - shared - 1] for row, span in zip(values, spans, strict=True)]
