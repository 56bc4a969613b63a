"""The page in a real browser: the reader's own documents."""

import pytest
from browsing import ANSWER, ask, go, no_barriers, ready, until

TEXT = """Шаңырақ кітапханасының ережесі.

Кітапхана дүйсенбіден жұмаға дейін сағат тоғыздан алтыға дейін ашық.

Оқырман билетін алу үшін жеке куәлік керек. Билет бес жылға беріледі.
"""
QUESTION = "Оқырман билетін алу үшін не керек?"


@pytest.fixture
def documents(page, tmp_path):
    """The page of a server that takes documents, and a text file."""
    if page.locator("#attach").is_hidden():
        pytest.skip("this server takes no documents")
    file = tmp_path / "ереже.txt"
    file.write_text(TEXT, "utf-8")
    return page, file


def test_own_documents_are_asked_cited_and_removed(documents):
    page, file = documents
    page.set_input_files("#document-file", file)
    ask(page, QUESTION)  # while the file is still being read
    until(page, "document.querySelector('#document-list .chip small').textContent.startsWith('үзінділер')")
    assert "жеке куәлік керек" in page.locator(ANSWER).text_content()
    assert page.locator(".sources .origin").first.text_content().startswith("ереже.txt, 5-жол")
    page.locator(".sources .card-title").first.click()
    assert page.locator("#passage-origin").text_content().startswith("ереже.txt, 5-жол")
    assert page.locator("#passage-origin a").count() == 0
    page.keyboard.press("Escape")
    no_barriers(page)
    page.reload()
    ready(page)
    until(page, "document.querySelectorAll('#document-list .chip').length === 1")
    page.locator("#scope label", has_text="Ортақ мәтіндерден").click()
    page.click("#new")
    ask(page, "Наурыз деген не?")
    assert "Наурыз" in page.locator(".sources .card-title").first.text_content()
    page.locator("#document-list [aria-label^='Жою']").click()
    until(page, "document.querySelector('#documents').hidden")
    page.click("#new")
    ask(page, QUESTION)
    assert "жеке куәлік керек" not in page.locator(ANSWER).text_content()


def test_what_is_asked_and_searched_is_chosen_in_one_place_for_all_views(documents):
    page, file = documents
    page.wait_for_selector(".suggestion")
    page.set_input_files("#document-file", file)
    until(page, "!document.querySelector('#scope').hidden")
    assert page.locator(".suggestion").count() == 0, "they are about the server's texts"
    go(page, "search")
    page.fill("#query", "Наурыз")
    page.press("#query", "Enter")
    until(page, "document.querySelector('#counts').textContent.includes('табылмады')")
    page.locator("#search-scope label", has_text="Ортақ мәтіндерден").click()
    page.wait_for_selector("#results .card")
    go(page, "chat")
    assert page.locator("#scope-shared").is_checked()
    page.wait_for_selector(".suggestion")
    page.locator("#scope label", has_text="Менің құжаттарымнан").click()
    until(page, "!document.querySelector('.suggestion')")
    go(page, "search")
    assert page.locator("#search-scope input[value='own']").is_checked()
    no_barriers(page)


def test_a_file_that_cannot_be_read_is_told_where_it_was_dropped(documents):
    page, _ = documents
    page.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array([137, 80, 78, 71, 0, 255])], "сурет.png"));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            document.querySelector("#log").dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true }));
          }
        }"""
    )
    page.wait_for_selector(".chip.wrong")
    assert "сурет.png" in page.locator(".chip.wrong").text_content()
    assert page.locator("#drop").is_hidden()
    no_barriers(page)
    page.locator(".chip.wrong button").click()
    assert page.locator("#documents").is_hidden()
    page.troubles.clear()  # the browser logs the refusal
