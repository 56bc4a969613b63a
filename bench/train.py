"""Our training loop against a plain Hugging Face Trainer and the measured limit of matrix products, in one run.

    python bench/train.py [--steps 12] [--layers 8 --hidden-size 320]

The same model, batch, precision and optimizer (AdamW) for both, and ours once more with Muon; each in a process of its
own, for its own most memory. Wall-clock seconds: both take all cores. The first two steps are left out.
"""

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anatili.recipe import Pretrain
from anatili.stage import Quiet
from anatili.train import devices, init, loop, schedule, throughput  # before torch: it sets how threads wait

torch = loop.torch
BATCH, CONTEXT, VOCABULARY = 8, 512, 32768


def new_model(layers: int, hidden_size: int):
    torch.manual_seed(1)
    settings = Pretrain(
        layers=layers,
        hidden_size=hidden_size,
        heads=hidden_size // 64,
        intermediate_size=hidden_size * 8 // 3 // 32 * 32,
        context=CONTEXT,
    )
    return init.from_scratch(settings, VOCABULARY, 0, 1)


def tokens(step: int):
    return torch.randint(3, VOCABULARY, (BATCH, CONTEXT + 1), generator=torch.Generator().manual_seed(step))


def ours(model, steps: int, precision: str, optimizer: str) -> list[float]:
    def batch(step: int):
        found = tokens(step)
        return found[:, :-1], found[:, 1:], torch.arange(CONTEXT).expand(BATCH, CONTEXT)

    plan = schedule.TrainingPlan(
        steps,
        batch,
        learning_rate=1e-3,
        warmup=0.1,
        decay=0.3,
        weight_decay=0.1,
        precision=precision,
        optimizer=optimizer,
    )
    with tempfile.TemporaryDirectory() as folder:
        return [row["tokens_per_second"] for row in loop.train(model, plan, Path(folder), Quiet())]


def trainer(model, steps: int, precision: str) -> list[float]:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    times: list[float] = []

    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return steps * BATCH

        def __getitem__(self, number):
            row = tokens(number // BATCH)[number % BATCH][:-1]
            return {"input_ids": row, "labels": row}

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            max_steps=steps,
            bf16=precision == "bfloat16",
            use_cpu=devices.pick_device().type == "cpu",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            learning_rate=1e-3,
            weight_decay=0.1,
            optim="adamw_torch_fused",
        )
        Trainer(model, arguments, train_dataset=Data(), callbacks=[Clock()]).train()
    return [0.0] + [BATCH * CONTEXT / (b - a) for a, b in itertools.pairwise(times)]


def once(who: str, said: argparse.Namespace) -> None:
    device = devices.pick_device()
    kind = devices.pick_precision("auto", device)
    precision = "bfloat16" if kind == torch.bfloat16 else "float32"
    model = new_model(said.layers, said.hidden_size)
    facts = {
        "flops": throughput.flops_per_token(model, CONTEXT),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    speeds = trainer(model, said.steps, precision) if who == "trainer" else ours(model, said.steps, precision, who)
    most = torch.cuda.max_memory_allocated() if device.type == "cuda" else 1024 * peak_memory()
    print(
        json.dumps(
            facts
            | {
                "speed": statistics.median(speeds[2:]),
                "gib": most / 2**30,
                "precision": precision,
                "device": str(device),
                "peak": throughput.peak_flops(device, kind),
            }
        )
    )


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=12)
    asked.add_argument("--layers", type=int, default=8)
    asked.add_argument("--hidden-size", type=int, default=320)
    asked.add_argument("--only", choices=("adamw", "muon", "trainer"), help="One of them, as JSON.")
    said = asked.parse_args()
    if said.only:
        once(said.only, said)
        return
    rows = {}
    for who in ("trainer", "adamw", "muon"):
        command = [sys.executable, __file__, "--only", who]
        for name in ("steps", "layers", "hidden_size"):
            command += [f"--{name.replace('_', '-')}", str(getattr(said, name))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows[who] = json.loads(done.stdout.splitlines()[-1])
    first = rows["trainer"]
    peak = max(row["peak"] for row in rows.values())
    print(
        f"{first['parameters'] / 1e6:.1f} M parameters, {first['precision']} on {first['device']}, "
        f"matrix products {peak / 1e9:,.0f} GFLOP/s"
    )
    for who, name in (("trainer", "Trainer, AdamW"), ("adamw", "ours, AdamW"), ("muon", "ours, Muon")):
        row = rows[who]
        print(
            f"{name:15} {row['speed']:8,.0f} tokens/s, {row['speed'] / first['speed']:.2f} of Trainer, "
            f"{row['speed'] * row['flops'] / peak:.0%} of the limit, {row['gib']:.2f} GiB at most"
        )


if __name__ == "__main__":
    main()
