"""`/v1/responses`: conversations in the format of OpenAI's responses. Text, and calls of tools (functions)."""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from anatili.engine import Chunk
from anatili.problem import Problem
from anatili.serve import tools
from anatili.serve.chat import JSON_OR_EVENTS, AppState, details_after, details_before, prepare_chat, sse_event
from anatili.serve.citations import Report
from anatili.serve.queue import QueueFull
from anatili.serve.responses_schemas import ResponsesRequest
from anatili.serve.schemas import ChatRequest
from anatili.serve.tools import WholeAnswer


@dataclass(frozen=True)
class Reply:
    """A reply that can be generated, with what is said of it in `anatili`."""

    chunks: Iterator[Chunk]
    report: Report
    before: dict[str, Any]

    def details(self, answer: WholeAnswer) -> dict[str, Any]:
        """Our additions to OpenAI's format, when all chunks have come."""
        return self.before | (details_after(self.report) if "passages" in self.before else {}) | answer.details


def response_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["chat"])

    @routes.post("/v1/responses", responses=JSON_OR_EVENTS)
    async def responses(body: ResponsesRequest, request: Request) -> Any:
        """Answer a conversation, in the format of OpenAI's responses. Text, and calls of tools (functions).

        The last responses are kept in memory, so that `previous_response_id` can go on from them, unless `store` is
        false."""
        previous = body.previous_response_id
        conversation = body.chat(state.conversations.before(previous) if previous else ())
        reply = await prepare_reply(state, conversation, request)
        if body.stream:
            return await state.stream(response_events(state, body, conversation, reply))
        answer = WholeAnswer()
        async with state.slots.acquire():
            async for chunk in state.chunks(reply.chunks, request):
                answer.add(chunk)
        response = response_json(state, body, end_of(answer), answer)
        keep_response(state, body, conversation, response["id"], answer)
        return response | {"anatili": reply.details(answer)}

    return routes


async def prepare_reply(state: AppState, body: ChatRequest, request: Request) -> Reply:
    """The reply to a conversation. If the model may call tools, or has called some, nothing is searched for."""
    if body.needs_tools():
        state.check_model(body.model)
        prompt = await run_in_threadpool(tools.prepare, state.assistant, body, state.likely_language(request))
        sampling = body.samplings(tools.MAX_TOKENS, tools.TEMPERATURE, tools.REPETITION_PENALTY)[0]
        chunks = tools.generate(state.assistant, prompt, prompt.sampling(sampling))
        return Reply(chunks, Report(), {"searched": False, "generated_by_ai": True})
    prepared, samplings = await prepare_chat(state, body, request)
    report = Report()
    return Reply(state.assistant.answer(prepared, samplings[0], report), report, details_before(prepared))


def keep_response(state: AppState, body: ResponsesRequest, before: ChatRequest, id_: str, answer: WholeAnswer) -> None:
    """Store the conversation with its answer, unless the request says otherwise."""
    if body.store is not False:
        calls = {"tool_calls": answer.calls} if answer.calls else {}
        message = {"role": "assistant", "content": answer.text, **calls}
        state.conversations.keep(id_, [*before.whole_conversation(), message])


def response_json(
    state: AppState, body: ResponsesRequest, status: str, answer: WholeAnswer, id_: str = ""
) -> dict[str, Any]:
    """The body of `/v1/responses`."""
    id_ = id_ or uuid.uuid4().hex
    choice = body.tool_choice if body.tools else "none"
    cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{id_}",
        "object": "response",
        "created_at": int(time.time()),
        "model": state.assistant.name,
        "status": status,
        "output": [] if status == "in_progress" else output_items(answer, id_, status),
        "error": None,
        "incomplete_details": cut,
        "instructions": body.instructions,
        "metadata": {},
        "parallel_tool_calls": bool(body.tools) and body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "store": body.store is not False,
        "temperature": None,
        "tool_choice": choice if isinstance(choice, str) else choice.model_dump() if choice else "auto",
        "tools": [{"strict": None, "parameters": None, **tool.model_dump()} for tool in body.tools or ()],
        "top_p": None,
        "usage": usage(answer.last),
    }


def usage(last: Chunk) -> dict[str, Any]:
    return {
        "input_tokens": last.prompt_tokens,
        "output_tokens": last.tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": last.prompt_tokens + last.tokens,
    }


def end_of(answer: WholeAnswer) -> str:
    """The status of a response whose answer has come to its end."""
    return "incomplete" if answer.last.finish == "length" else "completed"


def output_items(answer: WholeAnswer, id_: str, status: str) -> list[dict[str, Any]]:
    """The text of an answer, if it has any or no call, and its calls."""
    texts = [message_item(id_, answer.text, status)] if answer.text or not answer.calls else []
    return texts + [call_item(id_, number, call) for number, call in enumerate(answer.calls)]


def message_item(id_: str, text: str, status: str) -> dict[str, Any]:
    content = [] if status == "in_progress" else [output_text(text)]
    return {"type": "message", "id": f"msg_{id_}", "role": "assistant", "status": status, "content": content}


def call_item(id_: str, number: int, call: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool. What it returned is sent back with its `call_id`."""
    return {
        "type": "function_call",
        "id": f"fc_{id_}_{number}",
        "call_id": call["id"],
        "status": "completed",
        **call["function"],
    }


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class Events:
    """Numbers the events of a stream."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, kind: str, **more: Any) -> str:
        self.number += 1
        return f"event: {kind}\n" + sse_event({"type": kind, "sequence_number": self.number - 1, **more})


async def response_events(
    state: AppState, body: ResponsesRequest, before: ChatRequest, reply: Reply
) -> AsyncIterator[str]:
    """The text as it comes; calls of tools follow, each whole."""
    id_, event, answer = uuid.uuid4().hex, Events(), WholeAnswer()
    place = {"item_id": f"msg_{id_}", "output_index": 0, "content_index": 0}
    yield event("response.created", response=response_json(state, body, "in_progress", answer, id_))
    has_text = False
    try:
        async with state.slots.acquire():
            async for chunk in state.chunks(reply.chunks):
                answer.add(chunk)
                if not has_text and (chunk.text or (chunk.finish and not answer.calls)):
                    has_text = True
                    item = message_item(id_, "", "in_progress")
                    yield event("response.output_item.added", output_index=0, item=item)
                    yield event("response.content_part.added", part=output_text(""), **place)
                if chunk.text:
                    yield event("response.output_text.delta", delta=chunk.text, logprobs=[], **place)
    except (Problem, QueueFull) as error:
        yield event("error", code=None, message=str(error), param=None)
        return
    end = end_of(answer)
    response = response_json(state, body, end, answer, id_) | {"anatili": reply.details(answer)}
    keep_response(state, body, before, response["id"], answer)
    for index, item in enumerate(response["output"]):
        if item["type"] == "message":
            yield event("response.output_text.done", text=answer.text, logprobs=[], **place)
            yield event("response.content_part.done", part=output_text(answer.text), **place)
        else:
            for line in call_events(event, index, item):
                yield line
        yield event("response.output_item.done", output_index=index, item=item)
    yield event(f"response.{end}", response=response)


def call_events(event: Events, index: int, item: dict[str, Any]) -> Iterator[str]:
    """The events of a call before it is done."""
    started = item | {"arguments": "", "status": "in_progress"}
    position = {"item_id": item["id"], "output_index": index}
    yield event("response.output_item.added", output_index=index, item=started)
    yield event("response.function_call_arguments.delta", delta=item["arguments"], **position)
    yield event("response.function_call_arguments.done", name=item["name"], arguments=item["arguments"], **position)
