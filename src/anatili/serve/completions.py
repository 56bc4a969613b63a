"""The bare model: text completions, logprobs of given tokens, vectors, tokens. lm-eval runs against these routes."""

import base64
import time
import uuid
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from anatili.engine import Chunk, Sampling, TokenLogprob
from anatili.problem import Problem
from anatili.serve.chat import STREAMED, Desk, error_body, sent, take, usage
from anatili.serve.queue import Full
from anatili.serve.schemas import TextWanted, TokensGiven, TokensWanted, VectorsWanted, many

LIMIT = 16
"""Tokens of a completion where none are named, as OpenAI has it."""


def text_routes(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["model"])

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The names that `model` may have."""
        return {"object": "list", "data": [model_card(desk, name) for name in desk.names()]}

    @routes.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """One of them."""
        desk.check_model(name)
        return model_card(desk, name)

    @routes.post("/v1/completions", responses=STREAMED)
    async def completions(wanted: TextWanted, request: Request) -> Any:
        """How the model goes on with a text; with `echo` and `logprobs` also how likely it finds the text."""
        desk.check_model(wanted.model)
        head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": int(time.time()),
                "model": desk.assistant.name}  # fmt: skip
        if wanted.stream:
            await desk.slots.room()
            return StreamingResponse(text_events(desk, wanted, head), media_type="text/event-stream")
        return await whole_texts(desk, wanted, head, request)

    @routes.post("/v1/embeddings")
    async def embeddings(wanted: VectorsWanted) -> Any:
        """A vector for each text: the mean of what the model makes of its tokens."""
        desk.check_model(wanted.model)
        texts = many(wanted.input)
        if not all(texts):
            raise Problem("an empty text has no embedding")
        async with desk.slots.one():
            vectors = await desk.slots.call(desk.assistant.engine.embed, texts)
            counts = [len(text) if isinstance(text, list) else len(await tokens_of(desk, text)) for text in texts]
        data = [{"object": "embedding", "index": index, "embedding": coded(vector, wanted.encoding_format)}
                for index, vector in enumerate(vectors)]  # fmt: skip
        total = sum(counts)
        return JSONResponse({"object": "list", "model": desk.assistant.name, "data": data,
                             "usage": {"prompt_tokens": total, "total_tokens": total}})  # fmt: skip

    @routes.post("/tokenize")
    async def tokenize(wanted: TokensWanted) -> dict[str, Any]:
        """Token ids of a text, as vLLM tells them."""
        found = await tokens_of(desk, wanted.prompt, begin=wanted.add_special_tokens)
        return {"tokens": found, "count": len(found), "max_model_len": desk.assistant.engine.context}

    @routes.post("/detokenize")
    async def detokenize(given: TokensGiven) -> dict[str, str]:
        """The text of token ids."""
        return {"prompt": await run_in_threadpool(desk.assistant.engine.detokenize, given.tokens)}

    @routes.get("/tokenizer_info")
    async def tokenizer_info() -> dict[str, Any]:
        """Special tokens and the chat template, as vLLM tells them."""
        said = await run_in_threadpool(desk.assistant.engine.vocabulary)
        return {**{name: text or None for name, text in said.items()}, "pad_token": None, "unk_token": None}

    return routes


def model_card(desk: Desk, name: str) -> dict[str, Any]:
    """What clients are told of a model; its context as vLLM tells it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "anatili",
            "max_model_len": desk.assistant.engine.context}  # fmt: skip


async def tokens_of(desk: Desk, text: str, *, begin: bool = False) -> list[int]:
    return await run_in_threadpool(lambda: desk.assistant.engine.tokenize(text, begin=begin))


def coded(vector: Sequence[float], form: str) -> Any:
    """A vector as numbers, or as OpenAI's own client asks for it: base64 of 32-bit floats, little end first."""
    if form == "float":
        return list(vector)
    return base64.b64encode(array("f", vector).tobytes()).decode()


