"""Our engine over llama.cpp against llama.cpp itself: tokens a second of decoding, in one run.

    python bench/decode.py MODEL.gguf

llama.cpp's figure is from its own clock, for an answer in one piece. Ours is the time from the first chunk to the last,
as a reader gets them. Both use the same threads, prompts and temperature 0, in turns.
"""

import argparse
import statistics
import time
from pathlib import Path

from anatili.engine import Sampling
from anatili.engine.llama import LlamaEngine

PROMPTS = ("Қазақстан туралы айтып бер.", "Расскажи о Казахстане.", "Tell me about the steppe.", "Bana bozkırı anlat.")
LIMIT, ROUNDS = 96, 5


def direct(engine: LlamaEngine, prompt: str) -> tuple[int, float]:
    """Tokens after the first and seconds, by llama.cpp's own clock."""
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": LIMIT,
        "temperature": 0,
        "cache_prompt": True,
        "repeat_penalty": Sampling().repetition_penalty,
    }
    timings = engine.ask("/v1/chat/completions", body)["timings"]
    return timings["predicted_n"] - 1, timings["predicted_ms"] / 1000


def wrapped(engine: LlamaEngine, prompt: str) -> tuple[int, float]:
    """Tokens after the first and seconds, as a reader of our engine's chunks sees them."""
    first = 0.0
    for chunk in engine.generate([{"role": "user", "content": prompt}], Sampling(max_tokens=LIMIT, temperature=0)):
        if chunk.text and not first:
            first = time.perf_counter()
    return chunk.tokens - 1, time.perf_counter() - first


def rate(ask, engine: LlamaEngine) -> float:
    runs = [ask(engine, prompt) for prompt in PROMPTS]
    return sum(tokens for tokens, _ in runs) / sum(seconds for _, seconds in runs)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("model", type=Path)
    engine = LlamaEngine(asked.parse_args().model)
    for ask in (direct, wrapped):
        rate(ask, engine)
    rounds = [(rate(direct, engine), rate(wrapped, engine)) for _ in range(ROUNDS)]
    raw, ours = (statistics.median(pair[side] for pair in rounds) for side in (0, 1))
    ratios = sorted(wrapped_rate / direct_rate for direct_rate, wrapped_rate in rounds)
    print(f"llama.cpp {raw:.1f} tokens/s, our engine {ours:.1f} tokens/s")
    print(f"ratio {statistics.median(ratios):.3f}, in {ROUNDS} rounds {ratios[0]:.3f} to {ratios[-1]:.3f}")


if __name__ == "__main__":
    main()
