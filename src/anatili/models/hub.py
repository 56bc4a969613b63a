"""Fetching from the Hugging Face hub, or a mirror of it: resumed where it broke off, checked, never pickle.

Where things lie, who asks and which server is asked is huggingface_hub's business: HF_ENDPOINT, HF_HOME, HF_TOKEN and
HF_HUB_OFFLINE hold, and other programs find what was pulled here. The bytes are fetched here, because it throws away
what came when a download breaks off, and does not compare digests.
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

from anatili.document import disk_problem
from anatili.models.registry import Pulled, Row, find, record_of, write_pulled
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import PICKLES, one_at_a_time

BESIDE = ("*.json", "*.jinja", "*.model", "*.txt", "README.md", "LICENSE*", "NOTICE*")
"""What a folder of weights needs beside them: configuration, vocabulary, terms."""
FOLDERS = re.compile(r"(\d_\w+/)?[^/]+$")
"""Files at the top, and in the folders of sentence-transformers (`1_Pooling`); others hold other formats."""
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SPLIT = re.compile(r"\A(.*)-\d{5}-of-\d{5}\.gguf$")
TRIES = 5
"""Times that a download goes on by itself, counted anew with each byte that came."""
WAIT = 1.0
"""Seconds before it does."""
TIMEOUT = 30.0
"""Seconds without a byte."""
CHUNK = 1 << 20
Advance = Callable[[int], None]


@dataclass(frozen=True)
class File:
    """A file of a repository, with the digest that the hub tells of it."""

    name: str
    size: int
    digest: str
    """SHA-256 of what is stored as LFS, else the id that git gives it (40 digits)."""


@dataclass(frozen=True)
class Plan:
    """What a pull would fetch."""

    name: str
    """What it is pulled as."""
    repository: str
    commit: str
    files: tuple[File, ...]
    opens: str
    """The GGUF file to open; "" opens the folder."""
    licence: str
    """As the repository states it; "" if it does not."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def look(name: str, file: str = "") -> Plan:
    """What is to be fetched for a row of the registry, or of OWNER/NAME (the file, or all that a folder needs)."""
    row = find(name)
    if row is None and name.count("/") != 1:
        raise Problem(f"{name!r} is no OWNER/NAME of a repository")
    repository = row.repository if row else name
    with said_plainly(repository):
        from huggingface_hub import HfApi

        api = HfApi()
        info = api.model_info(repository, revision=row.revision if row else None, files_metadata=True)
        found = [as_file(one) for one in info.siblings or ()]
        chosen, opens = choose(found, row, file, repository)
        # Whether one may have it: a small request now instead of a refusal after the question.
        api.get_hf_file_metadata(url=address(repository, str(info.sha), chosen[0].name))
    if not re.fullmatch(r"[0-9a-f]{40}", str(info.sha)):
        raise Problem(f"{host()} names no commit of {repository}: refused")
    pulled_as = row.name if row else name if not file else f"{name}/{file}"
    licence = info.card_data.get("license") if info.card_data else ""
    return Plan(pulled_as, repository, str(info.sha), tuple(chosen), opens, str(licence or ""))


def as_file(sibling: Any) -> File:
    """A file as the hub tells of it; `Problem` for a digest that is none or a name that would lead elsewhere."""
    name, digest = str(sibling.rfilename), str((sibling.lfs.sha256 if sibling.lfs else sibling.blob_id) or "")
    if not DIGEST.fullmatch(digest) or sibling.size is None:
        raise Problem(f"{host()} does not tell the digest of {name!r}: it is not fetched unchecked")
    if not name.isprintable() or name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise Problem(f"{host()} names a file {name!r}: refused")
    return File(name, int(sibling.size), digest)


