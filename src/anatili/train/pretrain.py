"""`pretrain`: a model trained from scratch on the corpus, left as an ordinary Hugging Face folder."""

import importlib
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

from anatili.document import whole_file
from anatili.problem import Problem
from anatili.recipe import Pretrain
from anatili.stage import Task

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def run(task: Task) -> dict[str, Any]:
    """Train by [pretrain]; `model/` holds config, weights and tokenizer, `log.jsonl` and `loss.png` the losses."""
    torch = load_torch()
    from tokenizers import Tokenizer as Bpe

    from anatili.train import data, devices, loop

    settings: Pretrain = task.settings
    tokenizer = Bpe.from_file(str(task.inputs["tokenizer"] / "tokenizer.json"))
    said = json.loads((task.inputs["tokenizer"] / "tokenizer_config.json").read_text("utf-8"))
    begin, end = (int(tokenizer.token_to_id(said[key]) or 0) for key in ("bos_token", "eos_token"))
    shards = sorted(task.inputs["cut"].glob("part-*.parquet"))
    counts = data.write_tokens(shards, tokenizer, begin, end, task.out / "tokens")
    mixture = data.mix(task.out / "tokens", counts, settings, begin)

    def batch(step: int) -> tuple[Any, ...]:
        return tuple(torch.from_numpy(part) for part in mixture.batch(step, settings.batch))

    torch.manual_seed(settings.seed)
    model = make_model(settings, tokenizer.get_vocab_size(), begin, end)
    if settings.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    plan = make_plan(settings, batch, data.bytes_per_token(counts, mixture.weights))
    rows = loop.train(model, plan, task.out, task.progress)
    save_model(model, task.inputs["tokenizer"], task.out / "model")
    data.save_curves(task.out / "loss.png", rows)
    (task.out / "checkpoint.safetensors").unlink()
    shutil.rmtree(task.out / "tokens")
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus_tokens": {group: count["tokens"] for group, count in counts.items()},
        "trained_tokens": plan.steps * settings.batch * settings.context,
        "epochs": data.epochs(mixture, counts, data.sequences(settings)),
        "steps": plan.steps,
        "last_loss": round(sum(row["loss"] for row in rows[-20:]) / len(rows[-20:]), 4),
        "tokens_per_second": round(statistics.median(row["tokens_per_second"] for row in rows), 1),
        "joules": rows[-1]["joules"] or None,
        "device": devices.pick_device().type,
        "precision": str(devices.pick_precision(settings.precision, devices.pick_device())).removeprefix("torch."),
    }


def make_plan(settings: Pretrain, batch: Any, bytes_per_token: float) -> Any:
    from anatili.train import data, loop

    return loop.Plan(
        steps=data.steps_of(settings), batch=batch, learning_rate=settings.learning_rate, warmup=settings.warmup,
        decay=settings.decay, weight_decay=settings.weight_decay, precision=settings.precision,
        optimizer=settings.optimizer, micro_batch=settings.micro_batch, compile=settings.compile,
        bytes_per_token=bytes_per_token,
    )  # fmt: skip


def load_torch() -> Any:
    """torch, or a `Problem` that says how to get it."""
    try:
        from anatili.train import loop  # noqa: F401 - sets how threads wait before torch is loaded

        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise Problem(
            "training needs torch and transformers: pip install 'anatili[train]' (on a machine without GPU first "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu)"
        ) from error
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return torch


def make_model(settings: Pretrain, vocabulary: int, begin: int, end: int) -> Any:
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


def save_model(model: Any, tokenizer: Path, folder: Path) -> None:
    """Write a Hugging Face folder: config, safetensors weights and the tokenizer's files."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    model.config.use_cache = True
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    # Tied weights once, as transformers itself writes them.
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.named_parameters()}
    with whole_file(folder / "model.safetensors") as temporary:
        save_file(tensors, str(temporary), metadata={"format": "pt"})
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
