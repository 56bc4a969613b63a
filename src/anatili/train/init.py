"""What training starts from: random weights, or a base model with its embeddings fitted to the new vocabulary."""

import json
from pathlib import Path
from typing import Any

import torch

from anatili import weights
from anatili.gguf.base_model import open_base
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.train.positions import set_positions
from anatili.weights import is_rows

ADAPTER = "adapter"
"""Folder of the LoRA adapter in a stage's output."""


def from_scratch(settings: Pretrain, vocabulary: int, begin: int, end: int) -> torch.nn.Module:
    """A new model with random weights, of the shape in the recipe."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": settings.hidden_size,
        "intermediate_size": settings.intermediate_size,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.kv_heads or settings.heads,
        "head_dim": settings.hidden_size // settings.heads,
        "max_position_embeddings": settings.context,
        "bos_token_id": begin,
        "eos_token_id": end,
        "tie_word_embeddings": settings.tied,
        "use_cache": False,
    }
    if settings.rope_scaling:
        raise Problem("[pretrain] rope_scaling is for a base; from scratch, rope_theta is enough for a long context")
    if settings.rope_theta:
        shape["rope_parameters"] = {"rope_type": "default", "rope_theta": settings.rope_theta}
    if settings.shape == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape))
    return Qwen3ForCausalLM(Qwen3Config(**shape))


def open_model(folder: Path, dtype: torch.dtype = torch.float32, settings: Pretrain | None = None) -> torch.nn.Module:
    """The model in a Hugging Face folder, with every tensor and the positions of `settings`; `Problem` says what is
    missing or does not fit."""
    from transformers import AutoConfig, AutoModelForCausalLM

    weights.quiet_transformers()
    try:
        config = AutoConfig.from_pretrained(weights.check_folder(folder), local_files_only=True)
        if settings:
            set_positions(config, settings)
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (ValueError, KeyError, OSError) as error:
        raise Problem(f"{folder.name} cannot be opened by transformers: {error}") from error
    weights.check_complete(model, info, folder)
    return model


def from_base(
    tokenizer: Path, recipe_folder: Path, begin: int, end: int, settings: Pretrain | None = None
) -> tuple[torch.nn.Module, int]:
    """The base that the tokenizer was adapted from, with fitted embeddings, and how many of its rows are kept.

    The row of a new token starts as the mean of the rows of the base's tokens for its text, for input and output alike.
    """
    base = json.loads((tokenizer / "base.json").read_text("utf-8"))["base"]
    model = open_model(open_base(base, recipe_folder), settings=settings)
    rows = weights.read_rows(tokenizer / "rows.npz")
    fit_embeddings(model, rows)
    prepare_base(model, base, begin, end)
    return model, len(rows) - added_rows(rows)


def prepare_base(model: torch.nn.Module, base: str, begin: int, end: int) -> None:
    """Name begin and end token, and that training needs no cache; `Problem` if the loss does not support the base."""
    if getattr(model.config, "final_logit_softcapping", None):
        raise Problem(f"{base} caps its logits (final_logit_softcapping), which our loss does not support")
    model.config.bos_token_id, model.config.eos_token_id, model.config.use_cache = begin, end, False
    model.generation_config.bos_token_id, model.generation_config.eos_token_id = begin, end


def added_rows(rows: list[list[int]]) -> int:
    """How many rows at the end are new: from the first that repeats an old row or is the mean of several."""
    seen: set[int] = set()
    for number, row in enumerate(rows):
        if len(row) > 1 or row[0] in seen:
            return len(rows) - number
        seen.add(row[0])
    return 0


def fit_embeddings(model: torch.nn.Module, rows: list[list[int]]) -> None:
    """Replace each row of the embedding (and of an untied head) by the mean of the old rows in `rows`."""
    parts = embeddings(model)
    most = max(max(row) for row in rows)
    for part in parts:
        old = part.weight.data
        if most >= len(old):
            raise Problem(f"the tokenizer refers to row {most}, but the base's embedding has {len(old)}")
        new = torch.stack([old[row].mean(0) if len(row) > 1 else old[row[0]] for row in rows])
        part.weight = torch.nn.Parameter(new)
        for name in ("num_embeddings", "out_features"):
            if hasattr(part, name):
                setattr(part, name, len(rows))
    model.config.vocab_size = len(rows)
    model.config.pad_token_id = None  # an id of the old vocabulary
    model.tie_weights()


def add_adapter(model: torch.nn.Module, rank: int, precision: torch.dtype, known: int | None = None) -> torch.nn.Module:
    """`model` with LoRA on every matrix of its layers; its own weights are frozen, in the type of the forward pass.

    Rows of embedding and head from `known` on are new and are trained too, in float32; None: there are no new rows.
    """
    from peft import LoraConfig, get_peft_model

    model.to(precision)
    names = sorted(
        {
            name.rsplit(".", 1)[1]
            for name, part in model.named_modules()
            if isinstance(part, torch.nn.Linear) and ".layers." in name
        }
    )
    size = len(model.get_input_embeddings().weight)
    new = list(range(size if known is None else known, size))
    # PEFT itself gives the same rows to a head that is tied to the embedding.
    ends = {name: new for name, part in model.named_modules() for end in embeddings(model) if part is end}
    return get_peft_model(
        model,
        LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            target_modules=names,
            task_type="CAUSAL_LM",
            trainable_token_indices=ends if new else None,
        ),
    )


def embeddings(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The embedding, and the head if it is a matrix of its own."""
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    return [first] if last.weight is first.weight else [first, last]


def new_rows(adapted: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters of an adapted model that hold new rows: the rows themselves, not their differences."""
    return [parameter for name, parameter in adapted.named_parameters() if is_rows(name)]


def learn_embeddings(model: torch.nn.Module) -> None:
    """Train only embedding and head."""
    model.requires_grad_(False)
    for part in embeddings(model):
        part.weight.requires_grad_(True)
