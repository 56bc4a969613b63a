"""Work shared through an object store, for nodes that have no folder in common.

One node carries out the run and has its files. It puts each job into the store with the files that the job reads.
Another takes it by putting a claim where there is none, does it in a folder of its own, and puts what it made. A claim
that is not renewed for `LEASE` seconds is taken away, and another node does the job. If both finish, nothing is lost:
the same job makes the same bytes, and the result that came first stands.
"""

import hashlib
import io
import os
import pickle
import secrets
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.object_store import object_store
from anatili.pool import (
    ALIVE,
    CURRENT,
    DONE,
    FINISHED,
    LEASE,
    OPEN,
    PATIENCE,
    TAKEN,
    Heartbeat,
    Job,
    Result,
    carried_out,
)
from anatili.problem import Problem

FILES = "files"
PAUSE = 1.0
IN_FLIGHT = 64
"""Jobs that are open at a time: the files that they read lie in the store meanwhile."""


@dataclass(frozen=True)
class Parcel:
    """A job on its way to a node, or what came of it."""

    content: bytes
    """Pickled: the function and its job, or whether it succeeded and what it returned or raised."""
    files: dict[str, str]
    """Path below the run -> SHA-256, of the files that the job reads, or that it made."""


class Objects:
    """The objects below an address."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.system, self.root = object_store(self.address)

    @contextmanager
    def explained(self, *expected: type[OSError]) -> Iterator[None]:
        """Turn what the store answers into a `Problem` that names the address, but for errors that are `expected`."""
        try:
            yield
        except expected:
            raise
        except OSError as error:
            raise Problem(f"{self.address}: {error}. The same command goes on when the store answers") from error

    def names(self, folder: str) -> list[str]:
        self.system.invalidate_cache()
        with suppress(FileNotFoundError), self.explained(FileNotFoundError):
            return sorted(path.rpartition("/")[2] for path in self.system.ls(f"{self.root}/{folder}", detail=False))
        return []

    def read(self, name: str) -> bytes:
        """`FileNotFoundError` if there is no such object."""
        with self.explained(FileNotFoundError):
            return bytes(self.system.cat_file(f"{self.root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        with self.explained():
            self.system.pipe_file(f"{self.root}/{name}", data)

    def create(self, name: str, data: bytes) -> bool:
        """Put an object if there is none; whether it was put."""
        with self.explained():
            try:
                self.system.pipe_file(f"{self.root}/{name}", data, mode="create")
            except OSError:
                if self.exists(name):
                    return False
                raise
        return True

    def exists(self, name: str) -> bool:
        self.system.invalidate_cache()
        with self.explained():
            return bool(self.system.exists(f"{self.root}/{name}"))

    def remove(self, *names: str) -> None:
        for name in names:
            with suppress(FileNotFoundError), self.explained(FileNotFoundError):
                self.system.rm(f"{self.root}/{name}", recursive=True)

    def send(self, path: Path) -> str:
        """Put a file under its SHA-256, which is returned."""
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.create(f"{FILES}/{digest}", data)
        return digest

    def fetch(self, digest: str, target: Path) -> None:
        data = self.read(f"{FILES}/{digest}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise Problem(f"{self.address}/{FILES}/{digest} is damaged; start the run again")
        with whole_file(target) as temporary:
            temporary.write_bytes(data)


class Packer(pickle.Pickler):
    """Pickles a job. Paths in the folder of the run become relative to it, and are collected."""

    def __init__(self, stream: io.BytesIO, root: Path) -> None:
        super().__init__(stream)
        self.root, self.paths = root, list[Path]()

    def persistent_id(self, value: Any) -> str | None:
        if not isinstance(value, Path) or not value.is_relative_to(self.root):
            return None
        self.paths.append(value)
        return value.relative_to(self.root).as_posix()


class Unpacker(pickle.Unpickler):
    """Unpickles a job for the folder of a node."""

    def __init__(self, content: bytes, root: Path) -> None:
        super().__init__(io.BytesIO(content))
        self.root = root

    def persistent_load(self, name: str) -> Path:
        return self.root / name


class StorePool:
    """The node that carries out the run in the folder `root`. It puts jobs below `address`, and does them too."""

    def __init__(self, address: str, root: Path, lease: float = LEASE) -> None:
        if address.startswith("hf://"):
            raise Problem(f"{address}: the hub makes a commit of every object; share work through a bucket (s3://)")
        outer, self.root, self.lease, self.token = Objects(address), root, lease, secrets.token_hex(8)
        with suppress(FileNotFoundError):
            outer.remove(outer.read(CURRENT).decode())  # what is left of a run that was stopped
        self.objects = Objects(f"{outer.address}/{self.token}")
        self.heart = Heartbeat(beating(self.objects, ALIVE), lease / 4)
        outer.write(CURRENT, self.token.encode())
        self.numbers = (f"{number:09d}" for number in count())
        self.claims: dict[str, tuple[bytes, float]] = {}
        """Claim of a node -> its content, and when it was first seen: clocks of machines differ."""

        self.shards: dict[Path, dict[str, list[Path]]] = {}
        """Folder of the run -> name of a shard -> its files, as long as one function is mapped."""

    def close(self) -> None:
        """Let the nodes that help end, and leave nothing else in the store."""
        self.heart.stop()
        self.objects.remove(*(name for name in self.objects.names("") if name != FINISHED))
        self.objects.write(FINISHED, b"")

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        remaining, pending = iter(jobs), dict[str, Job]()
        self.shards.clear()
        while True:
            for job in islice(remaining, IN_FLIGHT - len(pending)):
                name = next(self.numbers)
                pending[name] = job
                self.objects.write(f"{OPEN}/{name}", pickle.dumps(self.pack(work, job)))
            if not pending:
                break
            finished = sorted(pending.keys() & set(self.objects.names(DONE)))
            for name in finished:
                yield self.received(name)
                del pending[name]
            taken = () if finished else self.objects.names(TAKEN)
            if not finished and (mine := next(filter(self.is_mine, sorted(pending.keys() - set(taken))), "")):
                yield work(pending.pop(mine))
                self.forget(mine)
            elif not finished:
                self.give_back_abandoned()
                time.sleep(PAUSE)
        self.objects.remove(FILES)

    def is_mine(self, name: str) -> bool:
        return self.objects.create(f"{TAKEN}/{name}", self.token.encode())

    def forget(self, name: str) -> None:
        self.objects.remove(*(f"{part}/{name}" for part in (OPEN, DONE, TAKEN)))
        self.claims.pop(name, None)

    def pack(self, work: Callable[[Job], Result], job: Job) -> Parcel:
        stream = io.BytesIO()
        packer = Packer(stream, self.root)
        packer.dump((work, job))
        files = self.read_by(packer.paths)
        return Parcel(
            stream.getvalue(), {file.relative_to(self.root).as_posix(): self.objects.send(file) for file in files}
        )

    def read_by(self, paths: list[Path]) -> list[Path]:
        """The files that a job with these paths reads: those that it names; in the folders that it names, those of the
        same shard, which has one name in all stages; block lists and takedowns."""
        files = {path for path in paths if path.is_file()}
        folders = {path for path in paths if path.is_dir()} - {self.root}
        for folder in folders:
            if folder not in self.shards:
                self.shards[folder] = by_shard(folder)
            for shard in {shard_of(path) for path in paths}:
                files.update(self.shards[folder].get(shard, ()))
        stages = {self.root / path.relative_to(self.root).parts[0] for path in paths if path != self.root}
        return sorted(files.union(self.root.glob("*.jsonl"), *(stage.glob(".*.npy") for stage in stages)))

    def received(self, name: str) -> Any:
        """The result of a job that another node did, with the files that it made; what it raised is raised here."""
        parcel: Parcel = pickle.loads(self.objects.read(f"{DONE}/{name}"))
        for relative, digest in parcel.files.items():  # in the order in which they were written
            if not (self.root / relative).exists():
                self.objects.fetch(digest, self.root / relative)
        self.forget(name)
        succeeded, value = pickle.loads(parcel.content)
        if not succeeded:
            raise value
        return value

    def give_back_abandoned(self) -> None:
        """Take away the claims that were not renewed."""
        for name in self.objects.names(TAKEN):
            with suppress(FileNotFoundError):  # it was finished at this moment
                content = self.objects.read(f"{TAKEN}/{name}")
                known, since = self.claims.get(name, (b"", 0.0))
                if content != known:
                    self.claims[name] = (content, time.monotonic())
                elif time.monotonic() - since > self.lease:
                    self.objects.remove(f"{TAKEN}/{name}")
                    del self.claims[name]


def take_part_in_store(address: str, lease: float = LEASE, patience: float = PATIENCE) -> int:
    """Do the jobs that a `StorePool` puts below an address, until it is finished or nothing has been heard of it for
    `patience` seconds. Returns how many were done."""
    outer, done, heard, beat = Objects(address), 0, time.monotonic(), b""
    with tempfile.TemporaryDirectory(prefix="anatili-work-") as scratch:
        node = Node(Path(scratch), lease)
        while time.monotonic() - heard < patience:
            with suppress(FileNotFoundError):  # there is no pool yet, or another one begins
                here = Objects(f"{outer.address}/{outer.read(CURRENT).decode()}")
                if here.exists(FINISHED):
                    return done
                if (now := here.read(ALIVE)) != beat:
                    heard, beat = time.monotonic(), now
                if node.do_one(here):
                    done += 1
                    continue
            time.sleep(PAUSE)
    raise Problem(
        f"nothing was heard of the run that shares {address} for {patience:.0f} s; start the run again, then this"
    )


class Node:
    """A process that helps, with a folder of its own."""

    def __init__(self, scratch: Path, lease: float) -> None:
        self.root, self.kept, self.lease, self.token = scratch / "run", scratch / FILES, lease, secrets.token_hex(8)

    def do_one(self, objects: Objects) -> bool:
        """Take an open job, do it and put its result; False if there is none."""
        for name in sorted(set(objects.names(OPEN)).difference(objects.names(TAKEN), objects.names(DONE))):
            if not objects.create(f"{TAKEN}/{name}", self.token.encode()):
                continue  # another node has it
            heart = Heartbeat(beating(objects, f"{TAKEN}/{name}"), self.lease / 4)
            try:
                parcel: Parcel = pickle.loads(objects.read(f"{OPEN}/{name}"))
                objects.create(f"{DONE}/{name}", pickle.dumps(self.carried_out(parcel, objects)))
            finally:
                heart.stop()
            return True
        return False

    def carried_out(self, parcel: Parcel, objects: Objects) -> Parcel:
        self.lay_out(parcel.files, objects)
        result = carried_out(lambda: Unpacker(parcel.content, self.root).load())
        made = [path for path in self.root.rglob("*") if path.is_file() and not path.name.endswith(".tmp")]
        made = sorted(made, key=lambda path: (path.stat().st_mtime_ns, path.name))
        names = {path: path.relative_to(self.root).as_posix() for path in made}
        files = {name: objects.send(path) for path, name in names.items() if name not in parcel.files and result[0]}
        return Parcel(pickle.dumps(result), files)

    def lay_out(self, files: dict[str, str], objects: Objects) -> None:
        """Make the folder hold these files and no others. Those that the job before read too are not fetched again."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        self.kept.mkdir(exist_ok=True)
        for file in self.kept.iterdir():
            if file.name not in files.values():
                file.unlink()
        for name, digest in files.items():
            if not (self.kept / digest).exists():
                objects.fetch(digest, self.kept / digest)
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(self.kept / digest, self.root / name)


def beating(objects: Objects, name: str) -> Callable[[], None]:
    """A function that changes an object, to show that this process is alive; it has done so once."""
    beats = count()

    def beat() -> None:
        objects.write(name, f"{secrets.token_hex(4)} {next(beats)}".encode())

    beat()
    return beat


def by_shard(folder: Path) -> dict[str, list[Path]]:
    """Name of a shard -> its files in a folder."""
    found = defaultdict[str, list[Path]](list)
    for path in folder.rglob("*"):
        if path.is_file():
            found[shard_of(path)].append(path)
    return found


def shard_of(path: Path) -> str:
    """The name that a shard has in all stages."""
    return path.name.split(".")[0]
