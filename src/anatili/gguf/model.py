"""Open a GGUF file with transformers: its weights dequantized, its tokenizer splitting text as llama.cpp does."""

from pathlib import Path
from typing import Any

from anatili.gguf import check_gguf, silence
from anatili.problem import Problem, install
from anatili.text import show_path


def open_gguf(file: Path) -> tuple[Any, Any, Any, Any]:
    """torch, the model (float32), its tokenizer and its device, for a GGUF file."""
    from anatili.gguf.config import read_config
    from anatili.gguf.tokenizer import read_tokenizer

    check_gguf(file)
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise Problem(f"scoring a GGUF file needs torch, transformers and gguf: {install('train')}") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"gguf_file": file.name, "local_files_only": True}
    try:
        config = read_config(file)
        with silence():  # transformers shows a progress bar here that cannot be turned off
            model: Any = AutoModelForCausalLM.from_pretrained(
                file.parent, config=config, dtype=torch.float32, **options
            )
        tokenizer = read_tokenizer(file)
    except (ValueError, KeyError, OSError, IndexError, RuntimeError) as error:
        raise Problem(f"transformers cannot read {show_path(file)}: {error}") from error
    return torch, model.eval(), tokenizer, "cpu"
