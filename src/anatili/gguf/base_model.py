"""The base that a model is built on, as a Hugging Face folder; a packaged GGUF is unpacked first."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.gguf import check_gguf
from anatili.gguf.config import read_config


def open_base(base: str, recipe_folder: Path) -> Path:
    """The Hugging Face folder of a base; what is a GGUF file is unpacked once.

    `base` is the name of a packaged base, or the path of a folder or of a GGUF file, relative to `recipe_folder`.
    """
    if base in weights.PACKAGED:
        return unpacked_once(lambda: (weights.packaged_gguf(base), weights.notice(base)), weights.cache_folder() / base)
    path = recipe_folder / base
    if path.suffix == ".gguf":
        check_gguf(path)
        cached = weights.cache_folder() / "bases" / f"{path.stem}-{weights.sampled_digest(path)[:16]}"
        return unpacked_once(lambda: (path,), cached)
    return weights.check_folder(path)


def unpacked_once(files: Callable[[], tuple[Path, ...]], folder: Path) -> Path:
    """`folder` with the model of the first file, a GGUF, and copies of the others; written if it is not there yet."""
    if not (folder / "model.safetensors").exists():
        with weights.one_at_a_time(folder):
            if not (folder / "model.safetensors").exists():
                gguf, *beside = files()
                unpack(gguf, folder)
                for file in beside:
                    shutil.copyfile(file, folder / file.name)
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
    remove_added_tokens(folder, model.get_input_embeddings().num_embeddings)
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    tensors = {name: value.detach().contiguous() for name, value in model.named_parameters()}
    weights.save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})


def remove_added_tokens(folder: Path, rows: int) -> None:
    """Remove special tokens for which the embedding has no rows: transformers adds them for some architectures, and
    again when such a tokenizer is opened as that architecture's."""
    file, config = folder / "tokenizer.json", folder / "tokenizer_config.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    known = [token for token in tokenizer["added_tokens"] if token["id"] < rows]
    if known == tokenizer["added_tokens"]:
        return
    file.write_text(json.dumps(tokenizer | {"added_tokens": known}, ensure_ascii=False), "utf-8")
    settings = json.loads(config.read_text("utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings.pop("add_prefix_space", None)
    config.write_text(json.dumps(settings, ensure_ascii=False, indent=2), "utf-8")
