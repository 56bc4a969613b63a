"""Our engine over llama.cpp against llama.cpp itself: tokens a second of decoding, in one run.

    python bench/decode.py MODEL.gguf

`llama.cpp` is what its own clock says of a request whose answer it gives in one chunk; ours is the time at which its
reader has the chunks, from the first on. Both with the same threads, prompts, and temperature 0, in turns.
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
        "messages": [{"role": "user", "content": prompt}], "max_tokens": LIMIT, "temperature": 0, "cache_prompt": True,
        "repeat_penalty": Sampling().repetition_penalty,
    }  # fmt: skip
    answer = engine.client.post(f"{engine.address}/v1/chat/completions", json=body).raise_for_status().json()
    return answer["timings"]["predicted_n"] - 1, answer["timings"]["predicted_ms"] / 1000


def wrapped(engine: LlamaEngine, prompt: str) -> tuple[int, float]:
    """Tokens after the first and seconds, as one sees them who reads our engine's chunks."""
    text, first = "", 0.0
    for chunk in engine.generate([{"role": "user", "content": prompt}], Sampling(max_tokens=LIMIT, temperature=0)):
        if chunk and not first:
            first = time.perf_counter()
        text += chunk
    seconds, said = time.perf_counter() - first, len(engine.tokenize(text))
    return said - (said == LIMIT), seconds  # an answer that ended by itself has an end token that is not in its text


def rate(ask, engine: LlamaEngine) -> float:
    found = [ask(engine, prompt) for prompt in PROMPTS]
    return sum(tokens for tokens, _ in found) / sum(seconds for _, seconds in found)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("model", type=Path)
    engine = LlamaEngine(asked.parse_args().model)
    for ask in (direct, wrapped):
        rate(ask, engine)
    rounds = [(rate(direct, engine), rate(wrapped, engine)) for _ in range(ROUNDS)]
    raw, ours = (statistics.median(pair[side] for pair in rounds) for side in (0, 1))
    ratios = sorted(mine / theirs for theirs, mine in rounds)
    print(f"llama.cpp {raw:.1f} tokens/s, our engine {ours:.1f} tokens/s")
    print(f"ratio {statistics.median(ratios):.3f}, in {ROUNDS} rounds {ratios[0]:.3f} to {ratios[-1]:.3f}")


if __name__ == "__main__":
    main()
