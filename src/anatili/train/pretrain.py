"""`pretrain`: train a model on the corpus, from scratch or from a base, and write an ordinary Hugging Face folder."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatili.problem import Problem, install, pip
from anatili.recipe import Pretrain
from anatili.refine.pairs import files_of
from anatili.stage import Task
from anatili.weights import quiet_transformers, save_tensors

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def run(task: Task) -> dict[str, Any]:
    """Train as [pretrain] says; `model/` gets config, weights and tokenizer, `log.jsonl` and `loss.png` the losses.

    With method = "lora", `adapter/` gets the trained adapter without the base.
    """
    torch = load_torch()
    from anatili.train import data, devices, launch, loop, memory
    from anatili.train.curves import save_curves

    if task.launch:
        return launch.start(task, "anatili.train.pretrain:run")

    precision = devices.settle_precision(task.settings.precision, task.out)
    settings: Pretrain = task.settings.model_copy(update={"precision": precision})
    tokenizer, begin, end = open_tokenizer(task.inputs["tokenizer"])
    counts = write_corpus(task, tokenizer, (begin, end))
    mixture = data.mix(task.out / "tokens", counts, settings, begin)

    def batch(step: int) -> tuple[Any, ...]:
        return tuple(torch.from_numpy(part) for part in mixture.batch(step, settings.batch))

    model, known = starting_model(task, tokenizer.get_vocab_size(), begin, end)
    memory.check(model, settings)
    plan = make_plan(settings, batch, data.bytes_per_token(counts, mixture.weights))
    if settings.check_every:
        plan = replace(plan, check=held_out_check(task, tokenizer, (begin, end)), check_every=settings.check_every)
    plan, row_steps = train_rows(model, known, plan, settings, task)
    adapted = adapter_on(model, known, settings, task.base) if settings.method == "lora" else None
    inner = adapted.get_base_model() if adapted else model
    if settings.checkpointing:
        inner.gradient_checkpointing_enable({"use_reentrant": False})
    rows = loop.train(inner, plan, task.out, task.progress)
    if devices.is_first():
        finish(model, adapted, task)
        if rows:
            save_curves(task.out / "loss.png", rows)
        clear(task.out)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus_tokens": {group: count["tokens"] for group, count in counts.items()},
        "trained_tokens": (plan.steps + row_steps) * settings.batch * settings.context,
        "epochs": data.epochs(mixture, counts, data.sequences(settings)),
        **summary(plan, rows, settings),
    }


def write_corpus(task: Task, tokenizer: Any, ends: tuple[int, int]) -> Any:
    """Write corpus and pairs as tokens to `tokens/` (first process only); returns the counts of each group."""
    from anatili.train import data, devices

    shards = sorted(task.inputs["cut"].glob("part-*.parquet"))
    pairs = files_of(task.inputs["pairs"], task.recipe.pairs)
    with devices.first_goes_ahead():
        return data.write_tokens(shards, tokenizer, *ends, task.out / "tokens", pairs)


def held_out_check(task: Task, tokenizer: Any, ends: tuple[int, int]) -> Any:
    """The check on held-out documents and pairs during training; `Problem` if there are none."""
    from anatili.train import check, devices

    settings: Pretrain = task.settings
    shards = sorted((task.inputs["cut"] / "held-out").glob("part-*.parquet"))
    pairs = files_of(task.inputs["pairs"] / "held-out", task.recipe.pairs)
    with devices.first_goes_ahead():
        return check.held_out(shards, pairs, tokenizer, ends, task.out / "held-out", settings)


def clear(folder: Path) -> None:
    """Remove what only a running training needs."""
    for name in ("checkpoint.safetensors", "best.safetensors", "precision"):
        (folder / name).unlink(missing_ok=True)
    for name in ("tokens", "held-out", "rows"):
        shutil.rmtree(folder / name, ignore_errors=True)


def open_tokenizer(folder: Path) -> tuple[Any, int, int]:
    """The tokenizer in a folder, with the ids of its begin and end token."""
    from tokenizers import Tokenizer as Bpe

    tokenizer = Bpe.from_file(str(folder / "tokenizer.json"))
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    begin, end = (tokenizer.token_to_id(config[key] or "") for key in ("bos_token", "eos_token"))
    if begin is None or end is None:
        raise Problem("the base's tokenizer has no begin or end token; training needs both to separate documents")
    return tokenizer, begin, end


def starting_model(task: Task, vocabulary: int, begin: int, end: int) -> tuple[Any, int]:
    """The model to train, and how many rows of its embedding are not new."""
    import torch

    from anatili.train import init

    torch.manual_seed(task.settings.seed)
    if (task.inputs["tokenizer"] / "base.json").exists():
        return init.from_base(task.inputs["tokenizer"], task.base, begin, end)
    if task.settings.method == "lora":
        raise Problem('[pretrain] method = "lora" needs a model to adapt: set [tokenizer] base')
    return init.from_scratch(task.settings, vocabulary, begin, end), vocabulary


def train_rows(model: Any, known: int, plan: Any, settings: Pretrain, task: Task) -> tuple[Any, int]:
    """First train only the rows of new tokens, if there are any; returns the plan of the rest and the steps taken."""
    from anatili.train import init, loop

    steps = round(plan.steps * settings.rows_first) if known < model.config.vocab_size else 0
    if not steps:
        return plan, 0
    (task.out / "rows").mkdir(exist_ok=True)
    first = replace(
        plan,
        check=None,
        average=0.0,
        steps=steps,
        learning_rate=settings.rows_rate,
        weight_decay=0.0,
        optimizer="adamw",
        decay=0.0,
    )
    before = [(p, p.requires_grad) for p in model.parameters()]
    handles = init.learn_rows(model, known)
    loop.train(model, first, task.out / "rows", task.progress)
    for handle in handles:
        handle.remove()
    for parameter, requires_grad in before:
        parameter.requires_grad_(requires_grad)

    def later(step: int) -> tuple[Any, ...]:
        return tuple(plan.batch(step + steps))

    return replace(plan, steps=max(1, plan.steps - steps), batch=later), steps


def adapter_on(model: Any, known: int, settings: Pretrain, recipe_folder: Path) -> Any:
    import torch

    from anatili.train import init

    torch.manual_seed(settings.seed)
    precision = getattr(torch, settings.precision)
    adapted = init.add_adapter(model, settings.rank, precision, known)
    if settings.adapter:
        from anatili.gguf.adapter import put_adapter

        put_adapter(init.adapter_file(settings.adapter, recipe_folder), adapted)
    return adapted


def finish(model: Any, adapted: Any, task: Task) -> None:
    """Write `model/`; if there is an adapter, also write it to `adapter/` and merge it into the model."""
    from anatili.train.init import ADAPTER

    if adapted is None:
        save_model(model, task.inputs["tokenizer"], task.out / "model")
        return
    import torch

    adapted.save_pretrained(task.out / ADAPTER, save_embedding_layers=False)
    merged = adapted.to(torch.float32).merge_and_unload()
    save_model(merged.to(torch.bfloat16), task.inputs["tokenizer"], task.out / "model")


def summary(plan: Any, rows: list[dict[str, Any]], settings: Pretrain) -> dict[str, Any]:
    from anatili.train import devices

    device = devices.pick_device()
    last = [row["loss"] for row in rows[-20:]]
    checks = [row["held_out"] for row in rows if "held_out" in row]
    return {
        **({"held_out_bits_per_byte": checks[-1], "state": rows[-1].get("state", "last")} if checks else {}),
        "steps": plan.steps,
        "last_loss": round(sum(last) / len(last), 4) if rows else None,
        "device": device.type,
        "devices": devices.count(),
        "precision": settings.precision,
    }


def make_plan(settings: Pretrain, batch: Any, bytes_per_token: float) -> Any:
    from anatili.train import data, loop

    return loop.Plan(
        steps=data.steps_of(settings), batch=batch, learning_rate=settings.learning_rate, warmup=settings.warmup,
        decay=settings.decay, weight_decay=settings.weight_decay, precision=settings.precision,
        optimizer=settings.optimizer, micro_batch=settings.micro_batch, compile=settings.compile,
        rows_rate=settings.rows_rate, bytes_per_token=bytes_per_token, average=settings.average,
    )  # fmt: skip


def load_torch() -> Any:
    """torch, or a `Problem` that says how to install it."""
    try:
        from anatili.train import loop  # noqa: F401 - sets how threads wait before torch is loaded

        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise Problem(
            f"training needs torch and transformers: {install('train')} (on a machine without a GPU first "
            f"{pip()} torch --index-url https://download.pytorch.org/whl/cpu)"
        ) from error
    quiet_transformers()
    return torch


def save_model(model: Any, tokenizer: Path, folder: Path) -> None:
    """Write a Hugging Face folder: config, safetensors weights and the tokenizer's files."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.use_cache = True
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    # Tied weights are written once, as transformers itself does.
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.named_parameters()}
    save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
