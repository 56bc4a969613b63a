"""How long the lessons take on this machine: all commands of the texts and of the exercises, and the check.

    python bench/learn_time.py [LESSON...]

A learner's folder is made, every command runs as in a terminal, in a process of its own, what the exercises ask for is
done as the tests do it, and `anatili learn check` marks it. Reading, writing and thinking are not counted. Seconds on
the clock and of the processor; under load only the second figure says something.
"""

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "learn")]
import test_work  # noqa: E402 - what the exercises ask for
from lessons import answer, right_answers, write_lessons  # noqa: E402

from anatili.learn.course import mark, open_lesson  # noqa: E402
from anatili.learn.lesson import lessons  # noqa: E402


def execute(command: str) -> str:
    """Carry out a command of a lesson in the current folder, in a process of its own; returns what it prints."""
    line, _, target = command.partition(" > ")
    run = [sys.executable, "-P", "-m", "anatili", *shlex.split(line)[1:]]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    if target:
        Path(target.strip()).write_text(done.stdout, "utf-8")
    return done.stdout


def processor() -> float:
    """Seconds of the processor of this process and of those that it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    write_lessons.execute = execute
    chosen = set(map(int, sys.argv[1:]))
    print(f"{os.cpu_count()} threads")
    with tempfile.TemporaryDirectory() as folder:
        for lesson in lessons():
            if chosen and lesson.number not in chosen:
                continue
            learner = write_lessons.example(Path(folder) / str(lesson.number), "kk")
            began, used = time.perf_counter(), processor()
            open_lesson(learner, lesson)
            write_lessons.carry_out(lesson, learner)
            test_work.finish(learner, lesson)
            answer(learner, lesson, right_answers(learner, lesson))
            states = [verdict.state for verdict in mark(learner, lesson).verdicts]
            print(
                f"lesson {lesson.number}: {time.perf_counter() - began:.0f} s, {processor() - used:.0f} s of the "
                f"processor; exercises {', '.join(states)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
