"""The serving estimate of `anatili plan` against a measured load of our own server.

    python bench/plan_serving.py [MODEL ...] [--tokens 32] [--rounds 3] [--save FILE | --read FILE]

Each number of readers asks again and again, all at once, first with short prompts and then with long ones. Measured are
tokens per second, and per second that the server's busiest thread ran: on a shared machine only the second can be
compared. Between loads the machine itself is measured, without any model: how fast it reads memory and multiplies. From
these rates, with constants that were fitted on the *other* model, each load is predicted. A factor of 1 is a perfect
prediction.
"""

import argparse
import dataclasses
import itertools
import json
import math
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from own_server import own_server_process

from anatili import models
from anatili.compute.serving import Load, Machine, second_per_token
from anatili.compute.shape import Shape, from_gguf

READERS = (1, 2, 3, 4)
WORDS = "Қазақстанның табиғаты мен тарихы туралы әңгіме. "
PROMPTS = {"short": 1, "long": 12}
ANSWER = 32


@dataclass
class Measured:
    """One load."""

    readers: int
    prompt: float
    """Mean tokens of a prompt."""
    answer: float
    """Mean tokens of an answer."""
    busy: float
    """Seconds per token that the server's busiest thread ran."""
    wall: float
    """Seconds per token."""
    bandwidth: float = 0.0
    """Bytes per second that one thread reads from memory, measured before and after the load."""
    peak: float = 0.0
    """Operations per second of its matrix products, the same."""


@dataclass
class Known:
    """A model and its loads."""

    shape: Shape
    bytes: int
    loads: list[Measured]


def ask(address: str, model: str, text: str) -> tuple[int, int]:
    """Tokens of the prompt and of the answer."""
    body = {
        "model": f"{model}:plain",
        "prompt": text,
        "stream": True,
        "max_tokens": ANSWER,
        "temperature": 1,
        "stream_options": {"include_usage": True},
    }
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    with httpx.Client(timeout=600) as client, client.stream("POST", f"{address}/v1/completions", json=body) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                usage = json.loads(line[6:]).get("usage") or usage
    return usage["prompt_tokens"], usage["completion_tokens"]


def running(process: int) -> dict[str, float]:
    """Seconds that each thread of a process has run."""
    seconds = {}
    for file in Path(f"/proc/{process}/task").glob("*/schedstat"):
        try:
            seconds[file.parent.name] = int(file.read_text().split()[0]) / 1e9
        except OSError:  # it has just ended
            continue
    return seconds


def load(server: tuple[str, int], model: str, readers: int, length: int, tokens: int) -> Measured:
    """So many readers who ask at once until they have `tokens` each."""
    address, process = server
    numbers, answers, lock = itertools.count(time.time_ns()), [], threading.Lock()

    def read(_: int) -> None:
        while sum(count for _, count in answers) < readers * tokens:
            found = ask(address, model, f"{next(numbers) % 10**6} {WORDS * length}")  # no two begin alike
            with lock:
                answers.append(found)

    machine = [rates()]
    before, began = running(process), time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        list(pool.map(read, range(readers)))
    wall, after = time.perf_counter() - began, running(process)
    machine.append(rates())
    total = sum(count for _, count in answers)
    busy = max(seconds - before.get(thread, 0) for thread, seconds in after.items())
    return Measured(
        readers,
        sum(prompt for prompt, _ in answers) / len(answers),
        total / len(answers),
        busy / total,
        wall / total,
        *(sum(rate) / 2 for rate in zip(*machine, strict=True)),
    )


def rates() -> tuple[float, float]:
    """Bandwidth and peak of one thread on this machine, now."""
    large, left, right = np.ones(2**26, np.float32), np.ones((256, 2048), np.float32), np.ones((2048, 2048), np.float32)
    began = time.thread_time()
    large.sum()
    read = time.thread_time()
    left @ right
    return large.nbytes / (read - began), 2 * 256 * 2048**2 / (time.thread_time() - read)


def measure(model: str, tokens: int, rounds: int) -> list[Measured]:
    """All loads, medians over rounds that go through all of them in turn."""
    found: dict[tuple[int, str], list[Measured]] = {}
    with own_server_process(model) as server:
        load(server, model, 4, 1, 8)  # warms
        for _ in range(rounds):
            for name, length in PROMPTS.items():
                for readers in READERS:
                    found.setdefault((readers, name), []).append(load(server, model, readers, length, tokens))
                    print(found[readers, name][-1], flush=True)
    fields = [field.name for field in dataclasses.fields(Measured)]
    return [
        Measured(*(statistics.median(getattr(row, field) for row in rows) for field in fields))
        for rows in found.values()
    ]


