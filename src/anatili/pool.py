"""Where work runs: in this process, in several local processes, or on a Ray cluster. Stages do not see which."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from anatili.problem import Problem, install

Job = TypeVar("Job")
Result = TypeVar("Result")


class Pool(Protocol):
    """Runs one function over many jobs and yields results as they finish, in any order."""

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]: ...


def open_pool(workers: int = 1, ray: str | None = None) -> "Pool":
    """So many processes of this machine, or those of the Ray cluster at an address (`local` starts one)."""
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


class RayPool:
    """Tasks on a Ray cluster, at most `in_flight` at a time, to limit the driver's memory."""

    def __init__(self, address: str, in_flight: int = 256) -> None:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address not in ("local", "auto") and Path("~/.ray/auth_token").expanduser().exists():
            # `ray start` requires a token by default, but a driver with an address only sends it in this mode.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        try:
            import ray
        except ImportError as error:
            raise Problem(f"--ray needs Ray: {install('scale')}") from error
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
