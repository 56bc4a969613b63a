"""The state of a review: who said what of which task, which tasks wait for whom, and what is decided.

Two people judge a task without seeing what the other said. Where they differ in any part, a third decides.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from anatili.problem import Problem
from anatili.review.journal import Line
from anatili.review.tasks import BETTER, Task

LABEL, DECISION = "label", "decision"
PEOPLE = 2
HELD_SECONDS = 600.0
"""How long a task that was shown to somebody is kept from others, if two are at it already."""
Job = tuple[str, str, str]
"""Kind of task, language, and LABEL or DECISION."""


class Conflict(Problem):
    """What somebody sent comes too late: others were quicker."""


@dataclass(frozen=True)
class Judgment:
    """What one person said of a task."""

    name: str
    values: dict[str, str]
    """Part -> value."""
    texts: dict[str, str]
    """Part -> a better wording, or what is wrong."""

    def same(self, other: "Judgment", part: str) -> bool:
        """Whether two people said the same of a part."""
        if self.values[part] != other.values[part]:
            return False
        return self.values[part] != BETTER or self.texts[part] == other.texts[part]


@dataclass
class TaskState:
    """What was said of a task so far."""

    labels: dict[str, Judgment] = field(default_factory=dict)
    """By the person's name as it is compared, in the order of time."""
    decision: Judgment | None = None

    @property
    def pair(self) -> tuple[Judgment, Judgment] | None:
        both = list(self.labels.values())[:PEOPLE]
        return (both[0], both[1]) if len(both) == PEOPLE else None

    def differing(self) -> list[str]:
        """The parts in which the two people differ."""
        if not self.pair:
            return []
        one, other = self.pair
        return [part for part in one.values if not one.same(other, part)]

    @property
    def final(self) -> Judgment | None:
        """What counts: what the two agree in, or what the third decided; None while that is open."""
        if not self.pair:
            return None
        return self.decision if self.differing() else self.pair[0]


def person(name: str) -> str:
    """A name as it is compared."""
    return " ".join(name.casefold().split())


