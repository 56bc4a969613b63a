"""Text that a base model writes itself: training on a share of it keeps what the base knew of a language.

    python recipes/get_replay.py BASE FILE OUT [--tokens N] [--seed N]

Half of the samples begin with the first two or three words of a line of FILE, half with a frequent opening. Words are
drawn at temperature 1 from the whole distribution, so the text is as the base itself sees the language, and true only
by chance. OUT gets one sample a line. BASE is a folder, a GGUF file or the name of a packaged base, as in [tokenizer]
base.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from anatili.atomic_files import whole_file
from anatili.gguf.base_model import open_base
from anatili.train.init import open_model

OPENINGS = (
    "The",
    "In",
    "A",
    "When",
    "After",
    "He",
    "She",
    "They",
    "According to",
    "On",
    "For",
    "It was",
    "There are",
    "If",
    "As",
    "During",
    "My",
    "People in",
    "The city of",
    "Many",
    "One of the",
    "His",
    "At",
)
BATCH, LENGTH = 96, 190
"""Samples drawn together, and tokens of each at most."""
SHORTEST = 200
"""Characters of the shortest sample that is kept."""


def openings(lines: list[str], chance: random.Random) -> Iterator[str]:
    """Beginnings of samples, without end."""
    while True:
        if chance.random() < 0.5:
            yield chance.choice(OPENINGS)
        else:
            words = " ".join(chance.choice(lines).split()[: chance.choice((2, 3))])
            yield words[:1].upper() + words[1:]


def batches(tokenizer: Any, texts: Iterator[str]) -> Iterator[Any]:
    """Token ids of openings of equal length, int64 (BATCH, tokens)."""
    waiting: dict[int, list[list[int]]] = defaultdict(list)
    for text in texts:
        ids = tokenizer(text).input_ids
        waiting[len(ids)].append(ids)
        if len(waiting[len(ids)]) == BATCH:
            yield torch.tensor(waiting.pop(len(ids)))


def draw(logits: Any) -> Any:
    """One token a row, by its probability; `logits` (rows, vocabulary), result int64 (rows, 1).

    By the inverse of the cumulative distribution: `torch.multinomial` takes three times as long on a processor.
    """
    sums = torch.softmax(logits.float(), -1).cumsum_(-1)
    return torch.searchsorted(sums, torch.rand(len(sums), 1) * sums[:, -1:]).clamp_max(sums.shape[1] - 1)


def samples(model: Any, start: Any, ends: set[int]) -> Any:
    """`start` continued by up to `LENGTH` tokens; what follows an end token is 0."""
    ids = now = start
    cache = None
    with torch.no_grad():
        for _ in range(LENGTH):
            output = model(input_ids=now, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, now = output.past_key_values, draw(output.logits[:, -1])
            ids = torch.cat([ids, now], 1)
    ended = torch.isin(ids, torch.tensor(sorted(ends))).int().cumsum(1) > 0
    return torch.where(ended, 0, ids)


def main() -> None:
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    lines = [line for line in args.file.read_text("utf-8").splitlines() if len(line.split()) > 5]
    if not lines:
        parser.error(f"{args.file} has no line of more than five words")
    torch.manual_seed(args.seed)
    folder = open_base(args.base, Path.cwd())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = open_model(folder, torch.bfloat16).eval()
    end = model.generation_config.eos_token_id
    ends = set(end) if isinstance(end, list) else {end}
    count = 0
    with whole_file(args.out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for start in batches(tokenizer, openings(lines, random.Random(args.seed))):
            for ids in samples(model, start, ends):
                text = " ".join(tokenizer.decode(ids, skip_special_tokens=True).split())
                if len(text) >= SHORTEST:
                    file.write(f"{text}\n")
                    count += int((ids != 0).sum())
            print(f"{count:,} of {args.tokens:,} tokens", flush=True)
            if count >= args.tokens:
                return


if __name__ == "__main__":
    main()
