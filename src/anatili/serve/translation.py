"""`/translate`, `/languages` and `/detect` as in LibreTranslate, so that its clients work."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from anatili.identify import identify
from anatili.problem import Problem
from anatili.serve.chat import DONE, JSON_OR_EVENTS, AppState, error_json, sse_event
from anatili.serve.queue import QueueFull
from anatili.translate.segments import Segment
from anatili.translate.translator import Step, Translator

Body = TypeVar("Body", bound=BaseModel)
MAX_CHARACTERS = 20_000
"""Maximum length of one request; LibreTranslate calls it `charLimit`."""
MAX_ALTERNATIVES = 3


class TranslateRequest(BaseModel):
    """`POST /translate`. `stream` is an addition to LibreTranslate's API."""

    model_config = ConfigDict(extra="ignore")
    q: str | Annotated[list[str], Field(max_length=256)] = Field(description="One text, or a list of texts.")
    source: str = Field("auto", max_length=20)
    target: str = Field(max_length=20)
    format: Literal["text", "html"] = "text"
    alternatives: int = Field(
        0, ge=0, le=MAX_ALTERNATIVES, description="Other translations, for texts of one sentence; not in streams."
    )
    stream: bool = Field(False, description="Send each segment when it is translated, as server-sent events.")


class DetectRequest(BaseModel):
    """`POST /detect`."""

    model_config = ConfigDict(extra="ignore")
    q: str = Field(max_length=MAX_CHARACTERS)


@dataclass
class TranslatedText:
    """A translated text with its doubtful segments."""

    text: str
    source: str
    confidence: float
    doubts: list[dict[str, Any]]
    alternatives: list[str]


def translation_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["translation"])
    translator = state.assistant.translator()

    @routes.get("/languages")
    async def languages() -> list[dict[str, Any]]:
        """List the languages and, for each, the targets that the model was taught; `anatili` holds the quality."""
        return [
            {
                "code": code,
                "name": pack.name,
                "targets": targets,
                "anatili": {target: quality_of(translator, code, target) for target in targets},
            }
            for code, pack in translator.packs.items()
            if (targets := translator.targets(code))
        ]

    @routes.post("/detect", openapi_extra=request_body(DetectRequest))
    async def detect(request: Request) -> list[dict[str, Any]]:
        """Identify the language of a text, with a confidence in percent."""
        body = await parse_body(request, DetectRequest)
        identified = await run_in_threadpool(identify, body.q)
        return [{"language": identified.language, "confidence": round(100 * identified.confidence, 1)}]

    @routes.post("/translate", openapi_extra=request_body(TranslateRequest), responses=JSON_OR_EVENTS)
    async def translate(request: Request) -> Any:
        """Translate a text or a list of texts. `anatili` lists doubtful segments, such as those with changed numbers,
        and the measured quality of the direction."""
        body = await parse_body(request, TranslateRequest)
        texts = [body.q] if isinstance(body.q, str) else body.q
        if sum(map(len, texts)) > MAX_CHARACTERS:
            raise Problem(f"more than {MAX_CHARACTERS} characters in one request; send less text at a time")
        if body.format == "html":
            raise Problem("format 'html' is not supported, because the markup would be translated too; send plain text")
        sources = [await source_of(translator, text, body) for text in texts]
        if body.stream:
            return await state.stream(translation_events(state, translator, texts, sources, body.target))
        results = [
            await translate_text(state, translator, text, source, body, request)
            for text, source in zip(texts, sources, strict=True)
        ]
        return response_json(translator, results, body, many=not isinstance(body.q, str))

    return routes


def quality_of(translator: Translator, source: str, target: str) -> dict[str, Any]:
    """Whether a direction is `usable`, `poor` or `unknown`, with its chrF++ if that was measured."""
    direction = translator.direction(source, target)
    return {"quality": "usable" if source == target else direction.quality, **direction.row()}


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that may be JSON or a form."""
    schema = model.model_json_schema()
    content = {name: {"schema": schema} for name in ("application/json", "application/x-www-form-urlencoded")}
    return {"requestBody": {"required": True, "content": content}}


async def parse_body(request: Request, model: type[Body]) -> Body:
    """A body in JSON, or as a form, which some of LibreTranslate's clients send."""
    fields: Any
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            fields = await request.json()
        except ValueError as error:
            raise Problem(f"the body is not valid JSON: {error}") from error
    else:
        fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        errors = [{**details, "loc": ("body", *details["loc"])} for details in error.errors()]
        raise RequestValidationError(errors) from error


