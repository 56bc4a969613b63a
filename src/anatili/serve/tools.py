"""Calls of tools (functions) in `/v1/chat/completions`, as in OpenAI's API.

Other servers, and models whose chat template has a form for tools, get them as they are. Other models, and local ones
if a call is required, are told of the tools in the system message. They answer in JSON of our own form, which a grammar
enforces.
"""

import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from anatili.engine import CallsTools, Chunk, Message, Sampling, ToolUse, Translating
from anatili.engine.json_schema import check_schema
from anatili.lang import load_pack, reference
from anatili.problem import Problem
from anatili.serve.assistant import Assistant
from anatili.serve.chat import DONE, AppState, error_json, logprobs_json, sse_event, usage
from anatili.serve.queue import QueueFull
from anatili.serve.schemas import ChatRequest

MAX_CALLS = 4
"""Calls of tools in one answer in our own form, if the request asks for several; small models do not end otherwise."""
MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY = 400, 0.7, 1.0
"""Defaults for what a request leaves out. JSON repeats itself, so repetition has no penalty."""
CALLS_FORM, ANSWER_FORM = '{"tool_calls": [{"name": "…", "arguments": {…}}]}', '{"answer": "…"}'
ANSWER = re.compile(r'\{\s*"answer"\s*:\s*"')
DEFINITIONS = "#/$defs/"


@dataclass(frozen=True)
class ToolPrompt:
    """A conversation with tools as the engine gets it."""

    messages: list[Message]
    tools: ToolUse | None
    schema: Mapping[str, Any] | None = None
    """The schema of our own form of answers, for models without one."""

    def sampling(self, sampling: Sampling) -> Sampling:
        if self.schema is None:
            return replace(sampling, tools=self.tools)
        return replace(sampling, schema=self.schema)


@dataclass
class WholeAnswer:
    """An answer whose parts have been put together."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    last: Chunk = field(default_factory=lambda: Chunk(""))
    details: dict[str, Any] = field(default_factory=dict)
    """What another anatili says of its answer."""

    def add(self, chunk: Chunk) -> None:
        self.text, self.last = self.text + chunk.text, chunk
        self.details |= chunk.details or {}
        for part in chunk.tool_calls:
            index, function = int(part.get("index", 0)), part.get("function") or {}
            while len(self.calls) <= index:
                self.calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
            call = self.calls[index]
            call["id"] = part.get("id") or call["id"]
            call["function"]["name"] += function.get("name") or ""
            call["function"]["arguments"] += function.get("arguments") or ""

    def choice(self, index: int) -> dict[str, Any]:
        """The answer as one of the `choices` of a response."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None, "refusal": None}
        if self.calls:
            message["tool_calls"] = self.calls
        logprobs = logprobs_json(self.last.logprobs) if self.last.logprobs else None
        return {"index": index, "message": message, "finish_reason": self.last.finish or "stop", "logprobs": logprobs}


async def chat_with_tools(state: AppState, body: ChatRequest, request: Request) -> Any:
    """The response to a conversation in which the model may call tools, or has called some. Nothing is searched for."""
    state.check_model(body.model)
    prompt = await run_in_threadpool(prepare, state.assistant, body, state.likely_language(request))
    samplings = [prompt.sampling(sampling) for sampling in body.samplings(MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY)]
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": state.assistant.name}
    if body.stream:
        return await state.stream(events(state, body, prompt, samplings, head))
    choices, prompt_tokens, tokens = [], 0, 0
    for index, sampling in enumerate(samplings):
        answer = WholeAnswer()
        async with state.slots.acquire():
            async for chunk in state.chunks(generate(state.assistant, prompt, sampling), request):
                answer.add(chunk)
        choices.append(answer.choice(index))
        prompt_tokens, tokens = answer.last.prompt_tokens, tokens + answer.last.tokens
    return {
        **head,
        "object": "chat.completion",
        "choices": choices,
        "usage": usage(prompt_tokens, tokens),
        "anatili": {"searched": False, "generated_by_ai": True},
    }


