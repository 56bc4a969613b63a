"""Direct preference optimization (DPO): the model learns to prefer the better of two answers to the same request.

The method is by Rafailov et al. 2023, arXiv 2305.18290, the implementation trl's. It follows SFT in the same process.
If interrupted it starts again from the beginning; with the same seed it ends in the same weights.
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
from typing import TYPE_CHECKING, Any

from anatili.problem import Problem, not_installed
from anatili.recipe import Tune
from anatili.stage import Progress
from anatili.takedown_log import Takedowns
from anatili.text import show_path
from anatili.text_files import read_lines

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Preference = dict[str, Any]
"""`messages` up to the request, the answers `chosen` and `rejected`; `language` and `source` as in an SFT example."""


def read_preferences(path: Path) -> list[Preference]:
    """The preferences in a file of JSON lines; `Problem` names the line that is wrong."""
    preferences = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            item = json.loads(line)
            if item["messages"][-1]["role"] != "user":
                raise ValueError("the last of the messages must be the user's")
            if not all(isinstance(item[key], str) and item[key] for key in ("chosen", "rejected")):
                raise ValueError("chosen and rejected must be texts")
            if item["chosen"] == item["rejected"]:
                raise ValueError("chosen and rejected are the same")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Problem(f"{show_path(path)}:{number}: not a preference ({error!r})") from error
        preferences.append(item)
    return preferences


def is_taken_down(preference: Preference, takedowns: Takedowns) -> bool:
    """Whether the page of the preference was taken down, or one of its answers is a line of a document that was."""
    return bool(takedowns.reason(url=preference.get("source") or "")) or any(
        takedowns.holds_line(preference[key]) for key in ("chosen", "rejected")
    )


def check(settings: Tune, devices: int) -> None:
    """`Problem`, before any training, if the preferences of the recipe could not be learned afterwards."""
    if not settings.preferences:
        return
    if importlib.util.find_spec("trl") is None:
        raise Problem(f"{not_installed('[tune] preferences needs trl', 'prefer')}; or remove it from the recipe")
    if devices > 1:
        raise Problem("[tune] preferences are learned in one process: run tune without --launch")


def train_dpo(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chosen: Sequence[Preference],
    settings: Tune,
    context: int,
    precision: "torch.dtype",
    progress: Progress,
) -> dict[str, Any]:
    """Train `model` in place for one epoch over the preferences; a model with adapters (peft) trains only those.

    Returns how often the better answer gained on the other since the start (accuracy), and by how much (margin in nats,
    times beta), over the first and the last tenth of the steps.
    """
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import DPOTrainer

    rows = [
        {
            "prompt": item["messages"],
            "chosen": [{"role": "assistant", "content": item["chosen"]}],
            "rejected": [{"role": "assistant", "content": item["rejected"]}],
        }
        for item in chosen
    ]
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        plan = dpo_config(folder, settings, context, precision, next(model.parameters()).device)
        trainer = DPOTrainer(model, args=plan, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(progress_callback(progress))
        trainer.train()
    if getattr(model, "peft_config", None) and "ref" in model.peft_config:
        model.delete_adapter("ref")
    steps = [row for row in trainer.state.log_history if "rewards/margins" in row]
    return {"preferences": len(rows), "preference_steps": len(steps), **gains(steps)}


def dpo_config(folder: str, settings: Tune, context: int, precision: "torch.dtype", device: "torch.device") -> Any:
    """The settings of trl's trainer."""
    import torch
    from trl import DPOConfig

    return DPOConfig(
        output_dir=folder,
        per_device_train_batch_size=settings.batch,
        num_train_epochs=1,
        learning_rate=settings.preference_rate,
        beta=settings.preference_beta,
        seed=settings.seed,
        max_length=context,
        bf16=precision == torch.bfloat16,
        logging_steps=1,
        # The reference logprobs are computed before the first step, so no second copy of the model is held.
        precompute_ref_log_probs=True,
        precompute_ref_batch_size=settings.batch,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        gradient_checkpointing=False,
        use_cpu=device.type == "cpu",
    )


def gains(steps: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Mean margin and accuracy over the first and the last tenth of the trainer's log."""
    tenth = max(1, len(steps) // 10)
    return {
        f"{when}_{name}": round(float(sum(row[key] for row in rows)) / len(rows), 4)
        for when, rows in (("first", steps[:tenth]), ("last", steps[-tenth:]))
        for name, key in (("margin", "rewards/margins"), ("accuracy", "rewards/accuracies"))
    }


def progress_callback(progress: Progress) -> Any:
    """A callback of the trainer that reports each step to `progress`."""
    from transformers import TrainerCallback

    class ProgressCallback(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            progress.start(state.max_steps, "preferences")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **more: Any) -> None:
            if "rewards/margins" in logs:
                progress.advance(1, f"margin {logs['rewards/margins']:.3f}")

    return ProgressCallback()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide progress bars and notices of the libraries; their errors are still shown."""
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
