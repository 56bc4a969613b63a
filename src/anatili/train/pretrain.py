"""`pretrain`: train a model on the corpus, from scratch or from a base, and write an ordinary Hugging Face folder."""

import importlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatili.atomic_files import remove_folder
from anatili.compute.shape import steps_of
from anatili.problem import Problem, not_installed, pip
from anatili.recipe import Pretrain, Recipe
from anatili.refine.pairs import files_of
from anatili.stage import Task
from anatili.text import file_digest, show_path
from anatili.train.schedule import TrainingPlan
from anatili.weights import quiet_transformers, save_tensors

if TYPE_CHECKING:
    from torch.nn import Module

    from anatili.train.corpus import Counts
    from anatili.train.data import Mixture
    from anatili.train.sampled_loss import SampledVocabulary

Batch = Callable[[int], tuple[Any, ...]]
"""Step -> inputs, labels, positions; int64 of shape (sequences, context)."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def inventory(recipe: Recipe, recipe_folder: Path) -> dict[str, str]:
    """The digest of the adapter that training starts from. Every run asks for it, so torch is not imported here."""
    name = recipe.pretrain.adapter
    return {"adapter": file_digest(adapter_file(name, recipe_folder))} if name else {}


def adapter_file(name: str, recipe_folder: Path) -> Path:
    """The GGUF adapter that training starts from."""
    if not (recipe_folder / name).is_file():
        raise Problem(
            f"[pretrain] no adapter {show_path(recipe_folder / name)}; correct the path in the recipe or remove it"
        )
    return recipe_folder / name


def run(task: Task) -> dict[str, Any]:
    """Train as [pretrain] says; `model/` gets config, weights and tokenizer, `log.jsonl` and `loss.png` the losses.

    With method = "lora", `adapter/` gets the trained adapter without the base.
    """
    torch = load_torch()
    from anatili.train import data, devices, launch, loop, memory
    from anatili.train.corpus import open_tokenizer
    from anatili.train.curves import save_curves
    from anatili.train.held_out import make_check

    counts = write_corpus(task)
    held_out = write_held_out(task) if task.settings.check_every else {}
    if task.launch:
        return launch.start(task, "anatili.train.pretrain:run")

    precision = devices.settle_precision(task.settings.precision, task.out)
    settings: Pretrain = task.settings.model_copy(update={"precision": precision})
    tokenizer, begin, end = open_tokenizer(task.inputs["tokenizer"])
    mixture = data.mix(task.out / "tokens", counts, settings, begin)

    def batch(step: int) -> tuple[Any, ...]:
        return tuple(torch.from_numpy(part) for part in mixture.batch(step, settings.batch))

    model, known, fill = starting_model(task, tokenizer.get_vocab_size(), begin, end)
    memory.check(model, settings)
    plan = make_plan(settings, batch, data.bytes_per_token(data.pooled(counts, settings), mixture.weights))
    if memory.keeps_whole_gradients(model, settings):
        plan = replace(plan, whole_gradients=True)
    if settings.check_every:
        held_out_check = make_check(held_out, begin, task.out / "held-out", settings)
        plan = replace(plan, check=held_out_check, check_every=settings.check_every)
    if settings.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    learner = model if settings.method == "lora" else prepared(model, settings)
    if fill:
        fill(learner, devices.pick_device())
    plan, row_steps = train_rows(model, learner, known, plan, settings, task)
    if row_steps and settings.method == "lora" and devices.count() > 1:
        model = unsharded(model, starting_model(task, tokenizer.get_vocab_size(), begin, end)[0])
    adapted = adapter_on(model, known, settings, task.base) if settings.method == "lora" else None
    if adapted:
        learner = prepared(adapted.get_base_model(), settings, part_of_vocabulary(task, counts, model, known))
    plan, replayed_from = with_kept_checkpoints(plan, batch, row_steps, mixture, task)
    rows = loop.train(learner, plan, task.out, task.progress)
    finish(model, adapted, task)
    if devices.is_first():
        if rows:
            save_curves(task.out / "loss.png", rows)
        keep_order(task.out)
        clear(task.out)
    return {
        **({"went_on_from_step": replayed_from} if replayed_from else {}),
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus_tokens": {group: count["tokens"] for group, count in counts.items()},
        "trained_tokens": (plan.steps + row_steps) * settings.batch * settings.context,
        "epochs": data.epochs(mixture, counts, data.sequences(settings)),
        **summary(plan, rows, settings),
    }


def part_of_vocabulary(task: Task, counts: "Counts", model: "Module", known: int) -> "SampledVocabulary | None":
    """What [pretrain] sampled_vocabulary asks for; `Problem` if new rows are to be learned, which needs the whole."""
    from anatili.train import sampled_loss

    drawn, size = task.recipe.pretrain.sampled_vocabulary, int(model.config.vocab_size)
    if not drawn:
        return None
    if known < size:
        raise Problem(
            "[pretrain] sampled_vocabulary leaves the head as it is, but [tokenizer] added gives it new rows to learn: "
            "set one of the two to 0"
        )
    return sampled_loss.sampled_vocabulary(task.out / "tokens", counts, size, drawn)


def with_kept_checkpoints(
    plan: TrainingPlan, batch: Batch, row_steps: int, mixture: "Mixture", task: Task
) -> tuple[TrainingPlan, int]:
    """The plan with the checkpoints that it keeps, and the step of the kept one from which it goes on, 0 without."""
    from anatili.train import kept_checkpoints, replay

    settings: Pretrain = task.settings
    folder = task.out.parent / replay.CHECKPOINTS
    if not settings.keep_checkpoints:
        shutil.rmtree(folder, ignore_errors=True)
        return plan, 0
    steps = plan.steps + row_steps
    first_pass = replay.first_pass(mixture, settings.batch, steps)
    kept_steps = replay.steps_to_keep(settings.keep_checkpoints, first_pass, steps)
    tokenizer = task.inputs["tokenizer"]
    facts = {
        "settings": settings.model_dump(exclude={"keep_checkpoints"}),
        "precision": plan.precision,
        "vocabulary": {path.name: file_digest(path) for path in sorted(tokenizer.iterdir()) if is_product(path)},
        "adapter": inventory(task.recipe, task.base),
        "check": plan.check.digest() if plan.check else "",
        **kept_checkpoints.machine_facts(),
    }
    checkpoints = kept_checkpoints.KeptCheckpoints(folder, batch, facts, row_steps)
    keep_at = frozenset(step - row_steps for step in kept_steps if step > row_steps)
    step = checkpoints.restore(task.out)
    return replace(plan, keep=checkpoints.keep, keep_at=keep_at), step + row_steps if step else 0


def is_product(path: Path) -> bool:
    """Whether a file of a stage's folder is its product, not a note about how it came about."""
    return path.is_file() and path.name != "record.json" and not path.name.startswith(".")


