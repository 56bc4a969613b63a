"""A GGUF file opened for scoring: its weights taken out of their blocks, its tokenizer as llama.cpp would cut text."""

from pathlib import Path
from typing import Any

from anatili.problem import Problem, install
from anatili.text import show_path


def open_gguf(file: Path) -> tuple[Any, Any, Any, Any]:
    """torch, model (float32), tokenizer and device for a GGUF file."""
    from anatili.engine.llama import check_gguf, silence
    from anatili.engine.llama_vocabulary import read_vocabulary

    check_gguf(file)
    try:
        import torch
        from gguf import GGUFReader
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise Problem(f"scoring a GGUF file needs torch, transformers and gguf: {install('train')}") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"gguf_file": file.name, "local_files_only": True}
    try:
        fields = GGUFReader(file).fields
        config: Any = AutoConfig.from_pretrained(file.parent, **options)
        size = next((f.contents() for name, f in fields.items() if name.endswith(".attention.key_length")), 0)
        if size:  # transformers 5 reads it for some architectures only
            config.head_dim = int(size)
            if hasattr(config, "query_pre_attn_scalar"):  # as llama.cpp: the size of a head
                config.query_pre_attn_scalar = int(size)
        with silence():  # transformers draws a bar here that cannot be turned off
            model: Any = AutoModelForCausalLM.from_pretrained(
                file.parent, config=config, dtype=torch.float32, **options
            )
        tokenizer = read_vocabulary(file)
    except (ValueError, KeyError, OSError, IndexError, RuntimeError) as error:
        raise Problem(f"transformers cannot read {show_path(file)}: {error}") from error
    return torch, model.eval(), tokenizer, "cpu"
