"""`pretrain`: a Llama-shaped model trained from scratch on the corpus, left as an ordinary Hugging Face folder."""

import importlib
import json
import shutil
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

    from anatili.train import data, loop

    settings: Pretrain = task.settings
    tokenizer = Bpe.from_file(str(task.inputs["tokenizer"] / "tokenizer.json"))
    said = json.loads((task.inputs["tokenizer"] / "tokenizer_config.json").read_text("utf-8"))
    begin, end = (int(tokenizer.token_to_id(said[key]) or 0) for key in ("bos_token", "eos_token"))
    counts = data.write_tokens(sorted(task.inputs["cut"].glob("part-*.parquet")), tokenizer, end, task.out / "tokens")
    mixture = data.Mixture(task.out / "tokens", settings.context - 1, data.shares(settings.mix, counts), settings.seed)

    def batch(step: int) -> tuple[Any, Any]:
        tokens = torch.from_numpy(mixture.batch(step, settings.batch))
        start = torch.full((len(tokens), 1), begin)
        return torch.cat([start, tokens[:, :-1]], 1), tokens

    torch.manual_seed(settings.seed)
    model = make_model(settings, tokenizer.get_vocab_size(), begin, end)
    steps = max(1, round(settings.tokens / (settings.batch * settings.context)))
    plan = loop.Plan(
        steps=steps, batch=batch, learning_rate=settings.learning_rate, warmup=settings.warmup, decay=settings.decay,
        weight_decay=settings.weight_decay, precision=settings.precision,
    )  # fmt: skip
    rows = loop.train(model, plan, task.out, task.progress)
    save_model(model, task.inputs["tokenizer"], task.out / "model")
    data.save_losses(task.out / "loss.png", rows)
    (task.out / "checkpoint.safetensors").unlink()
    shutil.rmtree(task.out / "tokens")
    tail = [row["loss"] for row in rows[-20:]]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus_tokens": counts,
        "trained_tokens": steps * settings.batch * settings.context,
        "shares": {k: round(v, 4) for k, v in mixture.weights.items()},
        "steps": steps,
        "last_loss": round(sum(tail) / len(tail), 4),
        "device": loop.pick_device().type,
        "precision": str(loop.pick_precision(settings.precision, loop.pick_device())).removeprefix("torch."),
    }


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
    """A new Llama with tied embeddings; transformers, llama.cpp and vLLM load it without code of ours."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.context,
        bos_token_id=begin,
        eos_token_id=end,
        tie_word_embeddings=True,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


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