def keep_order(folder: Path) -> None:
    """Keep the order of the documents, without their text: it tells at which step a document was first seen."""
    from anatili.train import corpus, replay

    tokens = folder / "tokens"
    groups = json.loads((tokens / corpus.COUNTS).read_text("utf-8"))
    of_groups = [tokens / f"{group}{ending}" for group in groups for ending in (corpus.ENDS, corpus.KEYS)]
    of_pools = [path for ending in (corpus.ENDS, corpus.KEYS) for path in tokens.glob(f"*{ending}")]
    for path in (*of_groups, *of_pools, tokens / corpus.COUNTS):
        target = folder / replay.ORDER / path.relative_to(tokens)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def write_corpus(task: Task) -> "Counts":
    """Write corpus and pairs as tokens to `tokens/`, on the pool; returns the counts of each group."""
    shards = sorted(task.inputs["cut"].glob("part-*.parquet"))
    return write_tokens(task, shards, files_of(task.inputs["pairs"], task.recipe.pairs), "tokens")


def write_held_out(task: Task) -> "Counts":
    """Write held-out documents and pairs as tokens to `held-out/`, on the pool; returns the counts of each group."""
    shards = sorted((task.inputs["cut"] / "held-out").glob("part-*.parquet"))
    return write_tokens(task, shards, files_of(task.inputs["pairs"] / "held-out", task.recipe.pairs), "held-out")


def write_tokens(task: Task, shards: list[Path], pairs: Sequence[Path], name: str) -> "Counts":
    """Write them to the folder `name`; in the processes of a launcher they are there already."""
    from anatili.train import corpus, devices

    run = task.map if task.pool else corpus.run_here
    with devices.first_goes_ahead():
        return corpus.write_tokens(shards, task.inputs["tokenizer"], task.out / name, pairs, run)


def clear(folder: Path) -> None:
    """Remove what only a running training needs. What can be made again goes first: one that is stopped meanwhile goes
    on from the last checkpoint."""
    for name in ("tokens", "held-out"):
        remove_folder(folder / name)
    for name in ("checkpoint.safetensors", "best.safetensors", "precision"):
        (folder / name).unlink(missing_ok=True)
    for path in (*folder.glob("checkpoint-*"), folder / "rows", folder / "best"):
        remove_folder(path)


def starting_model(task: Task, vocabulary: int, begin: int, end: int) -> tuple["Module", int, Any]:
    """The model to train, how many rows of its embedding are not new, and on several processes what fills its weights
    once it is sharded."""
    import torch

    from anatili.train import devices, init, sharded

    settings: Pretrain = task.settings
    torch.manual_seed(settings.seed)
    tokenizer, lora = task.inputs["tokenizer"], settings.method == "lora"
    several = devices.count() > 1 and not lora
    if (tokenizer / "base.json").exists():
        if several:
            return sharded.from_base(tokenizer, task.base, begin, end, settings)
        return *init.from_base(tokenizer, task.base, begin, end, settings), None
    if lora:
        raise Problem('[pretrain] method = "lora" needs a model to adapt: set [tokenizer] base')
    if several:
        model, fill = sharded.from_scratch(settings, vocabulary, begin, end)
        return model, vocabulary, fill
    return init.from_scratch(settings, vocabulary, begin, end), vocabulary, None