def choose(found: list[File], row: Row | None, file: str, repository: str) -> tuple[list[File], str]:
    """The files to fetch, the heaviest first, and which one an engine opens ("" for the folder)."""
    wanted = file or (row.file if row else "")
    if wanted and not wanted.endswith((".gguf", ".safetensors")):
        raise Problem(
            f"{wanted}: only .gguf and .safetensors are pulled; other forms can run code when they are opened"
        )
    ggufs = [one for one in found if one.name.endswith(".gguf") and "mmproj" not in one.name]
    if wanted.endswith(".gguf") or (not wanted and row is None and ggufs):
        return choose_gguf(ggufs, wanted, repository)
    top = [one for one in found if FOLDERS.match(one.name) and not one.name.startswith(".")]
    weights = [one for one in top if one.name.endswith(".safetensors") and wanted in ("", one.name)]
    if any(one.name.startswith("model") for one in weights):  # the same once more, for another program
        weights = [one for one in weights if not one.name.startswith("consolidated")]
    if row and row.format == "ctranslate2":
        weights = [one for one in top if one.name == "model.bin"]  # its own format: numbers, no code
    if not weights:
        pickled = [one.name for one in found if any(fnmatch.fnmatch(one.name, pattern) for pattern in PICKLES)]
        if pickled:
            raise Problem(
                f"{repository} has its weights only as pickle ({pickled[0]}), which can run code when it is opened: "
                "refused. Look for a safetensors or GGUF version of it"
            )
        raise Problem(f"{repository} has no {wanted or '.gguf or .safetensors file'}")
    beside = [one for one in top if any(fnmatch.fnmatch(one.name.split("/")[-1], pattern) for pattern in BESIDE)]
    return sorted(weights, key=lambda one: -one.size) + beside, ""


def choose_gguf(ggufs: list[File], wanted: str, repository: str) -> tuple[list[File], str]:
    """One GGUF file, or all pieces of one that is split; `Problem` lists them where it is not clear which."""
    wholes: dict[str, list[File]] = {}
    for one in sorted(ggufs, key=lambda one: one.name):
        split = SPLIT.match(one.name)
        wholes.setdefault(split[1] if split else one.name, []).append(one)
    fitting = [
        pieces for pieces in wholes.values() if any(fnmatch.fnmatchcase(one.name, wanted or "*") for one in pieces)
    ]
    if len(fitting) == 1:
        return fitting[0], fitting[0][0].name
    what = f"{len(fitting)} GGUF files" if fitting else f"no file {wanted}"
    shown = fitting or list(wholes.values())
    listed = "\n".join(f"  {pieces[0].name}  {sum(p.size for p in pieces) / 1e9:.2f} GB" for pieces in shown)
    raise Problem(f"{repository} has {what}" + (f"; name one of these:\n{listed}" if listed else ""))


def room_needed(plan: Plan) -> int:
    """Bytes that are still to come."""
    return sum(max(0, file.size - arrived(plan, file)) for file in plan.files)


def arrived(plan: Plan, file: File) -> int:
    """Bytes of a file that are here."""
    blob = blob_of(plan, file)
    return next((path.stat().st_size for path in (blob, part_of(blob)) if path.is_file()), 0)


def free_space() -> int:
    """Bytes free where pulled models go."""
    place = cache()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def fetch(plan: Plan, advance: Advance) -> Pulled:
    """Fetch what is not here yet, check every digest, and record it; `advance` is told the bytes that are there.

    What came before a break stays and is gone on from at the next call.
    """
    from huggingface_hub import hf_hub_download

    needed, free = room_needed(plan), free_space()
    if needed > free:
        raise Problem(
            f"{plan.name} needs {needed / 1e9:.2f} GB in {show_path(cache())}, where {free / 1e9:.2f} GB are free: "
            "make room, or set HF_HOME to a folder on another disk"
        )
    with one_at_a_time(record_of(plan.name)), said_plainly(plan.repository):
        pointer = Path()
        for file in plan.files:
            bring(plan, file, advance)
            # The bytes are there: this only gives them their name in the snapshot.
            pointer = Path(hf_hub_download(plan.repository, file.name, revision=plan.commit))
        folder = pointer.parents[len(Path(plan.files[-1].name).parts) - 1]
        sizes = {file.name: file.size for file in plan.files}
        found = Pulled(plan.name, plan.repository, plan.commit, str(folder), sizes, plan.opens)
        write_pulled(found)
    return found


