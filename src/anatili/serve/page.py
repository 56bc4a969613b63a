"""The files of the page, and questions that it suggests."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.search.analysis import terms
from anatili.search.index import Passage
from anatili.search.live_index import LiveSearch
from anatili.serve.assistant import Assistant
from anatili.serve.chat import AppState
from anatili.serve.first_questions import questions_about_documents
from anatili.serve.middleware import error_response
from anatili.text import words

STATIC = Path(__file__).parent / "static"
ROBOTS = "User-agent: *\nDisallow: /search\nDisallow: /passages/\nDisallow: /page/\nDisallow: /v1/\n"
"""Crawlers may have the pages. Searches have no end, and each takes processor time."""
SUGGESTIONS = 4
TITLE_LENGTHS = range(3, 25)
"""Characters of a title that a question can be made of."""
DRAWN = 400
"""Passages from which titles are drawn."""
TRIED = 24
"""Titles that are tried until there are enough questions."""


def page_routes(state: AppState) -> APIRouter:
    """The page, its files, and what makes it an application that can be installed."""
    routes = APIRouter(tags=["server"])

    @routes.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return static_file("index.html")

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return static_file("docs.html")

    @routes.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        known = {path.name for path in STATIC.iterdir() if path.is_file()}
        return static_file(name) if name in known else error_response(404, f"there is no file {name!r}")

    @routes.get("/manifest.webmanifest", include_in_schema=False)
    async def manifest() -> FileResponse:
        return static_file("manifest.webmanifest", "application/manifest+json")

    @routes.get("/service-worker.js", include_in_schema=False)
    async def service_worker() -> FileResponse:
        """At the top, because a service worker serves only the folder that it comes from."""
        return static_file("service-worker.js")

    @routes.get("/favicon.ico", include_in_schema=False)
    @routes.get("/apple-touch-icon.png", include_in_schema=False)
    async def icon() -> FileResponse:
        return static_file("icon-192.png")

    @routes.get("/robots.txt", include_in_schema=False)
    async def robots() -> Response:
        return Response(ROBOTS, media_type="text/plain")

    @routes.get("/page/questions", include_in_schema=False)
    async def questions(request: Request, language: Annotated[str, Query(max_length=20)]) -> dict[str, Any]:
        if language not in state.assistant.packs:
            raise Problem(f"no language {language!r}; there are {', '.join(state.assistant.packs)}")
        return {"questions": await run_in_threadpool(first_questions, state, request, language)}

    return routes


def static_file(name: str, media_type: str | None = None, headers: Mapping[str, str] | None = None) -> FileResponse:
    """A file of the page. Browsers ask again each time, so that no part of it is older than another."""
    return FileResponse(STATIC / name, media_type=media_type, headers={"Cache-Control": "no-cache", **(headers or {})})


def first_questions(state: AppState, request: Request, language: str) -> list[str]:
    """Questions to begin with: about the documents that a request is answered from, or about the texts of the run."""
    assistant = state.assistant_for(request)
    suggest = questions_about_documents if isinstance(assistant.search, LiveSearch) else suggested_questions
    return suggest(assistant, language)


def suggested_questions(assistant: Assistant, language: str) -> list[str]:
    """Up to four questions about texts in a language, each of which is answered from just the text that it is about.

    They are made of titles of one word, because the pack has one form for them: "What is {title}?".
    """
    form = assistant.packs[language].prompts.get("page", {}).get("suggestion", "")
    if assistant.search is None or not form:
        return []
    begins = form.startswith("{title}")
    passages = {
        passage.title: passage
        for passage in assistant.search.beginnings(language, DRAWN)
        if passage.title.isalpha() and len(passage.title) in TITLE_LENGTHS
    }
    questions: list[str] = []
    for title in random.sample(sorted(passages), min(TRIED, len(passages))):
        question = form.format(title=title if begins else in_a_sentence(passages[title]))
        prepared = assistant.prepare([{"role": "user", "content": question}], language)
        if prepared.passages and prepared.passages[0].passage.document == passages[title].document:
            questions.append(question)
        if len(questions) == SUGGESTIONS:
            break
    return questions


def in_a_sentence(passage: Passage) -> str:
    """A title of one word as it is written inside a sentence: lowercase if the text has a form of it so ("dombra"), as
    it stands if not ("Almaty")."""
    analyzer = terms(passage.language, passage.script)
    stems = set(analyzer[passage.title].split())
    is_common = any(word.islower() and not stems.isdisjoint(analyzer[word].split()) for word in words(passage.text))
    return load_pack(passage.language).lower(passage.title) if is_common else passage.title
