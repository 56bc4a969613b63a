"""`/v1/chat/completions` and `/v1/responses`: answers from passages where there are any, else from the model alone."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from anatili.engine import Chunk, Sampling, TokenLogprob
from anatili.problem import Problem
from anatili.search.searcher import Hit
from anatili.serve.assistant import Assistant, Ready
from anatili.serve.citations import Report
from anatili.serve.metrics import Metrics
from anatili.serve.queue import Full, Slots
from anatili.serve.schemas import AnswerWanted, ChatWanted

PLAIN = ":plain"
"""Behind the model's name: the model alone, whatever else is asked."""
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Whole, or as events if `stream` is true.",
          "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}  # fmt: skip
LIMIT, TEMPERATURE, REPETITION = 400, 0.7, 1.15
"""What holds where a request is silent."""


@dataclass(frozen=True)
class Desk:
    """What the routes share."""

    assistant: Assistant
    slots: Slots
    metrics: Metrics

    def names(self) -> list[str]:
        """Of the models that can be asked for."""
        return [self.assistant.name, *([self.assistant.name + PLAIN] if self.assistant.search else [])]

    def check_model(self, name: str) -> None:
        if name and name not in self.names():
            raise NoModel(f"no model {name!r}; this server has {', '.join(map(repr, self.names()))}")


class NoModel(Problem):
    """A model was asked for that is not here."""


def describe(found: Hit) -> dict[str, Any]:
    """A passage as JSON, with all that a citation needs."""
    return {**asdict(found.passage), "score": found.score, "coverage": found.coverage, "hits": found.matches,
            "snippet": found.snippet, "is_close": found.is_close}  # fmt: skip


def before(ready: Ready) -> dict[str, Any]:
    """What OpenAI's form has no place for and is known before the answer."""
    return {
        "searched": ready.searched,
        "passages": [describe(found) for found in ready.passages],
        "notice": ready.notice,
        "language": ready.language,
        "quoted": ready.quotes,
        "abstained": ready.abstains,
        "generated_by_ai": True,
    }


def after(report: Report) -> dict[str, Any]:
    """The same, known when the answer is out."""
    return {
        "citations": [asdict(citation) for citation in report.citations],
        "dropped_citations": report.dropped,
        "answer_language": report.language,
        "quoted": report.quoted,
        **({"notice": report.notice} if report.notice else {}),
    }


async def open_chat(desk: Desk, wanted: ChatWanted) -> tuple[Ready, list[Sampling]]:
    desk.check_model(wanted.model)
    search = wanted.search and not wanted.model.endswith(PLAIN)
    ready = await run_in_threadpool(lambda: desk.assistant.ready(wanted.conversation(), wanted.language, search=search))
    return ready, wanted.samplings(LIMIT, TEMPERATURE, REPETITION)


async def take(desk: Desk, made: Iterator[Chunk], request: Request | None = None) -> AsyncIterator[Chunk]:
    """Pieces while their reader is there, counted."""
    began = time.perf_counter()
    first = True
    async for chunk in desk.slots.chunks(made):
        if first and chunk.text:
            desk.metrics.first_token.observe(time.perf_counter() - began)
            first = False
        if chunk.finish:
            desk.metrics.tokens.labels("prompt").inc(chunk.prompt_tokens)
            desk.metrics.tokens.labels("answer").inc(chunk.tokens)
        yield chunk
        if request and await request.is_disconnected():
            return


def logprob_row(token: TokenLogprob) -> dict[str, Any]:
    def row(token: str, value: float) -> dict[str, Any]:
        return {"token": token, "logprob": value, "bytes": list(token.encode("utf-8", "replace"))}

    top = [row(*one) for one in token.top_logprobs]
    return {**row(token.token, token.logprob), "top_logprobs": top}


def logprobs_of(chunk: Chunk) -> dict[str, Any] | None:
    return {"content": [logprob_row(one) for one in chunk.logprobs], "refusal": None} if chunk.logprobs else None


