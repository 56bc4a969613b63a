"""The OpenAI-compatible API and the page. Localhost only, unless a key guards every route but /health and the page."""

import asyncio
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anatili import __version__
from anatili.engine import Sampling
from anatili.problem import Problem
from anatili.search.answer import Found
from anatili.serve.assistant import Assistant, Reply

STATIC = Path(__file__).parent / "static"
MAX_BODY = 1 << 20
MAX_TOKENS = 2048
WAITING = 8
"""Requests that may wait for the model; the next one is told to come back (503)."""
OPEN = ("/health", "/", "/static/page.css", "/static/page.js", "/static/icon.svg", "/languages")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-AI-Generated": "text by a language model may be in this answer",
}


class Turn(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant", "developer"]
    content: str | list[dict[str, Any]]

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")


class ChatRequest(BaseModel):
    """What clients of OpenAI's chat API send; keys that change nothing here are ignored."""

    model_config = ConfigDict(extra="ignore")
    model: str = ""
    messages: list[Turn] = Field(min_length=1, max_length=200)
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**63)
    n: int | None = Field(None, ge=1, le=1)
    stop: str | list[str] | None = None
    language: str = ""

    def sampling(self) -> Sampling:
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Sampling(
            limit=self.max_completion_tokens or self.max_tokens or 200,
            temperature=0.7 if self.temperature is None else self.temperature,
            top_p=self.top_p or 0.95,
            seed=self.seed or 0,
            stop=tuple(stop),
        )

    def conversation(self) -> list[dict[str, str]]:
        roles = {"developer": "system"}
        return [{"role": roles.get(turn.role, turn.role), "content": turn.text()} for turn in self.messages]


class Queue:
    """Lets one answer be made at a time and a few wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0

    async def enter(self) -> bool:
        if self.waiting >= WAITING:
            return False
        self.waiting += 1
        try:
            await self.lock.acquire()
        except BaseException:
            self.waiting -= 1
            raise
        return True

    def leave(self) -> None:
        self.waiting -= 1
        self.lock.release()


def failure(status: int, message: str, kind: str = "invalid_request_error") -> JSONResponse:
    """An error in OpenAI's form."""
    headers = {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse({"error": {"message": message, "type": kind, "code": None}}, status, headers)


def create_app(assistant: Assistant, *, key: str = "", hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """The application. `hosts`: names a request may give as its Host (a guard against DNS rebinding); empty: any."""
    app = FastAPI(title="anatili", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, key=key, hosts=hosts)
    add_errors(app)
    add_pages(app, assistant)
    add_chat(app, assistant)
    return app


class Guard:
    """Refuses what may not pass and adds the security headers. Plain ASGI: Starlette's own middleware base keeps a
    stream running after its reader has gone."""

    def __init__(self, app: ASGIApp, key: str, hosts: tuple[str, ...]) -> None:
        self.app, self.key, self.hosts = app, key, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self.refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send_guarded)

    def refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
        length = request.headers.get("content-length", "0")
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.hosts and host not in self.hosts:
            return failure(403, f"this server does not answer for host {host!r}")
        if request.method == "POST" and not (length.isdigit() and 0 < int(length) <= MAX_BODY):
            return failure(413, f"a body of 1 to {MAX_BODY} bytes with Content-Length is needed")
        if self.key and request.url.path not in OPEN and not hmac.compare_digest(said.encode(), self.key.encode()):
            return failure(401, "a key is needed: Authorization: Bearer KEY", "authentication_error")
        return None


def add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return failure(422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return failure(400, str(error))


def add_pages(app: FastAPI, assistant: Assistant) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        known = {path.name for path in STATIC.iterdir()}
        return FileResponse(STATIC / name) if name in known else failure(404, f"no file {name!r}")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": assistant.name, "version": __version__}

    @app.get("/languages")
    async def languages() -> dict[str, Any]:
        """Words of the page in each language that has them."""
        words = {code: pack.prompts["page"] for code, pack in assistant.packs.items() if "page" in pack.prompts}
        names = {code: assistant.packs[code].own_name for code in words}
        return {"names": names, "words": words, "search": assistant.search is not None}

    @app.get("/search")
    async def search(q: str, limit: int = 5, language: str = "") -> Any:
        if assistant.search is None:
            return failure(404, "this model was opened without a search index; serve a run instead")
        wanted = language or assistant.language_of(q)
        found = await run_in_threadpool(assistant.search.find, q[:1000], max(1, min(limit, 20)), wanted)
        return {"query": q, "passages": [describe(item) for item in found]}


def describe(found: Found) -> dict[str, Any]:
    """A passage as JSON, with all that a citation needs."""
    passage = found.passage
    facts = {name: getattr(passage, name) for name in ("id", "title", "text", "url", "source", "time", "licence",
                                                       "language")}  # fmt: skip
    return {**facts, "score": found.score, "hits": found.hits}


def add_chat(app: FastAPI, assistant: Assistant) -> None:
    queue = Queue()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model_card(assistant)]}

    @app.get("/v1/models/{name}")
    async def model(name: str) -> Any:
        return model_card(assistant) if name == assistant.name else failure(404, f"no model {name!r}")

    @app.post("/v1/chat/completions")
    async def chat(wanted: ChatRequest) -> Any:
        if wanted.model and wanted.model != assistant.name:
            return failure(404, f"no model {wanted.model!r}; this server has {assistant.name!r}")
        if not await queue.enter():
            return failure(503, f"{WAITING} requests are waiting already", "server_error")
        handed_over = False
        try:
            reply = await run_in_threadpool(assistant.reply, wanted.conversation(), wanted.sampling(), wanted.language)
            head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": assistant.name}
            if wanted.stream:
                handed_over = True
                return StreamingResponse(stream(reply, head, wanted, queue), media_type="text/event-stream")
            pieces = await run_in_threadpool(list, reply.pieces)
            return whole(reply, head, pieces, wanted)
        finally:
            if not handed_over:
                queue.leave()


