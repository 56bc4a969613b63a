"""Publish a release: to a folder, to a store such as S3, or to the Hugging Face hub.

What is already there with the same digest is not sent again, so an interrupted `publish` resumes. The
list of digests and its signature go last: without them nobody takes the target for a whole release.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anatili.problem import Problem, not_installed
from anatili.release.contents import UNLISTED, names_in, read_sums
from anatili.release.verify import Verdict, verify
from anatili.text import file_digest, show_path

HUB = "hf://"
CHUNK = 1 << 20
GIT_ID = 40
"""Digits of git's id of a small file; a large one has its SHA-256."""
DIGEST = "sha256"
"""Name under which an S3 object keeps the digest of its content."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Item:
    """A file of the release at its target."""

    name: str
    size: int
    is_there: bool
    """Whether the target has it already, with the same digest."""


@dataclass(frozen=True)
class PublishPlan:
    """What publishing would do."""

    target: str
    items: tuple[Item, ...]
    stale: tuple[str, ...]
    """Files at the target that are not part of the release."""

    @property
    def to_send(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if not item.is_there)

    @property
    def bytes(self) -> int:
        """Bytes to send."""
        return sum(item.size for item in self.to_send)


def check_release(folder: Path, *, unsigned: bool) -> Verdict:
    """`Problem` unless every file in `folder` agrees with its digest and the digests are signed."""
    verdict = verify(folder, unsigned=unsigned)
    if not verdict.is_good:
        faults = ", ".join(f"{fault.kind}: {fault.file}" for fault in verdict.faults[:5])
        raise Problem(
            f"{show_path(folder)} is not fit to be published ({faults}); write it again with: anatili release RUN "
            f"--key KEY, or publish without a signature with --unsigned"
        )
    return verdict


def plan_publish(folder: Path, target: str) -> PublishPlan:
    """What is to be sent to `target`, and what is there already."""
    there = hub_digests(target) if target.startswith(HUB) else None
    files = None if there is not None else open_store(target)
    items = []
    for name, expected in local_digests(folder).items():
        path = folder / name
        if there is not None:
            known = there.get(name, "")
            is_there = known == (git_id(path) if len(known) == GIT_ID else expected)
        else:
            assert files is not None
            is_there = remote_digest(*files, name, path.stat().st_size) == expected
        items.append(Item(name, path.stat().st_size, is_there))
    present = there.keys() if there is not None else stored_names(*files)  # type: ignore[misc]
    stale = sorted(set(present) - {item.name for item in items} - {".gitattributes"})
    return PublishPlan(target, tuple(items), tuple(stale))


def publish(folder: Path, plan: PublishPlan, tell: Tell, *, delete: bool = False, private: bool = False) -> None:
    """Send what is not there yet. `delete`: also remove files of an older release from the target."""
    if plan.stale and not delete:
        raise Problem(
            f"{plan.target} has {len(plan.stale)} files that are not part of this release ({plan.stale[0]}), and its "
            "readers could not verify it; add --delete to remove them, or name another target"
        )
    if plan.target.startswith(HUB):
        send_to_hub(folder, plan, private=private)
        return
    files, root = open_store(plan.target)
    for name in plan.stale:
        files.rm_file(f"{root}/{name}")
        tell(f"removed {name}")
    sums = read_sums(folder)
    for item in plan.to_send:
        path = f"{root}/{item.name}"
        with readable(plan.target):
            if is_s3(files):  # a bucket is not made: its name could be misspelt
                metadata = {DIGEST: sums.get(item.name) or file_digest(folder / item.name)}
                files.put_file(str(folder / item.name), path, Metadata=metadata)
            else:
                files.makedirs(path.rpartition("/")[0], exist_ok=True)
                files.put_file(str(folder / item.name), path)
        tell(f"sent {item.name}")


def local_digests(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of every file, the list of digests and its signature last."""
    sums = read_sums(folder)
    names = [name for name in names_in(folder) if name in sums]
    last = [name for name in UNLISTED if (folder / name).is_file()]
    return {name: sums[name] for name in names} | {name: file_digest(folder / name) for name in last}


def git_id(path: Path) -> str:
    """The id that git, and the hub, give to a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def readable(target: str) -> Iterator[None]:
    """Turn errors of a store or of the network into a `Problem` that names the target."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:  # each store has errors of its own
        reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise Problem(f"{target}: {reason}. What was sent is kept: the same command goes on from there") from error


def open_store(target: str) -> tuple[Any, str]:
    """The file system of a target and the path in it; a target without `://` is a folder."""
    import fsspec

    if target.startswith("s3://") and find_spec("s3fs") is None:
        raise Problem(not_installed("S3 needs another package", "crawl"))
    try:
        files, root = fsspec.core.url_to_fs(target if "://" in target else str(Path(target).resolve()))
    except (ValueError, ImportError) as error:
        raise Problem(f"{target}: {error}; name a folder, s3://BUCKET/PATH or hf://OWNER/NAME") from error
    files.invalidate_cache()
    return files, str(root).rstrip("/")


def is_s3(files: Any) -> bool:
    return "s3" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,))


def remote_digest(files: Any, root: str, name: str, size: int) -> str:
    """The digest of a stored file; "" if it is not there or its size differs already."""
    path = f"{root}/{name}"
    with readable(path):
        if not files.exists(path) or files.size(path) != size:
            return ""
        if is_s3(files):
            return str(files.metadata(path).get(DIGEST, ""))
        seen = hashlib.sha256()
        with files.open(path, "rb") as file:
            while block := file.read(CHUNK):
                seen.update(block)
        return seen.hexdigest()


def stored_names(files: Any, root: str) -> Iterator[str]:
    """The files below the target, relative to it."""
    with readable(root):
        paths = files.find(root) if files.exists(root) else []
    return (str(path).removeprefix(root).lstrip("/") for path in paths)


def hub_name(target: str) -> tuple[str, str]:
    """(type, OWNER/NAME) of `hf://OWNER/NAME` or `hf://datasets/OWNER/NAME`."""
    kind, name = "model", target.removeprefix(HUB).strip("/")
    if name.startswith("datasets/"):
        kind, name = "dataset", name.removeprefix("datasets/")
    if name.count("/") != 1:
        raise Problem(f"{target} names no repository: write hf://OWNER/NAME or hf://datasets/OWNER/NAME")
    return kind, name


def hub_digests(target: str) -> dict[str, str]:
    """Name -> SHA-256 of a large file, or git's id of another, of what the repository has; {} if it does not exist."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    kind, name = hub_name(target)
    with readable(target):
        try:
            rows = list(HfApi().list_repo_tree(name, recursive=True, repo_type=kind))
        except RepositoryNotFoundError:
            return {}
    return {row.path: str(row.lfs.sha256 if row.lfs else row.blob_id) for row in rows if hasattr(row, "blob_id")}


def send_to_hub(folder: Path, plan: PublishPlan, *, private: bool) -> None:
    """Create the repository if needed and send everything in one commit, large files before it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    kind, name = hub_name(plan.target)
    with readable(plan.target):
        api = HfApi()
        api.create_repo(name, repo_type=kind, private=private, exist_ok=True)
        operations: list[Any] = [CommitOperationDelete(path) for path in plan.stale]
        operations += [CommitOperationAdd(item.name, folder / item.name) for item in plan.to_send]
        if operations:
            api.create_commit(name, operations, commit_message=f"Release {folder.name}", repo_type=kind)
