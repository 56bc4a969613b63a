"""Download from the Hugging Face hub or a mirror of it: resumed after a break, checked, never pickle.

Locations, credentials and the choice of server are left to huggingface_hub: HF_ENDPOINT, HF_HOME, HF_TOKEN and
HF_HUB_OFFLINE apply, and other programs find what was pulled here. The bytes are downloaded here, because
huggingface_hub discards a partial download when the connection breaks and does not compare digests.
"""

import fnmatch
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anatili.atomic_files import disk_problem
from anatili.models.registry import Pulled, Row, find, record_of, write_pulled
from anatili.problem import Problem
from anatili.text import file_digest, show_path
from anatili.weights import PICKLES, one_at_a_time

BESIDE = ("*.json", "*.jinja", "*.model", "*.txt", "README.md", "LICENSE*", "NOTICE*")
"""Files that a folder of weights needs besides the weights: configuration, vocabulary, terms."""
FOLDERS = re.compile(r"(\d_\w+/)?[^/]+$")
"""Files at the top, and in the folders of sentence-transformers (`1_Pooling`); other folders hold other formats."""
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SPLIT = re.compile(r"\A(.*)-\d{5}-of-\d{5}\.gguf$")
TRIES = 5
"""Attempts to resume a download by itself; the count starts again whenever bytes arrive."""
WAIT = 1.0
"""Seconds before such an attempt."""
TIMEOUT = 30.0
"""Seconds without a byte."""
CHUNK = 1 << 20
Advance = Callable[[int], None]


@dataclass(frozen=True)
class File:
    """A file of a repository, with its digest according to the hub."""

    name: str
    size: int
    digest: str
    """SHA-256 of a file stored as LFS, else its git blob id (40 digits)."""


