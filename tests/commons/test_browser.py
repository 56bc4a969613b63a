"""The pages of contributors in a real browser: two people and a moderator, from a correction to the goal board."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

pytest.importorskip("sqlalchemy", reason="the commons needs more packages: pip install '.[commons]'")
pytest.importorskip("xllamacpp")
pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
from browsing import LANGUAGES, answered, no_barriers, until, visit
from commons.lines import make_known
from serve.conftest import browser  # noqa: F401 - the fixture
from serving import in_thread

from anatili.commons.export import accepted
from anatili.commons.store import open_commons
from anatili.serve.api import Extras, create_app
from anatili.serve.assistant import open_assistant
from anatili.serve.keys import Key, KeyRing, hash_key
from anatili.serve.middleware import AccessRules

ADMIN = "moderator-key-for-tests"
VIEWS = ("board", "translate", "vote", "text", "mine", "moderate")
MARKUP = "<img src=x onerror=alert(1)>"
STORY = f"Кеше біз таудың басына шықтық. {MARKUP} Ол жерден бүкіл ауыл алақандағыдай көрінеді."


@contextmanager
def serving(commons):
    """A public server of the small model, with a commons, in a thread; its address. It drafts translations, badly."""
    rules = AccessRules(KeyRing({hash_key(ADMIN): Key("aigul", admin=True)}), public=True)
    with in_thread(
        create_app(replace(open_assistant("kazakh-26m"), directions=None), rules, Extras(commons=commons))
    ) as address:
        yield address


@pytest.fixture(scope="module")
def commons(tmp_path_factory):
    return open_commons(str(tmp_path_factory.mktemp("commons") / "commons.sqlite"))


@pytest.fixture(scope="module")
def address(commons):
    with serving(commons) as url:
        yield url


def open_view(page, view: str) -> None:
    """Open a view of the contributors' page."""
    page.goto(page.url.split("/commons")[0].split("#")[0].rstrip("/") + f"/commons#{view}")
    until(page, f"document.querySelector('#{view}:not([hidden]) .body *') && document.title.includes(':')")


def agree(page, within: str) -> None:
    page.locator(f"{within} .consent button").click()
    page.wait_for_selector(f"{within} .consent", state="detached")


def told(page, text: str, selector: str = "#status") -> None:
    until(page, f"document.querySelector('{selector}').textContent.includes('{text}')")


def add_text(page, title: str, text: str) -> None:
    fields = page.locator("#text form")
    fields.locator("input").first.fill(title)
    fields.locator("textarea").fill(text)
    fields.locator("textarea").press("Control+Enter")


def correct_an_answer(page) -> None:
    """Ask, and write the answer better, after the consent: everything by keyboard once the dialog is open."""
    page.fill("#question", "Алтын адам қайдан табылды?")
    page.press("#question", "Enter")
    answered(page)
    page.click(".answer .better")
    assert "CC0" in page.locator("#better").text_content()
    no_barriers(page, colors=False)
    agree(page, "#better")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.fill("#better textarea", "Алтын адам 1969 жылы Есік қорғанынан табылды.")
    no_barriers(page)
    page.press("#better textarea", "Control+Enter")
    told(page, "Рақмет", "#better [role=status]")
    assert len(page.locator("#better code").text_content()) == 43, "the token, shown once"
    page.keyboard.press("Escape")


