"""Checkpoints that are kept for takedowns: training resumes from one that had not seen the document taken down.

Each is kept with the digest of all batches before it. After a takedown the batches are drawn again, and training
resumes from the last checkpoint whose batches are the same. Those that differ have learned from what was taken down and
are removed. What is left to chance is part of the comparison too: versions, device, processes and threads.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from anatili.atomic_files import write_json
from anatili.run import fingerprint
from anatili.text import file_digest
from anatili.train import devices
from anatili.train.checkpoint import NAME
from anatili.train.replay import FACTS, kept_steps

COPIED = (f"{NAME}*", "best*", "log.jsonl")
"""Files and folders of a training that belong to a checkpoint."""


class BatchDigests:
    """The digest of all batches before a step."""

    def __init__(self, batch: Callable[[int], tuple[Any, ...]]) -> None:
        self.batch, self.step, self.hash = batch, 0, hashlib.sha256()

    def at(self, step: int) -> str:
        """The digest of the batches before `step`; it costs least if steps are asked for in ascending order."""
        if step < self.step:
            self.step, self.hash = 0, hashlib.sha256()
        while self.step < step:
            for part in self.batch(self.step):
                self.hash.update(part.numpy().tobytes())
            self.step += 1
        return self.hash.hexdigest()


class KeptCheckpoints:
    """The kept checkpoints in `folder`. `facts` is what a training must have in common to resume from one.

    `batch` gives the batches of the whole training; `before` are steps of an earlier phase, which is always done again.
    """

    def __init__(
        self, folder: Path, batch: Callable[[int], tuple[Any, ...]], facts: dict[str, Any], before: int = 0
    ) -> None:
        self.folder, self.chain, self.facts, self.before = folder, BatchDigests(batch), fingerprint(facts), before

    def keep(self, training: Path, step: int) -> None:
        """Keep the checkpoint of step `step` that is now in the folder `training`."""
        if not devices.is_first():
            return
        target = self.target(step)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for path in copied(training):
            copy(path, target / path.name)
        row = {
            "step": step,
            "facts": self.facts,
            "batches": self.chain.at(self.before + step),
            "files": digests(target),
        }
        write_json(target / FACTS, row)

    def restore(self, training: Path) -> int:
        """Put the last checkpoint from which this training can resume into the folder `training`, and remove all
        from which it cannot; returns its step, 0 if it can resume from none of them."""
        restored = 0
        with devices.first_goes_ahead():
            if devices.is_first():
                for step, row in kept_steps(self.folder):
                    target = self.target(step)
                    is_ours = row["facts"] == self.facts and row["batches"] == self.chain.at(self.before + step)
                    if is_ours and row["files"] == digests(target):
                        restored = step
                    else:
                        shutil.rmtree(target)
                self.remove_unfinished()
                if list(training.glob(f"{NAME}*")):  # a training that was stopped resumes from its own checkpoint
                    restored = 0
                for path in copied(self.target(restored)) if restored else ():
                    copy(path, training / path.name)
        return int(devices.from_first_process(restored))

    def remove_unfinished(self) -> None:
        for target in self.folder.glob("*"):
            if not (target / FACTS).is_file():
                shutil.rmtree(target)

    def target(self, step: int) -> Path:
        return self.folder / f"{step:09d}"


def copied(folder: Path) -> Iterable[Path]:
    return (path for pattern in COPIED for path in sorted(folder.glob(pattern)))


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != FACTS)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(files)}


def machine_facts() -> dict[str, Any]:
    """What the bytes of a training depend on besides its recipe and its text."""
    device = devices.pick_device()
    return {
        "torch": torch.__version__,
        "device": device.type,
        "processes": devices.count(),
        "threads": torch.get_num_threads() if device.type == "cpu" else 0,
    }
