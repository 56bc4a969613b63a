"""The page in a real browser: translating and searching."""

import json
from pathlib import Path

from browsing import choose, go, no_barriers, until

from anatili.lang import load_pack

DONE = "document.querySelector('#translate-status').textContent.startsWith('Дайын')"


def test_a_text_is_translated_as_it_is_typed_with_its_layout(page):
    go(page, "translate")
    page.select_option("#target", "en")
    page.fill("#text", "Таң атты.\n\nhttps://e.kz")
    until(page, DONE)
    assert page.locator("#translated").text_content().endswith("\n\nhttps://e.kz")
    assert page.locator("#translated").get_attribute("lang") == "en"
    assert "Қазақ тілі" in page.locator("#detected").text_content()
    page.click("#clear-text")
    until(page, "document.querySelector('#translated').textContent === ''")
    assert page.evaluate("document.activeElement.id") == "text"


def test_what_is_typed_later_cancels_the_earlier_translation(page):
    go(page, "translate")
    page.select_option("#source", "kk")
    page.select_option("#target", "en")
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    with page.expect_request("**/translate"):
        page.fill("#text", "Таң атты. " * 200)
    page.fill("#text", "https://e.kz")
    until(page, "document.querySelector('#translated').textContent === 'https://e.kz'")
    until(page, DONE)
    assert [url.rsplit("/", 1)[1] for url in failed] == ["translate"]


def test_what_cannot_be_translated_is_told_in_the_pages_words(page):
    go(page, "translate")
    page.select_option("#target", "en")
    page.fill("#text", "https://e.kz")  # no language
    until(page, "document.querySelector('#translate-status').textContent.includes('анықталмады')")
    page.fill("#text", "Сегодня хорошая погода, дети играют во дворе.")  # Russian to English was not taught
    until(page, "document.querySelector('#translate-status').textContent.includes('аудара алмайды')")
    page.select_option("#target", "ru")  # the text's own language: then the page's is meant
    until(page, "document.querySelector('#target').value === 'kk'")
    until(page, DONE)
    page.troubles.clear()  # the browser logs the refusals


def options(page, selector: str) -> list[str]:
    return [option.get_attribute("value") for option in page.locator(f"{selector} option").all()]


def test_the_choices_are_what_the_model_was_taught(page):
    go(page, "translate")
    until(page, "document.querySelectorAll('#source option').length === 5")
    assert page.locator("#source option").all_text_contents()[:3] == ["Автоматты", "Қазақ тілі", "Русский"]
    page.select_option("#source", "ru")
    assert options(page, "#target") == ["kk"]
    page.select_option("#source", "kk")
    assert options(page, "#target") == ["ru", "en", "tr"]
    page.select_option("#source", "auto")
    assert options(page, "#target") == ["kk", "ru", "en", "tr"]


def test_doubts_and_quality_are_told_at_the_sentence(page):
    go(page, "translate")
    page.select_option("#target", "en")
    page.fill(
        "#text",
        "Дәріні күніне 3 рет 250 мг ішпеңіз! 1987 жылы 4567 адам Павлодардан Ақтөбеге көшті. Ол 2023 жылы қайтты.",
    )
    until(page, DONE)
    assert "нашар аударады" in page.locator("#quality").text_content()
    assert 0 < page.locator("#quality meter").evaluate("(meter) => meter.value") < 40
    sentence = page.locator("#translated mark").first
    reason = page.locator(f"#{sentence.get_attribute('aria-describedby')}")
    assert "Күмәнді: " in reason.text_content()
    page.locator("#doubts button").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "doubtful"
    page.click("#translate-copy")
    until(page, "document.querySelector('#translate-copy').ariaLabel === 'Көшірілді'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#translated").text_content()
    assert "Күмәнді" not in copied
    no_barriers(page)


def test_languages_are_swapped_though_the_source_is_not_chosen(page):
    go(page, "translate")
    page.select_option("#target", "ru")
    page.click("#swap")
    until(page, "document.querySelector('#translate-status').textContent.includes('анықталмады')")
    page.fill("#text", "Қазақ тілі — мемлекеттік тіл.")
    page.click("#swap")
    until(page, "document.querySelector('#source').value === 'ru'")
    assert page.input_value("#target") == "kk"


def test_text_files_are_opened_or_translated_whole(page, tmp_path):
    go(page, "translate")
    page.select_option("#source", "kk")
    page.select_option("#target", "en")
    short, long, image = tmp_path / "хат.txt", tmp_path / "ұзын.txt", tmp_path / "сурет.txt"
    short.write_text("https://e.kz", "utf-8")
    page.set_input_files("#text-file", short)
    until(page, "document.querySelector('#translated').textContent === 'https://e.kz'")
    lines = [f"https://e.kz/{'a' * 60}/{number}" for number in range(400)]  # addresses are kept: no model is asked
    long.write_text("\n".join(lines), "utf-8")
    with page.expect_download() as download:
        page.set_input_files("#text-file", long)
    assert download.value.suggested_filename == "ұзын.en.txt"
    assert Path(download.value.path()).read_text("utf-8") == "\n".join(lines)
    image.write_bytes(b"\x89PNG\xff\xfe")
    page.set_input_files("#text-file", image)
    until(page, "document.querySelector('#translate-status').textContent.includes('UTF-8')")