def usage(prompt: int, answer: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def chat_routes(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["chat"])

    @routes.post("/v1/chat/completions", responses=STREAMED)
    async def chat(wanted: ChatWanted, request: Request) -> Any:
        """An answer to a conversation, as OpenAI's clients ask for it."""
        ready, samplings = await open_chat(desk, wanted)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": desk.assistant.name}
        if wanted.stream:
            await desk.slots.room()
            return StreamingResponse(chat_events(desk, wanted, ready, samplings, head), media_type="text/event-stream")
        return await whole_chat(desk, ready, samplings, head, request)

    @routes.post("/v1/responses", responses=STREAMED)
    async def responses(wanted: AnswerWanted, request: Request) -> Any:
        """The same by OpenAI's newer way: text only, nothing is kept."""
        chat = wanted.chat()
        ready, samplings = await open_chat(desk, chat)
        if wanted.stream:
            await desk.slots.room()
            return StreamingResponse(response_events(desk, ready, samplings[0]), media_type="text/event-stream")
        text, last, report = "", Chunk(""), Report()
        async with desk.slots.one():
            async for chunk in take(desk, desk.assistant.answer(ready, samplings[0], report), request):
                text, last = text + chunk.text, chunk
        return response(desk, "completed", text, last) | {"anatili": before(ready) | after(report)}

    return routes


async def whole_chat(
    desk: Desk, ready: Ready, samplings: list[Sampling], head: dict[str, Any], request: Request
) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    prompt = count = 0
    for index, sampling in enumerate(samplings):
        text, rows, last, report = "", [], Chunk(""), Report()
        async with desk.slots.one():
            async for chunk in take(desk, desk.assistant.answer(ready, sampling, report), request):
                text, last = text + chunk.text, chunk
                rows += [logprob_row(one) for one in chunk.logprobs]
        logprobs = {"content": rows, "refusal": None} if sampling.top_logprobs >= 0 else None
        choices.append({"index": index, "message": {"role": "assistant", "content": text, "refusal": None},
                        "finish_reason": last.finish or "stop", "logprobs": logprobs})  # fmt: skip
        prompt, count = last.prompt_tokens, count + last.tokens
        told = told or after(report)
    return {**head, "object": "chat.completion", "choices": choices, "usage": usage(prompt, count),
            "anatili": before(ready) | told}  # fmt: skip


async def chat_events(
    desk: Desk, wanted: ChatWanted, ready: Ready, samplings: list[Sampling], head: dict[str, Any]
) -> AsyncIterator[str]:
    """Server-sent events; the first one carries the passages, so that a reader has them before the model speaks."""

    def event(
        index: int, delta: dict[str, Any], reason: str | None = None, logprobs: Any = None, more: Any = None
    ) -> str:
        choices = [{"index": index, "delta": delta, "finish_reason": reason, "logprobs": logprobs}]
        return sent({**head, "object": "chat.completion.chunk", "choices": choices, **(more or {})})

    prompt = count = 0
    for index, sampling in enumerate(samplings):
        report = Report()
        first = None if index else {"anatili": before(ready)}
        yield event(index, {"role": "assistant", "content": ""}, more=first)
        try:
            async with desk.slots.one():
                async for chunk in take(desk, desk.assistant.answer(ready, sampling, report)):
                    if chunk.text or chunk.logprobs:
                        yield event(index, {"content": chunk.text}, logprobs=logprobs_of(chunk))
                    if chunk.finish:
                        prompt, count = chunk.prompt_tokens, count + chunk.tokens
                        yield event(index, {}, chunk.finish, more={"anatili": after(report)})
        except (Problem, Full) as error:
            yield sent(error_body(error))
            return
    if wanted.wants_usage():
        yield sent({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage(prompt, count)})
    yield "data: [DONE]\n\n"


def error_body(error: Exception) -> dict[str, Any]:
    """An error in OpenAI's form."""
    kind = "invalid_request_error" if isinstance(error, Problem) else "server_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None}}


def sent(body: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def response(desk: Desk, status: str, text: str, last: Chunk, name: str = "") -> dict[str, Any]:
    """A response in OpenAI's form."""
    name = name or uuid.uuid4().hex
    message = {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": status,
               "content": [text_part(text)]}  # fmt: skip
    return {
        "id": f"resp_{name}", "object": "response", "created_at": int(time.time()), "model": desk.assistant.name,
        "status": status, "output": [message] if status == "completed" else [], "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": False,
        "temperature": None, "tool_choice": "none", "tools": [], "top_p": None,
        "usage": {"input_tokens": last.prompt_tokens, "output_tokens": last.tokens,
                  "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
                  "total_tokens": last.prompt_tokens + last.tokens},
    }  # fmt: skip


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


async def response_events(desk: Desk, ready: Ready, sampling: Sampling) -> AsyncIterator[str]:
    name, number = uuid.uuid4().hex, 0

    def event(kind: str, **more: Any) -> str:
        nonlocal number
        number += 1
        return f"event: {kind}\n" + sent({"type": kind, "sequence_number": number - 1, **more})

    where = {"item_id": f"msg_{name}", "output_index": 0, "content_index": 0}
    begun = {"type": "message", "id": where["item_id"], "role": "assistant", "status": "in_progress", "content": []}
    yield event("response.created", response=response(desk, "in_progress", "", Chunk(""), name))
    yield event("response.output_item.added", output_index=0, item=begun)
    yield event("response.content_part.added", part=text_part(""), **where)
    text, last, report = "", Chunk(""), Report()
    try:
        async with desk.slots.one():
            async for chunk in take(desk, desk.assistant.answer(ready, sampling, report)):
                text, last = text + chunk.text, chunk
                if chunk.text:
                    yield event("response.output_text.delta", delta=chunk.text, logprobs=[], **where)
    except (Problem, Full) as error:
        yield event("error", code=None, message=str(error), param=None)
        return
    yield event("response.output_text.done", text=text, logprobs=[], **where)
    done = response(desk, "completed", text, last, name) | {"anatili": before(ready) | after(report)}
    yield event("response.content_part.done", part=text_part(text), **where)
    yield event("response.output_item.done", output_index=0, item=done["output"][0])
    yield event("response.completed", response=done)