@dataclass(frozen=True)
class PullPlan:
    """What a pull would fetch."""

    name: str
    """The name under which it is recorded."""
    repository: str
    commit: str
    files: tuple[File, ...]
    opens: str
    """The GGUF file to open; "" opens the folder."""
    license: str
    """The license that the repository states; "" if none."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def plan_pull(name: str, file: str = "") -> PullPlan:
    """What to fetch for a row of the registry, or for OWNER/NAME (the given file, or all that a folder needs)."""
    row = find(name)
    if row is None and name.count("/") != 1:
        raise Problem(f"{name!r} is not the OWNER/NAME of a repository")
    repository = row.repository if row else name
    with readable_errors(repository):
        from huggingface_hub import HfApi

        api = HfApi()
        info = api.model_info(repository, revision=row.revision if row else None, files_metadata=True)
        files = [as_file(sibling) for sibling in info.siblings or ()]
        chosen, opens = choose(files, row, file, repository)
        # Check access with a small request now, rather than fail after the user has agreed.
        api.get_hf_file_metadata(url=address(repository, str(info.sha), chosen[0].name))
    if not re.fullmatch(r"[0-9a-f]{40}", str(info.sha)):
        raise Problem(f"{host()} does not name a commit of {repository}: refused")
    pulled_as = row.name if row else name if not file else f"{name}/{file}"
    code = info.card_data.get("license") if info.card_data else ""
    return PullPlan(pulled_as, repository, str(info.sha), tuple(chosen), opens, str(code or ""))


def as_file(sibling: Any) -> File:
    """A file as the hub describes it; `Problem` for an invalid digest or a name that points outside the folder."""
    name, digest = str(sibling.rfilename), str((sibling.lfs.sha256 if sibling.lfs else sibling.blob_id) or "")
    if not DIGEST.fullmatch(digest) or sibling.size is None:
        raise Problem(f"{host()} does not give the digest of {name!r}: a file that cannot be checked is not fetched")
    if not name.isprintable() or name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise Problem(f"{host()} names a file {name!r}: refused")
    return File(name, int(sibling.size), digest)


def choose(files: list[File], row: Row | None, file: str, repository: str) -> tuple[list[File], str]:
    """The files to fetch, the largest weights first, and which one an engine opens ("" for the folder)."""
    file_name = file or (row.file if row else "")
    if file_name and not file_name.endswith((".gguf", ".safetensors")):
        raise Problem(
            f"{file_name}: only .gguf and .safetensors are pulled; other formats can run code when they are opened"
        )
    ggufs = [entry for entry in files if entry.name.endswith(".gguf") and "mmproj" not in entry.name]
    if file_name.endswith(".gguf") or (not file_name and row is None and ggufs):
        return choose_gguf(ggufs, file_name, repository)
    top = [entry for entry in files if FOLDERS.match(entry.name) and not entry.name.startswith(".")]
    weights = [entry for entry in top if entry.name.endswith(".safetensors") and file_name in ("", entry.name)]
    if any(entry.name.startswith("model") for entry in weights):  # the same weights again, for another program
        weights = [entry for entry in weights if not entry.name.startswith("consolidated")]
    if row and row.format == "ctranslate2":
        weights = [entry for entry in top if entry.name == "model.bin"]  # its own format: numbers, no code
    if not weights:
        pickled = [entry.name for entry in files if any(fnmatch.fnmatch(entry.name, pattern) for pattern in PICKLES)]
        if pickled:
            raise Problem(
                f"{repository} has its weights only as pickle ({pickled[0]}), which can run code when it is opened: "
                "refused. Look for a version in safetensors or GGUF"
            )
        raise Problem(f"{repository} has no {file_name or '.gguf or .safetensors file'}")
    beside = [entry for entry in top if any(fnmatch.fnmatch(entry.name.split("/")[-1], pattern) for pattern in BESIDE)]
    return sorted(weights, key=lambda entry: -entry.size) + beside, ""


def choose_gguf(ggufs: list[File], file_name: str, repository: str) -> tuple[list[File], str]:
    """One GGUF file, or all parts of one that is split; if the choice is not clear, a `Problem` lists the files."""
    models: dict[str, list[File]] = {}
    for gguf in sorted(ggufs, key=lambda gguf: gguf.name):
        split = SPLIT.match(gguf.name)
        models.setdefault(split[1] if split else gguf.name, []).append(gguf)
    matches = [
        parts for parts in models.values() if any(fnmatch.fnmatchcase(part.name, file_name or "*") for part in parts)
    ]
    if len(matches) == 1:
        return matches[0], matches[0][0].name
    what = f"{len(matches)} GGUF files" if matches else f"no file {file_name}"
    shown = matches or list(models.values())
    listed = "\n".join(f"  {parts[0].name}  {sum(part.size for part in parts) / 1e9:.2f} GB" for parts in shown)
    raise Problem(f"{repository} has {what}" + (f"; name one of these:\n{listed}" if listed else ""))


def room_needed(plan: PullPlan) -> int:
    """Bytes that are still to be downloaded."""
    return sum(max(0, file.size - arrived(plan, file)) for file in plan.files)


def arrived(plan: PullPlan, file: File) -> int:
    """Bytes of a file that were downloaded already."""
    blob = blob_of(plan, file)
    return next((path.stat().st_size for path in (blob, part_of(blob)) if path.is_file()), 0)


def free_space() -> int:
    """Free bytes on the disk for pulled models."""
    folder = cache()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def fetch(plan: PullPlan, advance: Advance) -> Pulled:
    """Fetch what is missing, check every digest, and write the record; `advance` is called with the bytes present.

    After a break the next call resumes the download.
    """
    from huggingface_hub import hf_hub_download

    needed, free = room_needed(plan), free_space()
    if needed > free:
        raise Problem(
            f"{plan.name} needs {needed / 1e9:.2f} GB in {show_path(cache())}, where {free / 1e9:.2f} GB are free: "
            "make room, or set HF_HOME to a folder on another disk"
        )
    with one_at_a_time(record_of(plan.name)), readable_errors(plan.repository):
        pointer = Path()
        for file in plan.files:
            fetch_file(plan, file, advance)
            # The bytes are here already; this only links them into the snapshot.
            pointer = Path(hf_hub_download(plan.repository, file.name, revision=plan.commit))
        folder = pointer.parents[len(Path(plan.files[-1].name).parts) - 1]
        sizes = {file.name: file.size for file in plan.files}
        pulled = Pulled(plan.name, plan.repository, plan.commit, str(folder), sizes, plan.opens)
        write_pulled(pulled)
    return pulled


def fetch_file(plan: PullPlan, file: File, advance: Advance) -> None:
    """Download one file into the hub's cache and check it; a damaged file is fetched again."""
    blob = blob_of(plan, file)
    if blob.is_file():
        if digest_of(blob, file) == file.digest:
            advance(file.size)
            return
        blob.unlink()
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(blob)
    try:
        download(address(plan.repository, plan.commit, file.name), part, file, advance)
    except OSError as error:
        problem = disk_problem(error, part)
        if problem is None:
            raise
        raise problem from error
    digest = digest_of(part, file)
    if digest != file.digest:
        part.unlink()
        raise Problem(
            f"{file.name} is not what {host()} says it is (its digest is {digest[:12]}…, not {file.digest[:12]}…): "
            "refused and removed. If this happens again, do not trust this mirror or network"
        )
    part.replace(blob)


