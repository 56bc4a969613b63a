"""The texts of a packed GPU job as tokens, and batches of rows of like length drawn from groups by weight."""

import json
import lzma
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

BUCKETS = (32, 64, 128, 256, 512, 1280)
"""Lengths of rows: each document goes into the shortest that holds it, padded on the right."""
IGNORED = -100


def open_text(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


LONGEST = 511
"""Tokens of a row of plain text: what is longer is cut into several, each opened by the begin token."""


def encode_part(job: tuple[str, dict[str, str], list[dict[str, Any]]]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(group, ids, labels) of each row; a text is a list of [text, bears loss]."""
    file, chat, rows = job
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    result = []
    for group, parts in (expanded for row in rows for expanded in expand(row, chat)):
        ids: list[int] = []
        spoken: list[bool] = []
        for text, loss in parts:
            part = tokenizer.encode(text, add_special_tokens=False).ids
            ids += part
            spoken += [bool(loss)] * len(part)
        tokens = np.array(ids, np.int32)
        labels = np.where(np.array(spoken[1:]), tokens[1:], IGNORED).astype(np.int32)
        if "/" not in group or group.startswith("chat/"):
            result.append((group, tokens[:-1][: BUCKETS[-1]], labels[: BUCKETS[-1]]))
            continue
        for start in range(0, len(labels), LONGEST):
            part, said = tokens[:-1][start : start + LONGEST], labels[start : start + LONGEST]
            if start:
                part, said = np.concatenate([tokens[:1], part]), np.concatenate([[np.int32(IGNORED)], said])
            result.append((group, part, said))
    return result


def expand(row: dict[str, Any], chat: dict[str, str]) -> Iterator[tuple[str, list[list[Any]]]]:
    """Group and parts of a text; a pair is four: one text in two languages and a request to translate, both ways."""
    if "t" in row:
        yield row["g"], row["t"]
        return
    _, _, _, name = row["g"].split(" ")
    for source, result, asking in ((*row["p"], row["a"][0]), (*row["p"][::-1], row["a"][1])):
        yield f"pairs/{name}", [["<bos>", 0], [f"{source}\n{result}", 1], [chat["end"], 1]]
        ask = f"{chat['open']}{asking} {source}{chat['close']}"
        yield f"chat/{name}", [[ask, 0], [f"{result}{chat['end']}", 1]]


def encode(job: Path, vocabulary: str, workers: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """All documents of the job by group."""
    file = str(job / f"tokenizer.{vocabulary}.json")
    rows = [row for part in sorted(job.glob("texts*.jsonl.xz")) for row in open_text(part)]
    chat = json.loads((job / "chat.json").read_text("utf-8"))
    pieces = [(file, chat, rows[start : start + 2000]) for start in range(0, len(rows), 2000)]
    groups: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for done in pool.map(encode_part, pieces):
            for group, ids, labels in done:
                if len(ids) and (labels != IGNORED).any():
                    groups.setdefault(group, []).append((ids, labels))
    return groups


class Stream:
    """Batches of rows of like length, drawn from groups by weight; each pass over a group has a new order."""

    def __init__(self, groups: dict[str, Any], weights: dict[str, float], batch: int, seed: int, device: Any) -> None:
        self.groups = {name: groups[name] for name, weight in weights.items() if weight > 0 and name in groups}
        self.random = np.random.default_rng(seed)
        self.batch, self.device = batch, device
        total = sum(weights[name] for name in self.groups)
        self.shares = {name: weights[name] / total for name in self.groups}
        self.given = dict.fromkeys(self.groups, 0)
        self.passes = dict.fromkeys(self.groups, 0)
        self.order: dict[str, list[int]] = {name: [] for name in self.groups}
        self.waiting: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {size: [] for size in BUCKETS}
        self.tokens = 0

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        name = min(self.groups, key=lambda n: self.given[n] / self.shares[n])
        if not self.order[name]:
            self.order[name] = self.random.permutation(len(self.groups[name])).tolist()
            self.passes[name] += 1
        row = self.groups[name][self.order[name].pop()]
        self.given[name] += len(row[0])
        return row

    def next(self) -> tuple[Any, Any]:
        """Inputs and labels, int64 (rows, length), of one bucket that is full."""
        while True:
            row = self.draw()
            size = next(s for s in BUCKETS if len(row[0]) <= s)
            bucket = self.waiting[size]
            bucket.append(row)
            if len(bucket) * size >= self.batch:
                self.waiting[size] = []
                ids = np.zeros((len(bucket), size), np.int64)
                labels = np.full((len(bucket), size), IGNORED, np.int64)
                for place, (one, label) in enumerate(bucket):
                    ids[place, : len(one)], labels[place, : len(label)] = one, label
                self.tokens += sum(len(one) for one, _ in bucket)
                return (
                    torch.from_numpy(ids).to(self.device, non_blocking=True),
                    torch.from_numpy(labels).to(self.device, non_blocking=True),
                )


def prefetch(stream: Stream, ahead: int = 8) -> Iterator[tuple[Any, Any]]:
    """Batches made by a thread while the GPU works."""
    ready: queue.Queue[Any] = queue.Queue(ahead)

    def fill() -> None:
        while True:
            ready.put(stream.next())

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield ready.get()
