"""The browser of the page's tests: one for all of them."""

import pytest


@pytest.fixture(scope="module")
def browser():
    reason = "the browser tests need playwright and axe-playwright-python: pip install '.[dev]'"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    pytest.importorskip("axe_playwright_python", reason=reason)
    from browsing import ARGUMENTS, BROWSER

    if not BROWSER:
        pytest.skip("the browser tests need Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, llama_address):
    """The page as a new visitor sees it. Nothing may be asked of any other server, and no error may be logged."""
    from browsing import visit

    opened = visit(browser, llama_address)
    yield opened
    assert opened.troubles == []
    assert all(url.startswith((llama_address, "blob:")) for url in opened.requested)
    opened.context.close()
