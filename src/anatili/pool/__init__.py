"""Where work runs: in this process, in several local processes, in processes that share a folder, or on a Ray cluster;
for nodes that share an object store see `pool.store`. Stages do not see which."""

import atexit
import contextlib
import multiprocessing
import os
import pickle
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from anatili.problem import Problem, not_installed

OPEN, TAKEN, DONE = "open", "taken", "done"
CURRENT, ALIVE, FINISHED, WORKING_FOLDER = "current", "alive", "finished", "working-folder"
LEASE = 120.0
"""Seconds without a sign of life after which a process counts as dead and its job is done by another."""
PATIENCE = 900.0
"""Seconds for which a process waits for a sign of life of the run that it works for."""
PAUSE = 0.2
IN_FLIGHT = 256
"""Jobs of a folder or cluster that are open at a time."""
Job = TypeVar("Job")
Result = TypeVar("Result")


class Pool(Protocol):
    """Runs one function over many jobs."""

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """The results as they finish, in any order. What `work` raises is raised here."""
        ...


def open_pool(workers: int = 1, ray: str | None = None, queue: Path | None = None) -> "Pool":
    """The pool of `workers` processes here, of the Ray cluster at the address `ray` (`local` starts one), or of those
    that take work from the folder `queue`.
    """
    if queue:
        return FolderPool(queue)
    return RayPool(ray) if ray else LocalPool(workers)


class LocalPool:
    """Processes on this machine; with one worker, the work runs in this process."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        remaining = iter(jobs)
        first = list(islice(remaining, 2))
        if self.workers == 1 or len(first) < 2:
            yield from (work(job) for job in first)
            yield from (work(job) for job in remaining)
            return
        # spawn: a fork would copy the locks of running threads (progress bar, Arrow) in an unknown state.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, initializer=die_with_parent) as executor:
            pending: set[Future[Result]] = {executor.submit(work, job) for job in first}
            pending |= {executor.submit(work, job) for job in islice(remaining, 2 * self.workers)}
            try:
                while pending:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    pending |= {executor.submit(work, job) for job in islice(remaining, len(done))}
                    for future in done:
                        yield future.result()
            except BrokenProcessPool as error:
                raise Problem(
                    "a worker process was killed (out of memory?). Finished shards are kept: run the command again "
                    "with fewer --workers"
                ) from error
            finally:
                executor.shutdown(cancel_futures=True)


def die_with_parent() -> None:
    """End this worker when its parent process is gone, so that a killed run leaves no processes behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class FolderPool:
    """Processes that share a folder. This one puts jobs there and does them too, so that it needs no other; those that
    run `take_part` in the folder help. A job whose process died is done again by another.

    Each pool has a folder of its own inside, whose name `CURRENT` holds: what is left of an earlier one is not mixed up
    with it.
    """

    def __init__(self, folder: Path, lease: float = LEASE) -> None:
        folder, self.lease, self.token = folder.resolve(), lease, secrets.token_hex(8)
        self.folder = folder / self.token
        shutil.rmtree(folder, ignore_errors=True)
        for part in (OPEN, TAKEN, DONE):
            (self.folder / part).mkdir(parents=True)
        (self.folder / WORKING_FOLDER).write_text(str(Path.cwd()), "utf-8")
        (self.folder / ALIVE).touch()
        write_whole(folder / CURRENT, self.token.encode())
        self.names = (f"{number:09d}" for number in count())
        self.heart = Heartbeat(lambda: os.utime(self.folder / ALIVE), lease / 4)
        atexit.register(self.close)

    def close(self) -> None:
        """Let the processes that help end."""
        self.heart.stop()
        if self.folder.exists():
            (self.folder / FINISHED).touch()

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        remaining, pending = iter(jobs), set[str]()
        while True:
            for job in islice(remaining, IN_FLIGHT - len(pending)):
                name = next(self.names)
                write_whole(self.folder / OPEN / name, pickle.dumps((work, job)))
                pending.add(name)
            if not pending:
                return
            finished = pending.intersection(names_in(self.folder / DONE))
            for name in sorted(finished):
                pending.remove(name)
                yield read_result(self.folder / DONE / name)
            if not finished and not do_one(self.folder, self.lease):
                self.give_back_abandoned()
                time.sleep(PAUSE)

    def give_back_abandoned(self) -> None:
        """Open the jobs again whose process has not been heard of. Times are compared as the file system tells them,
        because the clocks of machines differ."""
        now = (self.folder / ALIVE).stat().st_mtime
        for taken in (self.folder / TAKEN).iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was finished at this moment
                if now - taken.stat().st_mtime > self.lease:
                    taken.rename(self.folder / OPEN / taken.name)


