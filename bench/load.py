"""Searches a second through the API, and how long they take, with many connections at once.

    python bench/load.py [MODEL] [--connections 64] [--seconds 8] [--workers 0,2] [--before ADDRESS,PID]

Each connection sends its next question as soon as it has the answer to the last one (a closed loop). The questions are
those of the sample, 600 in four languages, each different from the last. In one run, in turns: the server with each
number of `--workers`, and with `--before` also one that is running already, for instance of an older version. Printed
are searches a second, the 50th and 95th percentile, and the processor time of a search in all processes of the server,
which depends less on what else the machine does. All answers are compared with those of the first server.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from own_server import own_server_process

from anatili.sample.topics import read_topics

LANGUAGES = ("kk", "ru", "en", "tr")


@dataclass
class Round:
    """What one round of load measured."""

    seconds: float = 0.0
    processor: float = 0.0
    times: list[float] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """Question -> digest of the passages that came."""


def questions() -> list[str]:
    return [topic.pages[code].question for topic in read_topics() for code in LANGUAGES]


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """The body of an answer with a Content-Length; `RuntimeError` for any status but 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{head[:60]!r} {body[:200]!r}")
    return body


async def visit(host: str, port: int, texts: list[str], end: float, result: Round) -> None:
    """One connection: question after question until `end`."""
    reader, writer = await asyncio.open_connection(host, port)
    number = 0
    while time.perf_counter() < end:
        text = texts[number % len(texts)]
        begin = time.perf_counter()
        writer.write(f"GET /search?q={quote(text)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        body = await read_answer(reader)
        result.times.append(time.perf_counter() - begin)
        if text not in result.answers:
            ids = [(row["id"], row["hits"], row["snippet"]) for row in json.loads(body)["passages"]]
            result.answers[text] = hashlib.sha256(json.dumps(ids).encode()).hexdigest()
        number += 1
    writer.close()


async def load(address: str, connections: int, seconds: float, result: Round) -> None:
    host, port = urlsplit(address).hostname or "", urlsplit(address).port or 80
    texts = questions()
    step = max(1, len(texts) // connections)
    end = time.perf_counter() + seconds
    starts = [texts[number * step :] + texts[: number * step] for number in range(connections)]
    await asyncio.gather(*(visit(host, port, start, end, result) for start in starts))


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its children so far (Linux)."""
    total = 0.0
    for process in [pid, *children(pid)]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / 100
    return total


def children(pid: int) -> list[int]:
    lists = (path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for row in lists for child in row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="kazakh-26m")
    parser.add_argument("--connections", default="1,8,64")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--warm", type=float, default=15, help="seconds of load before")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", default="0,2")
    parser.add_argument("--before", default="", help="ADDRESS,PID of another server of ours")
    options = parser.parse_args()
    with ExitStack() as stack:
        servers: dict[str, tuple[str, int]] = {}
        if options.before:
            address, _, pid = options.before.partition(",")
            servers["before"] = (address, int(pid))
        for workers in options.workers.split(","):
            more = ("--workers", workers) if int(workers) else ()
            servers[f"--workers {workers}"] = stack.enter_context(own_server_process(options.model, *more))
        for address, _ in servers.values():  # warm: all processes have seen most words
            asyncio.run(load(address, 8, options.warm, Round()))
        expected: dict[str, str] = {}
        for connections in map(int, options.connections.split(",")):
            results = {name: Round() for name in servers}
            for _ in range(options.rounds):
                for name, (address, pid) in servers.items():
                    begin, before = time.perf_counter(), processor_seconds(pid)
                    asyncio.run(load(address, connections, options.seconds, results[name]))
                    results[name].seconds += time.perf_counter() - begin
                    results[name].processor += processor_seconds(pid) - before
            for name, result in results.items():
                expected = expected or result.answers
                differ = sum(answer != expected.get(text, answer) for text, answer in result.answers.items())
                count, times = len(result.times), sorted(result.times)
                print(
                    f"{connections:3} connections, {name}: {count / result.seconds:6.0f} searches/s, "
                    f"p50 {1000 * statistics.median(times):6.1f} ms, p95 {1000 * times[int(0.95 * count)]:6.1f} ms, "
                    f"processor {1000 * result.processor / count:5.2f} ms a search "
                    f"(n = {count}; {differ} of {len(result.answers)} answers differ)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
