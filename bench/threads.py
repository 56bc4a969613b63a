"""Whether many clients at once get what one client alone gets: answers that differ, of all answers, which must be 0.

    python bench/threads.py [MODEL] [--clients 16] [--searches 25]

Two servers are started as people start them. The first is asked everything by one client, one request after another.
The second, which has met no word yet, is asked the same by all clients at the same time, and then once more by one
client alone, for what went wrong meanwhile may have been kept. Requests are searches in the languages of the sample,
by words of its pages, mixed with chat, language identification, tokens and translations.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from anatili.sample.topics import read_topics

WORDS = 5
"""Words of a question."""
VOLATILE = ("id", "created")
"""Keys of an answer that are new each time."""


@dataclass(frozen=True)
class Request:
    """One thing to ask."""

    kind: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("model", nargs="?", default="kazakh-26m")
    asked.add_argument("--clients", type=int, default=16)
    asked.add_argument("--searches", type=int, default=25)
    given = asked.parse_args()
    alone = Server(given.model)
    clients = make_requests(given.clients, given.searches, alone.targets())
    requests = list(dict.fromkeys(request for client in clients for request in client))
    expected = alone.ask_all(requests)
    alone.stop()
    shared = Server(given.model)
    with ThreadPoolExecutor(given.clients) as pool:
        together = list(pool.map(shared.ask_all, clients))
    later = shared.ask_all(requests)
    shared.stop()
    print(f"{given.model}, {given.clients} clients at once, {len(requests)} different requests")
    found = [
        report("at once", [row for client in together for row in client.items()], expected),
        report("one by one, on the same server afterwards", list(later.items()), expected),
    ]
    sys.exit(any(found))


def report(when: str, rows: list[tuple[Request, tuple[int, Any]]], expected: dict[Request, tuple[int, Any]]) -> int:
    """Print how many of the answers are wrong, and how many are; an error of the server is wrong whoever gets it."""
    total = Counter(request.kind for request, _ in rows)
    bad = [(request, answer) for request, answer in rows if answer != expected[request] or answer[0] >= 500]
    wrong = Counter(request.kind for request, _ in bad)
    kinds = ", ".join(f"{kind} {wrong[kind]}/{count}" for kind, count in total.items())
    broken = sum(answer[0] >= 500 for _, answer in bad)
    print(f"{when}: wrong {len(bad)}/{len(rows)} ({kinds}), of them {broken} with a status of 500 or more")
    for request, answer in bad[:3]:
        print(f"  {request}\n    alone  {str(expected[request])[:300]}\n    now    {str(answer)[:300]}")
    return len(bad)


class Server:
    """A server of its own process."""

    def __init__(self, model: str) -> None:
        # One answer at a time: llama.cpp adds up in another order where it works on several, and may choose otherwise.
        command = [sys.executable, "-m", "anatili", "serve", model, "--no-browser", "--parallel", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        found = next(filter(None, (re.search(r"API +(http://\S+)/v1", line) for line in self.process.stdout)), None)
        if found is None:
            sys.exit(f"the server of {model} did not start")
        self.address = found[1]
        with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
            client.get(f"{self.address}/health", timeout=60).raise_for_status()

    def targets(self) -> dict[str, list[str]]:
        """The languages into which each is translated."""
        return {row["code"]: row["targets"] for row in httpx.get(f"{self.address}/languages").json()}

    def ask_all(self, requests: list[Request]) -> dict[Request, tuple[int, Any]]:
        """Status and answer of each request, by one client."""
        # A connection for each request: one that is kept may be closed by the server when it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=self.address, timeout=300, limits=limits) as client:
            return {request: ask(client, request) for request in requests}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def ask(client: httpx.Client, request: Request) -> tuple[int, Any]:
    body = {"json": json.loads(request.body)} if request.body else {}
    answer = client.request("POST" if body else "GET", request.path, params=dict(request.query), **body)
    said = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else answer.text
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name not in VOLATILE}
    return answer.status_code, said


def make_requests(clients: int, searches: int, targets: dict[str, list[str]]) -> list[list[Request]]:
    """What each client asks: one language a client, in the order in which it asks."""
    topics, choose = read_topics(), random.Random(3)
    languages = list(topics[0].pages)
    words = {
        code: choose.sample(
            found := sorted({w for t in topics for w in re.findall(r"\w{4,}", t.pages[code].text)}), len(found)
        )
        for code in languages
    }
    made = []
    for number in range(clients):
        code = languages[number % len(languages)]
        row = []
        for turn in range(searches):
            at = (number // len(languages) * searches + turn) * WORDS % len(words[code])
            text = " ".join(words[code][at : at + WORDS])
            page = choose.choice(topics).pages[code]
            sentence = page.text.split(". ")[0][:80]
            row.append(Request("search", "/search", (("q", text), ("prefer", code))))
            if turn % 10 == 0:
                row.append(Request("detect", "/detect", body=json.dumps({"q": sentence})))
                row.append(Request("tokenize", "/tokenize", body=json.dumps({"prompt": page.text})))
                asking = {
                    "messages": [{"role": "user", "content": page.question}],
                    "temperature": 0,
                    "seed": 1,
                    "max_tokens": 32,
                }
                row.append(Request("chat", "/v1/chat/completions", body=json.dumps(asking)))
            if turn == searches // 2 and targets.get(code):
                wanted = {"q": sentence[:40], "source": code, "target": choose.choice(targets[code])}
                row.append(Request("translate", "/translate", body=json.dumps(wanted)))
        made.append(row)
    return made


if __name__ == "__main__":
    main()
