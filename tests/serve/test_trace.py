"""Where the words of an answer come from: the route, and the button of the page in a real browser."""

from dataclasses import replace

import httpx
import pytest
from attribution.test_attribution import indexed, kept
from browsing import LANGUAGES, QUESTION, ask, choose, no_barriers, until, visit
from serving import in_thread
from starlette.testclient import TestClient

from anatili.lang import load_pack
from anatili.sample.topics import read_topics
from anatili.serve.api import create_app
from anatili.serve.assistant import Assistant, open_assistant

PAGES = [page for topic in read_topics() for page in topic.pages.values()]
TRACE = ".answer .tools [aria-expanded]"


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """The address of a server whose model's training text is the sample."""
    rows = [kept(number, page.text, page.title) for number, page in enumerate(PAGES)]
    index = indexed(tmp_path_factory.mktemp("trace") / "run", [rows[:100], rows[100:]])
    with in_thread(create_app(replace(open_assistant("kazakh-26m"), attribution=index))) as address:
        yield address


def test_the_route_gives_stretches_with_their_documents(traced):
    text = " ".join(PAGES[5].text.split()[:12])
    found = httpx.post(f"{traced}/trace", json={"text": f"Zyxw {text} qponm"}).json()
    assert [stretch["text"] for stretch in found["stretches"]] == [text.strip(".,")]
    (document,) = found["stretches"][0]["documents"]
    assert (document["url"], document["license"]) == ("https://example.kz/5", "CC-BY-4.0")
    assert httpx.post(f"{traced}/trace", json={"text": "x" * 8_001}).status_code == 422
    assert httpx.get(f"{traced}/page/words").json()["trace"] is True


def test_without_an_index_there_is_no_button_and_the_route_says_how_to_make_one():
    class Silent:
        name, slots, context, parameters = "none", 1, 0, 0

    with TestClient(create_app(Assistant(Silent(), {"kk": load_pack("kk")})), base_url="http://localhost") as client:
        assert client.get("/page/words").json()["trace"] is False
        answer = client.post("/trace", json={"text": "бір екі үш төрт бес"})
    assert (answer.status_code, "trace build" in answer.json()["error"]["message"]) == (400, True)


def test_the_button_under_an_answer_shows_where_its_words_come_from(browser, traced):
    page = visit(browser, traced)
    ask(page, QUESTION)
    page.locator(TRACE).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".trace .card")
    assert page.locator(TRACE).get_attribute("aria-expanded") == "true"
    stretch = page.locator(".trace blockquote").first.text_content()
    assert len(stretch.split()) >= 5
    assert stretch in page.locator(".answer .words").text_content()
    assert page.locator(".trace .origin a").first.get_attribute("href").startswith("https://example.kz/")
    assert "CC-BY-4.0" in page.locator(".trace .origin").nth(1).text_content()
    no_barriers(page, colors=False)
    page.locator(TRACE).click()
    until(page, "!document.querySelector('.trace')")
    for code in LANGUAGES:
        choose(page, "language", code)
        page.locator(TRACE).click()
        page.wait_for_selector(".trace .card")
        assert "_" not in page.locator(".trace").text_content()
    page.route("**/trace", lambda route: route.fulfill(json={"words": 3, "covered": 0, "stretches": []}))
    page.locator(TRACE).click()
    page.locator(TRACE).click()
    page.wait_for_selector(".trace > .hint")
    assert page.locator(".trace").text_content().startswith("Bu yanıtın")
    assert page.troubles == []
    page.context.close()
