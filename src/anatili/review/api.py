"""The web application of a review: its page, and the routes by which the page asks and tells."""

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from anatili import __version__
from anatili.lang import codes, load_pack, reference
from anatili.lang.page_words import REVIEW, words_of_page
from anatili.review.session import Session
from anatili.review.state import DECISION, Conflict, Job, Judgment, person
from anatili.review.tasks import Task
from anatili.serve.activity import Activity
from anatili.serve.api import add_errors
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import AccessMiddleware, AccessRules, error_response
from anatili.serve.queue import Slots

STATIC = Path(__file__).parent / "static"
ENTRIES = 40
"""Texts of a file that the page gets at a time."""
LONGEST = 100_000
Name = Annotated[str, Field(min_length=1, max_length=60)]
Mode = Literal["label", "decision"]


class RequestBody(BaseModel):
    """What the page sends; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class TaskRequest(RequestBody):
    """Which task somebody wants to see."""

    kind: str
    language: str
    mode: Mode
    task: str = Field("", description="The one that was shown before.")
    back: bool = Field(False, description="Whether the one is wanted that the person did before it.")

    @property
    def job(self) -> Job:
        return self.kind, self.language, self.mode


class LabelRequest(RequestBody):
    """What somebody says of a task."""

    task: str
    of: str
    mode: Mode
    values: dict[str, str]
    texts: dict[str, Annotated[str, Field(max_length=LONGEST)]] = {}


class EditRequest(RequestBody):
    """A correction of a text in a file."""

    file: str
    entry: str = Field(description="Key of the text; empty for a new line.")
    seen: Annotated[str, Field(max_length=LONGEST)]
    text: Annotated[str, Field(max_length=LONGEST)]


class ListRequest(BaseModel):
    """Which texts of a file somebody wants to see."""

    model_config = ConfigDict(extra="forbid")

    file: str
    find: Annotated[str, Field(max_length=200)] = ""
    start: Annotated[int, Field(ge=0)] = 0
    changed: bool = False
    beside: Annotated[str, Field(max_length=20)] = Field("", description="Language whose file is shown beside.")


async def only_json(request: Request) -> None:
    """Refuse what a form or a script of another site can send without asking the browser's leave."""
    if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "send JSON")


def create_app(session: Session, rules: AccessRules | None = None) -> FastAPI:
    """The application, with the access rules, limits and headers of `anatili serve`."""
    app = FastAPI(title="anatili review", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    routers = [page_routes(), task_routes(session), file_routes(session), result_routes(session)]
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(
        AccessMiddleware, rules=rules or AccessRules(), metrics=Metrics(Slots(1)), activity=Activity(), routes=routes
    )
    add_errors(app)

    @app.exception_handler(Conflict)
    async def conflict(request: Request, error: Conflict) -> JSONResponse:
        return error_response(409, str(error))

    for router in routers:
        app.include_router(router, dependencies=[Depends(only_json)])
    return app


def page_routes() -> APIRouter:
    routes = APIRouter()

    @routes.get("/")
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        known = {path.name for path in STATIC.iterdir() if path.is_file()}
        return FileResponse(STATIC / name) if name in known else error_response(404, f"there is no file {name!r}")

    @routes.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @routes.get("/page/words")
    def words() -> dict[str, Any]:
        packs = {code: load_pack(code) for code in codes()}
        spoken = {code: words for code, pack in packs.items() if (words := words_of_page(pack, REVIEW))}
        formats = {code: packs[code].prompts.get("format", {}) for code in spoken}
        return {
            "names": {code: pack.own_name for code, pack in packs.items()},
            "words": spoken,
            "formats": formats,
            "reference": reference(),
        }

    return routes


def task_routes(session: Session) -> APIRouter:
    routes = APIRouter(prefix="/review")
    reviewing = session.reviewing

    @routes.post("/jobs")
    def jobs(body: RequestBody) -> dict[str, Any]:
        """What there is to do, and how much of it waits for this person."""
        with session.lock:
            return {"jobs": reviewing.jobs(body.name), "files": [file.label for file in session.files.values()]}

    @routes.post("/next")
    def next_task(body: TaskRequest) -> dict[str, Any]:
        """The next task, or the one before; with the judgment that the person gave before, if any."""
        with session.lock:
            find = reviewing.last_of if body.back else reviewing.next
            task = find(body.name, body.job, body.task)
            return {"task": shown(session, task, body) if task else None}

    @routes.post("/say")
    def say(body: LabelRequest) -> dict[str, bool]:
        """Keep a label or a decision; the reply comes when it is on the disk."""
        session.judge(body.task, body.of, body.mode, Judgment(body.name, body.values, body.texts))
        return {"saved": True}

    return routes


def shown(session: Session, task: Task, asked: TaskRequest) -> dict[str, Any]:
    """A task as the page shows it. The judgments of the two are shown, without names, only to the third."""
    standing = session.reviewing.standing[task.id]
    mine = session.reviewing.said_by(standing, person(asked.name), asked.mode)
    two = standing.pair if asked.mode == DECISION else None
    return {
        "id": task.id,
        "of": task.digest,
        "kind": task.kind,
        "language": task.language,
        "mode": asked.mode,
        "shown": task.shown,
        "parts": task.parts,
        "texts": task.texts,
        "mine": {"values": mine.values, "texts": mine.texts} if mine else None,
        "two": [{"values": judgment.values, "texts": judgment.texts} for judgment in two] if two else None,
        "differing": standing.differing() if two else [],
    }


def file_routes(session: Session) -> APIRouter:
    routes = APIRouter(prefix="/review")

    @routes.post("/entries")
    def entries(body: ListRequest) -> dict[str, Any]:
        """Texts of a file, with their corrections."""
        with session.lock:
            file = session.file(body.file)
            beside = session.beside(file, body.beside)
            sought = body.find.casefold()
            keys = [*file.entries, *(key for key in file.changes if key not in file.entries)]
            rows = [
                {"key": key, "was": file.original(key), "text": file.text_of(key), "beside": beside.get(key, "")}
                for key in keys
                if (not body.changed or file.text_of(key) != file.original(key))
                and (sought in key.casefold() or sought in file.text_of(key).casefold())
            ]
            chosen = rows[body.start : body.start + ENTRIES]
            return {"count": len(rows), "entries": chosen, "lines": file.is_list}

    @routes.post("/edit")
    def edit(body: EditRequest) -> dict[str, bool]:
        """Keep a correction; the reply comes when it is on the disk."""
        session.edit(body.file, body.entry, body.seen, body.text, body.name)
        return {"saved": True}

    return routes


def result_routes(session: Session) -> APIRouter:
    routes = APIRouter(prefix="/review")

    @routes.get("/figures")
    def figures() -> dict[str, Any]:
        return session.figures()

    @routes.get("/diff")
    def diff() -> Response:
        """All corrections, as a file."""
        headers = {"Content-Disposition": 'attachment; filename="corrections.diff"'}
        return Response(session.diff(), media_type="text/x-diff; charset=utf-8", headers=headers)

    return routes