def digest_of(path: Path, file: File) -> str:
    """The digest of the file at `path`, of the kind that the hub gives for `file`."""
    if len(file.digest) == 64:
        return file_digest(path)
    with path.open("rb") as opened:
        blob_id = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while chunk := opened.read(CHUNK):
            blob_id.update(chunk)
        return blob_id.hexdigest()


def download(url: str, part: Path, file: File, advance: Advance) -> None:
    """Download `url` into `part`, appending to what is there, and resume by itself when the connection breaks."""
    from huggingface_hub import errors

    part.touch()
    advance(part.stat().st_size)
    left, reason = TRIES, None
    while (start := part.stat().st_size) < file.size:
        if left == 0:
            raise Problem(
                f"{host()} broke off after {start / 1e6:,.1f} of {file.size / 1e6:,.1f} MB ({reason or 'it ended'}). "
                "What was downloaded is kept: give the same command again to resume"
            ) from reason
        time.sleep(WAIT if left < TRIES else 0)
        left -= 1
        try:
            for count in receive(url, part, start, file.size):
                advance(count)
                left = TRIES if count > 0 else left
        except errors.HfHubHTTPError:
            raise
        except errors.HTTPError as error:
            reason = error
    # If the server sends too many bytes, the digest will not match.


def receive(url: str, part: Path, start: int, size: int) -> Iterator[int]:
    """Append what the server sends from byte `start` on to `part`; yields bytes received, or < 0 if discarded."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        resumes = start and answer.status_code == 206
        if start and not resumes:  # the server sends the whole file again
            yield -start
            start = 0
        with part.open("ab" if resumes else "wb") as file:
            for chunk in answer.iter_bytes():  # unbuffered: buffered bytes are lost when the connection breaks
                file.write(chunk)
                start += len(chunk)
                yield len(chunk)
                if start > size:
                    return


def cache() -> Path:
    """The folder in which huggingface_hub caches downloads."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def blob_of(plan: PullPlan, file: File) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return cache() / str(repo_folder_name(repo_id=plan.repository, repo_type="model")) / "blobs" / file.digest


def part_of(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.part")


def address(repository: str, commit: str, name: str) -> str:
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(repository, name, revision=commit))


def host() -> str:
    from huggingface_hub import constants

    return urlsplit(str(constants.ENDPOINT)).netloc or str(constants.ENDPOINT)


class readable_errors:  # noqa: N801 - read as a phrase
    """Turns errors of huggingface_hub into a sentence that says what to do."""

    def __init__(self, repository: str) -> None:
        self.repository = repository

    def __enter__(self) -> None:
        try:
            import huggingface_hub  # noqa: F401
        except ImportError as error:
            from anatili.problem import pip

            raise Problem(f"fetching from the hub needs huggingface_hub: {pip()} huggingface_hub") from error

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

        if isinstance(error, OfflineModeIsEnabled):
            raise Problem(f"HF_HUB_OFFLINE is set, and {self.repository} is not here: nothing was fetched") from error
        if isinstance(error, HTTPError):
            raise Problem(sentence(error, self.repository)) from error
        if isinstance(error, ValueError):  # a page instead of JSON, or an invalid name
            plain = "it does not answer as a hub does" if isinstance(error, json.JSONDecodeError) else str(error)
            raise Problem(f"{host()}: {' '.join(plain.split())[:200]}") from error


def sentence(error: Any, repository: str) -> str:
    """What an error of the hub, or its silence, means for the user."""
    from huggingface_hub import errors, get_token

    page = f"https://huggingface.co/{repository}"
    if isinstance(error, errors.GatedRepoError):
        if get_token():
            return f"the account of your token may not have {repository} yet: ask for access at {page}, and wait for it"
        return (
            f"{repository} is gated: log in and accept its terms at {page}, create a token at "
            "https://huggingface.co/settings/tokens and set HF_TOKEN to it"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no repository {repository} on {host()}, or you have no access (set HF_TOKEN to your token)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no such revision"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repository} no longer has this file"
    if isinstance(error, errors.HfHubHTTPError):
        code = error.response.status_code
        if code in (401, 403):
            return f"{host()} refuses the token (HF_TOKEN) for {repository}: {code}"
        return f"{host()} answered {code} to a request for {repository}: try again later"
    return (
        f"no connection to {host()} ({error or type(error).__name__}): nothing was fetched. "
        "Where the hub cannot be reached, HF_ENDPOINT names a mirror"
    )