def prepared(model: "Module", settings: Pretrain, sampled: "SampledVocabulary | None" = None) -> "Module":
    """`model` with its loss, as `loop.train` takes it."""
    import torch

    from anatili.train import devices, loop

    return loop.prepare(model, getattr(torch, settings.precision), devices.pick_device(), settings.compile, sampled)


def train_rows(
    model: "Module", learner: "Module", known: int, plan: TrainingPlan, settings: Pretrain, task: Task
) -> tuple[TrainingPlan, int]:
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
        known_rows=known,
    )
    before = [(p, p.requires_grad) for p in model.parameters()]
    init.learn_embeddings(model)
    loop.train(learner, first, task.out / "rows", task.progress)
    for parameter, requires_grad in before:
        parameter.requires_grad_(requires_grad)

    def later(step: int) -> tuple[Any, ...]:
        return tuple(plan.batch(step + steps))

    return replace(plan, steps=max(1, plan.steps - steps), batch=later), steps


def unsharded(trained: "Module", model: "Module") -> "Module":
    """`model`, as training started from it, with the embeddings of `trained`, which is sharded: adapters are put on
    whole models only."""
    from anatili.train import devices, init

    for part, learned in zip(init.embeddings(model), init.embeddings(trained), strict=True):
        part.weight.data.copy_(devices.whole(learned.weight))
    return model


def adapter_on(model: "Module", known: int, settings: Pretrain, recipe_folder: Path) -> "Module":
    import torch

    from anatili.train import init

    torch.manual_seed(settings.seed)
    precision = getattr(torch, settings.precision)
    adapted = init.add_adapter(model, settings.rank, precision, known)
    if settings.adapter:
        from anatili.gguf.adapter import put_adapter

        put_adapter(adapter_file(settings.adapter, recipe_folder), adapted)
    return adapted


def finish(model: "Module", adapted: "Module | None", task: Task) -> None:
    """Write `model/`; if there is an adapter, also write it to `adapter/` and merge it into the model.

    All processes take part, the first one writes.
    """
    from anatili.train import devices
    from anatili.train.init import ADAPTER

    if adapted is None:
        save_model(model, task.inputs["tokenizer"], task.out / "model")
        return
    import torch

    devices.gather(adapted)
    if not devices.is_first():
        return
    adapted.save_pretrained(task.out / ADAPTER, save_embedding_layers=False)
    merged = adapted.to(torch.float32).merge_and_unload()
    save_model(merged.to(torch.bfloat16), task.inputs["tokenizer"], task.out / "model")


def summary(plan: TrainingPlan, rows: list[dict[str, Any]], settings: Pretrain) -> dict[str, Any]:
    from anatili.train import devices

    device = devices.pick_device()
    last = [row["loss"] for row in rows[-20:] if "skipped" not in row]
    left_out = len(
        {row["step"] for row in rows if "skipped" in row}.union(
            *(row["returned"]["skipped"] for row in rows if "returned" in row)
        )
    )
    checks = [row["held_out"] for row in rows if "held_out" in row]
    return {
        **({"held_out_bits_per_byte": checks[-1], "state": rows[-1].get("state", "last")} if checks else {}),
        "steps": plan.steps,
        **({"steps_left_out": left_out} if left_out else {}),
        "last_loss": round(sum(last) / len(last), 4) if last else None,
        "device": device.type,
        "devices": devices.count(),
        "precision": settings.precision,
    }


def make_plan(settings: Pretrain, batch: Batch, bytes_per_token: float) -> TrainingPlan:
    return TrainingPlan(
        steps=steps_of(settings),
        batch=batch,
        learning_rate=settings.learning_rate,
        warmup=settings.warmup,
        decay=settings.decay,
        weight_decay=settings.weight_decay,
        precision=settings.precision,
        optimizer=settings.optimizer,
        micro_batch=settings.micro_batch,
        rows_rate=settings.rows_rate,
        bytes_per_token=bytes_per_token,
        average=settings.average,
    )


def load_torch() -> Any:
    """torch, or a `Problem` that says how to install it."""
    try:
        from anatili.train import loop  # noqa: F401 - sets how threads wait before torch is loaded

        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise Problem(
            f"{not_installed('training needs torch and transformers', 'train')} (on a machine without a GPU first "
            f"{pip()} torch --index-url https://download.pytorch.org/whl/cpu)"
        ) from error
    quiet_transformers()
    return torch


def save_model(model: "Module", tokenizer: Path, folder: Path) -> None:
    """Write a Hugging Face folder: config, safetensors weights and the tokenizer's files; of a sharded model the first
    process writes them, and all take part."""
    from anatili.train import devices, tensor_files

    folder.mkdir(parents=True, exist_ok=True)
    # Tied weights are written once, as transformers itself does.
    named = list(model.named_parameters())
    if any(hasattr(value, "full_tensor") for _, value in named):
        tensor_files.save_whole(folder / "model.safetensors", named, {"format": "pt"})
    else:
        tensors = {name: value.detach().cpu().contiguous() for name, value in named}
        save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
    if not devices.is_first():
        return
    model.config.use_cache = True
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
