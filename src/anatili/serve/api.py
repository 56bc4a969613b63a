"""The web application: an OpenAI-compatible API, search, translation, and the page that uses them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from anatili import __version__
from anatili.engine import Translating
from anatili.lang import Transliteration
from anatili.lang.page_words import COMMONS, words_of_page
from anatili.problem import Problem
from anatili.search.searcher import Search
from anatili.serve.activity import Activity
from anatili.serve.admin import admin_routes
from anatili.serve.assistant import TOY, Assistant
from anatili.serve.audio import audio_routes
from anatili.serve.chat import AppState, UnknownModel, chat_routes
from anatili.serve.completions import completion_routes
from anatili.serve.documents import HEADER, SCOPE, OwnDocuments, document_routes
from anatili.serve.feedback import FeedbackFile
from anatili.serve.mcp_server import mcp_server
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import AccessMiddleware, AccessRules, error_response
from anatili.serve.page import page_routes
from anatili.serve.passages import SearchRunner
from anatili.serve.plan import plan_routes
from anatili.serve.queue import QueueFull, Slots
from anatili.serve.rerank import rerank_routes
from anatili.serve.responses import response_routes
from anatili.serve.search_pool import SearchPool
from anatili.serve.tools import chat_with_tools
from anatili.serve.trace import trace_routes
from anatili.serve.translation import translation_routes

if TYPE_CHECKING:
    from anatili.commons.store import Commons

RIGHT_TO_LEFT = ("Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm")
"""Codes of scripts that are written from right to left."""
MAX_HITS = 100
MAX_OFFSET = 1000
"""How far search results can be paged through."""
ERROR_SCHEMA = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}
ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/json": ERROR_SCHEMA}}
    for code, text in {
        400: "The request cannot be fulfilled; the message says why.",
        401: "A key is required.",
        403: "The key, or the Host header, is not for this.",
        404: "Not found.",
        413: "The body is too large.",
        422: "A value is invalid; the message names it.",
        429: "Too many requests.",
        503: "The server is busy; try again later.",
    }.items()
}
NOT_FOUND = "Not Found"
"""What the framework says of an address without a route."""
UNCLEAR = {"There was an error parsing the body": "the body is not JSON in UTF-8, or is nested too deeply"}
"""Messages of the framework -> what they mean."""
ERROR_RESPONSE = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": {"type": "string"}, "type": {"type": "string"}},
        }
    },
}


@dataclass(frozen=True)
class Extras:
    """What an operator may add to a server."""

    audio: str = ""
    """Address of a server for /v1/audio."""
    feedback: FeedbackFile | None = None
    searches: SearchPool | None = None
    """Processes that search; without them this process does."""
    own: OwnDocuments = field(default_factory=OwnDocuments)
    """Documents of the operator and of visitors, closed when the server stops."""
    commons: "Commons | None" = None
    """Where contributors' lines are kept, closed when the server stops."""


def create_app(assistant: Assistant, rules: AccessRules | None = None, extras: Extras | None = None) -> FastAPI:
    """The application, with access limited by `rules`."""
    rules, extras, activity = rules or AccessRules(), extras or Extras(), Activity()
    slots = Slots(assistant.engine.slots)
    state = AppState(assistant, slots, Metrics(slots), extras.own)
    description = "Chat with sources, search, translation, and OpenAI's API for one model."
    agents = mcp_server(assistant, slots.call_in_turn) if find_spec("mcp") else None
    agent_routes = agents.streamable_http_app().routes if agents else []
    app = FastAPI(
        title="anatili",
        version=__version__,
        description=description,
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
        lifespan=lifespan(extras.own, agents, extras.commons),
    )
    app.router.routes.extend(agent_routes)
    offers = {
        "feedback": extras.feedback is not None,
        "key": rules.key_use,
        "documents": extras.own.sessions is not None and not rules.public,
        "shared": extras.own.shared is not None,
        "commons": extras.commons is not None,
    }
    factories = (
        page_routes,
        translation_routes,
        completion_routes,
        response_routes,
        rerank_routes,
        plan_routes,
        trace_routes,
    )
    routers = [
        # Routes are tried in this order for each request: first those for which people wait.
        chat_routes(state, chat_with_tools),
        search_routes(state, extras.searches),
        server_routes(state, offers),
        *(factory(state) for factory in factories),
        document_routes(state.own),
        audio_routes(extras.audio),
        admin_routes(state, rules, activity, extras.feedback),
        *routers_of_commons(extras.commons, assistant),
    ]
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(AccessMiddleware, rules=rules, metrics=state.metrics, activity=activity, routes=routes)
    if rules.origins:
        allow_origins(app, rules.origins)
    add_errors(app)
    if extras.commons:
        from anatili.serve.commons import add_commons_errors

        add_commons_errors(app)
    for router in routers:
        app.include_router(router)
    add_schema(app, rules)
    return app


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Let the pages of other sites send requests."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", HEADER, SCOPE],
    )


def routers_of_commons(commons: "Commons | None", assistant: Assistant) -> list[APIRouter]:
    """The routes of a commons, if there is one: they need packages of their own."""
    if commons is None:
        return []
    from anatili.serve.commons import commons_routers

    return commons_routers(commons, assistant.search, assistant.directions or ())


