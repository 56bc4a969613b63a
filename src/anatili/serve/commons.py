"""`/commons` and `/v1/commons`: contributors give, vote and withdraw; moderators decide; everybody sees the goals.

A contributor is told apart by a random token in a header. Neither an address nor a name is stored.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping
from sqlalchemy.exc import OperationalError

from anatili.commons.checks import PersonalDataError
from anatili.commons.contribution import LICENSES, LONG, REASONS, SHORT, TEXT_LICENSES, Contribution, digest_of
from anatili.commons.figures import agreement, amounts, contributors, goals
from anatili.commons.sentences import offered
from anatili.commons.store import Commons, Conflict, Unknown
from anatili.lang.page_words import COMMONS, words_of_page
from anatili.problem import Problem
from anatili.search.searcher import Search
from anatili.serve.limits import RateLimit, visitor_of
from anatili.serve.middleware import error_response
from anatili.serve.page import static_file
from anatili.serve.queue import client as current_client
from anatili.translation_directions import Direction

TOKEN = "X-Anatili-Contributor"
LINES_A_MINUTE, LINES_A_DAY, VOTES_A_MINUTE = 20, 1000, 60
JOINS_A_DAY = 50
"""New contributors of one address in a day: a school may share one."""
WRONG_TOKENS = 30
"""Requests with a token that nobody has, from one address in a minute."""
CONSENT = dict(zip(LICENSES, ("consent_cc0", "consent_by"), strict=True))
"""License -> word of the page that says what it means."""
TOKEN_HEADER = {
    "parameters": [
        {
            "name": TOKEN,
            "in": "header",
            "required": True,
            "description": "The contributor's token.",
            "schema": {"type": "string"},
        }
    ]
}
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Consent(Body):
    """`POST /v1/commons/people`."""

    license: Literal["CC0-1.0", "CC-BY-4.0"]
    language: Annotated[str, Field(max_length=20)] = Field(description="Language in which the consent was read.")


class Vote(Body):
    """`POST /v1/commons/votes`."""

    line: Id
    good: bool
    reason: Literal["", "wrong", "language", "unnatural", "copied", "spam", "personal", "other"] = ""


class Decision(Body):
    """`POST /v1/commons/decisions`, for moderators."""

    line: Id
    accept: bool
    block: bool = Field(False, description="Also close the author's access, and reject all that is open of theirs.")


class TooOften(Problem):
    """More requests than a contributor may send."""


class Door:
    """Who may do what, how often. It keeps addresses only as counts in memory."""

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self.joins, self.wrong = RateLimit(JOINS_A_DAY, 86_400.0), RateLimit(WRONG_TOKENS)
        self.lines, self.daily = RateLimit(LINES_A_MINUTE), RateLimit(LINES_A_DAY, 86_400.0)
        self.votes = RateLimit(VOTES_A_MINUTE)

    def person(self, request: Request) -> RowMapping:
        """The contributor of a request; `Unknown` if its token is nobody's."""
        address = address_of(request)
        if self.wrong.is_spent(address):
            raise TooOften("too many requests with a wrong token; try again in a minute")
        try:
            return self.commons.person(digest_of(request.headers.get(TOKEN, "")))
        except Unknown:
            self.wrong.allows(address)
            raise

    def count(self, limit: RateLimit, name: str, what: str) -> None:
        if not limit.allows(name):
            raise TooOften(f"more than {limit.most} {what}; what you wrote is not lost, send it again later")


def address_of(request: Request) -> str:
    return visitor_of(request.client.host) if request.client else ""


def consent_words(commons: Commons, language: str) -> dict[str, str]:
    """The words that a contributor agrees to, by license."""
    words = words_of_page(commons.pack_of(language), COMMONS)
    return {name: f"{words['consent']} {words[CONSENT[name]]}" for name in LICENSES} if words else {}


def add_commons_errors(app: FastAPI) -> None:
    """How the problems of the commons are told: OpenAI's format, with where the personal data is."""

    @app.exception_handler(PersonalDataError)
    async def personal(request: Request, error: PersonalDataError) -> JSONResponse:
        body = {
            "message": str(error),
            "type": "invalid_request_error",
            "param": None,
            "code": "personal",
            "stretches": [asdict(stretch) for stretch in error.stretches],
        }
        return JSONResponse({"error": body}, 422)

    @app.exception_handler(Conflict)
    async def conflict(request: Request, error: Conflict) -> JSONResponse:
        return error_response(409, str(error))

    @app.exception_handler(Unknown)
    async def unknown(request: Request, error: Unknown) -> JSONResponse:
        return error_response(404, str(error))

    @app.exception_handler(TooOften)
    async def too_often(request: Request, error: TooOften) -> JSONResponse:
        return error_response(429, str(error), "rate_limit_error")

    @app.exception_handler(OperationalError)
    async def unavailable(request: Request, error: OperationalError) -> JSONResponse:
        return error_response(503, "the commons does not answer; send it again later", "server_error")


def commons_routers(
    commons: Commons, search: Search | None = None, directions: Sequence[Direction] = ()
) -> list[APIRouter]:
    """All routes of the commons. `search`: where sentences to translate come from."""
    door = Door(commons)
    return [board_routes(commons, search, directions), line_routes(door, search), vote_routes(door)]