def bring(plan: Plan, file: File, advance: Advance) -> None:
    """One file, whole and checked, where the cache of the hub keeps it; a damaged one is fetched again."""
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
    found = digest_of(part, file)
    if found != file.digest:
        part.unlink()
        raise Problem(
            f"{file.name} is not what {host()} says it is (its digest is {found[:12]}…, not {file.digest[:12]}…): "
            "refused and removed. If the next try ends like this too, do not trust this mirror or network"
        )
    part.replace(blob)


def digest_of(path: Path, file: File) -> str:
    """The digest of what is at `path`, of the kind that the hub tells of `file`."""
    with path.open("rb") as opened:
        if len(file.digest) == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        seen = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while chunk := opened.read(CHUNK):
            seen.update(chunk)
        return seen.hexdigest()


def download(url: str, part: Path, file: File, advance: Advance) -> None:
    """Fetch `url` into `part`, after what is in it already, going on by itself where the connection breaks."""
    from huggingface_hub import errors

    part.touch()
    advance(part.stat().st_size)
    left, reason = TRIES, None
    while (start := part.stat().st_size) < file.size:
        if left == 0:
            raise Problem(
                f"{host()} broke off after {start / 1e6:,.1f} of {file.size / 1e6:,.1f} MB ({reason or 'it ended'}). "
                "What came stays: give the same command again, it goes on there"
            ) from reason
        time.sleep(WAIT if left < TRIES else 0)
        left -= 1
        try:
            for count in piece(url, part, start, file.size):
                advance(count)
                left = TRIES if count > 0 else left
        except errors.HfHubHTTPError:
            raise
        except errors.HTTPError as error:
            reason = error
    # One byte too many is as wrong as one that is another: the digest says so.


def piece(url: str, part: Path, start: int, size: int) -> Iterator[int]:
    """Write what a server sends from byte `start` on to `part`; yields how many bytes came, or were of no use (< 0)."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        goes_on = start and answer.status_code == 206
        if start and not goes_on:  # it sends all of it again
            yield -start
            start = 0
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_bytes():  # as it comes: what waits for a full chunk is lost when the line breaks
                file.write(chunk)
                start += len(chunk)
                yield len(chunk)
                if start > size:
                    return


def cache() -> Path:
    """The folder in which the hub's own programs keep what they fetch."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def blob_of(plan: Plan, file: File) -> Path:
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


class said_plainly:  # noqa: N801 - read as a phrase
    """Turns what huggingface_hub raises into one sentence and what to do."""

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
        if isinstance(error, ValueError):  # a page in place of JSON, or a name that can be none
            plain = "it does not answer as a hub does" if isinstance(error, json.JSONDecodeError) else str(error)
            raise Problem(f"{host()}: {' '.join(plain.split())[:200]}") from error


def sentence(error: Any, repository: str) -> str:
    """What the hub's refusal, or silence, means for the person who asked."""
    from huggingface_hub import errors, get_token

    page = f"https://huggingface.co/{repository}"
    if isinstance(error, errors.GatedRepoError):
        if get_token():
            return (
                f"the account of your token may not have {repository} yet: ask for it at {page}, and wait if it says so"
            )
        return (
            f"{repository} is gated: log in and accept its terms at {page}, make a token at "
            "https://huggingface.co/settings/tokens and set HF_TOKEN to it"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no repository {repository} on {host()}, or it is not open to you (HF_TOKEN gives your token)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no such revision"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repository} does not have this file any more"
    if isinstance(error, errors.HfHubHTTPError):
        code = error.response.status_code
        if code in (401, 403):
            return f"{host()} refuses the token (HF_TOKEN) for {repository}: {code}"
        return f"{host()} answered {code} to a request for {repository}: try again later"
    return (
        f"no connection to {host()} ({error or type(error).__name__}): nothing was fetched. "
        "Where the hub cannot be reached, HF_ENDPOINT names a mirror"
    )
