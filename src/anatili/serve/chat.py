"""`/v1/chat/completions`: answers from passages if any fit, otherwise from the model alone."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from anatili.engine import Chunk, Sampling, TokenLogprob
from anatili.problem import Problem
from anatili.serve.accepted import accepted_language
from anatili.serve.assistant import Assistant, PreparedQuestion
from anatili.serve.citations import Report
from anatili.serve.conversations import Conversations
from anatili.serve.documents import OwnDocuments
from anatili.serve.metrics import Metrics
from anatili.serve.passages import passage_json
from anatili.serve.queue import QueueFull, Slots
from anatili.serve.schemas import ChatRequest

PLAIN = ":plain"
"""Suffix of the model's name that asks for the model alone, without passages."""
JSON_OR_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or server-sent events if `stream` is true.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY = 400, 0.7, 1.15
"""Defaults for what a request leaves out."""
DONE = "data: [DONE]\n\n"
"""The last event of a stream in OpenAI's format."""


@dataclass(frozen=True)
class AppState:
    """What the routes share."""

    assistant: Assistant
    slots: Slots
    metrics: Metrics
    own: OwnDocuments = field(default_factory=OwnDocuments)
    conversations: Conversations = field(default_factory=Conversations)
    """What `/v1/responses` can go on from."""

    def assistant_for(self, request: Request) -> Assistant:
        """The assistant that answers a request: from the documents of its session if it has any."""
        search = self.own.search_for(request)
        return replace(self.assistant, search=search) if search else self.assistant

    def likely_language(self, request: Request) -> str:
        """The language that the client of a request prefers, for a question that does not tell its own."""
        return accepted_language(request.headers.get("Accept-Language", ""), self.assistant.packs)

    def model_names(self) -> list[str]:
        """The names that `model` may have in a request."""
        return [self.assistant.name, *([self.assistant.name + PLAIN] if self.assistant.search else [])]

    def check_model(self, name: str) -> None:
        if name and name not in self.model_names():
            raise UnknownModel(f"no model {name!r}; this server has {', '.join(map(repr, self.model_names()))}")

    async def stream(self, events: AsyncIterator[str]) -> StreamingResponse:
        """A response of server-sent events; `QueueFull` if the request could not even wait for a slot."""
        return ReservedStream(events, self.slots)

    async def chunks(self, chunks: Iterator[Chunk], request: Request | None = None) -> AsyncIterator[Chunk]:
        """The engine's chunks until the client of `request` leaves, with their tokens and times in the metrics."""
        start = time.perf_counter()
        first = True
        async for chunk in self.slots.chunks(chunks):
            if first and chunk.text:
                self.metrics.first_token.observe(time.perf_counter() - start)
                first = False
            if chunk.finish:
                self.metrics.tokens.labels("prompt").inc(chunk.prompt_tokens)
                self.metrics.tokens.labels("answer").inc(chunk.tokens)
            yield chunk
            if request and await request.is_disconnected():
                return

    async def whole(self, chunks: Iterator[Chunk], request: Request) -> Chunk:
        """All chunks joined into one, generated in a slot."""
        text, logprobs, last, details = "", list[TokenLogprob](), Chunk(""), dict[str, Any]()
        async with self.slots.acquire():
            async for chunk in self.chunks(chunks, request):
                text, last = text + chunk.text, chunk
                logprobs += chunk.logprobs
                details |= chunk.details or {}
        return replace(last, text=text, logprobs=tuple(logprobs), details=details)


