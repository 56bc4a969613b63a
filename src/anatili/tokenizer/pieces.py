"""A BPE vocabulary laid open: its pieces, its merges, how a piece comes about; read from and written to tokenizer.json.

Two kinds are in use: byte-level BPE (GPT-2 on: Llama 3, Qwen, ours), where pieces are bytes written as letters, and
SentencePiece BPE (Gemma, Llama 2), where pieces are text with ▁ for the space and odd letters fall back to bytes.
"""

import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path

SPACE = "▁"
Pair = tuple[str, str]


@dataclass
class Vocabulary:
    """`pieces` by id and `merges` by rank; `raw` is the rest of the file as it was.

    `added` are special and user tokens by content: they are cut out of a text before any merging.
    """

    raw: dict[str, Any]
    pieces: list[str]
    merges: list[Pair]
    byte_level: bool

    def __post_init__(self) -> None:
        self.ids = {piece: number for number, piece in enumerate(self.pieces)}
        self.ranks = {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}
        self.added: dict[str, dict[str, Any]] = {token["content"]: token for token in self.raw["added_tokens"]}

    def text(self, piece: str) -> str | None:
        """What a piece stands for; `None` for part of a letter, a byte or a special token."""
        if piece in self.added:
            return None
        if self.byte_level:
            try:
                return bytes(byte_letters()[letter] for letter in piece).decode("utf-8")
            except (KeyError, UnicodeDecodeError):
                return None
        return None if piece.startswith("<0x") and piece.endswith(">") else piece.replace(SPACE, " ")

    def derivation(self, piece: str) -> set[str]:
        """All pieces that come about while `piece` is put together from its letters, it and the letters included."""
        parts, seen = list(piece), set(piece)
        while len(parts) > 1:
            ranked = [(self.ranks.get((a, b), -1), i) for i, (a, b) in enumerate(itertools.pairwise(parts))]
            best = min(((rank, i) for rank, i in ranked if rank >= 0), default=None)
            if best is None:
                break
            place = best[1]
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
            seen.add(parts[place])
        return seen | {piece}

    def dump(self) -> str:
        """The text of a tokenizer.json."""
        added = [{**token, "id": self.ids[content]} for content, token in self.added.items() if content in self.ids]
        model = {**self.raw["model"], "vocab": self.ids, "merges": [list(pair) for pair in self.merges]}
        whole = {**self.raw, "added_tokens": sorted(added, key=lambda token: token["id"]), "model": model}
        return json.dumps(_renumbered(whole, self.ids), ensure_ascii=False)


def _renumbered(whole: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    """The post-processor names special tokens with their ids: put the new ones in."""
    steps = [whole.get("post_processor") or {}]
    steps += steps[0].get("processors", [])
    for step in steps:
        for name, token in (step.get("special_tokens") or {}).items():
            token["ids"] = [ids[content] for content in token.get("tokens", [name])]
    return whole


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in a tokenizer.json, or in a folder that holds one; `Problem` if it is no BPE."""
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        raw = json.loads(file.read_text("utf-8"))
        model = raw["model"]
        if model["type"] != "BPE":
            raise Problem(f"{show_path(file)} is {model['type']}; only BPE vocabularies can be extended or trimmed")
        pieces: list[str] = sorted(model["vocab"], key=model["vocab"].get)
        parted = [m.split(" ", 1) if isinstance(m, str) else m for m in model["merges"]]
        merges = [(left, right) for left, right in parted]
    except FileNotFoundError as error:
        raise Problem(f"no tokenizer {show_path(file)}: expected a tokenizer.json or a folder with one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{show_path(file)} is no tokenizer.json: {error}") from error
    beyond = {t["content"]: t["id"] for t in raw["added_tokens"] if t["content"] not in model["vocab"]}
    pieces += sorted(beyond, key=lambda content: beyond[content])
    return Vocabulary(raw, pieces, merges, '"ByteLevel"' in json.dumps(raw["pre_tokenizer"]))


@cache
def byte_letters() -> dict[str, int]:
    """The letters by which byte-level BPE writes bytes (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + number): byte for number, byte in enumerate(rest)}