async def events(
    state: AppState, body: ChatRequest, prompt: ToolPrompt, samplings: list[Sampling], head: dict[str, Any]
) -> AsyncIterator[str]:
    """Server-sent events in OpenAI's format."""

    def event(index: int, delta: dict[str, Any], reason: str | None = None) -> str:
        choices = [{"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}]
        return sse_event({**head, "object": "chat.completion.chunk", "choices": choices})

    prompt_tokens = tokens = 0
    for index, sampling in enumerate(samplings):
        yield event(index, {"role": "assistant", "content": None})
        try:
            async with state.slots.acquire():
                async for chunk in state.chunks(generate(state.assistant, prompt, sampling)):
                    if chunk.text:
                        yield event(index, {"content": chunk.text})
                    if chunk.tool_calls:
                        yield event(index, {"tool_calls": list(chunk.tool_calls)})
                    if chunk.finish:
                        prompt_tokens, tokens = chunk.prompt_tokens, tokens + chunk.tokens
                        yield event(index, {}, chunk.finish)
        except (Problem, QueueFull) as error:
            yield sse_event(error_json(error))
            return
    if body.wants_usage():
        total = usage(prompt_tokens, tokens)
        yield sse_event({**head, "object": "chat.completion.chunk", "choices": [], "usage": total})
    yield DONE


def prepare(assistant: Assistant, body: ChatRequest, likely: str = "") -> ToolPrompt:
    """The conversation of a request in the form that suits the engine; `likely`: its language if it does not tell."""
    if isinstance(assistant.engine, Translating):
        raise Problem(f"{assistant.name} translates and does nothing else: it cannot call tools")
    use = body.tool_use()
    if isinstance(assistant.engine, CallsTools) and assistant.engine.takes_tools(use):
        return ToolPrompt(body.whole_conversation(), use)
    messages = body.whole_conversation()
    language = body.language if body.language in assistant.packs else assistant.language_in(messages, likely)
    words = assistant.packs[language].prompts.get("tools") or load_pack(reference()).prompts["tools"]
    schema = answer_schema(use) if use else None
    if schema is not None:
        check_schema(schema)
    return ToolPrompt(plain_conversation(messages, use, words), use, schema)


def plain_conversation(messages: Sequence[Message], use: ToolUse | None, words: Mapping[str, str]) -> list[Message]:
    """The conversation for a model whose chat template knows no tools: calls and results become ordinary messages."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    if use:
        functions = [json.dumps(tool["function"], ensure_ascii=False) for tool in use.tools]
        system.append("\n".join([words["call"].format(calls=CALLS_FORM, answer=ANSWER_FORM), *functions]))
    plain: list[Message] = [{"role": "system", "content": "\n\n".join(system)}] if system else []
    names: dict[str, str] = {}
    for message in messages:
        role, content = message["role"], message["content"]
        if role == "system":
            continue
        if calls := message.get("tool_calls"):
            names |= {call["id"]: call["function"]["name"] for call in calls}
            content = json.dumps({"tool_calls": [written_call(call) for call in calls]}, ensure_ascii=False)
        if role == "tool":
            role, content = "user", words["result"].format(name=names[message["tool_call_id"]]) + "\n" + content
        if plain and plain[-1]["role"] == role:  # many templates demand that roles take turns
            plain[-1] = {"role": role, "content": plain[-1]["content"] + "\n\n" + content}
        else:
            plain.append({"role": role, "content": content})
    return plain


def written_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier call as the model would have written it in our form."""
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except (ValueError, RecursionError):
        arguments = call["function"]["arguments"]
    return {"name": call["function"]["name"], "arguments": arguments}


def answer_schema(use: ToolUse) -> dict[str, Any]:
    """The schema of our own form: `{"tool_calls": [...]}`, or `{"answer": "..."}` unless a call is required."""
    chosen = use.choice["function"]["name"] if isinstance(use.choice, Mapping) else ""
    functions = [tool["function"] for tool in use.tools if chosen in ("", tool["function"]["name"])]
    definitions: dict[str, Any] = {}
    calls = []
    for function in functions:
        parameters = own_definitions(function, definitions)
        calls.append(closed_object({"name": {"const": function["name"]}, "arguments": parameters}))
    most = MAX_CALLS if use.parallel and not chosen else 1
    many = closed_object({"tool_calls": {"type": "array", "items": {"anyOf": calls}, "minItems": 1, "maxItems": most}})
    schema = many if use.choice != "auto" else {"anyOf": [closed_object({"answer": {"type": "string"}}), many]}
    return {**schema, "$defs": definitions} if definitions else schema


def closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object with exactly these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def own_definitions(function: Mapping[str, Any], definitions: dict[str, Any]) -> Any:
    """The schema of a function's arguments. Its definitions are moved into `definitions`, under names of their own."""
    parameters = dict(function.get("parameters") or {"type": "object", "properties": {}})
    own = parameters.pop("$defs", {})

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        result = {key: renamed(item) for key, item in value.items()}
        reference_ = value.get("$ref")
        if isinstance(reference_, str) and reference_.startswith(DEFINITIONS):
            result["$ref"] = f"{DEFINITIONS}{function['name']}.{reference_.removeprefix(DEFINITIONS)}"
        return result

    definitions |= {f"{function['name']}.{name}": renamed(definition) for name, definition in own.items()}
    return renamed(parameters)


def generate(assistant: Assistant, prompt: ToolPrompt, sampling: Sampling) -> Iterator[Chunk]:
    """The answer as it comes, with calls of tools in OpenAI's format."""
    chunks = assistant.engine.generate(prompt.messages, sampling)
    return chunks if prompt.schema is None else read_form(chunks)


def read_form(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """An answer in our own form: its text as it comes, or its calls at the end, each whole."""
    written = shown = ""
    for chunk in chunks:
        written += chunk.text
        text = answer_so_far(written)
        if text.startswith(shown) and text != shown:
            yield Chunk(text[len(shown) :])
            shown = text
        if chunk.finish:
            calls = finished_calls(written)
            if calls:
                yield Chunk("", tool_calls=calls)
            finish = "tool_calls" if calls else chunk.finish
            yield replace(chunk, text="", finish=finish)


def answer_so_far(written: str) -> str:
    """The text of `{"answer": "...` as far as it has been written; "" if it is not an answer."""
    if not ANSWER.match(written.lstrip()):
        return ""
    for end in ("", '"}'):  # a letter's escape may not be complete yet: then nothing new is shown
        try:
            text = str(json.loads(written + end)["answer"])
        except (ValueError, LookupError, TypeError):
            continue
        return "" if "\ud800" <= text[-1:] <= "\udfff" else text
    return ""


def finished_calls(written: str) -> tuple[dict[str, Any], ...]:
    """The calls of a complete answer in our form; none if it is an answer, or was cut off by the token limit."""
    try:
        calls = json.loads(written).get("tool_calls", ())
    except (ValueError, AttributeError):
        return ()
    return tuple(
        {
            "index": index,
            "id": f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for index, call in enumerate(calls)
    )
