"""The route and the page of plans: the same figures as the command's, in every language of the page."""

import re
from pathlib import Path

import pytest
from planning import about

from anatili.compute.plan import described, estimate, make_plan
from anatili.compute.sizes import BATCH, CONTEXT, LADDER, shape_for
from anatili.lang import load_pack

fastapi = pytest.importorskip("fastapi")
STATIC = Path(__file__).parents[2] / "src" / "anatili" / "serve" / "static"


@pytest.fixture(scope="module")
def client():
    from fastapi.testclient import TestClient

    from anatili.serve.api import add_errors
    from anatili.serve.plan import plan_routes

    app = fastapi.FastAPI()
    app.include_router(plan_routes(None))
    add_errors(app)
    return TestClient(app)


def test_the_figures_are_those_of_the_command(client):
    facts = client.get("/v1/plan", params={"words": 2e9, "fertility": 1.6, "size": "8", "without": "nvidia"}).json()
    question = about(shape=shape_for("8"), context=CONTEXT, batch=BATCH, tokens=3_200_000_000, unique=3.2e9)
    own = described(make_plan(question))
    assert facts["chip_hours"] == own["chip_hours"]
    assert facts["flops"] == own["flops"]
    assert facts["dollars"] == own["dollars"]
    assert facts["embargo"]["asked_is_barred"]
    assert facts["choices"]["sizes"] == list(LADDER)
    assert "CPU-2cores" not in facts["choices"]["chips"]


@pytest.mark.parametrize("size", LADDER)
def test_sizes_are_near_their_names(size):
    assert shape_for(size).total == pytest.approx(float(size) * 1e9, rel=0.4)
    assert estimate(about(shape=shape_for(size), context=CONTEXT, number=1024), about().chip).fitting


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("chip=H900", 400, "no chip 'H900'"),
        ("words=0", 422, "words"),
        ("size=9", 400, "no size '9'; known"),
        ("number=0", 422, "number"),
        ("destination=Z", 400, "no destination 'Z'"),
        ("grid=X", 400, "no grid 'X'"),
    ],
)
def test_wrong_questions_get_a_sentence(client, query, status, message):
    answer = client.get(f"/v1/plan?{query}")
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_the_page_is_local_and_every_word_is_in_every_language(client):
    page, code = client.get("/plan").text, (STATIC / "plan.js").read_text("utf-8")
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    used = {
        *re.findall(r'data-word="(\w+)"', page),
        *re.findall(r'word\("(\w+)"\)', code),
        *re.findall(r'add\("(\w+)"', code),
    }
    assert {"plan", "plan_days", "plan_advice"} <= used
    for language in ("kk", "ru", "en", "tr"):
        assert used <= load_pack(language).prompts["page"].keys(), language
    for file in re.findall(r"/static/([\w.]+)", page):
        assert (STATIC / file).is_file()