async def source_of(translator: Translator, text: str, body: TranslateRequest) -> tuple[str, float]:
    """The language of a text and the confidence in percent; `Problem` if that direction is not offered."""
    if body.source != "auto":
        translator.check_pair(body.source, body.target)
        return body.source, 100.0
    identified = await run_in_threadpool(identify, text)
    source = identified.language if identified.language in translator.packs else ""
    if not source:
        source = await run_in_threadpool(translator.source_of, text)
    translator.check_pair(source, body.target)
    return source, round(100 * identified.confidence, 1)


async def translate_segments(
    state: AppState, translator: Translator, text: str, source: str, target: str
) -> AsyncGenerator[Step]:
    """The segments of a text in order as they are finished. As many are translated at a time as there are slots."""
    own_slots = asyncio.Semaphore(state.slots.count)

    async def translate(segment: Segment) -> Step:
        if not segment.translatable or source == target:
            return Step(segment.text, segment.text)
        async with own_slots, state.slots.acquire():
            return await state.slots.call(translator.step, segment, source, target)

    tasks = [asyncio.create_task(translate(segment)) for segment in translator.segments(text, source)]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


async def translate_text(
    state: AppState,
    translator: Translator,
    text: str,
    source: tuple[str, float],
    body: TranslateRequest,
    request: Request,
) -> TranslatedText:
    """Translate a text, as long as the client is waiting for it."""
    translation, doubts, target = "", [], body.target
    async with aclosing(translate_segments(state, translator, text, source[0], target)) as steps:
        async for step in steps:
            translation += step.text
            if step.doubts:
                doubts.append({"source": step.source, "text": step.text, "doubts": list(step.doubts)})
            if await request.is_disconnected():
                break
    alternatives: list[str] = []
    segments = [segment for segment in translator.segments(text, source[0]) if segment.translatable]
    if body.alternatives and len(segments) == 1 and source[0] != target:
        async with state.slots.acquire():
            others = await state.slots.call(
                translator.alternatives, segments[0].text, source[0], target, body.alternatives, translation.strip()
            )
        alternatives = [other.text for other in others]
    return TranslatedText(translation, *source, doubts, alternatives)


def response_json(
    translator: Translator, results: list[TranslatedText], body: TranslateRequest, *, many: bool
) -> dict[str, Any]:
    """The response in LibreTranslate's format: lists if the request had a list."""
    response: dict[str, Any] = {"translatedText": [result.text for result in results]}
    if body.source == "auto":
        response["detectedLanguage"] = [
            {"language": result.source, "confidence": result.confidence} for result in results
        ]
    if body.alternatives:
        response["alternatives"] = [result.alternatives for result in results]
    response["anatili"] = [
        {"doubts": result.doubts, "generated_by_ai": True, **quality_and_notice(translator, result.source, body.target)}
        for result in results
    ]
    return response if many else {name: values[0] for name, values in response.items()}


def quality_and_notice(translator: Translator, source: str, target: str) -> dict[str, Any]:
    """The measured quality of a direction, and a notice about it for the reader."""
    return {"quality": quality_of(translator, source, target), "notice": translator.notice(source, target)}


async def translation_events(
    state: AppState, translator: Translator, texts: list[str], sources: list[tuple[str, float]], target: str
) -> AsyncIterator[str]:
    try:
        for index, (text, source) in enumerate(zip(texts, sources, strict=True)):
            detected = {"language": source[0], "confidence": source[1]}
            yield sse_event(
                {"index": index, "detectedLanguage": detected, **quality_and_notice(translator, source[0], target)}
            )
            async for step in translate_segments(state, translator, text, source[0], target):
                yield sse_event({"index": index, "text": step.text, "source": step.source, "doubts": list(step.doubts)})
    except (Problem, QueueFull) as error:
        yield sse_event(error_json(error))
        return
    yield DONE
