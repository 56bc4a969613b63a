"""The model without a chat: text completions, logprobs of given text, embeddings, tokens. lm-eval uses these routes."""

import base64
import math
import time
import uuid
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from anatili.engine import Chunk, Sampling, TokenLogprob
from anatili.problem import Problem
from anatili.serve.chat import DONE, JSON_OR_EVENTS, AppState, error_json, sse_event, usage
from anatili.serve.queue import QueueFull
from anatili.serve.schemas import (
    CompletionRequest,
    DetokenizeRequest,
    EmbeddingsRequest,
    TokenizeRequest,
    as_list,
)

MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY = 16, 1.0, 1.0
"""Defaults for what a request leaves out, as in OpenAI's API."""


def completion_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["model"])

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the names that `model` may have in a request."""
        return {"object": "list", "data": [model_json(state, name) for name in state.model_names()]}

    @routes.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """Describe one model."""
        state.check_model(name)
        return model_json(state, name)

    @routes.post("/v1/completions", responses=JSON_OR_EVENTS)
    async def completions(body: CompletionRequest, request: Request) -> Any:
        """Continue a text. With `echo` and `logprobs`, also return the logprobs of the text itself."""
        state.check_model(body.model)
        head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": state.assistant.name,
        }
        if body.stream:
            return await state.stream(completion_events(state, body, head))
        return await whole_completion(state, body, head, request)

    @routes.post("/v1/embeddings")
    async def embeddings(body: EmbeddingsRequest) -> Any:
        """Embed each text: the mean of the model's last hidden states over its tokens."""
        state.check_model(body.model)
        return JSONResponse(await embeddings_json(state, body))

    @routes.post("/tokenize")
    async def tokenize(body: TokenizeRequest) -> dict[str, Any]:
        """Split a text into token ids, in vLLM's format."""
        ids = await token_ids(state, body.prompt, begin=body.add_special_tokens)
        return {"tokens": ids, "count": len(ids), "max_model_len": state.assistant.engine.context}

    @routes.post("/detokenize")
    async def detokenize(body: DetokenizeRequest) -> dict[str, str]:
        """Join token ids into a text, in vLLM's format."""
        return {"prompt": await run_in_threadpool(state.assistant.engine.detokenize, body.tokens)}

    @routes.get("/tokenizer_info")
    async def tokenizer_info() -> dict[str, Any]:
        """Show the special tokens and the chat template, in vLLM's format."""
        vocabulary = await run_in_threadpool(state.assistant.engine.vocabulary)
        return {**{name: text or None for name, text in vocabulary.items()}, "pad_token": None, "unk_token": None}

    return routes


async def embeddings_json(state: AppState, body: EmbeddingsRequest) -> dict[str, Any]:
    """The embedding of each text, in OpenAI's format; `Problem` for an empty text."""
    texts = as_list(body.input)
    if not all(texts):
        raise Problem("an empty text has no embedding")
    async with state.slots.acquire():
        vectors = await state.slots.call(state.assistant.engine.embed, texts)
        vectors = [shortened(vector, body.dimensions) for vector in vectors] if body.dimensions else vectors
        counts = [len(text) if isinstance(text, list) else len(await token_ids(state, text)) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": encode_vector(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    total = sum(counts)
    return {
        "object": "list",
        "model": state.assistant.name,
        "data": data,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }


def model_json(state: AppState, name: str) -> dict[str, Any]:
    """A model in OpenAI's format, with its context length as in vLLM and its size as in llama.cpp."""
    engine = state.assistant.engine
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "anatili",
        "max_model_len": engine.context,
        "meta": {"n_params": engine.parameters},
    }


async def token_ids(state: AppState, text: str, *, begin: bool = False) -> list[int]:
    return await run_in_threadpool(lambda: state.assistant.engine.tokenize(text, begin=begin))


def shortened(vector: Sequence[float], dimensions: int) -> list[float]:
    """The first numbers of an embedding, scaled to length 1 again; `Problem` if it has fewer."""
    if dimensions > len(vector):
        raise Problem(f"dimensions: this model's embeddings have {len(vector)} numbers, not {dimensions} or more")
    part = list(vector[:dimensions])
    length = math.sqrt(sum(number * number for number in part))
    return [number / length for number in part] if length else part


def encode_vector(vector: Sequence[float], encoding: str) -> Any:
    """An embedding as numbers, or in base64 as OpenAI's client asks for it: 32-bit floats, little-endian."""
    if encoding == "float":
        return list(vector)
    return base64.b64encode(array("f", vector).tobytes()).decode()


