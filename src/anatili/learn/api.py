"""The course as a page on this machine: the lessons, their commands with live output, answers and their verdicts."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from anatili import __version__
from anatili.learn.commands import Busy, Runner
from anatili.learn.course import explain, keep, mark, open_lesson, progress, read_answers, save_answers, section
from anatili.learn.learner import Learner
from anatili.learn.lesson import Lesson, lessons, say, words
from anatili.learn.markup import runnable
from anatili.learn.page import list_page, live_page
from anatili.learn.submission import CheckFailed
from anatili.serve.activity import Activity
from anatili.serve.api import add_errors
from anatili.serve.metrics import Metrics
from anatili.serve.middleware import AccessMiddleware, AccessRules, error_response
from anatili.serve.queue import Slots
from anatili.serve.server import LOCAL_HOSTS, ServerConfig, accept, listen, open_browser, uvicorn_config

STATIC = Path(__file__).parent / "static"
LONGEST = 20_000
MOST_LOSSES = 2000
Value = Annotated[str, Field(max_length=LONGEST)]


class Body(BaseModel):
    """What the page sends; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class Answers(Body):
    """Answers by section (`exercise-1`, `open`) and key."""

    answers: dict[str, dict[str, Value]] = {}


class Run(Body):
    """A command of a lesson, by its place in the text. Never a text: the page cannot run anything else."""

    command: int = Field(ge=0)
    answers: dict[str, dict[str, Value]] = {}


async def only_json(request: Request) -> None:
    """Refuse what a form or a script of another site can send without asking the browser's leave."""
    if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "send JSON")


def create_app(learner: Learner, runner: Runner) -> FastAPI:
    """The application, with the access rules, limits and headers of `anatili serve`: for this machine only."""
    app = FastAPI(title="anatili learn", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    routers = [page_routes(learner), lesson_routes(learner, runner)]
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(
        AccessMiddleware,
        rules=AccessRules(hosts=LOCAL_HOSTS),
        metrics=Metrics(Slots(1)),
        activity=Activity(),
        routes=routes,
    )
    add_errors(app)

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        return error_response(409, words("page.busy")[learner.language])

    for router in routers:
        app.include_router(router, dependencies=[Depends(only_json)])
    return app


def lesson_of(number: int) -> Lesson:
    """The lesson of this number; 404 if there is none."""
    chosen = next((one for one in lessons() if one.number == number), None)
    if chosen is None:
        raise HTTPException(404, f"there is no lesson {number}")
    return chosen


def page_routes(learner: Learner) -> APIRouter:
    routes = APIRouter()

    @routes.get("/")
    def index() -> Response:
        return HTMLResponse(list_page(progress(learner), learner.language))

    @routes.get("/static/{name}")
    def static(name: str) -> Response:
        known = {path.name for path in STATIC.iterdir() if path.is_file()}
        return FileResponse(STATIC / name) if name in known else error_response(404, f"there is no file {name!r}")

    @routes.get("/{number:int}")
    def lesson_page(number: int) -> Response:
        lesson = lesson_of(number)
        blocks = open_lesson(learner, lesson)
        try:
            answers = read_answers(learner, lesson)
        except CheckFailed:  # the check explains it
            answers = {}
        return HTMLResponse(live_page(blocks, lesson, learner, answers))

    return routes


def lesson_routes(learner: Learner, runner: Runner) -> APIRouter:
    routes = APIRouter(prefix="/lessons")
    language = learner.language

    def saved(lesson: Lesson, body: Answers | Run) -> JSONResponse | None:
        """Save the answers; a response if the file cannot be used."""
        learner.lesson_folder(lesson).mkdir(parents=True, exist_ok=True)
        try:
            save_answers(learner, lesson, body.answers)
        except CheckFailed as wrong:
            return error_response(409, explain(wrong, learner, lesson))
        return None

    @routes.post("/{number:int}/run")
    def run(number: int, body: Run) -> Response:
        """Run a command of the lesson; the response is a line of JSON for each piece of what it prints."""
        lesson = lesson_of(number)
        if refusal := saved(lesson, body):
            return refusal
        commands = runnable(open_lesson(learner, lesson))
        if body.command >= len(commands):
            return error_response(404, words("page.no_command")[language])
        line = commands[body.command]
        predicted = section(read_answers(learner, lesson), "exercise-1")
        missing = [key for key in lesson.file.predict.get(line, ()) if not str(predicted.get(key, "")).strip()]
        if missing:
            return error_response(409, say("page.predict_first", language, keys=", ".join(missing)))
        return StreamingResponse(lines_of(runner.run(line, learner.lesson_folder(lesson))), media_type="text/plain")

    @routes.post("/{number:int}/answers")
    def answers(number: int, body: Answers) -> Response:
        return saved(lesson_of(number), body) or JSONResponse({"message": words("page.saved")[language]})

    @routes.post("/{number:int}/check")
    def check(number: int, body: Answers) -> Response:
        """Save the answers and mark the lesson."""
        lesson = lesson_of(number)
        if refusal := saved(lesson, body):
            return refusal
        marked = mark(learner, lesson)
        keep(learner, lesson, marked)
        rows = [{**asdict(one), "word": words(f"state.{one.state}")[language]} for one in marked.verdicts]
        return JSONResponse({"verdicts": rows})

    @routes.get("/{number:int}/losses")
    def losses(number: int) -> dict[str, Any]:
        """The losses of the trainings in the lesson's folder, by run."""
        return {"runs": losses_in(learner.lesson_folder(lesson_of(number)))}

    return routes


def lines_of(events: Iterator[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(event, ensure_ascii=False) + "\n" for event in events)


def losses_in(folder: Path) -> dict[str, list[float]]:
    """Run -> loss of each step, as far as it is trained."""
    runs = {}
    for path in sorted(folder.glob("runs/*/pretrain/log.jsonl")):
        losses = []
        for line in path.read_text("utf-8", errors="replace").splitlines()[:MOST_LOSSES]:
            try:
                losses.append(float(json.loads(line)["loss"]))
            except (ValueError, KeyError, TypeError):  # a line that is being written
                continue
        if losses:
            runs[path.parent.parent.name] = losses
    return runs


def start(learner: Learner, number: int, port: int, opens: bool, announce: Callable[[str], None]) -> None:
    """Serve the page on this machine until interrupted."""
    import uvicorn

    runner = Runner()
    listener = listen("127.0.0.1", port)
    address = f"{accept(listener)}/{number or ''}"
    announce(f"page  {address}  (press Ctrl-C to stop)")
    if opens:
        open_browser(address)
    try:
        uvicorn.Server(uvicorn_config(create_app(learner, runner), ServerConfig())).run(sockets=[listener])
    finally:
        runner.stop()
