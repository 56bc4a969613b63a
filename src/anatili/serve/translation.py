"""`/translate`, `/languages` and `/detect`, as LibreTranslate has them, so that its clients work."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from anatili.identify import identify
from anatili.problem import Problem
from anatili.serve.chat import STREAMED, Desk, error_body, sent
from anatili.serve.queue import Full
from anatili.translate.segments import Segment
from anatili.translate.translator import Step, Translator

Kind = TypeVar("Kind", bound=BaseModel)
MAX_CHARACTERS = 20_000
"""Of one request; LibreTranslate calls it `charLimit`."""


class Asked(BaseModel):
    """`POST /translate`. Beyond LibreTranslate: `stream`."""

    model_config = ConfigDict(extra="ignore")
    q: str | Annotated[list[str], Field(max_length=256)] = Field(description="A text, or several.")
    source: str = Field("auto", max_length=20)
    target: str = Field(max_length=20)
    format: Literal["text", "html"] = "text"
    alternatives: int = Field(0, ge=0, le=0, description="There are none.")
    stream: bool = Field(False, description="Parts of the text as they are done, as server-sent events.")


class Detected(BaseModel):
    """`POST /detect`."""

    model_config = ConfigDict(extra="ignore")
    q: str = Field(max_length=MAX_CHARACTERS)


@dataclass
class Result:
    """A text translated, with what is doubtful in it."""

    text: str
    source: str
    confidence: float
    doubts: list[dict[str, Any]]


def translation_routes(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["translation"])
    translator = Translator(desk.assistant.engine, desk.assistant.packs, desk.assistant.directions)

    @routes.get("/languages")
    async def languages() -> list[dict[str, Any]]:
        """Each language, and those into which the model was taught to translate it; `anatili`: how well that goes."""
        return [{"code": code, "name": pack.name, "targets": targets,
                 "anatili": {target: quality_of(translator, code, target) for target in targets}}
                for code, pack in translator.packs.items() if (targets := translator.targets(code))]  # fmt: skip

    @routes.post("/detect", openapi_extra=body_of(Detected))
    async def detect(request: Request) -> list[dict[str, Any]]:
        """The language of a text and how sure that is, in per cent."""
        wanted = await read(request, Detected)
        found = await run_in_threadpool(identify, wanted.q)
        return [{"language": found.language, "confidence": round(100 * found.confidence, 1)}]

    @routes.post("/translate", openapi_extra=body_of(Asked), responses=STREAMED)
    async def translate(request: Request) -> Any:
        """A text, or a list of them, in another language. `anatili` tells what is doubtful, such as other numbers, and
        what the direction is worth."""
        wanted = await read(request, Asked)
        texts = [wanted.q] if isinstance(wanted.q, str) else wanted.q
        if sum(map(len, texts)) > MAX_CHARACTERS:
            raise Problem(f"more than {MAX_CHARACTERS} characters in one request; send less at a time")
        if wanted.format == "html":
            raise Problem("format html is not offered: markup would be translated with the words; send text")
        sources = [await source_of(translator, text, wanted) for text in texts]
        if wanted.stream:
            await desk.slots.room()
            made = stream(desk, translator, texts, sources, wanted.target)
            return StreamingResponse(made, media_type="text/event-stream")
        found = [await whole(desk, translator, text, source, wanted.target, request)
                 for text, source in zip(texts, sources, strict=True)]  # fmt: skip
        return answer(translator, found, wanted, many=not isinstance(wanted.q, str))

    return routes


def quality_of(translator: Translator, source: str, target: str) -> dict[str, Any]:
    """Whether a direction is `usable`, `poor` or `unknown`, with its chrF++ where that was measured."""
    known = translator.direction(source, target)
    return {"quality": "usable" if source == target else known.quality, **known.row()}


def body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The description of a body that is read as JSON or as a form."""
    schema = kind.model_json_schema()
    content = {name: {"schema": schema} for name in ("application/json", "application/x-www-form-urlencoded")}
    return {"requestBody": {"required": True, "content": content}}


async def read(request: Request, kind: type[Kind]) -> Kind:
    """A body in JSON, or as the forms that LibreTranslate's clients send."""
    said: Any
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            said = await request.json()
        except ValueError as error:
            raise Problem(f"the body is no JSON: {error}") from error
    else:
        said = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error


async def source_of(translator: Translator, text: str, wanted: Asked) -> tuple[str, float]:
    """The language of a text and how sure that is; `Problem` if it cannot be translated from there."""
    if wanted.source != "auto":
        translator.check_pair(wanted.source, wanted.target)
        return wanted.source, 100.0
    found = await run_in_threadpool(identify, text)
    source = found.language if found.language in translator.packs else ""
    if not source:
        source = await run_in_threadpool(translator.source_of, text)
    translator.check_pair(source, wanted.target)
    return source, round(100 * found.confidence, 1)


async def steps(desk: Desk, translator: Translator, text: str, source: str, target: str) -> AsyncGenerator[Step]:
    """Parts as they are done, in order; as many at a time as there are slots."""
    turn = asyncio.Semaphore(desk.slots.count)

    async def one(part: Segment) -> Step:
        if not part.translatable or source == target:
            return Step(part.text, part.text)
        async with turn, desk.slots.one():
            return await desk.slots.call(translator.step, part, source, target)

    tasks = [asyncio.create_task(one(part)) for part in translator.segments(text, source)]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


async def whole(
    desk: Desk, translator: Translator, text: str, source: tuple[str, float], target: str, request: Request
) -> Result:
    """A text translated while there is somebody who waits for it."""
    made, found = "", []
    async with aclosing(steps(desk, translator, text, source[0], target)) as done:
        async for step in done:
            made += step.text
            if step.doubts:
                found.append({"source": step.source, "text": step.text, "doubts": list(step.doubts)})
            if await request.is_disconnected():
                break
    return Result(made, *source, found)


def answer(translator: Translator, found: list[Result], wanted: Asked, *, many: bool) -> dict[str, Any]:
    """In LibreTranslate's form: lists for a list."""
    said: dict[str, Any] = {"translatedText": [one.text for one in found]}
    if wanted.source == "auto":
        said["detectedLanguage"] = [{"language": one.source, "confidence": one.confidence} for one in found]
    said["anatili"] = [{"doubts": one.doubts, "generated_by_ai": True, **worth(translator, one.source, wanted.target)}
                       for one in found]  # fmt: skip
    return said if many else {name: values[0] for name, values in said.items()}


def worth(translator: Translator, source: str, target: str) -> dict[str, Any]:
    """What must be known of a translation as a whole: the measured quality, and a sentence about it for the reader."""
    return {"quality": quality_of(translator, source, target), "notice": translator.notice(source, target)}


async def stream(
    desk: Desk, translator: Translator, texts: list[str], sources: list[tuple[str, float]], target: str
) -> AsyncIterator[str]:
    try:
        for index, (text, source) in enumerate(zip(texts, sources, strict=True)):
            known = {"language": source[0], "confidence": source[1]}
            yield sent({"index": index, "detectedLanguage": known, "notice": translator.notice(source[0], target),
                        "quality": quality_of(translator, source[0], target)})  # fmt: skip
            async for step in steps(desk, translator, text, source[0], target):
                yield sent({"index": index, "text": step.text, "source": step.source, "doubts": list(step.doubts)})
    except (Problem, Full) as error:
        yield sent(error_body(error))
        return
    yield "data: [DONE]\n\n"
