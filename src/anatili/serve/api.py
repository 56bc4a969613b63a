"""The web application: an OpenAI-compatible API, search, translation, and the page that uses them."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from anatili import __version__
from anatili.engine import Translating
from anatili.problem import Problem
from anatili.search.searcher import Search
from anatili.serve.assistant import TOY, Assistant
from anatili.serve.chat import AppState, UnknownModel, chat_routes, passage_json
from anatili.serve.completions import completion_routes
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import AccessMiddleware, AccessRules, error_response
from anatili.serve.plan import plan_routes
from anatili.serve.queue import QueueFull, Slots
from anatili.serve.translation import translation_routes

STATIC = Path(__file__).parent / "static"
MAX_HITS = 100
MAX_OFFSET = 1000
"""How far search results can be paged through."""
ERROR_SCHEMA = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}
ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/json": ERROR_SCHEMA}}
    for code, text in {
        400: "The request cannot be fulfilled; the message says why.", 401: "A key is required.", 404: "Not found.",
        413: "The body is too large.", 422: "A value is invalid; the message names it.", 429: "Too many requests.",
        503: "The server is busy; try again later.",
    }.items()
}  # fmt: skip
ERROR_RESPONSE = {
    "type": "object", "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["message", "type"],
                             "properties": {"message": {"type": "string"}, "type": {"type": "string"}}}},
}  # fmt: skip


def create_app(assistant: Assistant, rules: AccessRules | None = None) -> FastAPI:
    """The application, with access limited by `rules`."""
    rules = rules or AccessRules()
    slots = Slots(assistant.engine.slots)
    state = AppState(assistant, slots, Metrics(slots))
    description = "Chat with sources, search, translation, and OpenAI's API for one model."
    app = FastAPI(
        title="anatili", version=__version__, description=description, docs_url=None, redoc_url=None, responses=ERRORS
    )
    factories = (page_routes, search_routes, translation_routes, chat_routes, completion_routes, plan_routes)
    routers = [factory(state) for factory in factories]
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(AccessMiddleware, rules=rules, metrics=state.metrics, routes=routes)
    if rules.origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(rules.origins), allow_methods=["GET", "POST"],
                           allow_headers=["Authorization", "Content-Type"])  # fmt: skip
    add_errors(app)
    for router in routers:
        app.include_router(router)
    add_schema(app, rules)
    return app


def add_errors(app: FastAPI) -> None:
    """Return every error in OpenAI's format."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        return error_response(422, f"{'.'.join(map(str, first['loc'][1:])) or 'body'}: {message}")

    @app.exception_handler(UnknownModel)
    async def unknown_model(request: Request, error: UnknownModel) -> JSONResponse:
        return error_response(404, str(error))

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return error_response(400, str(error))

    @app.exception_handler(QueueFull)
    async def queue_full(request: Request, error: QueueFull) -> JSONResponse:
        return error_response(503, str(error), "server_error")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        response = error_response(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response


def add_schema(app: FastAPI, rules: AccessRules) -> None:
    """The OpenAPI description, with our format of errors in place of FastAPI's."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        schema = describe()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["ErrorResponse"] = ERROR_RESPONSE
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        if rules.keys:
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def page_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    @routes.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        known = {path.name for path in STATIC.iterdir() if path.is_file()}
        return FileResponse(STATIC / name) if name in known else error_response(404, f"there is no file {name!r}")

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Show that the server is up. No key is required."""
        return {"status": "ok", "model": state.assistant.name, "version": __version__}

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Show counts and times in Prometheus' text format."""
        return Response(state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.get("/page/words", include_in_schema=False)
    async def words() -> dict[str, Any]:
        return page_words(state.assistant)

    @routes.get("/about")
    async def about() -> dict[str, Any]:
        """Describe the model, the languages and passages of the index, and the model's card as it was written."""
        assistant = state.assistant
        counts = await run_in_threadpool(assistant.search.languages) if assistant.search else {}
        return {
            "model": assistant.name, "parameters": assistant.engine.parameters, "context": assistant.engine.context,
            "languages": list(assistant.packs), "passages": counts, "card": assistant.card,
            "toy": 0 < assistant.engine.parameters < TOY, "generated_by_ai": False, "version": __version__,
        }  # fmt: skip

    return routes


def page_words(assistant: Assistant) -> dict[str, Any]:
    """What the page needs for its languages: interface texts, formats, alphabets, other scripts, special letters."""
    packs = {code: pack for code, pack in assistant.packs.items() if "page" in pack.prompts}
    scripts = {
        code: {name: rules.table for name, rules in pack.config.transliteration.items() if not rules.prefix}
        for code, pack in packs.items()
    }
    return {
        "names": {code: pack.own_name for code, pack in packs.items()},
        "languages": {code: pack.own_name for code, pack in assistant.packs.items()},
        "words": {code: pack.prompts["page"] for code, pack in packs.items()},
        "formats": {code: pack.prompts.get("format", {}) for code, pack in packs.items()},
        "alphabets": {code: pack.config.letters[pack.main_script] for code, pack in packs.items()},
        "main_scripts": {code: pack.main_script for code, pack in packs.items()},
        "scripts": {code: tables for code, tables in scripts.items() if tables},
        "own_letters": {code: "".join(pack.config.keyboard) for code, pack in packs.items() if pack.config.keyboard},
        "search": assistant.search is not None,
        "chat": not isinstance(assistant.engine, Translating),
    }


def search_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.get("/search")
    async def search(
        q: Annotated[str, Query(max_length=1000, description="The text to search for.")],
        limit: Annotated[int, Query(ge=1, le=MAX_HITS)] = 10,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        prefer: Annotated[str | None, Query(max_length=20, description="Language whose passages come first: the "
                                            "main one by default, none if empty.")] = None,
        only: Annotated[str, Query(max_length=20, description="Search only passages in this language.")] = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Find passages, with their sources and their number in each language."""
        index = search_index(state)
        first = next(iter(state.assistant.packs)) if prefer is None else prefer
        results = await run_in_threadpool(lambda: index.results(q, limit, offset, prefer=first, only=only))
        return {"query": q, "prefer": first, "only": only, "counts": results.counts, "guessed": results.guessed,
                "passages": [passage_json(hit) for hit in results.hits]}  # fmt: skip

    @routes.get("/passages/{passage_id:path}")
    async def passage(passage_id: str) -> Any:
        """Show the passage with this id, for example the one that a citation names."""
        found = await run_in_threadpool(search_index(state).passage, passage_id)
        return found or error_response(404, f"there is no passage with id {passage_id!r}")

    return routes


def search_index(state: AppState) -> Search:
    if state.assistant.search is None:
        raise Problem("this model was opened without a search index; serve a run instead")
    return state.assistant.search
