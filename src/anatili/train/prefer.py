"""Direct preference optimisation: of two answers to the same request the model learns to like the better one more.

Rafailov et al. 2023, arXiv 2305.18290, as trl carries it out. It follows the lessons of `tune` in the same process and
starts anew if it is broken off: with the same seed it ends in the same weights.
"""

import importlib.util
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from anatili.problem import Problem, install
from anatili.recipe import Tune
from anatili.stage import Progress
from anatili.text import show_path

Preference = dict[str, Any]
"""`messages` up to the request, the answers `chosen` and `rejected`; `language` and `source` as in a lesson."""


def read_preferences(path: Path) -> list[Preference]:
    """Preferences in a file of JSON lines; `Problem` names a wrong line."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            item = json.loads(line)
            if item["messages"][-1]["role"] != "user":
                raise ValueError("the last of the messages must be the user's")
            if not all(isinstance(item[key], str) and item[key] for key in ("chosen", "rejected")):
                raise ValueError("chosen and rejected must be texts")
            if item["chosen"] == item["rejected"]:
                raise ValueError("chosen and rejected are the same")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Problem(f"{show_path(path)}:{number}: no preference ({error!r})") from error
        found.append(item)
    return found


def check(settings: Tune, devices: int) -> None:
    """`Problem` before any training if the preferences of the recipe could not be learned after it."""
    if not settings.preferences:
        return
    if importlib.util.find_spec("trl") is None:
        raise Problem(f"[tune] preferences needs trl: {install('prefer')}, or take it out of the recipe")
    if devices > 1:
        raise Problem("[tune] preferences are learned in one process: tune without --launch")


def align(
    model: Any,
    tokenizer: Any,
    chosen: Sequence[Preference],
    settings: Tune,
    context: int,
    precision: Any,
    progress: Progress,
) -> dict[str, Any]:
    """One pass over the preferences, in place; a model with adapters (peft) learns in them.

    Returns how often the better answer was liked more than at the start, and by how much (nats, times beta), in the
    first and the last tenth of the steps.
    """
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import DPOConfig, DPOTrainer

    rows = [
        {
            "prompt": item["messages"],
            "chosen": [{"role": "assistant", "content": item["chosen"]}],
            "rejected": [{"role": "assistant", "content": item["rejected"]}],
        }
        for item in chosen
    ]
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    with tempfile.TemporaryDirectory() as folder, silenced():
        plan = DPOConfig(
            output_dir=folder, per_device_train_batch_size=settings.batch, num_train_epochs=1,
            learning_rate=settings.preference_rate, beta=settings.preference_beta, seed=settings.seed,
            max_length=context, bf16=precision == torch.bfloat16, logging_steps=1,
            # What the model thinks before the first step is the measure: no second copy of it is held.
            precompute_ref_log_probs=True, precompute_ref_batch_size=settings.batch,
            save_strategy="no", report_to="none", disable_tqdm=True,
            gradient_checkpointing=False, use_cpu=next(model.parameters()).device.type == "cpu",
        )  # fmt: skip
        trainer = DPOTrainer(model, args=plan, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(watcher(progress))
        trainer.train()
    steps = [row for row in trainer.state.log_history if "rewards/margins" in row]
    if getattr(model, "peft_config", None) and "ref" in model.peft_config:
        model.delete_adapter("ref")
    part = max(1, len(steps) // 10)

    def mean(key: str, some: list[dict[str, Any]]) -> float:
        return round(float(sum(row[key] for row in some)) / len(some), 4)

    return {
        "preferences": len(rows),
        "preference_steps": len(steps),
        **{
            f"{when}_{name}": mean(key, some)
            for when, some in (("first", steps[:part]), ("last", steps[-part:]))
            for name, key in (("margin", "rewards/margins"), ("accuracy", "rewards/accuracies"))
        },
    }


def watcher(progress: Progress) -> Any:
    """What tells `progress` of each step."""
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            progress.start(state.max_steps, "preferences")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **more: Any) -> None:
            if "rewards/margins" in logs:
                progress.advance(1, f"margin {logs['rewards/margins']:.3f}")

    return Watcher()


@contextmanager
def silenced() -> Iterator[None]:
    """Bars and notices of libraries that know nothing of ours are not shown; their errors still are."""
    import datasets

    before, bars = logging.root.manager.disable, datasets.are_progress_bars_disabled()
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
        if not bars:
            datasets.enable_progress_bars()
