"""A server that speaks the Hugging Face hub's API as far as pulling and publishing need it: real HTTP, on a free port.

Large files lie on another host, as they do there: `resolve` sends on to it, and a token must not be sent along. What
can go wrong on the way is set on the server: broken connections, other bytes, refusals.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LARGE = (".gguf", ".safetensors", ".bin")
"""What is stored apart from git, known by its SHA-256."""


@dataclass
class Repository:
    files: dict[str, bytes]
    license: str = "apache-2.0"
    is_gated: bool = False
    allowed: set[str] = field(default_factory=set)
    """Tokens for which a gated one opens."""

    @property
    def commit(self) -> str:
        seen = hashlib.sha1()
        for name, content in sorted(self.files.items()):
            seen.update(name.encode() + content)
        return seen.hexdigest()


def entries(repository: Repository) -> list[str]:
    """The files of a repository and the folders that they are in."""
    folders = {parent.as_posix() for name in repository.files for parent in PurePosixPath(name).parents}
    return sorted({*repository.files, *folders} - {"."})


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """What the server has and how it misbehaves."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    breaks: list[int] = field(default_factory=list)
    """After how many bytes each of the next large downloads breaks off; empty: none does."""
    spoil: bool = False
    """Whether a byte of every large file is changed on the way."""
    ignores_ranges: bool = False
    says_html: bool = False
    """Whether it answers as a hotel's network does."""
    fails: int = 0
    """The status with which it answers everything; 0: it works."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and Range of each request."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files that were sent, by SHA-256."""
    leaked: list[str] = field(default_factory=list)
    """Requests to the other host that carried a token."""
    large: tuple[str, ...] = LARGE
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def downloads(self) -> list[str]:
        """The Range of each request for a large file's bytes."""
        return [span for method, path, span in self.asked if method == "GET" and path.startswith("/cdn/")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.take()

    def do_PUT(self) -> None:
        self.take()

    def take(self) -> None:
        """A request of a client that publishes."""
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.asked.append((self.command, path, ""))
        if path.startswith("/lfs/"):
            if hub.breaks:
                hub.breaks.pop(0)
                self.close_connection = True
                return None
            hub.stored[path.removeprefix("/lfs/")] = body
            return self.send(200, b"", {})
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in hub.tokens:
            return self.refuse(401, message="Invalid credentials in Authorization header")
        if path == "/api/validate-yaml":
            yaml.safe_load(json.loads(body)["content"].split("---")[1])
            return self.say({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            said = json.loads(body)
            name = ("datasets/" if said.get("type") == "dataset" else "") + f"{said['organization']}/{said['name']}"
            status = 409 if name in hub.repositories else 200
            hub.repositories.setdefault(name, Repository({}))
            return self.say({"url": f"{hub.address}/{name}"}, status)
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.say(
                {"transfer": "basic", "objects": [self.wants(each) for each in json.loads(body)["objects"]]}
            )
        if "/paths-info/" in path:
            return self.paths_info(path.removeprefix("/api/").partition("/paths-info/")[0], parse_qs(body.decode()))
        name, _, rest = path.removeprefix("/api/").removeprefix("models/").partition("/preupload/")
        if rest:
            return self.say(
                {
                    "files": [
                        {
                            "path": each["path"],
                            "uploadMode": "lfs" if each["path"].endswith(hub.large) else "regular",
                            "shouldIgnore": False,
                        }
                        for each in json.loads(body)["files"]
                    ]
                }
            )
        return self.commit(name.partition("/commit/")[0], body)

    def wants(self, wanted: dict[str, object]) -> dict[str, object]:
        """What the client is to do with a large file: nothing if it is here."""
        if str(wanted["oid"]) in self.hub.stored:
            return wanted
        return wanted | {"actions": {"upload": {"href": f"{self.hub.address}/lfs/{wanted['oid']}"}}}

    def commit(self, name: str, body: bytes) -> None:
        repository = self.hub.repositories[name]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del repository.files[value["path"]]
        self.say({"success": True, "commitOid": repository.commit, "commitUrl": f"{self.hub.address}/{name}/commit/1"})

    def tree(self, name: str, below: str, query: dict[str, list[str]]) -> None:
        """The files and folders below one of a repository, as `list_repo_tree` reads them."""
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self.refuse(404, "RepoNotFound")
        rows = [self.row(repository, path) for path in entries(repository) if path.startswith(f"{below}/".lstrip("/"))]
        if below and not rows:
            return self.refuse(404, "EntryNotFound")
        if query.get("recursive", ["false"])[0].lower() not in ("true", "1"):
            rows = [row for row in rows if "/" not in str(row["path"])[len(below) + bool(below) :]]
        return self.say(rows)

    def paths_info(self, name: str, query: dict[str, list[str]]) -> None:
        """What stands at some paths; those where nothing stands are left out."""
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self.refuse(404, "RepoNotFound")
        return self.say([self.row(repository, path) for path in query["paths"] if path in entries(repository)])

    def row(self, repository: Repository, path: str) -> dict[str, object]:
        content = repository.files.get(path)
        if content is None:
            return {"type": "directory", "path": path, "size": 0, "oid": git_id(path.encode())}
        row: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git_id(content)}
        if path.endswith(self.hub.large):
            row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return row

    def say(self, value: object, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path, self.headers.get("Range", "")))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hub.fails:
            return self.refuse(hub.fails)
        if hub.says_html:
            return self.send(200, b"<html>Please log in to the network</html>", {"Content-Type": "text/html"})
        if path.startswith("/cdn/"):
            if token:
                hub.leaked.append(path)
            return self.large(path.removeprefix("/cdn/"))
        if token and token not in hub.tokens:
            return self.refuse(401, message="Invalid credentials in Authorization header")
        if path.startswith("/api/") and "/tree/main" in path:
            name, _, below = path.removeprefix("/api/").removeprefix("models/").partition("/tree/main")
            return self.tree(name, below.strip("/"), parse_qs(urlsplit(self.path).query))
        if path.startswith(("/api/models/", "/api/datasets/")):
            return self.facts(path.removeprefix("/api/").removeprefix("models/"), token)
        return self.resolve(path, token)

    def facts(self, rest: str, token: str) -> None:
        name, _, revision = rest.partition("/revision/")
        repository = self.hub.repositories.get(name)
        if repository is None:  # the hub does not tell strangers what is missing from what is private
            return self.refuse(404 if token else 401, "RepoNotFound")
        if revision not in ("", "main", repository.commit):
            return self.refuse(404, "RevisionNotFound")
        siblings = []
        for file, content in repository.files.items():
            row = {"rfilename": file, "size": len(content), "blobId": git_id(content)}
            if file.endswith(self.hub.large):
                row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            siblings.append(row)
        said = {
            "_id": "1",
            "id": name,
            "modelId": name,
            "sha": repository.commit,
            "private": False,
            "disabled": False,
            "gated": "manual" if repository.is_gated else False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "cardData": {"license": repository.license},
            "siblings": siblings,
        }
        return self.send(200, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def resolve(self, path: str, token: str) -> None:
        name, _, rest = path.strip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self.refuse(404 if token else 401, "RepoNotFound")
        if repository.is_gated and token not in repository.allowed:
            return self.refuse(403 if token else 401, "GatedRepo")
        if revision not in ("main", repository.commit):
            return self.refuse(404, "RevisionNotFound")
        content = repository.files.get(file)
        if content is None:
            return self.refuse(404, "EntryNotFound")
        about = {"X-Repo-Commit": repository.commit}
        if not file.endswith(self.hub.large):
            return self.part(content, about | {"ETag": f'"{git_id(content)}"'})
        digest = hashlib.sha256(content).hexdigest()
        about |= {
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{digest}"',
            "Location": f"http://localhost:{self.hub.port}/cdn/{digest}?signed=yes",
        }
        return self.send(302, b"", about)

    def large(self, digest: str) -> None:
        hub = self.hub
        everything = (c for r in hub.repositories.values() for c in r.files.values())
        content = next((c for c in everything if hashlib.sha256(c).hexdigest() == digest), None)
        if content is None:
            return self.refuse(404)
        if hub.spoil:
            content = content[:-1] + bytes([content[-1] ^ 1])
        head, status = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}, 200
        span = self.headers.get("Range", "")
        if span and not hub.ignores_ranges and not hub.breaks:
            return self.part(content, head)
        if span and not hub.ignores_ranges:
            start = int(span.removeprefix("bytes=").partition("-")[0])
            head["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        if hub.breaks:
            kept = hub.breaks.pop(0)
            self.send(status, content, head, kept)
            self.close_connection = True
            return None
        return self.send(status, content, head)

    def part(self, content: bytes, head: dict[str, str]) -> None:
        """The bytes that the request asks for; all of them if it names none."""
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not first:
            return self.send(200, content, head)
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        return self.send(206, content[begin : end + 1], head | {"Content-Range": f"bytes {begin}-{end}/{len(content)}"})

    def refuse(self, status: int, code: str = "", message: str = "") -> None:
        head = {name: said for name, said in (("X-Error-Code", code), ("X-Error-Message", message)) if said}
        self.send(status, b'{"error": "no"}', head | {"Content-Type": "application/json"})

    def send(self, status: int, content: bytes, head: dict[str, str], kept: int | None = None) -> None:
        """An answer; of `kept` bytes only, though it promises all."""
        self.send_response(status)
        for name, said in head.items():
            self.send_header(name, said)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if kept is None else content[:kept])


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers until the block ends."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
