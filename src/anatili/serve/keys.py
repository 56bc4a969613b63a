"""Keys of a server: made, hashed, with a name, a limit and an expiry, in a file that a running server reads again."""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from anatili.problem import Problem
from anatili.text import show_path
from anatili.text_files import read_text

REREAD_SECONDS = 2.0
"""How soon a change of the file of keys counts."""
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """What is known of a key, but not the key itself."""

    name: str
    """Of its holder."""
    per_minute: int = 0
    """Its own limit; 0: the server's."""
    expires: date | None = None
    """The last day on which it counts, in UTC."""
    admin: bool = False
    """Whether it opens /admin."""

    def has_expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC).date() > self.expires

    def line(self, hashed: str) -> str:
        """Its line in a file of keys."""
        options = [f"per-minute={self.per_minute}"] if self.per_minute else []
        options += [f"expires={self.expires.isoformat()}"] if self.expires else []
        options += ["admin"] if self.admin else []
        return " ".join([self.name, hashed, *options])


def hash_key(key: str) -> str:
    """The hash by which a key is stored. Keys are random and long, so one round of SHA-256 is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def make_key(key: Key) -> tuple[str, str]:
    """A new secret for a key, and the key's line for a file of keys."""
    if len(key.name.split()) != 1 or "#" in key.name:
        raise Problem(f"{key.name!r} cannot be the name of a key: use one word without #")
    if key.has_expired():
        raise Problem(f"{key.expires} is over: a key that expires then would never count")
    secret = secrets.token_urlsafe(32)
    return secret, key.line(hash_key(secret))


def read_keys(path: Path) -> dict[str, Key]:
    """Hash -> key, from a file with lines `name hash [per-minute=N] [expires=YYYY-MM-DD] [admin]`."""
    keys: dict[str, Key] = {}
    try:
        lines = read_text(path).splitlines()
    except Problem as problem:
        raise Problem(f"cannot read the keys: {problem}") from problem
    for number, line in enumerate(lines, 1):
        parts = line.split("#")[0].split()
        if parts:
            try:
                hashed, key = read_line(parts)
            except ValueError as error:
                raise Problem(f"{show_path(path)} line {number}: {error}; make one: anatili key NAME") from error
            keys[hashed] = key
    return keys


def read_line(parts: list[str]) -> tuple[str, Key]:
    """The hash and the key of a line; `ValueError` says what is wrong with it."""
    if len(parts) < 2 or not HASH.fullmatch(parts[1]):
        raise ValueError("expected a name and a hash")
    per_minute, expires, admin = 0, None, False
    for option in parts[2:]:
        name, _, value = option.partition("=")
        if option == "admin":
            admin = True
        elif name == "per-minute" and value.isdigit() and int(value):
            per_minute = int(value)
        elif name == "expires":
            expires = date.fromisoformat(value)
        else:
            raise ValueError(f"unknown option {option!r} (there are per-minute=N, expires=YYYY-MM-DD and admin)")
    return parts[1], Key(parts[0], per_minute, expires, admin)


class KeyRing:
    """The keys of a server. Those of a file are read again when it changes: no restart is needed to revoke one."""

    def __init__(self, keys: Mapping[str, Key] | None = None, file: Path | None = None) -> None:
        self.fixed, self.file = dict(keys or {}), file
        self.lock = threading.Lock()
        self.changed, self.checked = 0.0, time.monotonic()
        self.keys = self.fixed | self.read() if file else self.fixed
        self.problem = ""
        """Why the file could not be read again; the keys are those before the change."""

    def __bool__(self) -> bool:
        return bool(self.keys) or self.file is not None

    def read(self) -> dict[str, Key]:
        assert self.file
        self.changed = self.file.stat().st_mtime if self.file.is_file() else 0.0
        return read_keys(self.file)

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        now = time.monotonic()
        with self.lock:
            if self.file is None or now - self.checked < REREAD_SECONDS:
                return
            self.checked = now
            try:
                if self.file.stat().st_mtime != self.changed:
                    self.keys, self.problem = self.fixed | self.read(), ""
            except (Problem, OSError) as error:
                self.problem = str(error)

    def find(self, secret: str) -> Key | None:
        """The key of this secret; None if there is none. All keys are compared, each in constant time."""
        self.refresh()
        hashed, match = hash_key(secret), None
        for known, key in self.keys.items():
            if hmac.compare_digest(hashed, known):
                match = key
        return match
