"""The page in a real browser, of a server that answers from documents of its operator."""

import httpx
import pytest
from browsing import ANSWER, answered, choose, no_barriers, until, visit
from made_files import KAZAKH, RUSSIAN

from anatili.lang import load_pack


@pytest.fixture(scope="module")
def documents_address(tmp_path_factory):
    """A server of two documents and two files that cannot be read, once it has looked at all of them."""
    pytest.importorskip("xllamacpp")
    serving = pytest.importorskip("serving")
    folder = tmp_path_factory.mktemp("documents")
    (folder / "ереже.md").write_text(KAZAKH, "utf-8")
    (folder / "отчёт.txt").write_text(RUSSIAN, "utf-8")
    (folder / "фото.png").write_bytes(b"PNG")
    (folder / "empty.txt").write_bytes(b"")
    process, address = serving.start("kazakh-26m", "--documents", str(folder))
    yield address
    serving.stop(process)


@pytest.fixture
def page(browser, documents_address):
    opened = visit(browser, documents_address)
    yield opened
    assert opened.troubles == []
    opened.context.close()


def test_first_questions_are_about_the_documents_and_answered_from_them(page, documents_address):
    page.wait_for_selector(".suggestion")
    until(page, "document.querySelectorAll('.suggestion').length >= 2")
    assert "Жұмыс уақыты" in page.locator(".suggestion").first.text_content()
    no_barriers(page)
    choose(page, "language", "ru")
    until(page, "document.querySelector('.suggestion')?.textContent.includes('Осталось сделать')")
    page.locator(".suggestion").first.click()
    answered(page)
    assert "столовая" in page.locator(ANSWER).text_content()
    assert page.locator(".sources .origin").first.text_content().startswith("отчёт.txt")
    assert page.locator(".sources .card-title").first.text_content().endswith("Отчёт о ремонте школы")


def test_files_that_were_skipped_are_counted_and_listed_with_the_reason(page, documents_address):
    until(page, "!document.querySelector('#skipped').hidden")
    words = load_pack("kk").prompts["page"]
    assert page.locator("#skipped summary").text_content() == f"{words['documents_skipped']}: 2"
    assert not page.locator("#skipped li").first.is_visible()
    page.locator("#skipped summary").click()
    assert set(page.locator("#skipped li").all_text_contents()) == {
        f"empty.txt: {words['file_empty']}",
        f"фото.png: {words['file_type']}",
    }
    no_barriers(page)
    choose(page, "language", "ru")
    russian = page.locator("#skipped li").all_text_contents()
    assert f"empty.txt: {load_pack('ru').prompts['page']['file_empty']}" in russian
    assert httpx.get(f"{documents_address}/page/words").json()["shared"] is True


def test_a_visitors_own_document_gives_first_questions_instead(page, tmp_path):
    file = tmp_path / "гараж.txt"
    text = "Правила гаража\n\nОплата\n\nВзнос за место в гараже – 4000 тенге в месяц, он вносится до пятого числа.\n"
    file.write_text(text, "utf-8")
    choose(page, "language", "ru")
    page.set_input_files("#document-file", file)
    until(page, "document.querySelector('.suggestion')?.textContent.includes('«Оплата»')")
    page.locator("#scope label", has_text="В общих текстах").click()
    until(page, "document.querySelector('.suggestion')?.textContent.includes('Осталось сделать')")
    page.locator("#document-list button").click()
    until(page, "document.querySelector('#documents').hidden")
