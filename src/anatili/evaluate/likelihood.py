"""A model opened to say how likely texts are: bits of a text, of its second half, of one sentence against another."""

from collections.abc import Callable, Iterator, Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.float64]
WINDOW = 1024
"""Tokens of a window at most: longer texts are scored in several, each opened by the begin token."""
LOGIT_BYTES = 256 * 2**20
"""Size of the logits held at a time: windows are scored together up to this."""


class Scored:
    """A Hugging Face folder, or a GGUF file read as the weights it stores."""

    def __init__(self, model: Path) -> None:
        from anatili.gguf.model import open_gguf

        self.engine: Any = None
        """The engine behind it, where it can also speak."""
        if model.suffix == ".gguf":
            self.torch, self.model, self.tokenizer, self.device = open_gguf(model)
        else:
            from anatili.engine.local import TransformersEngine

            self.engine = TransformersEngine(model)
            self.torch, self.model, self.tokenizer = self.engine.torch, self.engine.model, self.engine.tokenizer
            self.device = self.engine.device
        self.begin = self.tokenizer.bos_token_id
        if self.begin is None:  # Qwen has none; its end token opens texts in training
            self.begin = self.tokenizer.eos_token_id

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return found

    def bits(self, texts: Sequence[str], tell: Callable[[int], None] = lambda count: None) -> Bits:
        """Bits of each text, shape (texts,): every token scored once. `tell` hears how many windows are done."""
        size = min(WINDOW, int(self.model.config.max_position_embeddings)) - 1
        windows: list[tuple[int, list[int]]] = []
        for number, text in enumerate(texts):
            ids = self.ids(text)
            windows += [(number, ids[start : start + size]) for start in range(0, len(ids), size)]
        total = np.zeros(len(texts))
        for number, costs in self.costs(windows, tell):
            total[number] += costs.sum()
        return total

    def second_halves(self, sentences: Sequence[str]) -> tuple[Bits, npt.NDArray[np.int64]]:
        """Bits of the second half of each sentence given the first, and its bytes, both of shape (sentences,).

        The halves part at the space nearest the middle, as in Goldfish (Chang et al. 2024, arXiv 2408.10441), which
        parts them by characters.
        """
        windows: list[tuple[int, list[int]]] = []
        starts, sizes = [], []
        for number, sentence in enumerate(sentences):
            at = middle(sentence)
            marked = self.tokenizer(sentence, add_special_tokens=False, return_offsets_mapping=True)
            ends = [end for _, end in marked["offset_mapping"]]
            # A token that begins with the space belongs to the second half.
            starts.append(next((place for place, end in enumerate(ends) if end > at), len(ends)))
            sizes.append(len(sentence[at:].encode()))
            windows.append((number, list(marked["input_ids"])[: WINDOW - 1]))
        total = np.zeros(len(sentences))
        for number, costs in self.costs(windows):
            total[number] = costs[starts[number] :].sum()
        return total, np.array(sizes)

    def costs(
        self, windows: list[tuple[int, list[int]]], tell: Callable[[int], None] = lambda count: None
    ) -> Iterator[tuple[int, Bits]]:
        """For each (number, token ids) the number and the bits of each token, longest first."""
        torch = self.torch
        windows = sorted((w for w in windows if w[1]), key=lambda window: (-len(window[1]), window[0]))
        rows_of = max(1, LOGIT_BYTES // (4 * self.model.config.get_text_config().vocab_size))
        start = 0
        while start < len(windows):
            longest = len(windows[start][1])
            batch = windows[start : start + max(1, rows_of // longest)]
            rows = [[self.begin, *part, *[self.begin] * (longest - len(part))] for _, part in batch]
            ids = torch.tensor(rows, device=self.device)
            with torch.inference_mode():
                logits = self.model(input_ids=ids[:, :-1], use_cache=False).logits
                picked = logits.gather(2, ids[:, 1:, None]).squeeze(2).float()
                chances = (picked - logits.float().logsumexp(-1)).double().cpu().numpy()
            for row, (number, part) in enumerate(batch):
                yield number, -chances[row, : len(part)] / log(2)
            start += len(batch)
            tell(len(batch))


def middle(sentence: str) -> int:
    """Index of the space nearest the middle of a sentence; the middle itself if it has none."""
    half = len(sentence) / 2
    return min(
        (i for i, letter in enumerate(sentence) if letter == " "), key=lambda i: abs(i - half), default=int(half)
    )
