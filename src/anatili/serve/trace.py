"""`/trace`: where the words of an answer come from, in the training text of the run that is served."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from anatili.attribution.find import EXAMPLES, MIN_WORDS, STRETCHES
from anatili.problem import Problem
from anatili.serve.chat import AppState

MAX_CHARACTERS = 8_000


class TraceRequest(BaseModel):
    """`POST /trace`."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=MAX_CHARACTERS)
    min_words: int = Field(MIN_WORDS, ge=3, le=1000, description="Fewest words of a stretch.")
    limit: int = Field(STRETCHES, ge=1, le=100, description="Maximum stretches.")
    documents: int = Field(EXAMPLES, ge=1, le=20, description="Maximum documents of a stretch.")


def trace_routes(state: AppState) -> APIRouter:
    routes = APIRouter(tags=["trace"])

    @routes.post("/trace")
    async def trace(body: TraceRequest) -> dict[str, Any]:
        """Find the stretches of a text that occur word for word in the training text, the rarest first, each with the
        number of its occurrences and some of their documents."""
        index = state.assistant.attribution
        if index is None:
            raise Problem("this server has no index of its model's training text; see: anatili trace build --help")
        if not index.is_current():
            raise Problem("the training text has changed since it was indexed; the operator can index it again")
        traced = await run_in_threadpool(
            index.find, body.text, min_words=body.min_words, limit=body.limit, documents=body.documents
        )
        return asdict(traced)

    return routes
