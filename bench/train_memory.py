"""The memory that training is said to need beside what torch allocates in two steps, and the bytes that are exchanged.

    python bench/train_memory.py [--processes 1 2] [--layers 4 --hidden-size 256 --vocabulary 4096 --context 512]
        [--whole-gradients]

Every combination of llama and qwen3 shape, bfloat16 and float32, checkpointing on and off, one and four micro-batches.
Measured is the most memory that the first process held beyond what it had before the model was made (Linux only). The
profiler of torch does not see what the threads of communication free. A sequence holds two documents, so that attention
has borders.
"""

import argparse
import ctypes
import gc
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatili.compute.training_memory import needs
from anatili.recipe import Pretrain
from anatili.train import devices, init, loop, memory, schedule  # before torch: it sets how threads wait
from anatili.train.loss import LossWrapper
from anatili.train.optimizer import make_optimizers

torch = loop.torch
STEPS = 2
MICRO_BATCH = 2
MMAP_THRESHOLD = -3
"""glibc's name for the size from which memory is mapped by itself."""


def cases(sizes: argparse.Namespace, processes: int) -> list[Pretrain]:
    """The settings of every combination."""
    return [
        Pretrain(
            shape=shape,
            layers=sizes.layers,
            hidden_size=sizes.hidden_size,
            heads=sizes.hidden_size // 64,
            kv_heads=max(1, sizes.hidden_size // 128),
            intermediate_size=sizes.hidden_size * 11 // 4,
            context=sizes.context,
            precision=precision,
            checkpointing=checkpointing,
            optimizer=sizes.optimizer,
            micro_batch=MICRO_BATCH,
            batch=MICRO_BATCH * processes * pieces,
        )
        for shape, precision, checkpointing, pieces in itertools.product(
            ("llama", "qwen3"), ("bfloat16", "float32"), (False, True), (1, 4)
        )
        if sizes.only in ("", f"{shape}-{precision}")
    ]


class Traffic(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts the bytes that collective operations hand to this process."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = {"gathered": 0, "reduced": 0}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name()
        if name.startswith("c10d::"):
            key = "gathered" if "gather" in name else "reduced"
            source = args[1] if "scatter" in name or "gather" in name else args[0]
            tensors = source if isinstance(source, list | tuple) else [source]
            times = devices.count() if key == "gathered" else 1
            self.bytes[key] += times * sum(t.nbytes for t in tensors if isinstance(t, torch.Tensor))
        return function(*args, **(kwargs or {}))


def train(settings: Pretrain, vocabulary: int, whole: bool = False) -> dict[str, int]:
    """Two steps; returns the bytes moved in the second."""
    device = devices.pick_device()
    precision = getattr(torch, settings.precision)
    torch.manual_seed(1)
    model = init.from_scratch(settings, vocabulary, 0, 1)
    if settings.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    wrapped = devices.spread(LossWrapper(model.to(device).train(), precision), device, precision)
    optimizers = make_optimizers(wrapped, settings.optimizer, 1e-3, 0.1, precision=precision)

    def batch(step: int) -> tuple[Any, Any, Any]:
        shape = (settings.batch, settings.context + 1)
        tokens = torch.randint(3, vocabulary, shape, generator=torch.Generator().manual_seed(step))
        half = settings.context // 2
        positions = torch.cat([torch.arange(half), torch.arange(settings.context - half)]).expand(settings.batch, -1)
        return tokens[:, :-1], tokens[:, 1:], positions

    plan = schedule.TrainingPlan(
        steps=STEPS,
        batch=batch,
        learning_rate=1e-3,
        warmup=0.1,
        decay=0.3,
        weight_decay=0.1,
        precision=settings.precision,
        optimizer=settings.optimizer,
        micro_batch=settings.micro_batch,
        whole_gradients=whole,
    )
    for step in range(STEPS):
        with Traffic() as traffic:
            loop.one_step(wrapped, optimizers, plan, step, device)
    return traffic.bytes


def measure(settings: Pretrain, vocabulary: int, whole: bool = False) -> dict[str, Any]:
    """The peak of memory, the estimate by use, and the bytes moved in a step."""
    model = init.from_scratch(settings, vocabulary, 0, 1)
    training = memory.training_for(model, settings)
    estimate = needs(replace(training, whole=whole and training.accumulates))
    del model
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = held("VmRSS")
    moved = train(settings, vocabulary, whole)
    return {"peak": held("VmHWM") - before, "estimate": estimate, **moved}


def free_at_once() -> None:
    """Let what is freed go back to the system at once (glibc), so that the resident memory is what is held."""
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 65536)


def held(name: str) -> int:
    """Bytes that this process holds (VmRSS), or held at most (VmHWM)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def worker(sizes: argparse.Namespace) -> None:
    devices.pick_device()
    torch.set_num_threads(1)
    free_at_once()
    for settings in cases(sizes, devices.count())[::2]:  # what is loaded at first use is no part of the peaks
        train(settings, sizes.vocabulary)
    for settings in cases(sizes, devices.count()):
        row = measure(settings, sizes.vocabulary, sizes.whole_gradients)
        if devices.is_first():
            print(
                json.dumps(
                    {
                        "settings": settings.model_dump(),
                        "processes": devices.count(),
                        "vocabulary": sizes.vocabulary,
                        **row,
                    }
                ),
                flush=True,
            )
    devices.leave()


def show(row: dict[str, Any]) -> None:
    settings, estimate = row["settings"], row["estimate"]
    total = sum(estimate.values())
    pieces = settings["batch"] // settings["micro_batch"] // row["processes"]
    print(
        f"{settings['shape']:5} {settings['precision']:8} {'checkpointing' if settings['checkpointing'] else '':13} "
        f"processes {row['processes']} micro-batches {pieces}: estimate {total / 1e6:7.1f} MB, "
        f"measured {row['peak'] / 1e6:7.1f}, ratio {total / row['peak']:.2f}; "
        f"gathered {row['gathered'] / 1e6:.1f} MB, reduced {row['reduced'] / 1e6:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="adamw")
    parser.add_argument("--whole-gradients", action="store_true", help="Exchange gradients once a step.")
    parser.add_argument("--only", default="", help="Shape and precision of the rows, such as llama-bfloat16.")
    parser.add_argument("--json", action="store_true", help="Print one JSON line per row instead of the table.")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options)
        return
    ratios = []
    for processes in options.processes:
        launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
        sizes = [
            f"--{name.replace('_', '-')}={getattr(options, name)}"
            for name in ("layers", "hidden_size", "vocabulary", "context", "optimizer", "only")
        ]
        sizes += ["--whole-gradients"] * options.whole_gradients
        command = [sys.executable, *launcher, str(Path(__file__)), "--worker", *sizes]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                row = json.loads(line)
                print(line.strip()) if options.json else show(row)
                ratios.append(sum(row["estimate"].values()) / row["peak"])
    print(
        f"n = {len(ratios)}, ratio of estimate to measured peak {min(ratios):.2f} to {max(ratios):.2f}", file=sys.stderr
    )


if __name__ == "__main__":
    main()
