"""The page of a review in a browser: two people label by keyboard, a third decides; corrections; what axe finds."""

import json
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from audit.test_items import PAIR
from browsing import ARGUMENTS, BROWSER
from review.reviewing import REFUSALS, open_session, write_audit
from serving import in_thread

from anatili.pack_folders import FOLDER
from anatili.review.journal import read_journal

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the browser tests need axe-playwright-python"
)
from anatili.review.server import PageAddress, local_app  # noqa: E402

if not BROWSER:
    pytest.skip("the browser tests need Chromium: apt-get install chromium", allow_module_level=True)

MARKUP = "<img src=x onerror=alert(1)>"
PROMPTS = "src/anatili/lang/kk/prompts.toml"
LONG = "Түрксіб құрылысы 1927 жылы басталды. " * 3000


def answer(item: str, language: str, number: int) -> str:
    return (REFUSALS[language], f"Құрылыс 1927 жылы басталды. {MARKUP}", LONG)[number]


@contextmanager
def serving(session):
    """The page in a thread; its address."""
    with in_thread(local_app(session, PageAddress())) as address:
        yield address


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    """A review of three answers on each of two questions, of the items themselves, and of a file of a pack."""
    folder = tmp_path_factory.mktemp("review")
    items = folder / "pair.toml"
    items.write_text(PAIR, "utf-8")
    audit = write_audit(folder / "audit", items, answer, number=3).parent
    session = open_session(folder / "out", audit, items, FOLDER / "kk" / "prompts.toml", items=(items,))
    with serving(session) as address:
        yield session, address
    session.close()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, review):
    """Opens the page for a person, in a browser of their own; nothing is asked of any other server."""
    _, address = review
    contexts, asked, troubles = [], [], []

    def open_page(name: str, **options):
        context = browser.new_context(**{"locale": "kk-KZ", "viewport": {"width": 1200, "height": 850}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#hello:not([hidden])")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_selector("#job-list .jobs")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
    assert all(url.startswith((address, "blob:")) for url in asked)


def until(page, condition: str) -> None:
    """Wait until a condition holds; Playwright's own way to wait needs `eval`, which the page forbids."""
    end = time.monotonic() + 60
    while not page.evaluate(f"() => Boolean({condition})"):
        assert time.monotonic() < end, f"{condition}: {page.locator('#status').text_content()!r} {page.url}"
        page.wait_for_timeout(30)


def opened(page, part: str) -> None:
    page.evaluate(f"location.hash = {json.dumps(part)}")
    if part == "jobs":
        until(page, "document.querySelector('#jobs:not([hidden]) .jobs')")
    else:
        until(page, "document.activeElement.matches('section:not([hidden]) H2')")


def nothing_hinders(page, *, what: str) -> None:
    found = axe.Axe().run(page)
    assert found.violations_count == 0, f"{what}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what


def label_all(page, keys: dict[str, str]) -> int:
    """Label what there is by keys alone: `keys` by the beginning of the answer. Returns how many."""
    for count in range(99):
        until(page, "document.querySelector('#task').childElementCount")
        if not page.locator("#task .model").count():
            return count
        text = page.locator("#task .model").text_content()
        for key in keys[text[:4]].split():
            page.keyboard.press(key)
        page.evaluate("document.querySelector('#status').textContent = ''")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#status').textContent || !document.querySelector('#task .model')")
        assert page.locator("#status").text_content() in ("Сақталды.", "")
    raise AssertionError


def test_two_label_by_keyboard_and_a_third_decides(visit, review):
    session, _ = review
    one, two = visit("Айша"), visit("Болат")
    for page in (one, two):
        opened(page, "work/answers/kk/label")
    assert "made-up" not in one.content(), "whose answer it is would sway people"
    one.keyboard.press("Enter")
    until(one, "document.querySelector('#status').textContent.includes('таңдаңыз')")
    assert label_all(one, {"Кеші": "Digit3", "Құры": "Digit1 Shift+Digit2", "Түрк": "Digit1 Shift+Digit1"}) == 6
    assert label_all(two, {"Кеші": "Digit3", "Құры": "Digit2", "Түрк": "Digit1 Shift+Digit1"}) == 6
    until(two, "document.querySelector('#work-title').textContent.includes('ештеңе жоқ')")
    third = visit("Сәуле")
    third.locator("a", has_text="Пікір бөлінгенде шешу (2)").press("Enter")
    until(third, "document.querySelectorAll('#task .mark').length === 3")
    assert third.locator("#task .model img").count() == 0
    assert MARKUP in third.locator("#task .model").text_content()
    assert "Айша" not in third.locator("main").text_content()
    nothing_hinders(third, what="decision")
    assert label_all(third, {"Құры": "Digit1"}) == 2
    figures = session.figures()["answers"]["kk"]
    assert (figures["final"], figures["undecided"]) == (6, 0)
    facts = [session.reviewing.standing[task.id].final.values for task, _ in session.rows("answers", "kk")]
    assert sum(values["fact1"] == "yes" for values in facts) == 2
    # What the page acknowledged is in the journal; the previous answer can be put right.
    assert len([line for line in read_journal(session.folder) if line["kind"] != "draw"]) == 14
    opened(one, "work/answers/kk/label")
    one.locator("#work a.main").wait_for()


def test_a_server_that_is_gone_loses_nothing_that_was_entered(visit):
    page = visit("Дана")
    opened(page, "work/answers/en/label")
    page.keyboard.press("Digit2")
    until(page, "document.querySelector('input[name=class]:checked')?.value === 'evaded'")
    page.keyboard.press("Shift+Digit4")
    until(page, "document.querySelector('input[name=fact4]').checked")
    page.route("**/review/say", lambda route: route.abort())
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#status').textContent.includes('сервер жауап бермейді')")
    assert page.locator("input[name=class]:checked").get_attribute("value") == "evaded"
    page.unroute("**/review/say")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#status').textContent === 'Сақталды.'")
    page.locator("#task button", has_text="Алдыңғысы").click()
    until(page, "document.querySelector('input[name=class]:checked')?.value === 'evaded'")
    assert page.locator("input[name=fact4]").is_checked()


def test_items_are_reviewed_by_keyboard(visit, review):
    session, _ = review
    page = visit("Айша")
    opened(page, "work/items/kk/label")
    assert page.locator(".part").count() == 9
    page.keyboard.press("Digit1")
    assert page.evaluate("document.activeElement.name") == "fact1"
    page.keyboard.press("Digit3")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("Control+End")
    page.keyboard.type(" {жоқ|бар}")
    page.keyboard.press("Tab")
    while page.locator(".part:not(:has(:checked))").count():
        page.keyboard.press("Digit1")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.model') || document.querySelector('#status').textContent")
    assert page.locator("#status").text_content() == "Сақталды."
    (line,) = [line for line in read_journal(session.folder) if "question" in line.get("values", ())]
    assert line["values"]["question"] == "right"
    assert line["texts"]["fact1"].endswith("{жоқ|бар}")


def test_a_correction_becomes_a_diff_to_save(visit, review):
    page = visit("Айша")
    page.locator("a", has_text="kk/prompts.toml").press("Enter")
    until(page, "document.querySelectorAll('#entries li').length === 40")
    page.select_option("#beside", "ru")
    page.fill("#find", "page.send")
    until(page, "document.querySelectorAll('#entries li').length === 1")
    assert page.locator("#entries .beside").text_content() == "Отправить"
    page.locator("#entries textarea").fill("Жіберіңіз")
    page.keyboard.press("Control+Enter")
    until(page, "document.querySelector('#status').textContent === 'Сақталды.'")
    page.fill("#find", "notice_small")
    until(page, "document.querySelector('#entries .key').textContent === 'notice_small'")
    page.locator("#entries textarea").fill("Сан жоқ")
    page.locator("#entries button.main").click()
    until(page, "document.querySelector('#status').textContent.includes('{millions}')")
    nothing_hinders(page, what="file")
    opened(page, "results")
    until(page, "document.querySelectorAll('#figures .group').length >= 2")
    figures = [one for kind in review[0].figures().values() for one in kind.values()]
    assert page.locator("#figures table").count() == sum(one["labeled_twice"] > 0 for one in figures) < len(figures)
    with page.expect_download() as download:
        page.click("#save-diff")
    assert '+send = "Жіберіңіз"' in Path(download.value.path()).read_text("utf-8")
    assert "Жіберіңіз" in page.locator("#diff").text_content()


PARTS = ("work/answers/en/label", "work/items/en/label", "results", f"file/{PROMPTS}", "jobs")


@pytest.mark.parametrize(("theme", "width", "parts"), [("light", 1200, PARTS[::4]), ("dark", 360, PARTS)])
def test_nothing_hinders_readers_in_any_part(visit, theme, width, parts):
    page = visit("Ержан", viewport={"width": width, "height": 700})
    page.select_option("#theme", theme)
    for part in parts:
        opened(page, part)
        nothing_hinders(page, what=part)
    for code in ("ru", "en", "tr"):
        page.select_option("#language", code)
        until(page, f"document.documentElement.lang === '{code}' && document.querySelector('#job-list .jobs')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), code
        texts = page.locator("[data-word], .jobs b, .jobs a").all_text_contents()
        assert all(texts)
        assert not {text for text in texts if "_" in text and "/" not in text}, "a word is missing"
