"""A model written for another engine, and the proof that this engine computes the same with it."""

from pathlib import Path
from typing import Any

from anatili.gguf.file import QUANTIZATIONS, export_gguf
from anatili.problem import Problem
from anatili.text import show_path
from anatili.train import converted, parity


def check_quantization(name: str) -> None:
    """`Problem` if GGUF files are not written in this way."""
    if name not in QUANTIZATIONS:
        raise Problem(f"no quantization {name!r}; there are {', '.join(QUANTIZATIONS)}")


def to_gguf(folder: Path, out: Path | None = None, quantization: str = "q8_0", *, check: bool = True) -> dict[str, Any]:
    """Write a Hugging Face folder as GGUF for llama.cpp, beside it if no file is named; with `check`, run both."""
    check_quantization(quantization)
    if folder.suffix == ".gguf":
        raise Problem(f"{show_path(folder)} is GGUF already")
    file = out or folder.with_name(f"{folder.name}-{quantization}.gguf")
    facts = export_gguf(folder, file, quantization)
    return facts | {"parity": parity.compare(folder, file, quantization)} if check else facts


def to_ctranslate2(
    folder: Path, out: Path | None = None, quantization: str = "int8", *, check: bool = True
) -> dict[str, Any]:
    """Write a model that only translates as CTranslate2 runs it, beside it if no folder is named."""
    if quantization not in converted.ALLOWED:
        raise Problem(f"no quantization {quantization!r} for CTranslate2; there are {', '.join(converted.ALLOWED)}")
    target = out or folder.with_name(f"{folder.name}-{quantization}")
    facts = converted.convert(folder, target, quantization)
    return facts | {"parity": converted.compare(folder, target, quantization)} if check else facts