def take_part(folder: Path, patience: float = PATIENCE) -> int:
    """Do the jobs that a `FolderPool` puts into this folder, until it is finished or nothing has been heard of it for
    `patience` seconds. Returns how many were done."""
    folder, done, heard = folder.resolve(), 0, time.monotonic()
    beats: tuple[str, float] = ("", 0.0)
    while time.monotonic() - heard < patience:
        with contextlib.suppress(OSError):  # there is no pool yet, or another one begins
            token = (folder / CURRENT).read_text("utf-8")
            here = folder / token
            if (here / FINISHED).exists():
                return done
            if (token, beat := (here / ALIVE).stat().st_mtime) != beats:
                heard, beats = time.monotonic(), (token, beat)
            os.chdir((here / WORKING_FOLDER).read_text("utf-8"))
            if do_one(here, LEASE):
                done += 1
                continue
        time.sleep(PAUSE)
    raise Problem(
        f"nothing was heard of the run that shares {folder.name} for {patience:.0f} s; start the run again, then this"
    )


def do_one(folder: Path, lease: float) -> bool:
    """Take an open job, do it and leave its result; False if there is none."""
    for name in names_in(folder / OPEN):
        taken = folder / TAKEN / name
        try:
            (folder / OPEN / name).rename(taken)
        except FileNotFoundError:
            continue  # another process has it
        os.utime(taken)
        heart = Heartbeat(partial(os.utime, taken), lease / 4)
        try:
            result = carried_out(partial(unpickled, taken))
        finally:
            heart.stop()
        write_whole(folder / DONE / name, pickle.dumps(result))
        taken.unlink(missing_ok=True)
        return True
    return False


def unpickled(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def carried_out(load: Callable[[], tuple[Callable[[Any], Any], Any]]) -> tuple[bool, Any]:
    """Load a work and its job and do it: (True, its result), or (False, the error that the run's process raises)."""
    try:
        work, job = load()
        return True, work(job)
    except Problem as problem:
        return False, problem
    except Exception:  # whatever it is, the run has to hear of it: a traceback can be sent, an exception not always
        return False, RuntimeError(traceback.format_exc())


def names_in(folder: Path) -> list[str]:
    """The names of the whole files in a folder, in order."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def read_result(path: Path) -> Any:
    """The result of a job; what it raised is raised here."""
    succeeded, value = pickle.loads(path.read_bytes())
    path.unlink()
    if not succeeded:
        raise value
    return value


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that others never see incomplete."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


class Heartbeat:
    """Calls `beat` from time to time, to show that this process is alive."""

    def __init__(self, beat: Callable[[], None], seconds: float) -> None:
        self.call, self.seconds, self.ended = beat, seconds, threading.Event()
        self.thread = threading.Thread(target=self.beat, daemon=True)
        self.thread.start()

    def beat(self) -> None:
        while not self.ended.wait(self.seconds):
            with contextlib.suppress(OSError, Problem):
                self.call()

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()


class RayPool:
    """Tasks on a Ray cluster, at most `in_flight` at a time, to limit the driver's memory."""

    def __init__(self, address: str, in_flight: int = IN_FLIGHT) -> None:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address not in ("local", "auto") and Path("~/.ray/auth_token").expanduser().exists():
            # `ray start` requires a token by default, but a driver with an address only sends it in this mode.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        try:
            import ray
        except ImportError as error:
            raise Problem(not_installed("--ray needs Ray", "scale")) from error
        self.ray: Any = ray
        self.in_flight = in_flight
        try:
            ray.init(
                address=address,  # "local" always starts a cluster; None would join any that is still running
                ignore_reinit_error=True,
                log_to_driver=False,
                include_dashboard=False,
                logging_level="ERROR",
            )
        except ConnectionError as error:
            raise Problem(
                f"no Ray cluster at {address}: {error}. If it is running and requires a token, set RAY_AUTH_MODE=token "
                "and RAY_AUTH_TOKEN_PATH"
            ) from error

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        # A task that was killed with its node runs again. This is safe, because shards are moved into place whole.
        task: Any = self.ray.remote(num_cpus=1, max_retries=3)(_call)
        pending: list[Any] = []
        for job in jobs:
            pending.append(task.remote(work, job))
            if len(pending) >= self.in_flight:
                done, pending = self.ray.wait(pending)
                yield from self._results(done)
        while pending:
            done, pending = self.ray.wait(pending)
            yield from self._results(done)

    def _results(self, done: list[Any]) -> list[Any]:
        try:
            results: list[Any] = self.ray.get(done)
        except self.ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Problem) else error) from error
        return results


def _call(work: Callable[[Job], Result], job: Job) -> Result:
    return work(job)