def test_from_a_correction_to_the_board(browser, address, commons):  # noqa: F811
    author = visit(browser, address, service_workers="allow")
    voter, moderator = visit(browser, address), visit(browser, address)
    correct_an_answer(author)
    open_view(author, "text")
    told(author, "Құпия кодыңыз", "#token")
    add_text(author, "Сапар", f"{STORY} Сұрақ болса: aigul.serikova@mail.kz")
    told(author, "электрондық пошта")
    add_text(author, "Сапар", STORY)
    told(author, "Рақмет")
    until(author, "navigator.serviceWorker.controller")
    author.context.set_offline(True)
    author.reload()  # the page opens without a connection, too
    author.wait_for_selector("#text form")
    add_text(author, "Қыс", "Қыста өзен қатып, балалар мұз үстінде сырғанайды.")
    told(author, "Осы браузерде сақталды")
    told(author, "1", "#unsent")
    author.context.set_offline(False)
    until(author, "document.querySelector('#unsent').textContent === ''")
    author.troubles.clear()  # the browser logs that it was refused, and that there was no connection

    lines = {line["title"] or line["kind"]: line for line in commons.lines_of(commons.person(token_digest(author)))}
    assert lines.keys() == {"answer", "Сапар", "Қыс"}
    assert lines["Сапар"]["text"] == STORY

    for page in (voter, moderator):
        open_view(page, "vote")
        agree(page, "#vote")
        make_known(commons)
        page.wait_for_selector("#vote .line")
        while page.locator("#vote .line").count():
            vote_by_key(page, is_moderator=page is moderator)
        assert page.troubles == []
    assert {line["title"]: line["state"] for line in commons.lines_of(commons.person(token_digest(author)))} == {
        "": "accepted",
        "Сапар": "queued",
        "Қыс": "queued",
    }
    decide(moderator)
    open_view(author, "mine")
    author.wait_for_selector("#mine .accepted")
    assert author.locator("#mine .state").all_text_contents() == ["қабылданды"] * 3
    author.locator("#mine li", has_text="Сапар").locator("button").click()
    told(author, "Қайтарып алынды")
    assert [(row.kind, row.good, row.bad) for row in accepted(commons.database)] == [("answer", 2, 0), ("text", 1, 1)]
    open_view(author, "board")
    author.wait_for_selector("#board table")
    assert "Осы аптада" in author.locator("#board").text_content()
    assert author.troubles == []


def token_digest(page) -> str:
    from anatili.commons.contribution import digest_of

    return digest_of(page.evaluate("JSON.parse(localStorage.getItem('anatili.commons.token'))"))


def vote_by_key(page, *, is_moderator: bool) -> None:
    """Vote on the line that is shown: the moderator finds the one about winter bad."""
    text = page.locator("#vote .line").text_content()
    page.keyboard.press("2" if is_moderator and "Қыста" in text else "1")
    until(page, f"document.querySelector('#vote .body').textContent !== {text!r}")


def decide(page) -> None:
    open_view(page, "moderate")
    told(page, "модератордың кілті", "#moderate .body")
    page.fill("#key", ADMIN)
    page.press("#key", "Enter")
    page.wait_for_selector("#moderate .line")
    no_barriers(page, colors=False)
    assert page.locator("#moderate .quoted", has_text=MARKUP).count() == 1, "the refinery marked the signs"
    assert page.locator("#moderate img").count() == 0
    for left in (1, 0):
        page.locator("#moderate .line button").first.click()
        until(page, f"document.querySelectorAll('#moderate .line').length === {left}")
    told(page, "ештеңе жоқ", "#moderate .body")
    page.troubles.clear()  # the browser logs that the key was missing


def test_sentences_are_translated_from_the_servers_own_texts(browser, address, commons):  # noqa: F811
    page = visit(browser, address)
    open_view(page, "translate")
    page.select_option("#source", "en")
    agree(page, "#translate")
    page.wait_for_selector("#translate textarea")
    until(page, "!document.querySelector('#translate form').textContent.includes('аударып жатыр')")
    assert page.locator("#translate .quoted").count() == 2, "the sentence and the machine's draft"
    first = page.locator("#translate .quoted").first.text_content()
    page.fill("#translate textarea", "Бұл – менің аудармам.")
    page.press("#translate textarea", "Control+Enter")
    told(page, "Рақмет")
    until(page, f"document.querySelector('#translate .quoted').textContent !== {first!r}")
    (line,) = commons.lines_of(commons.person(token_digest(page)))
    assert (line["kind"], line["source"], line["language"]) == ("sentence", first, "kk")
    assert line["origin"].startswith("http")
    assert line["license"]
    assert page.troubles == []
    page.context.close()


def test_every_view_is_free_of_barriers_and_fits_on_a_phone(browser, address):  # noqa: F811
    page = visit(browser, address, viewport={"width": 360, "height": 780})
    for number, view in enumerate(VIEWS):
        open_view(page, view)
        page.select_option("#language", LANGUAGES[number % len(LANGUAGES)])
        until(page, "!document.body.textContent.includes('commons_')")
        no_barriers(page, colors=view == "board")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    page.goto(f"{address}/#translate")
    page.wait_for_selector("#translate:not([hidden])")
    page.fill("#text", "Таң атты.")
    page.wait_for_selector("#translated-tools .better")
    edges = "(button) => [button.getBoundingClientRect().right, button.closest('.pane').getBoundingClientRect().right]"
    button, pane = page.locator("#translated-tools .better").evaluate(edges)
    assert button <= pane
    page.troubles.clear()
    page.context.close()