async def whole_completion(
    state: AppState, body: CompletionRequest, head: dict[str, Any], request: Request
) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    prompt_tokens = answer_tokens = 0
    samplings = body.samplings(MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY)
    for prompt in body.prompts():
        async with state.slots.acquire():
            echo, echo_logprobs, length = await echo_prompt(state, body, prompt)
        prompt_tokens += length
        for sampling in samplings:
            logprobs, answer = list(echo_logprobs), Chunk("", finish="length")
            if sampling.max_tokens:
                answer = await state.whole(state.assistant.engine.generate(prompt, sampling), request)
                answer_tokens += answer.tokens
                logprobs += answer.logprobs
                # llama.cpp gives no logprob for part of a character. Its position is kept, as clients count positions.
                logprobs += [None] * (length * bool(echo_logprobs) + answer.tokens - len(logprobs))
            choices.append(
                {
                    "text": echo + answer.text,
                    "index": len(choices),
                    "finish_reason": answer.finish or "stop",
                    "logprobs": logprobs_json(logprobs) if body.logprobs is not None else None,
                }
            )
    return {**head, "choices": choices, "usage": usage(prompt_tokens, answer_tokens)}


async def echo_prompt(
    state: AppState, body: CompletionRequest, prompt: str | list[int]
) -> tuple[str, list[TokenLogprob | None], int]:
    """The prompt's text and the logprobs of its tokens, each only if requested, and its number of tokens.

    The first token has no logprob, because nothing comes before it.
    """
    engine = state.assistant.engine
    ids = prompt if isinstance(prompt, list) else await state.slots.call(lambda: engine.tokenize(prompt, begin=True))
    if not body.echo:
        return "", [], len(ids)
    text = prompt if isinstance(prompt, str) else await state.slots.call(engine.detokenize, ids)
    if body.logprobs is None:
        return text, [], len(ids)
    logprobs = await state.slots.call(engine.score, ids, max(1, body.logprobs))
    return text, [None, *logprobs], len(ids)


def logprobs_json(logprobs: Sequence[TokenLogprob | None]) -> dict[str, Any]:
    """Log-probabilities in the format of OpenAI's completions."""
    tokens = [token.token if token else "" for token in logprobs]
    offsets, offset = [], 0
    for text in tokens:
        offsets.append(offset)
        offset += len(text)
    return {
        "tokens": tokens,
        "token_logprobs": [token.logprob if token else None for token in logprobs],
        # Two tokens may have the same text (parts of characters): reversed, the more likely one overwrites the other.
        "top_logprobs": [dict(reversed(token.top_logprobs)) if token else None for token in logprobs],
        "text_offset": offsets,
    }


async def completion_events(state: AppState, body: CompletionRequest, head: dict[str, Any]) -> AsyncIterator[str]:
    def event(index: int, text: str, reason: str | None = None, logprobs: Any = None) -> str:
        choices = [{"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}]
        return sse_event({**head, "choices": choices})

    prompt_tokens = answer_tokens = index = 0
    try:
        for prompt in body.prompts():
            async with state.slots.acquire():
                echo, echo_logprobs, length = await echo_prompt(state, body, prompt)
            prompt_tokens += length
            for sampling in body.samplings(MAX_TOKENS, TEMPERATURE, REPETITION_PENALTY):
                if echo:
                    yield event(index, echo, logprobs=logprobs_json(echo_logprobs) if echo_logprobs else None)
                choice = choice_events(state, prompt, sampling, lambda *fields, index=index: event(index, *fields))
                async for line, tokens in choice:
                    yield line
                    answer_tokens += tokens
                index += 1
    except (Problem, QueueFull) as error:
        yield sse_event(error_json(error))
        return
    if body.wants_usage():
        yield sse_event({**head, "choices": [], "usage": usage(prompt_tokens, answer_tokens)})
    yield DONE


async def choice_events(
    state: AppState, prompt: str | list[int], sampling: Sampling, event: Callable[..., str]
) -> AsyncIterator[tuple[str, int]]:
    """The events of one choice, each with a number of tokens: 0, and on the last event that of the whole choice."""
    if not sampling.max_tokens:
        yield event("", "length"), 0
        return
    async with state.slots.acquire():
        async for chunk in state.chunks(state.assistant.engine.generate(prompt, sampling)):
            if chunk.text or chunk.logprobs:
                yield event(chunk.text, None, logprobs_json(chunk.logprobs) if chunk.logprobs else None), 0
            if chunk.finish:
                yield event("", chunk.finish), chunk.tokens
