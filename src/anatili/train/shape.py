"""What a recipe's training would take, computed in advance: shape, tokens, memory, operations."""

from pathlib import Path
from typing import Any

from anatili.compute.shape import Shape, flops_per_token, shape_of, steps_of
from anatili.compute.training_memory import layout_that_fits, needs, training_of, with_whole_gradients
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.train.memory import GIB, in_words

ADAM, MUON = "AdamW", "Muon for the layers' matrices, AdamW for the rest"


def outline(recipe: Recipe, recipe_folder: Path, devices: int, memory: float) -> dict[str, Any]:
    """The plan of [pretrain] on devices of `memory` GiB each (0: unknown); `Problem` if it cannot work."""
    settings = recipe.pretrain
    shape = shape_of(recipe, recipe_folder)
    parts = parameters(shape)
    total = sum(parts.values())
    steps = steps_of(settings)
    if settings.batch % devices:
        raise Problem(f"[pretrain] batch = {settings.batch} does not divide evenly over {devices} devices")
    training = with_whole_gradients(training_of(settings, shape, devices), memory * GIB)
    uses = needs(training)
    flops = flops_per_token(shape, settings.context) * steps * settings.batch * settings.context
    # With adapters each process builds the whole model before it is sharded; else one parameter at a time.
    at_start = 4 * (total if settings.method == "lora" else shape.embedding) if devices > 1 else 0
    free = memory * GIB
    if free and at_start > free:
        raise Problem(
            f"each device must hold {at_start / GIB:.1f} GiB at the start and has {memory:g} GiB: use larger devices"
        )
    if free and sum(uses.values()) > free:
        fitting = layout_that_fits(settings, shape, devices, free) or 'use a smaller context or method = "lora"'
        raise Problem(
            f"each of {devices} devices would need {sum(uses.values()) / GIB:.1f} GiB and has {memory:g}: "
            f"{in_words(uses)}. Weights are sharded over all devices (FSDP; there is no tensor parallelism): {fitting}"
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
        "gib_per_device": {
            **{k: round(v / GIB, 2) for k, v in uses.items()},
            "total": round(sum(uses.values()) / GIB, 2),
        },
        "gradients_exchanged": "once a step" if training.whole else "after each micro-batch",
        "gib_per_device_at_start": round(at_start / GIB, 2),
        "flops": flops,
    }


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