class ReviewState:
    """The tasks of a review with what was said of them."""

    def __init__(self, tasks: Iterable[Task], lines: Iterable[Line]) -> None:
        self.tasks = {task.id: task for task in tasks}
        self.standing = {name: TaskState() for name in self.tasks}
        self.held: dict[str, dict[str, float]] = {}
        for line in lines:
            self.take(line)

    def take(self, line: Line) -> None:
        """Take in a line of the journal. One about a text that has changed since does not count."""
        task = self.tasks.get(line.get("task", ""))
        if line["kind"] not in (LABEL, DECISION) or not task or line["of"] != task.digest:
            return
        judgment = Judgment(line["name"], line["values"], line["texts"])
        standing = self.standing[task.id]
        if line["kind"] == DECISION:
            standing.decision = judgment
        else:
            standing.labels[person(judgment.name)] = judgment

    def of_job(self, job: Job) -> Iterator[tuple[Task, TaskState]]:
        kind, language, _ = job
        for task in self.tasks.values():
            if (task.kind, task.language) == (kind, language):
                yield task, self.standing[task.id]

    def waits_for(self, standing: TaskState, who: str, mode: str) -> bool:
        """Whether a task waits for a person."""
        if who in standing.labels:
            return False
        if mode == DECISION:
            return bool(standing.differing()) and standing.decision is None
        return len(standing.labels) < PEOPLE

    def next(self, name: str, job: Job, after: str = "") -> Task | None:
        """The next task of a job for a person, behind the task `after`; None if there is none left."""
        who, mode = person(name), job[2]
        waiting = [(task, standing) for task, standing in self.of_job(job) if self.waits_for(standing, who, mode)]
        free = [task for task, standing in waiting if self.is_free(task, standing, who, mode)]
        order = free or [task for task, _ in waiting]
        places = {task.id: place for place, (task, _) in enumerate(self.of_job(job))}
        last = places.get(after, -1)
        chosen = next((task for task in order if places[task.id] > last), order[0] if order else None)
        if chosen:
            self.held.setdefault(chosen.id, {})[who] = time.monotonic()
        return chosen

    def is_free(self, task: Task, standing: TaskState, who: str, mode: str) -> bool:
        """Whether not enough others are at a task at this moment."""
        now, places = time.monotonic(), 1 if mode == DECISION else PEOPLE - len(standing.labels)
        held = self.held.get(task.id, {})
        others = [
            one for one, since in held.items() if one not in (who, *standing.labels) and now - since < HELD_SECONDS
        ]
        return len(others) < places

    def check(self, task_id: str, digest: str, mode: str, judgment: Judgment) -> Line:
        """The line for what a person said; `Problem` if it does not fit the task, `Conflict` if it comes too late."""
        task = self.tasks.get(task_id)
        if task is None:
            raise Problem("there is no such task: load the page again")
        if digest != task.digest:
            raise Conflict("the text has changed since it was shown: load the page again")
        check_values(task, judgment)
        standing, who = self.standing[task_id], person(judgment.name)
        if mode == DECISION:
            if who in standing.labels:
                raise Problem("you are one of the two who differ here: a third person decides")
            if not standing.differing():
                raise Conflict("the two do not differ here any longer")
            if standing.decision and person(standing.decision.name) != who:
                raise Conflict("somebody else has decided this meanwhile")
        elif who not in standing.labels and len(standing.labels) >= PEOPLE:
            raise Conflict("two others have done this meanwhile")
        return {
            "kind": mode,
            "task": task_id,
            "of": digest,
            "name": judgment.name,
            "values": judgment.values,
            "texts": judgment.texts,
        }

    def last_of(self, name: str, job: Job, before: str = "") -> Task | None:
        """The task of a job that stands before `before` among those that a person has done; the last one without."""
        who = person(name)
        done = [task for task, standing in self.of_job(job) if self.said_by(standing, who, job[2])]
        places = {task.id: place for place, (task, _) in enumerate(self.of_job(job))}
        limit = places.get(before, len(places))
        return next((task for task in reversed(done) if places[task.id] < limit), None)

    def said_by(self, standing: TaskState, who: str, mode: str) -> Judgment | None:
        if mode == LABEL:
            return standing.labels.get(who)
        decision = standing.decision
        return decision if decision and person(decision.name) == who else None

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """What there is to do, with how much of it is done and how much waits for a person."""
        who = person(name)
        counts: dict[tuple[str, str], Counter[str]] = {}
        for task in self.tasks.values():
            count, standing = counts.setdefault((task.kind, task.language), Counter()), self.standing[task.id]
            count["tasks"] += 1
            count["twice"] += standing.pair is not None
            count["final"] += standing.final is not None
            count["mine"] += who in standing.labels
            count["to_label"] += self.waits_for(standing, who, LABEL)
            count["to_decide"] += self.waits_for(standing, who, DECISION)
            count["undecided"] += standing.pair is not None and standing.final is None
        return [{"kind": kind, "language": language, **count} for (kind, language), count in counts.items()]


def check_values(task: Task, judgment: Judgment) -> None:
    """`Problem` if a part has no value, or one that it may not have."""
    if not person(judgment.name):
        raise Problem("write your name first")
    for part, allowed in task.parts.items():
        if judgment.values.get(part) not in allowed:
            raise Problem(f"{part}: choose one of {', '.join(allowed)}")
        if judgment.values[part] == BETTER and judgment.texts.get(part, "").strip() in ("", task.texts[part].strip()):
            raise Problem(f"{part}: write the better wording")
    unknown = [part for part in (*judgment.values, *judgment.texts) if part not in task.parts]
    if unknown:
        raise Problem(f"{unknown[0]}: this task has no such part")