def board_routes(commons: Commons, search: Search | None, directions: Sequence[Direction]) -> APIRouter:
    routes = APIRouter(tags=["commons"])

    @routes.get("/commons", include_in_schema=False)
    async def page() -> FileResponse:
        return static_file("commons.html")

    @routes.get("/v1/commons")
    def board(language: Annotated[str, Query(max_length=20)]) -> dict[str, Any]:
        """Show how much the commons has in a language, what is missing most, and what was given this week."""
        commons.pack_of(language)
        passages = search.languages() if search else {}
        ways = [{"quality": way.quality, **way.row()} for way in directions]
        have = amounts(commons.database, language)
        return {
            "language": language,
            "kinds": have,
            "passages": passages,
            "contributors": contributors(commons.database),
            "agreement": agreement(commons.database),
            "missing": [asdict(goal) for goal in goals(commons.database, language, have, ways, passages)],
        }

    @routes.get("/v1/commons/rules")
    def rules(language: Annotated[str, Query(max_length=20)]) -> dict[str, Any]:
        """Show what a contributor agrees to in a language, and the limits."""
        return {
            "consent": consent_words(commons, language),
            "text_licenses": TEXT_LICENSES,
            "reasons": REASONS,
            "characters": {"short": SHORT, "long": LONG},
            "lines_a_minute": LINES_A_MINUTE,
        }

    return routes


def line_routes(door: Door, search: Search | None) -> APIRouter:
    routes = APIRouter(prefix="/v1/commons", tags=["commons"])
    commons = door.commons

    @routes.post("/people", status_code=201)
    def join(body: Consent, request: Request) -> dict[str, str]:
        """Agree to a license. The token in the response is shown only once: the server keeps a digest of it."""
        words = consent_words(commons, body.language)
        if not words:
            raise Problem(f"the consent is not written in language {body.language!r} yet; read it in another one")
        door.count(door.joins, address_of(request), "new contributors from one address in a day")
        token = secrets.token_urlsafe(32)
        commons.join(digest_of(token), body.license, body.language, words[body.license])
        return {"token": token, "license": body.license}

    @routes.get("/lines", openapi_extra=TOKEN_HEADER)
    def mine(request: Request) -> dict[str, Any]:
        """List the contributor's own lines, with their states."""
        return {"lines": commons.lines_of(door.person(request))}

    @routes.post("/lines", status_code=201, openapi_extra=TOKEN_HEADER)
    def give(body: Contribution, request: Request) -> dict[str, Any]:
        """Give a line. It is on the disk when the response comes; the same id sent again changes nothing."""
        person = door.person(request)
        door.count(door.lines, str(person["id"]), "lines in a minute")
        door.count(door.daily, str(person["id"]), "lines in a day")
        return commons.give(person, with_origin(body, search))

    @routes.delete("/lines", openapi_extra=TOKEN_HEADER)
    def withdraw_all(request: Request) -> dict[str, Any]:
        """Withdraw all lines of the contributor."""
        return {"withdrawn": commons.withdraw(door.person(request))}

    @routes.delete("/lines/{line}", openapi_extra=TOKEN_HEADER)
    def withdraw(line: str, request: Request) -> dict[str, Any]:
        """Withdraw a line: its text is deleted at once, and the next export does not have it."""
        return {"withdrawn": commons.withdraw(door.person(request), line)}

    @routes.get("/sentences")
    def sentences(
        source: Annotated[str, Query(max_length=20)], target: Annotated[str, Query(max_length=20)]
    ) -> dict[str, Any]:
        """Offer sentences to translate that nobody has translated yet, from passages under open licenses."""
        commons.pack_of(target)
        return {"sentences": offered(commons, search, source, target)}

    return routes


def vote_routes(door: Door) -> APIRouter:
    routes = APIRouter(prefix="/v1/commons", tags=["commons"])
    commons = door.commons

    @routes.get("/next", openapi_extra=TOKEN_HEADER)
    def next_line(
        request: Request, language: Annotated[str, Query(max_length=20)], after: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, Any]:
        """Show a line of somebody else that waits for the contributor's vote."""
        return {"line": commons.next(door.person(request), language, after)}

    @routes.post("/votes", openapi_extra=TOKEN_HEADER)
    def vote(body: Vote, request: Request) -> dict[str, str]:
        """Say whether a line of somebody else is good."""
        person = door.person(request)
        door.count(door.votes, str(person["id"]), "votes in a minute")
        return {"state": commons.vote(person, body.line, body.good, body.reason)}

    @routes.get("/queue")
    def queue() -> dict[str, Any]:
        """List what waits for a moderator: marked lines, and those on which voters differ. It needs an admin key."""
        return {"lines": commons.queue()}

    @routes.post("/decisions")
    def decide(body: Decision) -> dict[str, str]:
        """Accept or reject a line. It needs an admin key."""
        return {"state": commons.decide(current_client.get(), body.line, body.accept, block=body.block)}

    return routes


def with_origin(line: Contribution, search: Search | None) -> Contribution:
    """A line about a passage, which it names by its id, with the passage's address and license instead."""
    if line.kind not in ("passage", "sentence") or not line.origin:
        return line
    passage = search.passage(line.origin) if search else None
    if passage is None:
        raise Problem("there is no passage with this id among the server's own texts; send the line without `origin`")
    return line.model_copy(update={"origin": passage.url, "license": passage.license})
