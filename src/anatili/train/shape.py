"""What a recipe's training would take, computed in advance: shape, tokens, memory, operations."""

import json
from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.train.memory import GIB, estimate
from anatili.weights import PACKAGED

ADAM, MUON = "AdamW", "Muon for the layers' matrices, AdamW for the rest"


def outline(recipe: Recipe, recipe_folder: Path, devices: int, memory: float) -> dict[str, Any]:
    """The plan of [pretrain] on devices of `memory` GiB each (0: unknown); `Problem` if it cannot work."""
    settings = recipe.pretrain
    shape = shape_of(recipe, recipe_folder)
    parts = parameters(shape)
    total = sum(parts.values())
    steps = max(1, round(settings.tokens / (settings.batch * settings.context)))
    if settings.batch % devices:
        raise Problem(f"[pretrain] batch = {settings.batch} does not divide evenly over {devices} devices")
    needs = estimate(
        parameters=total, embeddings=parts["embeddings"] + parts["head"], head=parts["embeddings"],
        layers=shape["layers"], hidden_size=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"], settings=settings, processes=devices,
    )  # fmt: skip
    matrices = total - parts["embeddings"] + (parts["embeddings"] if shape["tied"] else 0)
    attention = 6 * shape["layers"] * settings.context * shape["heads"] * shape["head_size"]
    flops = (6 * matrices + attention) * steps * settings.batch * settings.context
    # Each process builds the whole model before sharding it.
    at_start = 4 * total if devices > 1 else 0
    free = memory * GIB
    if free and at_start > free:
        raise Problem(
            f"each device must hold the whole model at the start, {at_start / GIB:.1f} GiB, and has {memory:g} GiB"
        )
    if free and sum(needs.values()) > free:
        uses = " + ".join(f"{name} {size / GIB:.1f}" for name, size in needs.items())
        raise Problem(
            f"each of {devices} devices would need {sum(needs.values()) / GIB:.1f} GiB and has {memory:g}: {uses} GiB. "
            'Use more devices, a smaller micro_batch or context, checkpointing = true or method = "lora"'
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
    """Shares of the languages in the recipe's `mix`; empty if the corpus decides them."""
    total = sum(recipe.pretrain.mix.values())
    return {language: round(weight / total, 4) for language, weight in recipe.pretrain.mix.items()} if total else {}


def shape_of(recipe: Recipe, recipe_folder: Path) -> dict[str, Any]:
    """The model's shape, from the base if it is here, else from the recipe; with the size of the final vocabulary."""
    settings, base = recipe.pretrain, recipe.tokenizer.base
    from_recipe: dict[str, Any] = {
        "layers": settings.layers, "hidden_size": settings.hidden_size, "heads": settings.heads,
        "kv_heads": settings.kv_heads or settings.heads, "head_size": settings.hidden_size // settings.heads,
        "intermediate_size": settings.intermediate_size, "tied": settings.tied,
        "vocabulary": recipe.tokenizer.vocabulary, "from": "random weights",
    }  # fmt: skip
    if not base:
        return from_recipe
    file = recipe_folder / base / "config.json"
    if base in PACKAGED or not file.is_file():
        size = from_recipe["vocabulary"] + recipe.tokenizer.added
        return {**from_recipe, "vocabulary": size, "from": f"{base} (not read: shape as in the recipe)"}
    config = json.loads(file.read_text("utf-8"))
    config = config.get("text_config", config)
    heads = config["num_attention_heads"]
    return {
        "layers": config["num_hidden_layers"], "hidden_size": config["hidden_size"], "heads": heads,
        "kv_heads": config["num_key_value_heads"],
        "head_size": config.get("head_dim") or config["hidden_size"] // heads,
        "intermediate_size": config["intermediate_size"], "tied": config.get("tie_word_embeddings", True),
        "vocabulary": config["vocab_size"] + recipe.tokenizer.added, "from": base,
    }  # fmt: skip


def parameters(shape: dict[str, Any]) -> dict[str, int]:
    """Number of weights by part, without the few thousand of the norms."""
    hidden_size, layers = shape["hidden_size"], shape["layers"]
    attention = 2 * hidden_size * shape["head_size"] * (shape["heads"] + shape["kv_heads"])
    embeddings = shape["vocabulary"] * hidden_size
    return {
        "embeddings": embeddings,
        "head": 0 if shape["tied"] else embeddings,
        "attention": layers * attention,
        "feed_forward": layers * 3 * hidden_size * shape["intermediate_size"],
    }