async def whole_texts(desk: Desk, wanted: TextWanted, head: dict[str, Any], request: Request) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    read = count = 0
    samplings = wanted.samplings(LIMIT, 1.0, 1.0)
    for prompt in wanted.prompts():
        async with desk.slots.one():
            echoed, rows, length = await echo(desk, wanted, prompt)
        read += length
        for sampling in samplings:
            text, logprobs, last = echoed, list(rows), Chunk("", finish="length")
            if sampling.max_tokens:
                async with desk.slots.one():
                    async for chunk in take(desk, desk.assistant.engine.generate(prompt, sampling), request):
                        text, last = text + chunk.text, chunk
                        logprobs += chunk.logprobs
                count += last.tokens
                # llama.cpp does not tell the chance of half a letter; its place is kept, for clients count places.
                logprobs += [None] * (length * bool(rows) + last.tokens - len(logprobs))
            choices.append({"text": text, "index": len(choices), "finish_reason": last.finish or "stop",
                            "logprobs": listed(logprobs) if wanted.logprobs is not None else None})  # fmt: skip
    return {**head, "choices": choices, "usage": usage(read, count)}


async def echo(desk: Desk, wanted: TextWanted, prompt: str | list[int]) -> tuple[str, list[TokenLogprob | None], int]:
    """The prompt as text and the logprobs of its tokens, as far as they are asked for, and how many tokens it has.

    The first token has no chance: nothing is before it.
    """
    engine = desk.assistant.engine
    ids = prompt if isinstance(prompt, list) else await desk.slots.call(lambda: engine.tokenize(prompt, begin=True))
    if not wanted.echo:
        return "", [], len(ids)
    text = prompt if isinstance(prompt, str) else await desk.slots.call(engine.detokenize, ids)
    if wanted.logprobs is None:
        return text, [], len(ids)
    found = await desk.slots.call(engine.score, ids, max(1, wanted.logprobs))
    return text, [None, *found], len(ids)


def listed(logprobs: Sequence[TokenLogprob | None]) -> dict[str, Any]:
    """Chances in the form of OpenAI's completions."""
    tokens = [one.token if one else "" for one in logprobs]
    offsets, at = [], 0
    for token in tokens:
        offsets.append(at)
        at += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [one.logprob if one else None for one in logprobs],
        # The likeliest first: of two tokens with the same text (halves of letters) the likelier one is told.
        "top_logprobs": [dict(reversed(one.top_logprobs)) if one else None for one in logprobs],
        "text_offset": offsets,
    }


async def text_events(desk: Desk, wanted: TextWanted, head: dict[str, Any]) -> AsyncIterator[str]:
    def event(index: int, text: str, reason: str | None = None, logprobs: Any = None) -> str:
        choices = [{"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}]
        return sent({**head, "choices": choices})

    read = count = index = 0
    try:
        for prompt in wanted.prompts():
            async with desk.slots.one():
                echoed, rows, length = await echo(desk, wanted, prompt)
            read += length
            for sampling in wanted.samplings(LIMIT, 1.0, 1.0):
                if echoed:
                    yield event(index, echoed, logprobs=listed(rows) if rows else None)
                async for line, tokens in one_text(desk, prompt, sampling, lambda *said, at=index: event(at, *said)):
                    yield line
                    count += tokens
                index += 1
    except (Problem, Full) as error:
        yield sent(error_body(error))
        return
    if wanted.wants_usage():
        yield sent({**head, "choices": [], "usage": usage(read, count)})
    yield "data: [DONE]\n\n"


async def one_text(
    desk: Desk, prompt: str | list[int], sampling: Sampling, event: Any
) -> AsyncIterator[tuple[str, int]]:
    """Events of one completion, the last with the number of its tokens."""
    if not sampling.max_tokens:
        yield event("", "length"), 0
        return
    async with desk.slots.one():
        async for chunk in take(desk, desk.assistant.engine.generate(prompt, sampling)):
            if chunk.text or chunk.logprobs:
                yield event(chunk.text, None, listed(chunk.logprobs) if chunk.logprobs else None), 0
            if chunk.finish:
                yield event("", chunk.finish), chunk.tokens