@dataclass(frozen=True)
class Engine:
    """What is known of the server's program: the shares of the machine's rate of matrix products that it reaches."""

    decoding: float
    prompts: float
    start: float
    """Seconds of a step, however little it computes."""

    def machine(self, known: Known) -> Machine:
        bandwidth, peak = (
            statistics.median(getattr(row, rate) for row in known.loads) for rate in ("bandwidth", "peak")
        )
        return Machine(bandwidth, self.decoding * peak, self.prompts * peak, self.start)


def predicted(known: Known, row: Measured, engine: Engine) -> float:
    """Seconds per token of all readers together."""
    load = Load(round(row.prompt + row.answer / 2), round(row.prompt), max(1, round(row.answer)))
    weights = known.bytes / known.shape.total
    machine = engine.machine(known)
    return second_per_token(known.shape, row.readers, load, machine, weights=weights, cache=2.0)[0] / row.readers


def off(known: Known, engine: Engine) -> list[float]:
    """The factor by which each load is predicted too slow (above 1) or too fast."""
    return [predicted(known, row, engine) / row.busy for row in known.loads]


def fit(known: list[Known]) -> Engine:
    """The constants with the least squared logarithms of factors, on a grid and then on a finer one around its best."""

    def best(decoding: Any, prompts: Any, start: Any) -> Engine:
        engines = (Engine(*map(float, values)) for values in itertools.product(decoding, prompts, start))
        return min(engines, key=lambda one: sum(math.log(factor) ** 2 for each in known for factor in off(each, one)))

    rough = best(np.geomspace(0.1, 0.4, 15), np.geomspace(0.2, 0.8, 15), np.linspace(0, 0.006, 7))
    near = np.geomspace(1 / 1.1, 1.1, 11)
    return best(rough.decoding * near, rough.prompts * near, max(0.0, rough.start - 0.001) + np.linspace(0, 0.002, 11))


def report(found: dict[str, Known]) -> None:
    factors = []
    for model, known in found.items():
        engine = fit([other for name, other in found.items() if name != model])
        print(
            f"{model}, by constants of the other: decoding {engine.decoding:.3f} and prompts {engine.prompts:.3f} of "
            f"matrix products, {1e3 * engine.start:.1f} ms a step"
        )
        for row, factor in zip(known.loads, off(known, engine), strict=True):
            factors.append(max(factor, 1 / factor))
            print(
                f"  {row.readers} readers, {row.prompt:.0f} tokens read for {row.answer:.0f} answered: "
                f"{1 / row.busy:.1f} tokens per second of its busiest thread, predicted {1 / row.busy / factor:.1f}, "
                f"off by {factors[-1]:.2f} (by the clock {1 / row.wall:.1f})"
            )
    own = fit(list(found.values()))
    print(
        f"by constants of both: {own}; worst {max(max(f, 1 / f) for one in found.values() for f in off(one, own)):.2f}"
    )
    print(f"n = {len(factors)}: off by {statistics.median(factors):.2f} in the median, {max(factors):.2f} at worst")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["kazakh-26m", "kazakh-270m"])
    parser.add_argument("--tokens", type=int, default=32, help="of each reader in each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", type=Path, help="add what was measured to this file")
    parser.add_argument("--read", type=Path, help="measure nothing, take it from this file")
    options = parser.parse_args()
    rows: dict[str, Any] = json.loads(options.read.read_text()) if options.read else {}
    for model in () if options.read else options.models:
        folder = models.find(model)
        assert folder
        file = models.open_packaged(folder, print)
        loads = measure(model, options.tokens, options.rounds)
        rows[model] = {
            "file": str(file),
            "bytes": file.stat().st_size,
            "loads": [vars(x) for x in loads],
        }
    if options.save:
        before = json.loads(options.save.read_text()) if options.save.exists() else {}
        options.save.write_text(json.dumps(before | rows))
    found = {
        model: Known(from_gguf(Path(row["file"])), row["bytes"], [Measured(**load) for load in row["loads"]])
        for model, row in rows.items()
    }
    if len(found) > 1:
        report(found)


if __name__ == "__main__":
    main()