class ReservedStream(StreamingResponse):
    """Server-sent events with a reservation in the queue, which ends even if nobody reads them."""

    def __init__(self, events: AsyncIterator[str], slots: Slots) -> None:
        self.slots, self.reservation = slots, slots.reserve()
        super().__init__(events, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.slots.end_reservation(self.reservation)


class UnknownModel(Problem):
    """The request names a model that this server does not have."""


def details_before(prepared: PreparedQuestion) -> dict[str, Any]:
    """Our additions to OpenAI's format that are known before the answer."""
    return {
        "searched": prepared.searched,
        "passages": [passage_json(hit) for hit in prepared.passages],
        "nearest": [passage_json(hit) for hit in prepared.nearest],
        "notice": prepared.notice,
        "language": prepared.language,
        "quoted": prepared.quotes,
        "abstained": prepared.abstains,
        "role": prepared.role,
        "generated_by_ai": True,
    }


def details_after(report: Report) -> dict[str, Any]:
    """Our additions to OpenAI's format that are known only after the answer."""
    return {
        "citations": [asdict(citation) for citation in report.citations],
        "dropped_citations": report.dropped,
        "answer_language": report.language,
        "quoted": report.quoted,
    }


async def prepare_chat(state: AppState, body: ChatRequest, request: Request) -> tuple[PreparedQuestion, list[Sampling]]:
    """The question with its passages, and the sampling of each of the `n` answers."""
    state.check_model(body.model)
    search = body.search and not body.model.endswith(PLAIN)
    conversation, likely = body.conversation(), state.likely_language(request)
    if search:
        prepared = await run_in_threadpool(
            lambda: state.assistant_for(request).prepare(conversation, body.language, search=True, likely=likely)
        )
        # Neither a quotation nor "no answer" is JSON: a client that asks for JSON must get it from the model.
        search = body.response_format.required_schema() is None or not (prepared.quotes or prepared.abstains)
    if not search:  # without a search it takes 0.2 ms
        prepared = state.assistant.prepare(conversation, body.language, search=False, likely=likely)
    return prepared, body.samplings(MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY)


def logprobs_json(logprobs: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    """Log-probabilities in the format of OpenAI's chat completions."""

    def row(token: str, logprob: float) -> dict[str, Any]:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}

    rows = [
        {**row(token.token, token.logprob), "top_logprobs": [row(*top) for top in token.top_logprobs]}
        for token in logprobs
    ]
    return {"content": rows, "refusal": None}


def usage(prompt: int, answer: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


WithTools = Callable[[AppState, ChatRequest, Request], Awaitable[Any]]


def chat_routes(state: AppState, with_tools: WithTools) -> APIRouter:
    """The route of conversations; those in which the model may call tools are left to `with_tools`."""
    routes = APIRouter(tags=["chat"])

    @routes.post("/v1/chat/completions", responses=JSON_OR_EVENTS)
    async def chat(body: ChatRequest, request: Request) -> Any:
        """Answer a conversation, in the format of OpenAI's chat completions."""
        state.slots.check_room()  # before passages are looked for in vain
        if body.needs_tools():
            return await with_tools(state, body, request)
        prepared, samplings = await prepare_chat(state, body, request)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": state.assistant.name}
        if body.stream:
            return await state.stream(chat_events(state, body, prepared, samplings, head))
        return await whole_chat(state, prepared, samplings, head, request)

    return routes


async def whole_chat(
    state: AppState, prepared: PreparedQuestion, samplings: list[Sampling], head: dict[str, Any], request: Request
) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    details: dict[str, Any] = {}
    prompt_tokens = answer_tokens = 0
    for index, sampling in enumerate(samplings):
        report = Report()
        answer = await state.whole(state.assistant.answer(prepared, sampling, report), request)
        logprobs = logprobs_json(answer.logprobs) if sampling.top_logprobs >= 0 else None
        choices.append(
            {
                "index": index,
                "message": {"role": "assistant", "content": answer.text, "refusal": None},
                "finish_reason": answer.finish or "stop",
                "logprobs": logprobs,
            }
        )
        prompt_tokens, answer_tokens = answer.prompt_tokens, answer_tokens + answer.tokens
        details = details or details_after(report) | dict(answer.details or {})
    return {
        **head,
        "object": "chat.completion",
        "choices": choices,
        "usage": usage(prompt_tokens, answer_tokens),
        "anatili": details_before(prepared) | details,
    }


async def chat_events(
    state: AppState, body: ChatRequest, prepared: PreparedQuestion, samplings: list[Sampling], head: dict[str, Any]
) -> AsyncIterator[str]:
    """Server-sent events. The first one carries the passages, so the client has them before the model's first word."""

    def event(
        index: int, delta: dict[str, Any], reason: str | None = None, logprobs: Any = None, more: Any = None
    ) -> str:
        choices = [{"index": index, "delta": delta, "finish_reason": reason, "logprobs": logprobs}]
        return sse_event({**head, "object": "chat.completion.chunk", "choices": choices, **(more or {})})

    prompt_tokens = answer_tokens = 0
    for index, sampling in enumerate(samplings):
        report = Report()
        details = None if index else {"anatili": details_before(prepared)}
        yield event(index, {"role": "assistant", "content": ""}, more=details)
        try:
            async with state.slots.acquire():
                async for chunk in state.chunks(state.assistant.answer(prepared, sampling, report)):
                    if chunk.text or chunk.logprobs:
                        logprobs = logprobs_json(chunk.logprobs) if chunk.logprobs else None
                        yield event(index, {"content": chunk.text}, logprobs=logprobs)
                    if chunk.details and not index:  # another anatili answers
                        yield event(index, {}, more={"anatili": chunk.details})
                    if chunk.finish:
                        prompt_tokens, answer_tokens = chunk.prompt_tokens, answer_tokens + chunk.tokens
                        more = None if prepared.relayed else {"anatili": details_after(report)}
                        yield event(index, {}, chunk.finish, more=more)
        except (Problem, QueueFull) as error:
            yield sse_event(error_json(error))
            return
    if body.wants_usage():
        total = usage(prompt_tokens, answer_tokens)
        yield sse_event({**head, "object": "chat.completion.chunk", "choices": [], "usage": total})
    yield DONE


def error_json(error: Exception) -> dict[str, Any]:
    """An error in OpenAI's format."""
    kind = "invalid_request_error" if isinstance(error, Problem) else "server_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None}}


def sse_event(body: dict[str, Any]) -> str:
    """A server-sent event with a JSON body."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
