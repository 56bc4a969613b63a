"""What a recipe's training would take, worked out before anything is started: shapes, tokens, memory, operations."""

import json
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.train.memory import GIB, estimate
from anatili.weights import PACKAGED

ADAM, MUON = "AdamW", "Muon for the layers' matrices, AdamW for the rest"


def outline(recipe: Recipe, near: Path, devices: int, memory: float) -> dict[str, Any]:
    """The arithmetic of [pretrain] on devices of `memory` GiB each (0: unknown); `Problem` if it does not add up."""
    settings = recipe.pretrain
    shape = shape_of(recipe, near)
    parts = parameters(shape)
    total = sum(parts.values())
    steps = max(1, round(settings.tokens / (settings.batch * settings.context)))
    if settings.batch % devices:
        raise Problem(f"[pretrain] batch = {settings.batch} does not divide evenly over {devices} devices")
    needs = estimate(
        parameters=total, embeddings=parts["embeddings"] + parts["head"], head=parts["embeddings"],
        layers=shape["layers"], width=shape["width"],
        feed_forward=shape["feed_forward"], settings=settings, processes=devices,
    )  # fmt: skip
    matrices = total - parts["embeddings"] + (parts["embeddings"] if shape["tied"] else 0)
    attention = 6 * shape["layers"] * settings.context * shape["heads"] * shape["head_size"]
    flops = (6 * matrices + attention) * steps * settings.batch * settings.context
    # Each process builds the whole model before it is sharded.
    at_start = 4 * total if devices > 1 else 0
    free = memory * GIB
    if free and at_start > free:
        raise Problem(f"each device holds the whole model at the start, {at_start / GIB:.1f} GiB, and has {memory:g}")
    if free and sum(needs.values()) > free:
        said = " + ".join(f"{name} {size / GIB:.1f}" for name, size in needs.items())
        raise Problem(
            f"each of {devices} devices would need {sum(needs.values()) / GIB:.1f} GiB and has {memory:g}: {said} GiB. "
            'Take more devices, a smaller micro_batch or context, checkpointing = true or method = "lora"'
        )
    return {
        "shape": shape,
        "parameters": {**parts, "total": total},
        "tokens": steps * settings.batch * settings.context,
        "tokens_per_step": settings.batch * settings.context,
        "steps": steps,
        "schedule": {
            "optimizer": ADAM if settings.optimizer == "adamw" else MUON,
            "peak_rate": settings.learning_rate,
            "new_rows_alone": round(steps * settings.rows_first) if recipe.tokenizer.added else 0,
            "warmup": max(1, round(steps * settings.warmup)),
            "decay_from": steps - round(steps * settings.decay),
        },
        "mix": mix(recipe),
        "devices": devices,
        "gib_per_device": {**{k: round(v / GIB, 2) for k, v in needs.items()},
                           "total": round(sum(needs.values()) / GIB, 2)},
        "gib_per_device_at_start": round(at_start / GIB, 2),
        "flops": flops,
        "hours_at_1e15_per_second": round(flops / 1e15 / 3600 / devices, 2),
    }  # fmt: skip


def mix(recipe: Recipe) -> dict[str, float]:
    """Shares of the languages that the recipe names; empty where it leaves them to the corpus."""
    total = sum(recipe.pretrain.mix.values())
    return {language: round(weight / total, 4) for language, weight in recipe.pretrain.mix.items()} if total else {}


def shape_of(recipe: Recipe, near: Path) -> dict[str, Any]:
    """The model's shape: the base's own where it lies here, else as the recipe says; its vocabulary as it will be."""
    settings, base = recipe.pretrain, recipe.tokenizer.base
    said: dict[str, Any] = {
        "layers": settings.layers, "width": settings.width, "heads": settings.heads,
        "kv_heads": settings.kv_heads or settings.heads, "head_size": settings.width // settings.heads,
        "feed_forward": settings.feed_forward, "tied": settings.tied, "vocabulary": recipe.tokenizer.vocabulary,
        "from": "random weights",
    }  # fmt: skip
    if not base:
        return said
    file = near / base / "config.json"
    if base in PACKAGED or not file.is_file():
        size = said["vocabulary"] + recipe.tokenizer.added
        return {**said, "vocabulary": size, "from": f"{base} (not looked at: shape as in the recipe)"}
    config = json.loads(file.read_text("utf-8"))
    config = config.get("text_config", config)
    heads = config["num_attention_heads"]
    return {
        "layers": config["num_hidden_layers"], "width": config["hidden_size"], "heads": heads,
        "kv_heads": config["num_key_value_heads"],
        "head_size": config.get("head_dim") or config["hidden_size"] // heads,
        "feed_forward": config["intermediate_size"], "tied": config.get("tie_word_embeddings", True),
        "vocabulary": config["vocab_size"] + recipe.tokenizer.added, "from": base,
    }  # fmt: skip


def parameters(shape: dict[str, Any]) -> dict[str, int]:
    """Weights by part; norms, a few thousand, are left out."""
    width, layers = shape["width"], shape["layers"]
    attention = 2 * width * shape["head_size"] * (shape["heads"] + shape["kv_heads"])
    embeddings = shape["vocabulary"] * width
    return {
        "embeddings": embeddings,
        "head": 0 if shape["tied"] else embeddings,
        "attention": layers * attention,
        "feed_forward": layers * 3 * width * shape["feed_forward"],
    }
