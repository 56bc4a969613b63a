"""Training in several processes: the stage is run by a launcher, `torchrun ...` or `accelerate launch ...`.

The stage's own process waits and reports progress from the log; the first worker writes all files.
"""

import ctypes
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anatili.atomic_files import write_json
from anatili.problem import Problem
from anatili.recipe import Pretrain, Recipe, only
from anatili.stage import Quiet, Task, load
from anatili.stage_table import STAGES

SUMMARY = ".summary.json"
MESSAGE = ".problem"
LOOK_SECONDS = 0.5


def start(task: Task, work: str) -> dict[str, Any]:
    """Run the stage function `work` under `task.launch` and return its summary; if it fails, a `Problem` quotes the
    workers' output."""
    task_file = task.out / ".task.json"
    write_json(
        task_file,
        {
            "work": work,
            "recipe": json.loads(task.recipe.model_dump_json()),
            "stage": task.out.name,
            "base": str(task.base.resolve()),
            "out": str(task.out.resolve()),
            "inputs": {name: str(path.resolve()) for name, path in task.inputs.items()},
        },
    )
    for name in (SUMMARY, MESSAGE):
        (task.out / name).unlink(missing_ok=True)
    command = [*shlex.split(task.launch), "-m", "anatili.train.launch", str(task_file)]
    log = (task.out / "launch.log").open("w", encoding="utf-8")
    try:
        with (
            log,
            subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent()) as process,
        ):
            follow(task, process)
    except FileNotFoundError as error:
        raise Problem(f"--launch: there is no command {command[0]!r}") from error
    if process.returncode or not (task.out / SUMMARY).exists():
        message = task.out / MESSAGE
        output = message if message.exists() else task.out / "launch.log"
        raise Problem(f"training under {task.launch!r} failed: {last_words(output.read_text('utf-8'))}")
    summary: dict[str, Any] = json.loads((task.out / SUMMARY).read_text("utf-8"))
    for path in (task_file, task.out / SUMMARY):
        path.unlink()
    return summary


def die_with_parent() -> Callable[[], None] | None:
    """On Linux, a function that the launcher calls first, so that it ends when this process is killed.

    Otherwise workers would outlive a run and keep writing into its folder while the next run works there.
    """
    if sys.platform != "linux":
        return None
    prctl, ends_with_parent = ctypes.CDLL(None).prctl, 1  # PR_SET_PDEATHSIG
    return lambda: prctl(ends_with_parent, signal.SIGTERM)


def last_words(output: str) -> str:
    """The end of the workers' output, without the launcher's own long report."""
    own, report, _ = output.partition("torch/distributed/elastic")
    return (own.rpartition("\n")[0] if report else own)[-1500:].strip()


def follow(task: Task, process: "subprocess.Popen[bytes]") -> None:
    """Report the progress in the workers' log until they end."""
    from anatili.compute.shape import steps_of

    log, seen, started = task.out / "log.jsonl", 0, False
    while process.poll() is None:
        time.sleep(LOOK_SECONDS)
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        if lines and not started:
            started = True
            task.progress.start(steps_of(task.settings) if isinstance(task.settings, Pretrain) else 0, "steps")
        if len(lines) > seen:
            task.progress.advance(len(lines) - seen, note(lines[-1]))
            seen = len(lines)


def note(line: str) -> str:
    """The loss in a line of the log, or why it was left out; "" while the line is being written."""
    try:
        row = json.loads(line)
    except ValueError:
        return ""
    return f"step {row['step']} is left out: {row['skipped']}" if "skipped" in row else f"loss {row['loss']:.3f}"


def main(task_file: Path) -> None:
    """What each launched process does."""
    from anatili.train import loop  # noqa: F401 - sets how threads wait before torch is loaded

    data = json.loads(task_file.read_text("utf-8"))
    stage = next(stage for stage in STAGES if stage.name == data["stage"])
    # The task file holds only the settings that the stage names; others must not be read as defaults here.
    recipe = only(
        Recipe.model_validate_json(json.dumps({"name": "_", "language": "_"} | data["recipe"])), stage.settings
    )
    out = Path(data["out"])
    task = Task(
        recipe=recipe,
        settings=getattr(recipe, data["stage"]),
        base=Path(data["base"]),
        inputs={name: Path(path) for name, path in data["inputs"].items()},
        out=out,
        pool=None,
        progress=Quiet(),
    )
    from anatili.train import devices

    devices.pick_device()
    try:
        summary = load(data["work"])(task)
    except Problem as problem:
        if devices.is_first():
            (out / MESSAGE).write_text(str(problem), "utf-8")
        sys.exit(1)
    if devices.is_first():
        write_json(out / SUMMARY, summary)
    devices.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
