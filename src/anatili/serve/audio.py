"""`/v1/audio/*`: speech is left to another server, for example one of whisper.cpp, if its address is set."""

import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask

from anatili.serve.middleware import error_response

PATHS = ("transcriptions", "translations", "speech")
SECONDS = 600.0
"""Time that it has between two parts of its answer."""
RESPONSES: dict[int | str, dict[str, Any]] = {502: {"description": "The audio server does not answer."}}


def audio_routes(address: str) -> APIRouter:
    """The routes of OpenAI's audio API, passed on to the server at `address`; 404 if there is none."""
    routes = APIRouter(tags=["audio"])
    base = address.rstrip("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get("ANATILI_AUDIO_KEY", "")) else {}
    client = httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(SECONDS, connect=10)) if base else None

    async def audio(task: str, request: Request) -> Response:
        """Pass a request on to the audio server, in the format of OpenAI's audio API."""
        if task not in PATHS:
            return error_response(404, f"there is no /v1/audio/{task}; there are {', '.join(PATHS)}")
        if client is None:
            message = "this server has no speech: start it with --audio ADDRESS of a server that has /v1/audio"
            return error_response(404, message)
        sent = {"content-type": request.headers.get("content-type", "application/octet-stream")}
        onward = client.build_request("POST", f"{base}/v1/audio/{task}", content=await request.body(), headers=sent)
        try:
            answer = await client.send(onward, stream=True)
        except httpx.HTTPError as error:
            return error_response(502, f"the audio server did not answer: {error}", "server_error")
        kind = answer.headers.get("content-type", "application/octet-stream")
        return StreamingResponse(
            parts(answer), answer.status_code, media_type=kind, background=BackgroundTask(answer.aclose)
        )

    routes.add_api_route("/v1/audio/{task}", audio, methods=["POST"], response_class=Response, responses=RESPONSES)
    return routes


async def parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for part in answer.aiter_bytes():
        yield part
