"""Adapter training with the loss over all tokens, over a part of them, and with compiled layers, in turns in one run.

    python bench/sampled_loss.py [--base gemma-3-270m] [--drawn 6144] [--turns 3] [--text FILE]

One step of four sequences of 512 tokens, forward and backward, of a rank-64 adapter; the base keeps all its tokens.
Processor seconds. Also printed: the loss of both on the same tokens, and how far the gradients are apart.
"""

import argparse
import statistics
import time
from pathlib import Path

from anatili.gguf.base_model import open_base
from anatili.sample.topics import read_topics
from anatili.train import devices, init, loop  # before torch: loop sets how threads wait
from anatili.train.sampled_loss import SampledVocabulary

torch = loop.torch
BATCH, CONTEXT, RANK, FREQUENT = 4, 512, 64, 16_000


def tokens_of(tokenizer, file: Path | None) -> torch.Tensor:
    """Token ids of running text, int64 (tokens,)."""
    text = file.read_text("utf-8") if file else "\n".join(p.text for t in read_topics() for p in t.pages.values())
    return torch.tensor(tokenizer(text).input_ids)


def frequent(ids: torch.Tensor, size: int) -> torch.Tensor:
    """Which tokens of a vocabulary of `size` are the most frequent of a text; what it lacks is made up by the first."""
    counts = torch.bincount(ids, minlength=size).float() - torch.arange(size) / size / 2
    chosen = torch.zeros(size, dtype=torch.bool)
    chosen[counts.topk(FREQUENT).indices] = True
    return chosen


def step(wrapped, ids: torch.Tensor, number: int) -> tuple[float, float, torch.Tensor]:
    """Processor seconds, loss a token and the gradient of one step."""
    start = number * BATCH * CONTEXT % (len(ids) - BATCH * CONTEXT - 1)
    rows = torch.stack([ids[start + i * CONTEXT :][: CONTEXT + 1] for i in range(BATCH)])
    wrapped.zero_grad()
    begin = time.process_time()
    loss = wrapped(rows[:, :-1], rows[:, 1:], torch.arange(CONTEXT).expand(BATCH, CONTEXT)) / (BATCH * CONTEXT)
    loss.backward()
    seconds = time.process_time() - begin
    return seconds, loss.item(), torch.cat([p.grad.flatten() for p in wrapped.parameters() if p.grad is not None])


def main() -> None:
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="gemma-3-270m")
    parser.add_argument("--drawn", type=int, default=6144)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--text", type=Path)
    args = parser.parse_args()
    folder, device = open_base(args.base, Path.cwd()), torch.device("cpu")
    ids = tokens_of(AutoTokenizer.from_pretrained(folder), args.text)
    precision = devices.pick_precision("auto", device)
    models = {}
    for name, compiled, is_part in (("all", False, False), ("part", False, True), ("part, compiled", True, True)):
        torch.manual_seed(1)
        model = init.open_model(folder)
        adapted = init.add_adapter(model, RANK, precision)
        part = SampledVocabulary(frequent(ids, model.config.vocab_size), args.drawn) if is_part else None
        models[name] = loop.prepare(adapted.get_base_model(), precision, device, compiled, part)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(args.turns + 1):
        found = {name: step(model, ids, turn) for name, model in models.items()}
        for name, (took, _, _) in found.items():
            if turn:  # the first compiles
                seconds[name].append(took)
        (_, whole, slope), (_, part_loss, part_slope) = found["all"], found["part"]
        cosine = torch.nn.functional.cosine_similarity(slope.double(), part_slope.double(), dim=0)
        print(f"turn {turn}: loss {whole:.3f} over all, {part_loss:.3f} over a part; cosine of gradients {cosine:.4f}")
    middle = {name: statistics.median(took) for name, took in seconds.items()}
    for name, value in middle.items():
        rate = BATCH * CONTEXT / value
        print(
            f"{name:15} {value:6.2f} s a step, {rate:5.0f} tokens a processor second, {middle['all'] / value:.2f} times"
        )


if __name__ == "__main__":
    main()
