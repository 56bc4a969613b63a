"""What a recipe's training would take, computed in advance: shape, tokens, memory, operations."""

from pathlib import Path
from typing import Any

from anatili.compute.shape import Shape, flops_per_token, shape_of
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.train.memory import GIB, estimate

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
        layers=shape.layers, hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size, settings=settings, processes=devices,
    )  # fmt: skip
    flops = flops_per_token(shape, settings.context) * steps * settings.batch * settings.context
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
        "shape": described(shape),
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
    }  # fmt: skip


def mix(recipe: Recipe) -> dict[str, float]:
    """Shares of the languages in the recipe's `mix`; empty if the corpus decides them."""
    total = sum(recipe.pretrain.mix.values())
    return {language: round(weight / total, 4) for language, weight in recipe.pretrain.mix.items()} if total else {}


def parameters(shape: Shape) -> dict[str, int]:
    """Number of weights by part, without the few thousand of the norms."""
    return {
        "embeddings": shape.embedding,
        "head": 0 if shape.tied else shape.embedding,
        "attention": shape.layers * shape.attention,
        "feed_forward": shape.layers * shape.feed_forward,
    }


def described(shape: Shape) -> dict[str, Any]:
    """The shape as the dry run shows it."""
    names = "layers hidden_size heads kv_heads head_size intermediate_size tied vocabulary"
    return {**{name: getattr(shape, name) for name in names.split()}, "from": shape.origin}
