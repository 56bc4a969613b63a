"""A BPE vocabulary: its tokens, its merges and how they form a token; read from and written to tokenizer.json.

There are two kinds: byte-level BPE (GPT-2, Llama 3, Qwen, ours), where tokens are bytes written as letters, and
SentencePiece BPE (Gemma, Llama 2), where tokens are text with ▁ for the space and unknown letters fall back to bytes.
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
class BpeVocabulary:
    """`tokens` by id and `merges` by rank; `raw` is the file as read.

    `added` are special and user tokens by content; they are cut out of a text before any merging.
    """

    raw: dict[str, Any]
    tokens: list[str]
    merges: list[Pair]
    byte_level: bool

    def __post_init__(self) -> None:
        self.ids = {token: token_id for token_id, token in enumerate(self.tokens)}
        self.ranks = {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}
        self.added: dict[str, dict[str, Any]] = {token["content"]: token for token in self.raw["added_tokens"]}

    def text(self, token: str) -> str | None:
        """The text of a token; `None` for a part of a letter, a byte or a special token."""
        if token in self.added:
            return None
        if self.byte_level:
            try:
                return bytes(byte_letters()[letter] for letter in token).decode("utf-8")
            except (KeyError, UnicodeDecodeError):
                return None
        return None if token.startswith("<0x") and token.endswith(">") else token.replace(SPACE, " ")

    def derivation(self, token: str) -> set[str]:
        """All tokens on the way from the letters of `token` to `token`, both included."""
        parts, seen = list(token), set(token)
        while len(parts) > 1:
            ranked = [(self.ranks.get((a, b), -1), i) for i, (a, b) in enumerate(itertools.pairwise(parts))]
            best = min(((rank, i) for rank, i in ranked if rank >= 0), default=None)
            if best is None:
                break
            index = best[1]
            parts[index : index + 2] = [parts[index] + parts[index + 1]]
            seen.add(parts[index])
        return seen | {token}

    def dump(self) -> str:
        """The content of a tokenizer.json."""
        added = [{**token, "id": self.ids[content]} for content, token in self.added.items() if content in self.ids]
        model = {**self.raw["model"], "vocab": self.ids, "merges": [list(pair) for pair in self.merges]}
        whole = {**self.raw, "added_tokens": sorted(added, key=lambda token: token["id"]), "model": model}
        return json.dumps(_with_new_ids(whole, self.ids), ensure_ascii=False)


def _with_new_ids(whole: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    """Update the ids of special tokens in the post-processor."""
    steps = [whole.get("post_processor") or {}]
    steps += steps[0].get("processors", [])
    for step in steps:
        for name, token in (step.get("special_tokens") or {}).items():
            token["ids"] = [ids[content] for content in token.get("tokens", [name])]
    return whole


def read_vocabulary(path: Path) -> BpeVocabulary:
    """The vocabulary in a tokenizer.json, or in a folder with one; `Problem` if it is not BPE."""
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        raw = json.loads(file.read_text("utf-8"))
        model = raw["model"]
        if model["type"] != "BPE":
            raise Problem(f"{show_path(file)} is {model['type']}; only BPE vocabularies can be extended or trimmed")
        tokens: list[str] = sorted(model["vocab"], key=model["vocab"].get)
        pairs = [m.split(" ", 1) if isinstance(m, str) else m for m in model["merges"]]
        merges = [(left, right) for left, right in pairs]
    except FileNotFoundError as error:
        raise Problem(f"no tokenizer {show_path(file)}: expected a tokenizer.json or a folder with one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{show_path(file)} is not a tokenizer.json: {error}") from error
    beyond = {t["content"]: t["id"] for t in raw["added_tokens"] if t["content"] not in model["vocab"]}
    tokens += sorted(beyond, key=lambda content: beyond[content])
    return BpeVocabulary(raw, tokens, merges, '"ByteLevel"' in json.dumps(raw["pre_tokenizer"]))


@cache
def byte_letters() -> dict[str, int]:
    """The letters that byte-level BPE writes for bytes (GPT-2's table), with their bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + number): byte for number, byte in enumerate(rest)}
