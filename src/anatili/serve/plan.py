"""Plans of trainings as a route and a page: the same figures as `anatili plan`, without a model."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from anatili.compute import data_scaling, sizes
from anatili.compute.chips import chips, find_chip
from anatili.compute.cost import grid_of
from anatili.compute.plan import ANY, Question, described, make_plan
from anatili.compute.rules import OTHER, group_of

PAGE = Path(__file__).parent / "static" / "plan.html"


def plan_routes(state: Any) -> APIRouter:
    """The routes; nothing of the model behind the server is used."""
    routes = APIRouter(tags=["plan"])

    @routes.get("/plan", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE)

    @routes.get("/v1/plan")
    async def plan(
        words: Annotated[float, Query(gt=0, le=1e14, description="Words of text there are.")] = 2e9,
        fertility: Annotated[float, Query(ge=0.5, le=100, description="Tokens per word.")] = data_scaling.FERTILITY,
        epochs: Annotated[float, Query(gt=0, le=1000, description="Passes over the words.")] = 1,
        size: Annotated[str, Query(max_length=10, description="Billions of weights, one of `choices.sizes`.")] = "8",
        chip: Annotated[str, Query(max_length=40, description="Kind of chip, one of `choices.chips`.")] = "H200",
        number: Annotated[int, Query(ge=1, le=100_000, description="Number of chips.")] = 64,
        without: Annotated[str, Query(max_length=40, description="Vendor whose chips cannot be had.")] = "",
        destination: Annotated[str, Query(max_length=10, description="Country group or country, such as D:1.")] = "",
        grid: Annotated[str, Query(max_length=10, description="Grid that gives the electricity.")] = "",
    ) -> dict[str, Any]:
        """What a training takes: tokens, layouts that fit, hours, energy and money with 80 % intervals, export status.

        Export status is a dated history with sources, not legal advice.
        """
        group_of(destination or OTHER)
        grams, source = grid_of(grid)
        question = Question(
            name=f"{size} G",
            shape=sizes.shape_for(size),
            context=sizes.CONTEXT,
            batch=sizes.BATCH,
            tokens=round(words * fertility * epochs),
            unique=words * fertility,
            optimizer="adamw",
            chip=find_chip(chip),
            number=number,
            grams=grams,
            grid_source=source,
            words=words,
            fertility=fertility,
            without=(without.casefold(),) if without else (),
            destination=destination,
        )
        facts = await run_in_threadpool(lambda: described(make_plan(question)))
        known = [one.name for one in chips().values() if one.vendor != ANY]
        return facts | {"choices": {"sizes": list(sizes.LADDER), "chips": known}}

    return routes
