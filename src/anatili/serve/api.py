"""The application: an OpenAI-compatible API, search, translation, and the page that uses them."""

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
from anatili.serve.chat import Desk, NoModel, chat_routes, describe
from anatili.serve.completions import text_routes
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import Guard, Rules, failure
from anatili.serve.plan import plan_routes
from anatili.serve.queue import Full, Slots
from anatili.serve.translation import translation_routes

STATIC = Path(__file__).parent / "static"
MOST_HITS = 100
DEEPEST = 1000
"""Results that can be paged through."""
ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}}
    for code, text in {
        400: "It cannot be done; the message says why.", 401: "A key is needed.", 404: "There is no such thing here.",
        413: "The body is too large.", 422: "A value is wrong; the message names it.", 429: "Too many requests.",
        503: "Too many wait; try again.",
    }.items()
}  # fmt: skip
FAILURE = {
    "type": "object", "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["message", "type"],
                             "properties": {"message": {"type": "string"}, "type": {"type": "string"}}}},
}  # fmt: skip


def create_app(assistant: Assistant, rules: Rules | None = None) -> FastAPI:
    """The application, which answers under `rules`."""
    rules = rules or Rules()
    slots = Slots(assistant.engine.slots)
    desk = Desk(assistant, slots, Metrics(slots))
    about = "Chat with sources, search, direct translation, and OpenAI's API for one model."
    app = FastAPI(
        title="anatili", version=__version__, description=about, docs_url=None, redoc_url=None, responses=ERRORS
    )
    routers = [
        made(desk) for made in (page_routes, search_routes, translation_routes, chat_routes, text_routes, plan_routes)
    ]
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(Guard, rules=rules, metrics=desk.metrics, routes=routes)
    if rules.origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(rules.origins), allow_methods=["GET", "POST"],
                           allow_headers=["Authorization", "Content-Type"])  # fmt: skip
    add_errors(app)
    for router in routers:
        app.include_router(router)
    add_schema(app, rules)
    return app


def add_errors(app: FastAPI) -> None:
    """Every error in OpenAI's form."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return failure(422, f"{'.'.join(map(str, first['loc'][1:])) or 'body'}: {first['msg']}")

    @app.exception_handler(NoModel)
    async def no_model(request: Request, error: NoModel) -> JSONResponse:
        return failure(404, str(error))

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return failure(400, str(error))

    @app.exception_handler(Full)
    async def full(request: Request, error: Full) -> JSONResponse:
        return failure(503, str(error), "server_error")

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        answer = failure(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer


def add_schema(app: FastAPI, rules: Rules) -> None:
    """The OpenAPI description, with our form of errors in place of FastAPI's."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        parts["Failure"] = FAILURE
        parts.pop("HTTPValidationError", None)
        parts.pop("ValidationError", None)
        if rules.keys:
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def page_routes(desk: Desk) -> APIRouter:
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
        return FileResponse(STATIC / name) if name in known else failure(404, f"no file {name!r}")

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Whether the server is there; asks for no key."""
        return {"status": "ok", "model": desk.assistant.name, "version": __version__}

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts and times in Prometheus' form."""
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.get("/page/words", include_in_schema=False)
    async def words() -> dict[str, Any]:
        """Words of the page in each language that has them."""
        return words_of_the_page(desk.assistant)

    @routes.get("/about")
    async def about() -> dict[str, Any]:
        """What the model is, what may be searched, and the model's card as it was written."""
        assistant = desk.assistant
        counts = await run_in_threadpool(assistant.search.languages) if assistant.search else {}
        return {
            "model": assistant.name, "parameters": assistant.engine.parameters, "context": assistant.engine.context,
            "languages": list(assistant.packs), "passages": counts, "card": assistant.card,
            "toy": 0 < assistant.engine.parameters < TOY, "generated_by_ai": False, "version": __version__,
        }  # fmt: skip

    return routes


def words_of_the_page(assistant: Assistant) -> dict[str, Any]:
    """What the page needs to speak its languages: words, formats, alphabets, other scripts, letters of their own."""
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


def search_routes(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["search"])

    @routes.get("/search")
    async def search(
        q: Annotated[str, Query(max_length=1000, description="What is looked for.")],
        limit: Annotated[int, Query(ge=1, le=MOST_HITS)] = 10,
        offset: Annotated[int, Query(ge=0, le=DEEPEST)] = 0,
        prefer: Annotated[str | None, Query(max_length=20, description="Language whose passages go first; the main "
                                            "one if not given, none if empty.")] = None,
        only: Annotated[str, Query(max_length=20, description="Language to look in.")] = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Passages with their sources, and how many there are in each language."""
        index = opened(desk)
        first = next(iter(desk.assistant.packs)) if prefer is None else prefer
        found = await run_in_threadpool(lambda: index.results(q, limit, offset, prefer=first, only=only))
        return {"query": q, "prefer": first, "only": only, "counts": found.counts, "guessed": found.guessed,
                "passages": [describe(hit) for hit in found.hits]}  # fmt: skip

    @routes.get("/passages/{number:path}")
    async def passage(number: str) -> Any:
        """One passage by its id, as a citation names it."""
        found = await run_in_threadpool(opened(desk).passage, number)
        return found or failure(404, "no passage of this id")

    return routes


def opened(desk: Desk) -> Search:
    if desk.assistant.search is None:
        raise Problem("this model was opened without a search index; serve a run instead")
    return desk.assistant.search
