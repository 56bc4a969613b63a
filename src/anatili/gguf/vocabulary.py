"""The vocabulary of a Hugging Face folder as llama.cpp reads it from GGUF."""

import json
import re
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import SPLIT_RULES

NORMAL, CONTROL, USER, UNKNOWN, BYTE = 1, 3, 4, 2, 6
"""Kinds of token in GGUF."""


def add_vocabulary(writer: Any, folder: Path, size: int) -> None:
    """Pieces, merges or scores, special tokens and chat template; `Problem` if llama.cpp would cut text differently."""
    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    said = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    model = raw["model"]
    ids: dict[str, int] = {**model["vocab"], **{token["content"]: token["id"] for token in raw["added_tokens"]}}
    pieces = sorted(ids, key=lambda piece: ids[piece])
    if len(pieces) != size or ids[pieces[-1]] != size - 1:
        raise Problem(f"{show_path(folder)}: the tokenizer has {len(pieces)} pieces, the embedding {size} rows")
    added = {token["content"]: CONTROL if token["special"] else USER for token in raw["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    split = split_rule(raw)
    if split:
        names = {rule: name for name, rule in SPLIT_RULES.items()}
        if split not in names:
            raise Problem(f"{show_path(folder)}: llama.cpp has no name for this tokenizer's split rule: {split[:60]}")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(names[split])
        writer.add_token_list(pieces)
        writer.add_token_types([added.get(piece, NORMAL) for piece in pieces])
        writer.add_token_merges(merges)
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(pieces)
        writer.add_token_scores(scores(pieces, model["merges"]))
        writer.add_token_types([added.get(piece) or kind_of(piece, model) for piece in pieces])
        writer.add_add_space_prefix(False)
    for key, add in (("bos_token", writer.add_bos_token_id), ("eos_token", writer.add_eos_token_id),
                     ("pad_token", writer.add_pad_token_id), ("unk_token", writer.add_unk_token_id)):  # fmt: skip
        if said.get(key) in ids:
            add(ids[said[key]])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text("utf-8"))


def split_rule(raw: dict[str, Any]) -> str:
    """The regular expression by which a byte-level tokenizer splits text before merging, "" for SentencePiece."""
    steps = raw.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    if not any(step.get("type") == "ByteLevel" for step in steps):
        return ""
    return next((step["pattern"].get("Regex", "") for step in steps if step.get("type") == "Split"), "unknown")


def scores(pieces: list[str], merges: list[Any]) -> list[float]:
    """Scores by which llama.cpp joins the pair whose piece scores highest: less the rank of its first merge."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        ranks.setdefault(left + right, rank)
    return [-float(ranks.get(piece, 0)) for piece in pieces]


def kind_of(piece: str, model: dict[str, Any]) -> int:
    if piece == model.get("unk_token"):
        return UNKNOWN
    return BYTE if re.fullmatch(r"<0x[0-9A-F]{2}>", piece) else NORMAL
