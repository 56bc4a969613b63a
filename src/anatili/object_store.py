"""Object stores by address (s3://, gs://, hf://, memory://), and a copy of a run in one.

An object that exists is whole: a store shows an upload only when it is complete, so a killed one leaves nothing.
Objects are put only where there is none (`If-None-Match: *` in S3), so that two machines that make the same shard
do not disturb each other.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.problem import Problem, not_installed

IDENTITY, RECORD = ".identity", "record.json"
WHOLE = (".parquet", ".warc.gz")
"""Endings of files that never change once they exist; they are copied while their stage is still being built."""
EVERY = 30.0
"""Seconds between two copies of what a stage has built so far."""


def object_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it. Endpoint and keys come from the environment
    (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID ...); without a key S3 is read anonymously."""
    try:
        import fsspec

        options = {"anon": not os.environ.get("AWS_ACCESS_KEY_ID")} if address.startswith("s3://") else {}
        system, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise Problem(not_installed(f"{address}: {error}", "crawl")) from error
    except ValueError as error:
        raise Problem(f"{address} is not an address that can be opened: {error}") from error
    return system, path


class Mirror:
    """A copy of a run's stages, under `ADDRESS/RUN/STAGE`. It is written as the stages are built, and a run elsewhere
    resumes from it."""

    def __init__(self, address: str, run: str) -> None:
        self.address = f"{address.rstrip('/')}/{run}"
        self.system, self.root = object_store(self.address)

    def restore(self, folder: Path, fingerprint: str) -> int:
        """Copy what the mirror has of a stage into its folder, if it was made with the same settings and inputs; the
        record comes last. Returns the number of files."""
        prefix, count = f"{self.root}/{folder.name}", 0
        with self.explained():
            if self.identity_of(prefix) != fingerprint or is_other(folder, fingerprint):
                return 0
            names = sorted(self.sizes(prefix), key=lambda name: (name == RECORD, name != IDENTITY, name))
            for name in names:
                if not (folder / name).exists():
                    with whole_file(folder / name) as temporary:
                        self.system.get_file(f"{prefix}/{name}", str(temporary))
                    count += 1
        return count

    def save(self, folder: Path, *, is_finished: bool) -> int:
        """Copy to the mirror what it does not have of a stage: whole shards, and all other files when the stage is
        finished. What was made with other settings is removed first. Returns the number of objects written."""
        prefix, count = f"{self.root}/{folder.name}", 0
        fingerprint = (folder / IDENTITY).read_text("utf-8")
        with self.explained():
            if self.identity_of(prefix) != fingerprint:
                self.remove(folder.name)
                self.system.pipe_file(f"{prefix}/{IDENTITY}", fingerprint.encode())
            present = self.sizes(prefix)
            for name in files_of(folder, is_finished=is_finished):
                size = (folder / name).stat().st_size
                if present.get(name) != size:
                    count += self.put(
                        folder / name, f"{prefix}/{name}", mode="overwrite" if name in present else "create"
                    )
        return count

    def put(self, file: Path, target: str, mode: str) -> bool:
        """Write an object whole; False if another machine wrote it meanwhile."""
        try:
            self.system.put_file(str(file), target, mode=mode)
        except OSError:
            self.system.invalidate_cache()
            if mode == "create" and self.system.exists(target):
                return False
            raise
        return True

    def remove(self, stage: str) -> None:
        """Remove the copy of a stage, its record first, so that a partly removed copy does not look finished."""
        prefix = f"{self.root}/{stage}"
        with self.explained():
            for name in sorted(self.sizes(prefix), key=lambda name: (name != RECORD, name == IDENTITY)):
                self.system.rm_file(f"{prefix}/{name}")

    def identity_of(self, prefix: str) -> str:
        """The fingerprint with which the copy was made; "" if there is none."""
        try:
            return bytes(self.system.cat_file(f"{prefix}/{IDENTITY}")).decode()
        except FileNotFoundError:
            return ""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Name -> size of the objects below a prefix."""
        self.system.invalidate_cache()
        try:
            objects = self.system.find(prefix, detail=True)
        except FileNotFoundError:
            return {}
        start = len(self.system._strip_protocol(prefix)) + 1
        return {path[start:]: int(facts["size"]) for path, facts in objects.items()}

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what a store answers into a `Problem` that names the address."""
        try:
            yield
        except (OSError, ValueError) as error:
            raise Problem(
                f"{self.address}: {error}. What is built here is kept: the same command goes on from it"
            ) from error


class Saving:
    """Progress of a stage that also copies its shards to a mirror from time to time."""

    def __init__(self, progress: Any, mirror: Mirror, folder: Path) -> None:
        self.progress, self.mirror, self.folder, self.last = progress, mirror, folder, time.monotonic()

    def start(self, total: int, unit: str) -> None:
        self.progress.start(total, unit)

    def advance(self, count: int = 1, note: str = "") -> None:
        self.progress.advance(count, note)
        if time.monotonic() - self.last > EVERY:
            self.mirror.save(self.folder, is_finished=False)
            self.last = time.monotonic()


def files_of(folder: Path, *, is_finished: bool) -> list[str]:
    """The files of a stage to copy, in the order in which they were written, the record last."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}
    visible = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    chosen = [name for name in visible if is_finished or name.endswith(WHOLE)]
    return sorted(chosen, key=lambda name: (name == RECORD, names[name], name))


def is_other(folder: Path, fingerprint: str) -> bool:
    """Whether the folder has something that was made with other settings."""
    identity = folder / IDENTITY
    return identity.exists() and identity.read_text("utf-8") != fingerprint