def lifespan(
    own: OwnDocuments, agents: Any = None, commons: "Commons | None" = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What runs as long as the server: the sessions of agents; at the end the documents and the commons are closed."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with agents.session_manager.run() if agents else nullcontext():
            yield
        await run_in_threadpool(own.close)
        if commons:
            await run_in_threadpool(commons.close)

    return running


def add_errors(app: FastAPI) -> None:
    """Return every error in OpenAI's format."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "json_invalid":
            return error_response(422, f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]}")
        if first["loc"] == ("body",) and "json" not in request.headers.get("content-type", ""):
            return error_response(422, "the body must be a JSON object, sent with Content-Type: application/json")
        return error_response(422, f"{'.'.join(map(str, first['loc'][1:])) or 'body'}: {message}")

    @app.exception_handler(UnknownModel)
    async def unknown_model(request: Request, error: UnknownModel) -> JSONResponse:
        return error_response(404, str(error))

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return error_response(400, str(error))

    @app.exception_handler(QueueFull)
    @app.exception_handler(ConnectionError)
    async def unavailable(request: Request, error: Exception) -> JSONResponse:
        return error_response(503, str(error), "server_error")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        detail = UNCLEAR.get(error.detail, error.detail)
        if error.detail == NOT_FOUND:
            detail = f"there is no {request.url.path} here; /docs shows what there is"
        response = error_response(error.status_code, detail)
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
        if rules.keys or rules.public:
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def server_routes(state: AppState, offers: dict[str, Any]) -> APIRouter:
    """The server and what its page needs to know; `offers`: what it offers and requires, for the page's buttons."""
    routes = APIRouter(tags=["server"])

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
        known = {**page_words(state.assistant), **offers}
        return with_commons_words(known, state.assistant) if offers["commons"] else known

    @routes.get("/about")
    async def about() -> dict[str, Any]:
        """Describe the model, the languages and passages of the index, and the model's card as it was written."""
        assistant = state.assistant
        counts = await run_in_threadpool(assistant.search.languages) if assistant.search else {}
        return {
            "model": assistant.name,
            "parameters": assistant.engine.parameters,
            "context": assistant.engine.context,
            "languages": list(assistant.packs),
            "passages": counts,
            "card": assistant.card,
            "toy": 0 < assistant.engine.parameters < TOY,
            "generated_by_ai": False,
            "version": __version__,
        }

    return routes


def page_words(assistant: Assistant) -> dict[str, Any]:
    """What the page needs for its languages: interface texts, formats, alphabets, other scripts, special letters."""
    packs = {code: pack for code, pack in assistant.packs.items() if "page" in pack.prompts}
    scripts = {
        code: {name: script_json(name, rules) for name, rules in pack.config.transliteration.items()}
        for code, pack in packs.items()
    }
    return {
        "names": {code: pack.own_name for code, pack in packs.items()},
        "languages": {code: pack.own_name for code, pack in assistant.packs.items()},
        "words": {code: pack.prompts["page"] for code, pack in packs.items()},
        "locations": {code: pack.prompts.get("location", {}) for code, pack in packs.items()},
        "formats": {code: pack.prompts.get("format", {}) for code, pack in packs.items()},
        "alphabets": {code: pack.config.letters[pack.main_script] for code, pack in packs.items()},
        "main_scripts": {code: pack.main_script for code, pack in packs.items()},
        "scripts": {code: tables for code, tables in scripts.items() if tables},
        "own_letters": {code: "".join(pack.config.keyboard) for code, pack in packs.items() if pack.config.keyboard},
        "search": assistant.search is not None,
        "trace": assistant.attribution is not None,
        "chat": not isinstance(assistant.engine, Translating),
    }


def with_commons_words(known: dict[str, Any], assistant: Assistant) -> dict[str, Any]:
    """What the page knows, with the words for contributors under names that begin with `commons_`."""
    words = {
        code: own | {f"commons_{key}": text for key, text in words_of_page(assistant.packs[code], COMMONS).items()}
        for code, own in known["words"].items()
    }
    return {**known, "words": words, "model": assistant.name}


def script_json(name: str, rules: Transliteration) -> dict[str, Any]:
    """The rules by which the page shows texts in another script, whose name begins with the script's code."""
    return {
        "table": rules.table,
        "prefix": rules.prefix,
        "prefix_if": rules.prefix_if,
        "prefix_unless": rules.prefix_unless,
        "right_to_left": name[:4] in RIGHT_TO_LEFT,
    }


def search_routes(state: AppState, pool: SearchPool | None) -> APIRouter:
    routes, runner = APIRouter(tags=["search"]), SearchRunner()

    @routes.get("/search", response_model=dict[str, Any])
    async def search(
        request: Request,
        q: Annotated[str, Query(max_length=1000, description="The text to search for.")],
        limit: Annotated[int, Query(ge=1, le=MAX_HITS)] = 10,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        prefer: Annotated[
            str | None,
            Query(
                max_length=20, description="Language whose passages come first: the main one by default, none if empty."
            ),
        ] = None,
        only: Annotated[str, Query(max_length=20, description="Search only passages in this language.")] = "",
    ) -> Response:
        """Find passages, with their sources and their number in each language."""
        has_session = HEADER in request.headers
        index = await run_in_threadpool(search_index, state, request) if has_session else search_index(state, request)
        first = next(iter(state.assistant.packs)) if prefer is None else prefer
        if pool and index is state.assistant.search:
            body = await pool.ask(q, limit, offset, first, only)
        else:
            body = await runner.run(index, q, limit, offset, first, only)
        return Response(body, media_type="application/json")

    @routes.get("/passages/{passage_id:path}")
    async def passage(request: Request, passage_id: str) -> Any:
        """Show the passage with this id, for example the one that a citation names."""
        found = await run_in_threadpool(lambda: search_index(state, request).passage(passage_id))
        return found or error_response(404, f"there is no passage with id {passage_id!r}")

    return routes


def search_index(state: AppState, request: Request) -> Search:
    """What a request searches: the documents of its session if it has any, else the server's texts."""
    search = state.assistant_for(request).search
    if search is None:
        raise Problem("this model was opened without a search index; serve a run or --documents FOLDER instead")
    return search
