"""The operator's page in a real browser: what it shows, to whom, in every language, on a phone, and for axe."""

import re
from datetime import date
from pathlib import Path

import pytest
from browsing import LANGUAGES, no_barriers, until
from serving import in_thread

from anatili.lang import load_pack
from anatili.serve.api import Extras, create_app
from anatili.serve.assistant import open_assistant
from anatili.serve.feedback import Feedback, FeedbackFile
from anatili.serve.keys import Key, KeyRing, hash_key, make_key
from anatili.serve.middleware import AccessRules

STATIC = Path(__file__).parents[2] / "src" / "anatili" / "serve" / "static"
SECRETS = {"operator": make_key(Key("operator", admin=True))[0], "newspaper": make_key(Key("newspaper"))[0]}


@pytest.fixture(scope="module")
def server_address(tmp_path_factory):
    """A server in a thread, with an expired key, feedback and an error."""
    keys = KeyRing(
        {
            hash_key(SECRETS["operator"]): Key("operator", admin=True),
            hash_key(SECRETS["newspaper"]): Key("newspaper", per_minute=50),
            "0" * 64: Key("school", 5, date(2025, 6, 1)),
        }
    )
    feedback = FeedbackFile(tmp_path_factory.mktemp("admin") / "feedback.jsonl")
    feedback.add(Feedback(rating="down", reason="unsupported"))
    rules = AccessRules(keys=keys, public=True, per_minute=30, per_day=1000)
    with in_thread(create_app(open_assistant("kazakh-26m"), rules, Extras(feedback=feedback))) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, server_address):
    context = browser.new_context(locale="en-US", viewport={"width": 1200, "height": 900}, service_workers="block")
    opened = context.new_page()
    opened.requested, opened.troubles = [], []
    opened.on("request", lambda request: opened.requested.append(request.url))
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.goto(f"{server_address}/admin")
    until(opened, "!document.querySelector('#with-key').hidden")
    yield opened
    context.close()


def give_key(page, name: str) -> None:
    page.fill("#key", SECRETS[name])
    page.press("#key", "Enter")


def test_only_an_admin_key_opens_it(page):
    assert page.locator("#sections").is_hidden()
    give_key(page, "newspaper")
    until(page, "!document.querySelector('#with-key').hidden && document.querySelector('#admin-status').textContent")
    assert "anatili key" in page.inner_text("#admin-status")
    assert page.locator("#sections").is_hidden()
    give_key(page, "operator")
    until(page, "!document.querySelector('#sections').hidden")
    assert page.locator("#with-key").is_hidden()


def test_it_shows_load_quotas_keys_and_feedback(page, server_address):
    if page.locator("#sections").is_hidden():
        give_key(page, "operator")
        until(page, "!document.querySelector('#sections').hidden")
    assert "kazakh-26m" in page.inner_text("#admin-status")
    assert "1,000" in page.inner_text("#today")
    school = page.inner_text("#keys tr:has-text('school')")
    assert "expired" in school
    assert "2025" in school
    assert "not in the source" in page.inner_text("#feedback")
    assert "None." in page.inner_text("#failures")
    assert page.troubles == []
    assert all(url.startswith(server_address) for url in page.requested)


def test_it_has_no_barriers_and_fits_a_phone_in_every_language(page):
    for language in LANGUAGES:
        page.select_option("#language", language)
        assert page.title() == load_pack(language).prompts["page"]["admin"]
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        no_barriers(page, colors=language == "kk")
        page.set_viewport_size({"width": 1200, "height": 900})
    page.select_option("#language", "en")


def test_it_is_local_and_every_word_is_in_every_language():
    page, code = ((STATIC / f"admin.{ending}").read_text("utf-8") for ending in ("html", "js"))
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    used = {*re.findall(r'data-word="(\w+)"', page), *re.findall(r'"(admin\w*)"', code)} | {
        *(f"admin_reason_{reason}" for reason in ("wrong", "unsupported", "language")),
        *(f"admin_reason_{reason}" for reason in ("incomplete", "harmful", "other")),
        *(f"admin_{kind}" for kind in ("kind_answer", "kind_translation", "rating_up", "rating_down")),
    }
    for language in LANGUAGES:
        assert used <= load_pack(language).prompts["page"].keys(), language