def test_a_word_is_looked_up_in_the_texts(page):
    go(page, "translate")
    page.select_option("#source", "kk")
    page.fill("#text", "Домбыра үйде тұр. Қырғауылшылар келді.")
    page.locator("#text").evaluate("(field) => { field.focus(); field.setSelectionRange(0, 7); }")
    page.wait_for_selector("#lookup:not([hidden])")
    assert "Домбыра" in page.locator("#lookup").text_content()
    page.click("#lookup")
    page.wait_for_selector("#examples li")
    assert "домбыра" in page.locator("#examples mark").first.text_content().lower()
    page.locator("#text").evaluate("(field) => { field.focus(); field.setSelectionRange(18, 31); }")
    page.wait_for_selector("#lookup:not([hidden])")
    page.click("#lookup")
    until(page, "document.querySelector('#examples-status').textContent.includes('кездеспейді')")


def test_a_busy_server_is_asked_again_for_a_translation(page):
    go(page, "translate")
    page.select_option("#source", "kk")
    page.route(
        "**/translate", lambda route: route.fulfill(status=429, json={"error": {"message": "more than 3"}}), times=1
    )
    page.fill("#text", "https://e.kz")
    until(page, "document.querySelector('#translate-status').textContent.includes('күтіп')")
    until(page, "document.querySelector('#translated').textContent.includes('https://e.kz')")
    page.troubles.clear()  # the browser logs the refusal


def test_where_no_direction_was_taught_there_is_a_sentence_and_no_form(page):
    page.route("**/languages", lambda route: route.fulfill(json=[]))
    page.reload()
    go(page, "translate")
    until(page, "document.querySelector('#translate-status').textContent.includes('аудара алмайды')")
    assert page.locator("#translate-status").is_visible()
    for part in ("#text", "#source", "#target", "#translate .fine"):
        assert page.locator(part).is_hidden(), part
    no_barriers(page)


def test_letters_that_a_keyboard_lacks(page):
    page.click("#ask .keys")
    page.locator("#keyboard button", has_text="қ").click()
    page.locator("#keyboard button[aria-pressed]").click()
    page.locator("#keyboard button", has_text="Ә").click()
    assert page.input_value("#question") == "қӘ"
    assert page.locator("#ask .keys").get_attribute("aria-expanded") == "true"


def test_search_shows_languages_and_opens_passages(page):
    go(page, "search")
    page.fill("#query", "Алматы Almaty Алма-Ата")
    page.click("#find .round")
    page.wait_for_selector("#results li")
    assert "Қазақ тілі" in page.locator("#counts").text_content()
    assert page.locator("#results .snippet").first.get_attribute("lang") == "kk"
    page.select_option("#only", "ru")
    until(page, "[...document.querySelectorAll('#results .snippet')].every((one) => one.lang === 'ru')")
    page.locator("#results .card-title").first.click()
    assert page.locator("#passage-text mark").count() > 0
    page.keyboard.press("Escape")
    page.select_option("#only", "")
    page.fill("#query", "Құрмангазының күйі")
    page.press("#query", "Enter")
    until(page, "document.querySelector('#counts').textContent.includes('→')")
    page.fill("#query", "ыыыыыыыы")
    page.press("#query", "Enter")
    words = load_pack("kk").prompts["page"]
    told = f"{words['nothing'].rstrip('.')}. {words['unknown_words']} ыыыыыыыы"
    until(page, f"document.querySelector('#counts').textContent === {json.dumps(told)}")


def test_a_server_that_needs_a_key_asks_for_it_and_goes_on(page):
    page.route(
        "**/search?**", lambda route: route.fulfill(status=401, json={"error": {"message": "a key is required"}})
    )
    go(page, "search")
    page.fill("#query", "Алматы")
    page.press("#query", "Enter")
    page.wait_for_selector("#with-key:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "key"
    assert page.locator("#key-wrong").is_hidden()
    no_barriers(page)
    page.route("**/about", lambda route: route.fulfill(status=401, json={"error": {"message": "a key is required"}}))
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#key-wrong:not([hidden])")
    no_barriers(page)
    page.unroute("**/about")
    page.unroute("**/search?**")
    page.fill("#key", "secret")
    with page.expect_request("**/about") as request:
        page.keyboard.press("Enter")
    assert request.value.headers["authorization"] == "Bearer secret"
    assert page.locator("#with-key").is_hidden()
    page.troubles.clear()


def test_the_choice_of_size_is_kept(page):
    before = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    choose(page, "size", "large")
    page.reload()
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") > before
