"""The serving formula of `anatili plan` against a measured load of our own server.

    python bench/plan_serving.py [MODEL] [--rounds 3]

Bandwidth and arithmetic of this machine, the cost of our API included, are taken from the speed of one reader and of
two. From them the formula predicts how many tokens per second three and four readers at once get; the same is then
measured through our API. A factor of 1 is a perfect prediction. Rounds go through all numbers of readers in turn, so
that other work on the machine meets them all.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from anatili import models
from anatili.compute.serving import step_seconds
from anatili.compute.shape import Shape, shape_of
from anatili.recipe import load_recipe, recipe_file

LIMIT, READERS = 96, (1, 2, 3, 4)
QUESTION = "Қазақстан туралы айтып бер. "
CACHE = 2.0


def read(address: str, model: str, text: str, limit: int) -> tuple[int, float]:
    """Tokens after the first, and the seconds that they took."""
    body = {"model": f"{model}:plain", "prompt": text, "stream": True, "max_tokens": limit, "temperature": 0, "seed": 1}
    first, count = 0.0, 0
    with httpx.Client(timeout=300) as client, client.stream("POST", f"{address}/v1/completions", json=body) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: {") and any(one.get("text") for one in json.loads(line[6:]).get("choices", ())):
                count += 1
                first = first or time.perf_counter()
    return count - 1, time.perf_counter() - first


def load(address: str, model: str, readers: int) -> float:
    """Tokens per second of all readers together."""
    with ThreadPoolExecutor(readers) as pool:
        answers = list(pool.map(lambda number: read(address, model, f"{number} {QUESTION}", LIMIT), range(readers)))
    return sum(count / seconds for count, seconds in answers)


def shape(model: str) -> Shape:
    file = recipe_file(model)
    return shape_of(load_recipe(file), file.parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="kazakh-26m")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = models.find(options.model)
    assert folder
    size = next(folder.glob("*.gguf")).stat().st_size
    form = shape(options.model)
    command = [sys.executable, "-m", "anatili", "serve", options.model, "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        address = next(match[1] for line in server.stdout if (match := re.search(r"API +(http://\S+)/v1", line)))
        while True:
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        load(address, options.model, 4)  # warms
        speeds: dict[int, list[float]] = {readers: [] for readers in READERS}
        for _ in range(options.rounds):
            for readers in READERS:
                speeds[readers].append(load(address, options.model, readers))
    finally:
        server.terminate()
        server.wait()
    report(form, size, {readers: statistics.median(values) for readers, values in speeds.items()})


def report(form: Shape, size: int, speeds: dict[int, float]) -> None:
    """Seconds per step are reading + readers x computing: two speeds give both."""
    computing = max(1e-9, 2 / speeds[2] - 1 / speeds[1])
    reading = max(1e-9, 1 / speeds[1] - computing)
    bandwidth, peak = size / reading, 2 * form.matrices / computing
    rates = f"{bandwidth / 1e9:.2f} GB/s, {peak / 1e9:.1f} GFLOP/s"
    print(f"one reader {speeds[1]:.1f} tokens/s, two {speeds[2]:.1f}: {rates}")
    for readers in READERS[2:]:
        seconds = step_seconds(form, readers, LIMIT // 2, weights=size / form.total, cache=CACHE, bandwidth=bandwidth,
                               peak=peak, overlap=False)  # fmt: skip
        predicted = readers / seconds
        factor = max(predicted / speeds[readers], speeds[readers] / predicted)
        told = f"{predicted:.1f} tokens/s predicted, {speeds[readers]:.1f} measured"
        print(f"{readers} readers: {told}, off by {factor:.2f}")


if __name__ == "__main__":
    main()
