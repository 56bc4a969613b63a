"""The vocabulary of a Hugging Face folder as llama.cpp reads it from GGUF."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import SPLIT_RULES

if TYPE_CHECKING:
    from gguf import GGUFWriter

NORMAL, CONTROL, USER, UNKNOWN, BYTE = 1, 3, 4, 2, 6
"""Types of token in GGUF."""


def add_vocabulary(writer: "GGUFWriter", folder: Path, size: int) -> None:
    """Write tokens, merges or scores, special tokens and chat template; `Problem` if llama.cpp would tokenize
    differently."""
    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    model = raw["model"]
    ids: dict[str, int] = {**model["vocab"], **{token["content"]: token["id"] for token in raw["added_tokens"]}}
    tokens = sorted(ids, key=lambda token: ids[token])
    if len(tokens) != size or ids[tokens[-1]] != size - 1:
        raise Problem(f"{show_path(folder)}: the tokenizer has {len(tokens)} tokens, the embedding {size} rows")
    added = {token["content"]: CONTROL if token["special"] else USER for token in raw["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    split = split_rule(raw)
    if split:
        names = {rule: name for name, rule in SPLIT_RULES.items()}
        if split not in names:
            raise Problem(f"{show_path(folder)}: llama.cpp has no name for this tokenizer's split rule: {split[:60]}")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(names[split])
        writer.add_token_list(tokens)
        writer.add_token_types([added.get(token, NORMAL) for token in tokens])
        writer.add_token_merges(merges)
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores(tokens, model["merges"]))
        writer.add_token_types([added.get(token) or type_of(token, model) for token in tokens])
        writer.add_add_space_prefix(False)
    for key, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("pad_token", writer.add_pad_token_id),
        ("unk_token", writer.add_unk_token_id),
    ):
        if config.get(key) in ids:
            add(ids[config[key]])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text("utf-8"))


def split_rule(raw: dict[str, Any]) -> str:
    """The regular expression with which a byte-level tokenizer splits text before merging; "" for SentencePiece."""
    steps = raw.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    if not any(step.get("type") == "ByteLevel" for step in steps):
        return ""
    return next((step["pattern"].get("Regex", "") for step in steps if step.get("type") == "Split"), "unknown")


def scores(tokens: list[str], merges: list[Any]) -> list[float]:
    """Scores for llama.cpp, which merges the pair with the highest one: minus the rank of the token's first merge."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        ranks.setdefault(left + right, rank)
    return [-float(ranks.get(token, 0)) for token in tokens]


def type_of(token: str, model: dict[str, Any]) -> int:
    if token == model.get("unk_token"):
        return UNKNOWN
    return BYTE if re.fullmatch(r"<0x[0-9A-F]{2}>", token) else NORMAL
