"""Submit a run to Slurm: one array job whose first task carries out the run and whose other tasks do its work with it.

The tasks share the folder `RUN/.queue` (see `FolderPool`), so that no Ray cluster and no port is needed. A task that is
preempted is queued again by Slurm; a first task that is started again resumes the run, and the others find it.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.problem import Problem
from anatili.recipe import load_recipe, recipe_file
from anatili.run import Run
from anatili.stage import accept
from anatili.stage_table import stages_named, stages_until
from anatili.text import show_path

QUEUE, FOLDER, SCRIPT = ".queue", "slurm", "job.sh"
TEMPLATE = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={logs}
{more}
cd {here} || exit 1
REDO=({redo})
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then REDO=(); fi  # what was built since then is kept
if [ "$SLURM_ARRAY_TASK_ID" -eq 0 ]; then
  exec {run} "${{REDO[@]}}"
fi
exec {work}
"""


@dataclass(frozen=True)
class Submitted:
    """An array job that was submitted to Slurm."""

    job: str
    """Slurm's number of the job."""
    tasks: int
    script: str
    logs: str


def submit(
    recipe: str | Path,
    runs: Path,
    tasks: int,
    *,
    options: Sequence[str] = (),
    redo: Sequence[str] = (),
    until: str = "",
    launch: str = "",
    mirror: str = "",
) -> Submitted:
    """Write the script of an array job for a recipe's run and hand it to `sbatch`.

    `options`: further options of `sbatch`, such as `--partition=cpu`. The others are those of `anatili run`. `Problem`
    if the recipe is wrong, if the run is being carried out, or if there is no `sbatch`.
    """
    file = recipe_file(recipe)
    loaded = load_recipe(file)
    stages_named(redo)
    stages_until(until)
    accept(loaded, file.resolve().parent)
    run = Run(runs / loaded.name)
    with run.locked():
        script = run.root / FOLDER / SCRIPT
        with whole_file(script) as temporary:
            temporary.write_text(write_script(run, file, runs, tasks, options, redo, until, launch, mirror), "utf-8")
    if not shutil.which("sbatch"):
        raise Problem(f"sbatch is not on this machine; submit the script where it is: sbatch {show_path(script)}")
    answer = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise Problem(f"sbatch refused {show_path(script)}: {answer.stderr.strip()}")
    job = answer.stdout.strip().partition(";")[0]
    return Submitted(job, tasks, show_path(script), show_path(script.parent))


def write_script(
    run: Run,
    file: Path,
    runs: Path,
    tasks: int,
    options: Sequence[str],
    redo: Sequence[str],
    until: str,
    launch: str,
    mirror: str,
) -> str:
    """The script, with absolute paths: Slurm copies it to another folder."""
    queue, logs = run.root.resolve() / QUEUE, run.root.resolve() / FOLDER
    command = [sys.executable, "-m", "anatili"]
    carry_out = [*command, "run", file.resolve(), "--runs", runs.resolve(), "--queue", queue]
    carry_out += ["--until", until] if until else []
    carry_out += ["--launch", launch] if launch else []
    carry_out += ["--mirror", mirror] if mirror else []
    return TEMPLATE.format(
        name=f"anatili-{run.root.name}",
        last=tasks - 1,
        logs=logs / "%A-%a.log",
        more="\n".join(f"#SBATCH {option}" for option in options),
        here=shlex.quote(str(Path.cwd())),
        redo=" ".join(f"--redo {shlex.quote(stage)}" for stage in redo),
        run=" ".join(shlex.quote(str(word)) for word in carry_out),
        work=" ".join(shlex.quote(str(word)) for word in [*command, "work", queue]),
    )
