"""Trainings in several processes, forked from one that has loaded torch, so that each starts in a moment."""

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import forking


def together(number: int, work: Callable[..., Any], *arguments: Any, timeout: float = 300) -> list[int]:
    """Run `work(*arguments)` in so many processes that can train together; returns their exit codes."""
    context = forking.context()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_one, args=(rank, number, port, work, arguments)) for rank in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout)
    return [process.exitcode for process in processes]


def _one(rank: int, number: int, port: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    import torch

    from anatili.train import devices

    torch.set_num_threads(1)
    devices.pick_device()
    work(*arguments)
    devices.leave()


def settings(shape: str = "qwen3") -> Any:
    from anatili.recipe import Pretrain

    return Pretrain(shape=shape, layers=2, hidden_size=64, heads=4, kv_heads=2, intermediate_size=96, context=32)


def batch(step: int) -> tuple[Any, Any, Any]:
    """Random tokens that follow from the step, two documents in each sequence."""
    import torch

    tokens = torch.randint(3, 128, (4, 33), generator=torch.Generator().manual_seed(step))
    positions = torch.cat([torch.arange(20), torch.arange(12)]).expand(4, -1)
    return tokens[:, :-1], tokens[:, 1:], positions


def plan(steps: int, stop: int = -1, precision: str = "float32", micro_batch: int = 1) -> Any:
    """A training whose processes are killed at step `stop`."""
    from anatili.train import schedule

    def stopping(step: int) -> tuple[Any, Any, Any]:
        if step == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(step)

    return schedule.TrainingPlan(
        steps=steps,
        batch=stopping,
        learning_rate=1e-2,
        warmup=0.1,
        decay=0.3,
        weight_decay=0.1,
        precision=precision,
        micro_batch=micro_batch,
        average=0.25,
    )


def learner() -> Any:
    """A model with random weights, made whole by one process and sharded by several."""
    import torch

    from anatili.train import devices, init, loop, sharded

    torch.manual_seed(1)
    if devices.count() == 1:
        return init.from_scratch(settings(), 128, 0, 1)
    model, fill = sharded.from_scratch(settings(), 128, 0, 1)
    prepared = loop.prepare(model, torch.float32, torch.device("cpu"))
    fill(prepared, torch.device("cpu"))
    return prepared


def train_and_stop(folder: Path, steps: int, stop: int) -> None:
    """Train from random weights, or from the newest checkpoint, with a checkpoint at every step. Of two processes each
    keeps whole gradients between its two micro-batches."""
    from anatili.stage import Quiet
    from anatili.train import devices, loop

    loop.CHECKPOINT_SECONDS = 0.0
    loop.train(learner(), replace(plan(steps, stop), whole_gradients=devices.count() == 2), folder, Quiet())


def train_whole_and_broken(folder: Path, steps: int, stop: int) -> None:
    """The same training in the folder `whole`, and in `broken`, where an error stops it and it goes on."""
    from anatili.stage import Quiet
    from anatili.train import loop

    loop.CHECKPOINT_SECONDS = 0.0
    loop.train(learner(), plan(steps), folder / "whole", Quiet())

    def failing(step: int) -> tuple[Any, Any, Any]:
        if step == stop:
            raise KeyboardInterrupt
        return batch(step)

    try:
        loop.train(learner(), replace(plan(steps), batch=failing), folder / "broken", Quiet())
    except KeyboardInterrupt:
        loop.train(learner(), plan(steps), folder / "broken", Quiet())


def compare_starts(folder: Path) -> None:
    """Models that are made sharded have the weights of those that are made whole, from nothing and from a folder."""
    for shape in ("llama", "qwen3"):
        compare_start(folder, shape)


def compare_start(folder: Path, shape: str) -> None:
    import torch

    from anatili.train import devices, init, loop, pretrain, sharded

    cpu = torch.device("cpu")
    torch.manual_seed(5)
    whole = init.from_scratch(settings(shape), 128, 0, 1)
    torch.manual_seed(5)
    for model, fill in (sharded.from_scratch(settings(shape), 128, 0, 1), sharded.from_folder(folder / shape)):
        prepared = loop.prepare(model, torch.float32, cpu)
        assert all(value.is_meta for value in model.parameters())
        fill(prepared, cpu)
        for name, value in whole.named_parameters():
            own = dict(model.named_parameters())[name]
            assert own.to_local().numel() < value.numel(), name
            assert torch.equal(devices.whole(own), value), name
        for name, buffer in whole.named_buffers():
            assert torch.equal(dict(model.named_buffers())[name], buffer), name
    pretrain.save_model(model, folder / "tokenizer", folder / f"{shape}-again")


def measure_memory(folder: Path) -> None:
    """What two trainings need by the estimate and by measuring, by the benchmark; the first process writes it."""
    import argparse
    import importlib.util
    import json

    from anatili.train import devices

    file = Path(__file__).parent.parent / "bench" / "train_memory.py"
    spec = importlib.util.spec_from_file_location("train_memory", file)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    sizes = argparse.Namespace(layers=3, hidden_size=128, vocabulary=2048, context=256, optimizer="adamw", only="")
    bench.free_at_once()
    cases = [
        case
        for case in bench.cases(sizes, devices.count())
        if (case.shape, case.precision, case.checkpointing, case.batch > 2 * devices.count())
        in (("llama", "float32", False, True), ("qwen3", "bfloat16", False, False))
    ]
    for case in cases:  # what is loaded at first use is no part of the peaks
        bench.train(case, sizes.vocabulary)
    rows = [{"name": case.shape, **bench.measure(case, sizes.vocabulary)} for case in cases]
    if devices.is_first():
        (folder / "rows.json").write_text(json.dumps(rows), "utf-8")


def learn_rows(place: Path, name: str, method: str) -> None:
    """Pretrain the fitted base in `place`, at first only its new rows, into the folder `name`."""
    from anatili.recipe import Pretrain, Recipe
    from anatili.stage import Quiet, Task
    from anatili.train import pretrain

    chosen = Pretrain(
        method=method,
        rank=4,
        context=64,
        tokens=2_000,
        batch=4,
        learning_rate=1e-2,
        rows_rate=1e-2,
        rows_first=0.5,
        precision="float32",
        max_epochs=1000,
    )
    (place / name).mkdir(exist_ok=True)
    inputs = {"tokenizer": place / "fitted", "cut": place / "cut", "pairs": place / "pairs"}
    recipe = Recipe(name="rows", language="kk", pretrain=chosen)
    pretrain.run(Task(recipe, chosen, place, inputs, place / name, None, Quiet()))
