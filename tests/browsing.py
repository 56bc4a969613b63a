"""A real browser on the page of a server: what the browser tests share."""

import shutil
import time

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--in-process-gpu"]
"""Without a process for graphics of its own, a page costs a seventh less."""
LANGUAGES = ("kk", "ru", "en", "tr")
VIEWS = ("chat", "translate", "search", "about")
QUESTION = "Алтын адам қайдан табылды?"
ANSWER = ".answer .words"


def visit(browser, address: str, **options):
    """A new visitor on the page, whose requests and errors are noted."""
    options = {"locale": "kk-KZ", "viewport": {"width": 1200, "height": 800}, "service_workers": "block"} | options
    context = browser.new_context(**options)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page = context.new_page()
    page.requested, page.troubles = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda message: page.troubles.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: page.troubles.append(dialog.message))
    page.goto(address)
    ready(page)
    return page


def until(page, condition: str) -> None:
    """Wait until a condition holds; Playwright's own way to wait needs `eval`, which the page forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(f"() => Boolean({condition})"):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(30)


def ready(page) -> None:
    until(page, "document.querySelector('main > section:not([hidden])') && document.title.includes(':')")


def ask(page, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    answered(page)


def answered(page) -> None:
    """Wait until the newest answer is complete."""
    until(
        page, "document.querySelector('#stop').hidden && document.querySelector('.answer:last-of-type .tools button')"
    )


def choose(page, setting: str, value: str) -> None:
    """Change a setting as people do: open the menu, choose, close it."""
    page.click("#settings-open")
    if setting in ("theme", "size"):
        page.locator(f"#settings input[name='{setting}'][value='{value}']").check()
    else:
        page.select_option(f"#{setting}", value)
    page.keyboard.press("Escape")


def go(page, view: str) -> None:
    """Open a view by its link."""
    if view == "about":
        page.click("#settings-open")
        page.click("#settings a[href='#about']")
    else:
        page.click(f"#views a[href='#{view}']")
    page.wait_for_selector(f"#{view}:not([hidden])")


def no_barriers(page, *, colors: bool = True) -> None:
    """No violation that axe finds, with or without its check of colors, which takes most of the time."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": colors}}}
    report = Axe().run(page, options=options)
    assert report.violations_count == 0, report.generate_report()