def model_card(assistant: Assistant) -> dict[str, Any]:
    return {"id": assistant.name, "object": "model", "created": 0, "owned_by": "anatili"}


def extras(reply: Reply) -> dict[str, Any]:
    """What OpenAI's form has no place for: the passages found and what the model's words are worth."""
    return {
        "searched": reply.searched,
        "passages": [describe(found) for found in reply.passages],
        "notice": reply.notice,
        "language": reply.language,
        "generated_by_ai": True,
    }


def usage(reply: Reply, count: int) -> dict[str, int]:
    return {"prompt_tokens": reply.prompt_tokens, "completion_tokens": count,
            "total_tokens": reply.prompt_tokens + count}  # fmt: skip


def finish_reason(count: int, wanted: ChatRequest) -> str:
    return "length" if count >= wanted.sampling().limit else "stop"


def whole(reply: Reply, head: dict[str, Any], pieces: list[str], wanted: ChatRequest) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(pieces)}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(len(pieces), wanted), "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(reply, len(pieces)),
            "anatili": extras(reply)}  # fmt: skip


async def stream(reply: Reply, head: dict[str, Any], wanted: ChatRequest, queue: Queue) -> AsyncIterator[str]:
    """Server-sent events; the first one carries the passages, so that a reader has them before the model speaks."""

    def event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]
        body = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"

    count = 0
    try:
        yield event({"role": "assistant", "content": ""}, anatili=extras(reply))
        try:
            async for piece in iterate_in_threadpool(iter_once(reply.pieces)):
                count += 1
                if piece:
                    yield event({"content": piece})
        except Problem as error:
            yield f"data: {json.dumps({'error': {'message': str(error)}}, ensure_ascii=False)}\n\n"
            return
        yield event({}, finish_reason(count, wanted))
        if (wanted.stream_options or {}).get("include_usage"):
            body = {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage(reply, count)}
            yield f"data: {json.dumps(body)}\n\n"
        yield "data: [DONE]\n\n"
    finally:
        queue.leave()


def iter_once(pieces: Iterator[str]) -> Iterator[str]:
    yield from pieces
