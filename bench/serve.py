"""What our API costs over the engine alone, and what many readers at once do to it.

    python bench/serve.py [MODEL] [--streams 32] [--rounds 8] [--before ADDRESS]

In one run, in turns: time to the first words and tokens a second after them, of the engine alone (llama.cpp's own HTTP
server) and through our API (the same model behind it, without passages); with `--before` also through a second server
of ours that is running already, for instance of an older version. Then strings scored a second (`echo` with `logprobs`
at /v1/completions), all in one request, beside the engine called in this process. Then so many streams at once, while
the page is fetched again and again: errors, the slowest first words, and the slowest page.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import httpx
import xllamacpp
from own_server import own_server

from anatili import models
from anatili.engine import Engine, Span, open_engine
from anatili.engine.llama import MOST_CONTEXT, server_params
from anatili.gguf import read_facts, silence
from anatili.sample import passages

PROMPTS = ("Қазақстан туралы айтып бер.", "Расскажи о Казахстане.", "Tell me about the steppe.", "Bana bozkırı anlat.")
LIMIT = 64


def stream(client: httpx.Client, address: str, prompt: str, **more: object) -> tuple[float, float, int]:
    """Seconds to the first words, seconds from there to the end, and events with words after the first."""
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "max_tokens": LIMIT,
        "temperature": 0,
        "repetition_penalty": 1.15,
        "repeat_penalty": 1.15,
        "search": False,
        **more,
    }
    began, first, count = time.perf_counter(), 0.0, 0
    with client.stream("POST", f"{address}/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        for event in events(answer):
            if "error" in event:
                raise RuntimeError(event["error"]["message"])
            if any(choice.get("delta", {}).get("content") for choice in event.get("choices", ())):
                count += 1
                first = first or time.perf_counter()
    return first - began, time.perf_counter() - first, count - 1


def events(answer: httpx.Response) -> Iterator[dict]:
    for line in answer.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def compare(addresses: dict[str, str], rounds: int) -> None:
    """Ask each server everything in turns; `addresses` has the engine alone first."""
    client = httpx.Client(timeout=120)
    firsts: dict[str, list[float]] = {name: [] for name in addresses}
    tokens, seconds = dict.fromkeys(addresses, 0), dict.fromkeys(addresses, 0.0)
    for number in range(rounds + 1):
        for prompt in PROMPTS:
            for name, address in addresses.items():
                first, rest, count = stream(client, address, f"{prompt} {number}")
                if number:  # the first round warms all
                    firsts[name].append(first)
                    tokens[name], seconds[name] = tokens[name] + count, seconds[name] + rest
    engine, *others = addresses
    for name in addresses:
        print(
            f"{name}: first words after {1000 * statistics.median(firsts[name]):.2f} ms, "
            f"{tokens[name] / seconds[name]:.1f} tokens/s after them (n = {len(firsts[name])})"
        )
    for name in others:
        more = statistics.median(ours / alone for ours, alone in zip(firsts[name], firsts[engine], strict=True))
        ratio = statistics.median(firsts[name]) / statistics.median(firsts[engine])
        rate = tokens[name] / seconds[name] / (tokens[engine] / seconds[engine])
        print(f"{name} / {engine}: first words {ratio:.3f} (median of ratios {more:.3f}), tokens/s {rate:.3f}")


def serve_alone(file: Path, slots: int) -> xllamacpp.Server:
    """llama.cpp's own server, as our engine sets it up."""
    with silence():
        return xllamacpp.Server(server_params(file, (), min(MOST_CONTEXT, read_facts(file)["context"]), slots))


def compare_scores(engine: Engine, addresses: dict[str, str], count: int) -> None:
    """Strings scored a second by the engine and by each server, in turns, and how far their logprobs differ."""
    sentences = [part for _, _, text in passages().values() for part in text.split(". ") if 30 < len(part) <= 100]
    strings = sentences[:: len(sentences) // count][:count]
    body = {"prompt": strings, "max_tokens": 0, "echo": True, "logprobs": 1}
    seconds: dict[str, list[float]] = {name: [] for name in ("engine", *addresses)}
    rows: dict[str, list[list[float]]] = {}
    with httpx.Client(timeout=600) as client:
        for number in range(4):
            for name in seconds:
                began = time.perf_counter()
                if name in addresses:
                    answer = client.post(f"{addresses[name]}/v1/completions", json=body).raise_for_status().json()
                    rows[name] = [choice["logprobs"]["token_logprobs"][1:] for choice in answer["choices"]]
                else:
                    spans = [Span(engine.tokenize(string, begin=True)) for string in strings]
                    rows[name] = list(engine.logprobs(spans))
                if number:  # the first round opens the scorer
                    seconds[name].append(time.perf_counter() - began)
    tokens = sum(map(len, rows["engine"]))
    for name, values in seconds.items():
        pairs = zip(chain(*rows[name]), chain(*rows["engine"]), strict=True)
        print(
            f"{name}: {count / statistics.median(values):.1f} strings/s scored ({count} strings, {tokens} tokens), "
            f"logprobs differ by {max(abs(a - b) for a, b in pairs):.5f} at most"
        )


def crowd(address: str, streams: int) -> None:
    firsts: list[float] = []
    errors: list[str] = []
    done = threading.Event()

    def one(number: int) -> None:
        try:
            with httpx.Client(timeout=600) as client:
                firsts.append(stream(client, address, PROMPTS[number % len(PROMPTS)], temperature=1)[0])
        except (httpx.HTTPError, RuntimeError) as error:
            errors.append(str(error))

    pages: list[float] = []

    def visit() -> None:
        while not done.is_set():
            began = time.perf_counter()
            httpx.get(address).raise_for_status()
            pages.append(time.perf_counter() - began)
            time.sleep(0.05)

    visitor = threading.Thread(target=visit)
    readers = [threading.Thread(target=one, args=(number,)) for number in range(streams)]
    began = time.perf_counter()
    for thread in (visitor, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    taken = time.perf_counter() - began
    done.set()
    visitor.join()
    slowest = max(firsts, default=0)
    print(f"{streams} streams at once: {len(errors)} errors, {taken:.1f} s, slowest first words {slowest:.1f} s")
    print(f"page fetched {len(pages)} times meanwhile, slowest {1000 * max(pages):.0f} ms")
    for error in errors[:3]:
        print(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="kazakh-26m")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--strings", type=int, default=60)
    parser.add_argument("--before", default="", help="address of another server of ours")
    options = parser.parse_args()
    folder = models.find(options.model)
    assert folder
    file = models.open_packaged(folder, print)
    with own_server(options.model) as address:
        before = {"API before": options.before} if options.before else {}
        if options.rounds:
            alone = serve_alone(file, 4)
            compare({"engine": alone.listening_address, "API": address, **before}, options.rounds)
        if options.strings:
            compare_scores(open_engine(file), {"API": address, **before}, options.strings)
        if options.streams:
            crowd(address, options.streams)


if __name__ == "__main__":
    main()
