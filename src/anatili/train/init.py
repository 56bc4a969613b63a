"""What training starts from: random weights of a shape, or a base model with its vocabulary made to fit."""

import json
from pathlib import Path
from typing import Any

import torch

from anatili import weights
from anatili.gguf.base import open_base
from anatili.problem import Problem
from anatili.recipe import Pretrain, Recipe
from anatili.text import show_path
from anatili.weights import is_rows

ADAPTER = "adapter"
"""Folder of the LoRA adapter in a stage's output."""


def from_nothing(settings: Pretrain, vocabulary: int, begin: int, end: int) -> Any:
    """A new model of random weights, of the shape that the recipe names."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

    shape = {
        "vocab_size": vocabulary,
        "hidden_size": settings.width,
        "intermediate_size": settings.feed_forward,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.kv_heads or settings.heads,
        "head_dim": settings.width // settings.heads,
        "max_position_embeddings": settings.context,
        "bos_token_id": begin,
        "eos_token_id": end,
        "tie_word_embeddings": settings.tied,
        "use_cache": False,
    }
    if settings.shape == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape))
    return Qwen3ForCausalLM(Qwen3Config(**shape))


def open_model(folder: Path, dtype: Any = torch.float32) -> Any:
    """The model in a Hugging Face folder, complete to the last tensor; `Problem` says what is missing or misfits."""
    from transformers import AutoModelForCausalLM

    weights.quiet()
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            weights.check_folder(folder), dtype=dtype, local_files_only=True, trust_remote_code=False,
            use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
    except (ValueError, KeyError, OSError) as error:
        raise Problem(f"{folder.name} cannot be opened by transformers: {error}") from error
    weights.check_complete(model, info, folder)
    return model


def from_base(tokenizer: Path, near: Path, begin: int, end: int) -> tuple[Any, int]:
    """The base that the tokenizer was fitted from, with embeddings to match; and the number of rows it brought.

    Rows of new pieces are the mean of the rows that the base cut them into, for input and output alike: a
    start, no more.
    """
    base = json.loads((tokenizer / "base.json").read_text("utf-8"))["base"]
    model = open_model(open_base(base, near))
    if getattr(model.config, "final_logit_softcapping", None):
        raise Problem(f"{base} caps its logits, which our loss does not do: its training would be wrong")
    rows = weights.read_rows(tokenizer / "rows.npz")
    fit_embeddings(model, rows)
    model.config.bos_token_id, model.config.eos_token_id, model.config.use_cache = begin, end, False
    model.generation_config.bos_token_id, model.generation_config.eos_token_id = begin, end
    return model, len(rows) - added_rows(rows)


def added_rows(rows: list[list[int]]) -> int:
    """New rows at the end: the first that repeats an old row or is made of several opens them."""
    seen: set[int] = set()
    for number, row in enumerate(rows):
        if len(row) > 1 or row[0] in seen:
            return len(rows) - number
        seen.add(row[0])
    return 0


def fit_embeddings(model: Any, rows: list[list[int]]) -> None:
    """Replace the embedding (and the head, if it is another matrix) by means of old rows."""
    parts = embeddings(model)
    most = max(max(row) for row in rows)
    for part in parts:
        old = part.weight.data
        if most >= len(old):
            raise Problem(f"the tokenizer speaks of row {most}, but the base's embedding has {len(old)}")
        new = torch.stack([old[row].mean(0) if len(row) > 1 else old[row[0]] for row in rows])
        part.weight = torch.nn.Parameter(new)
        for name in ("num_embeddings", "out_features"):
            if hasattr(part, name):
                setattr(part, name, len(rows))
    model.config.vocab_size = len(rows)
    model.config.pad_token_id = None  # an id of the old vocabulary
    model.tie_weights()


def add_adapter(model: Any, rank: int, precision: Any, known: int | None = None) -> Any:
    """`model` with LoRA on every matrix of its layers; what was there is frozen, in the type of the forward pass.

    Rows of embedding and head from `known` on are new and learn with it, in float32; None: there are no new rows.
    """
    from peft import LoraConfig, get_peft_model

    model.to(precision)
    names = sorted({name.rsplit(".", 1)[1] for name, part in model.named_modules()
                    if isinstance(part, torch.nn.Linear) and ".layers." in name})  # fmt: skip
    size = len(model.get_input_embeddings().weight)
    new = list(range(size if known is None else known, size))
    # A head that is tied to the embedding gets the same rows from PEFT itself.
    ends = {name: new for name, part in model.named_modules() for end in embeddings(model) if part is end}
    return get_peft_model(model, LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=names, task_type="CAUSAL_LM",
        trainable_token_indices=ends if new else None,
    ))  # fmt: skip


def embeddings(model: Any) -> list[Any]:
    """The embedding, and the head where it is another matrix."""
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    return [first] if last.weight is first.weight else [first, last]


def adapter_file(name: str, near: Path) -> Path:
    """The GGUF adapter that a recipe goes on from."""
    if not (near / name).is_file():
        raise Problem(f"[pretrain] no adapter {show_path(near / name)}; correct the path in the recipe or take it out")
    return near / name


def inventory(recipe: Recipe, near: Path) -> dict[str, str]:
    """The adapter that training goes on from, by its digest."""
    name = recipe.pretrain.adapter
    return {"adapter": weights.sha256(adapter_file(name, near))} if name else {}


def learned_rows(adapted: Any) -> list[Any]:
    """The parameters of an adapted model that hold new rows: the rows themselves, not what they differ by."""
    return [parameter for name, parameter in adapted.named_parameters() if is_rows(name)]


def learn_rows(model: Any, known: int) -> list[Any]:
    """Let only the rows from `known` on of embedding and head learn; returns the handles that end it."""
    model.requires_grad_(False)
    handles = []
    for part in (model.get_input_embeddings(), model.get_output_embeddings()):
        if part.weight.requires_grad:
            continue
        part.weight.requires_grad_(True)
        mask = (torch.arange(len(part.weight)) >= known).to(part.weight.dtype)[:, None]
        handles.append(part.weight.register_hook(lambda slope, mask=mask: slope * mask.to(slope.device)))
    return handles
