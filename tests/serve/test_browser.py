"""The page in a real browser: what people do with it, in each language, and what axe finds of what hinders them."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the browser tests need axe-playwright-python"
)

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
if not BROWSER:
    pytest.skip("the browser tests need Chromium: apt-get install chromium", allow_module_level=True)

LANGUAGES = ("kk", "ru", "en", "tr")
VIEWS = ("chat", "translate", "search", "about")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, llama_address):
    """A new visitor on the page; nothing may be asked of any other server, and no error may be logged."""
    context = browser.new_context(locale="kk-KZ", viewport={"width": 1000, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=llama_address)
    opened = context.new_page()
    asked, troubles = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.troubles = troubles
    opened.goto(llama_address)
    opened.wait_for_selector("#chat:not([hidden])")
    until(opened, "document.querySelector('#send').textContent")
    yield opened
    assert troubles == []
    assert all(url.startswith((llama_address, "blob:")) for url in asked)
    context.close()


def until(page, condition: str) -> None:
    """Wait until a condition holds; Playwright's own way to wait needs `eval`, which the page forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(f"() => Boolean({condition})"):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def ask(page, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.wait_for_selector("#stop", state="hidden")
    page.wait_for_selector(".answer .buttons button")


QUESTION = "Алтын адам қайдан табылды?"


def test_it_opens_in_the_readers_language_and_changes(page):
    assert page.locator("html").get_attribute("lang") == "kk"
    for code in LANGUAGES:
        page.select_option("#language", code)
        assert page.locator("html").get_attribute("lang") == code
        texts = page.locator("[data-word]").all_text_contents()
        assert all(texts)
        assert not {text for text in texts if "_" in text}, "a word is missing"
    page.reload()
    until(page, "document.documentElement.lang === 'tr'")


def test_a_question_is_answered_and_its_citation_opens_the_passage(page):
    ask(page, QUESTION)
    words = page.locator(".answer .words").text_content()
    assert words.startswith("«")
    assert page.locator(".answer").get_attribute("data-ai-generated") == "true"
    assert "Жасанды интеллект" in page.locator(".answer .ai").text_content()
    page.locator(".citation").first.click()
    assert page.locator("#passage").is_visible()
    quoted = page.locator("#passage-text mark").first.text_content()
    assert f"«{quoted}»" in words
    assert page.locator("#passage-origin a").get_attribute("href").startswith("https://")
    page.keyboard.press("Escape")
    assert not page.locator("#passage").is_visible()


def test_a_question_is_answered_in_its_own_language_whatever_the_pages_is(page):
    ask(page, "Где нашли Золотого человека?")
    assert page.locator("html").get_attribute("lang") == "kk"
    assert page.locator(".answer .words").get_attribute("lang") == "ru"
    assert "Модель" in page.locator(".answer .notice").text_content()


def test_it_can_be_used_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#question").focus()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Shift+Enter")
    assert page.input_value("#question").endswith("\n")
    page.keyboard.press("Enter")
    page.wait_for_selector(".citation")
    page.wait_for_selector("#stop", state="hidden")
    assert page.evaluate("document.activeElement.id") == "question"
    assert page.locator("#status").text_content() == "Дайын."


def test_edit_again_copy_and_opinion(page):
    ask(page, QUESTION)
    page.locator(".answer .buttons button", has_text="Көшіру").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".answer .words").text_content()
    page.locator(".answer .buttons button", has_text="Қайта жауап беру").click()
    page.wait_for_selector("#stop", state="hidden")
    assert page.locator(".answer").count() == 1
    page.locator(".answer button[aria-label='Жауап жақсы']").click()
    assert page.locator(".answer button[aria-label='Жауап жақсы']").get_attribute("aria-pressed") == "true"
    page.locator(".question button", has_text="Түзету").click()
    assert page.input_value("#question") == QUESTION
    assert page.locator(".answer").count() == 0


def test_conversations_stay_can_be_saved_and_taken_in(page, tmp_path):
    ask(page, QUESTION)
    page.reload()
    page.wait_for_selector("#history")
    page.locator("#history summary").click()
    page.locator("#chats button").first.click()
    assert "«" in page.locator(".answer .words").text_content()
    assert " ж. " in page.locator("#chats li").first.text_content()
    with page.expect_download() as download:
        page.click("#export")
    saved = Path(download.value.path())
    content = json.loads(saved.read_text("utf-8"))
    assert content["generated_by_ai"] is True
    page.locator("#chats button", has_text="×").click()
    assert page.locator("#chats li").count() == 0
    content["chats"][0]["turns"][1]["content"] = "<img src=x onerror=alert(1)> [1]"
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(content), "utf-8")
    page.set_input_files("#import-file", file)
    page.locator("#chats button").first.click()
    assert "<img" in page.locator(".answer .words").text_content()
    assert page.locator(".answer .words img").count() == 0
    file.write_text('{"chats": 1}', "utf-8")
    page.set_input_files("#import-file", file)
    until(page, "document.querySelector('#status').textContent.includes('сұхбаттар жоқ')")


FILL = """() => {
  for (let size = 1 << 24; size >= 1; size >>= 1) {
    try { for (;;) localStorage.setItem(`fill${Math.random()}`, "x".repeat(size)); } catch {}
  }
}"""


@pytest.mark.parametrize("kind", ["gone", "breaks off", "refuses"])
def test_answering_again_without_a_server_keeps_the_answer(page, kind):
    ask(page, QUESTION)
    words = page.locator(".answer .words").text_content()
    begun = 'data: {"choices": [{"delta": {"content": "Жаңа"}}]}\n\n'
    ways = {
        "gone": lambda route: route.abort(),
        "breaks off": lambda route: route.fulfill(body=begun, headers={"Content-Type": "text/event-stream"}),
        "refuses": lambda route: route.fulfill(status=503, json={"error": {"message": "come back"}}),
    }
    page.route("**/v1/chat/completions", ways[kind])
    page.locator(".answer .buttons button", has_text="Қайта жауап беру").click()
    until(page, "document.querySelector('#status').textContent.startsWith('Болмады')")
    assert page.locator(".answer .words").text_content() == words
    page.reload()
    page.wait_for_selector(".answer .words")
    assert page.locator(".answer .words").text_content() == words
    page.troubles.clear()  # the browser logs that the server was gone


def test_a_full_store_is_told(page, tmp_path):
    ask(page, QUESTION)
    assert page.locator("#status").text_content() == "Дайын."
    stored = page.evaluate("JSON.parse(localStorage.getItem('anatili.chats'))")
    page.evaluate(FILL)
    ask(page, "Алматы туралы айтып бер")
    assert "сақталмады" in page.locator("#status").text_content()
    other = [{**stored[0], "number": 5}]
    file = tmp_path / "chats.json"
    file.write_text(json.dumps({"format": "anatili-chats-1", "chats": other}), "utf-8")
    page.set_input_files("#import-file", file)
    until(page, "document.querySelector('#status').textContent.includes('сақталмады')")
    assert page.evaluate("JSON.parse(localStorage.getItem('anatili.chats')).length") == 1


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("extra.passages", "boom"),
        ("extra.passages", [None]),
        ("extra.passages.0.hits", "boom"),
        ("extra.passages.0.snippet", [1]),
        ("after.citations", {"a": 1}),
        ("extra", 5),
        ("content", None),
        ("role", "system"),
        ("speed", "fast"),
    ],
)
def test_a_file_with_a_wrong_field_is_refused_and_breaks_nothing(page, tmp_path, place, value):
    passage = dict.fromkeys(("title", "text", "url", "source", "license", "time", "language"), "x")
    turn = {"role": "assistant", "content": "Жауап [1]", "finish": "stop",
            "extra": {"searched": True, "passages": [{**passage, "hits": [[0, 1]], "snippet": [0, 1]}]},
            "after": {"citations": [{"number": 1, "quote": "", "start": 0, "end": 0}]}}  # fmt: skip
    chat = {"number": 7, "time": "2026-11-28T00:00:00Z", "turns": [{"role": "user", "content": "Сұрақ"}, turn]}
    content = {"format": "anatili-chats-1", "chats": [chat]}
    file = tmp_path / "chats.json"
    *path, last = place.split(".")
    inner = turn
    for name in path:
        inner = inner[int(name) if name.isdigit() else name]
    right, inner[last] = inner.get(last), value
    file.write_text(json.dumps(content), "utf-8")
    page.set_input_files("#import-file", file)
    until(page, "document.querySelector('#status').textContent.includes('chats[0].turns[1]')")
    assert page.locator("#chats li").count() == 0
    if right is None:
        del inner[last]
    else:
        inner[last] = right
    file.write_text(json.dumps(content), "utf-8")
    page.set_input_files("#import-file", file)
    page.locator("#history summary").click()
    page.locator("#chats button").first.click()
    assert page.locator(".answer .words").text_content() == "Жауап [1]"


def test_what_an_older_page_kept_wrongly_does_not_break_this_one(page):
    page.evaluate("""localStorage.setItem('anatili.chats', JSON.stringify([{number: 1, time: "", turns: [{}]}, 5]))""")
    page.reload()
    ask(page, QUESTION)
    assert page.locator("#status").text_content() == "Дайын."


def test_a_reload_keeps_the_draft_and_the_open_conversation(page):
    ask(page, QUESTION)
    words = page.locator(".answer .words").text_content()
    page.fill("#question", "Жартылай жазылған сұр")
    page.click("#views a[href='#translate']")
    page.fill("#text", "Мәтін")
    page.reload()
    page.wait_for_selector("#translate:not([hidden])")
    assert page.input_value("#text") == "Мәтін"
    page.click("#views a[href='#chat']")
    assert page.input_value("#question") == "Жартылай жазылған сұр"
    assert page.locator(".answer .words").text_content() == words
    page.click("#new")
    page.fill("#question", "")
    page.reload()
    page.wait_for_selector("#chat:not([hidden])")
    assert page.locator(".answer").count() == 0


@pytest.mark.parametrize(("width", "height", "touch"), [(1280, 800, False), (390, 844, True)])
def test_the_newest_answer_is_in_view(browser, llama_address, width, height, touch):
    size = {"width": width, "height": height}
    context = browser.new_context(locale="kk-KZ", viewport=size, has_touch=touch, is_mobile=touch)
    page = context.new_page()
    page.goto(llama_address)
    until(page, "document.querySelector('#send').textContent")
    for question in (QUESTION, "Абай кім?", "Наурыз деген не?", "Байқоңыр деген не?"):
        ask(page, question)
        seen = page.evaluate(
            """() => {
              const answer = [...document.querySelectorAll(".answer .words")].at(-1).getBoundingClientRect();
              const form = document.querySelector("#ask").getBoundingClientRect();
              const shown = Math.min(answer.bottom, answer.top + 100) <= form.top;
              return [answer.top >= 0, shown, form.bottom <= innerHeight + 1];
            }"""
        )
        assert seen == [True, True, True], question
        focused = page.evaluate("document.activeElement.id")
        assert focused != "question" if touch else focused == "question"
    context.close()


def test_no_sign_needs_a_font_that_may_be_missing(page):
    ask(page, QUESTION)
    texts = "".join(page.locator("button").all_text_contents())
    assert not [letter for letter in texts if ord(letter) >= 0x2190], texts
    for name in ("Жауап жақсы", "Жауап нашар"):
        assert page.locator(f".answer button[aria-label='{name}'] svg").bounding_box()["width"] > 10


def test_views_open_at_their_top_and_the_skip_link_stays_in_the_view(page):
    page.click("#views a[href='#about']")
    page.wait_for_selector("#facts dl")
    page.evaluate("scrollTo(0, 500)")
    page.click("#views a[href='#search']")
    page.click("#views a[href='#about']")
    assert page.evaluate("scrollY") == 0
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert page.locator("#about").is_visible()
    assert page.evaluate("document.activeElement.id") == "main"


def test_scripts_are_called_by_words(page):
    for code in LANGUAGES:
        page.select_option("#language", code)
        texts = page.locator("#script-choice:not([hidden]) option").all_text_contents()
        assert all(texts)
        assert not re.findall("Cyrl|Latn|Arab|_", " ".join(texts))


def test_search_shows_languages_and_opens_passages(page):
    page.click("#views a[href='#search']")
    page.fill("#query", "Алматы Almaty Алма-Ата")
    page.click("#find button.main")
    page.wait_for_selector("#results li")
    assert "қазақ тілі" in page.locator("#counts").text_content()
    assert page.locator("#results li").first.get_attribute("lang") == "kk"
    page.select_option("#only", "ru")
    until(page, "[...document.querySelectorAll('#results li')].every((one) => one.lang === 'ru')")
    page.locator("#results .title").first.click()
    assert page.locator("#passage-text mark").count() > 0
    page.keyboard.press("Escape")
    page.fill("#query", "Құрмангазының күйі")
    page.press("#query", "Enter")
    until(page, "document.querySelector('#counts').textContent.includes('→')")


def test_a_text_is_translated_with_its_layout(page):
    page.click("#views a[href='#translate']")
    page.fill("#text", "Таң атты.\n\nhttps://e.kz")
    page.select_option("#target", "en")
    page.click("#translation button.main")
    until(page, "document.querySelector('#translate-status').textContent.startsWith('Дайын')")
    assert page.locator("#translated").text_content().endswith("\n\nhttps://e.kz")
    assert page.locator("#translated").get_attribute("lang") == "en"


def options(page, selector: str) -> list[str]:
    return [one.get_attribute("value") for one in page.locator(f"{selector} option").all()]


def test_the_choices_are_what_the_model_was_taught(page):
    page.click("#views a[href='#translate']")
    until(page, "document.querySelectorAll('#source option').length === 5")
    page.select_option("#source", "ru")
    assert options(page, "#target") == ["kk"]
    page.select_option("#source", "kk")
    assert options(page, "#target") == ["ru", "en", "tr"]
    page.select_option("#source", "auto")
    assert options(page, "#target") == ["kk", "ru", "en", "tr"]


def test_doubts_and_quality_are_told_at_the_sentence(page):
    page.click("#views a[href='#translate']")
    page.fill(
        "#text",
        "Дәріні күніне 3 рет 250 мг ішпеңіз! 1987 жылы 4567 адам Павлодардан Ақтөбеге көшті. Ол 2023 жылы қайтты.",
    )
    page.select_option("#target", "en")
    page.click("#translation button.main")
    until(page, "document.querySelector('#translate-status').textContent.startsWith('Дайын')")
    assert "нашар аударады" in page.locator("#quality").text_content()
    sentence = page.locator("#translated mark").first
    reason = page.locator(f"#{sentence.get_attribute('aria-describedby')}")
    assert "Күмәнді: " in reason.text_content()
    page.locator("#doubts a").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "doubtful"
    page.click("#translate-copy")
    assert "Күмәнді" not in page.evaluate("navigator.clipboard.readText()")
    assert axe.Axe().run(page).violations_count == 0


def test_languages_are_swapped_though_the_source_is_not_chosen(page):
    page.click("#views a[href='#translate']")
    page.select_option("#target", "ru")
    page.click("#swap")
    until(page, "document.querySelector('#translate-status').textContent.includes('танылмады')")
    page.fill("#text", "Қазақ тілі — мемлекеттік тіл.")
    page.click("#swap")
    until(page, "document.querySelector('#source').value === 'ru'")
    assert page.input_value("#target") == "kk"


def test_letters_that_a_keyboard_lacks(page):
    page.click("#ask .keys")
    page.locator("#keyboard button", has_text="қ").click()
    page.locator("#keyboard button[aria-pressed]").click()
    page.locator("#keyboard button", has_text="Ә").click()
    assert page.input_value("#question") == "қӘ"
    assert page.locator("#ask .keys").get_attribute("aria-expanded") == "true"


def test_the_page_can_be_read_in_latin_letters(page):
    page.select_option("#script", "Latn2021")
    assert page.locator("#send").text_content() == "Sūrau"
    assert page.locator("html").get_attribute("lang") == "kk-Latn"
    ask(page, QUESTION)
    assert "altyn adam" in page.locator(".answer .words").text_content().lower()
    page.select_option("#script", "")
    assert "алтын адам" in page.locator(".answer .words").text_content().lower()


def test_numbers_dates_and_order_are_the_languages_own(page):
    found = page.evaluate(
        """async () => {
          const { number, date, compare } = await import('/static/common.js');
          return [number(1234567.5), date('2026-11-23'), ['я', 'қ', 'ә', 'а', 'к', 'і'].sort(compare).join('')];
        }"""
    )
    assert found == ["1\u00a0234\u00a0567,5", "2026 ж. 23 қараша", "аәкқія"]


def test_kazakh_letters_come_from_one_face_with_the_others(page):
    page.evaluate("document.querySelector('#warning').textContent = 'абвг ӘҒҚҢӨҰҮҺІ әғқңөұүһі'")
    session = page.context.new_cdp_session(page)
    for command in ("DOM.enable", "CSS.enable"):
        session.send(command)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    for selector in ("#warning", "#send"):
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        assert len(session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]) == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_hinders_readers_in_any_view(page, code, theme):
    page.select_option("#language", code)
    page.select_option("#theme", theme)
    ask(page, QUESTION)
    page.locator(".sources summary").click()
    page.locator("#history summary").click()
    for view in VIEWS:
        page.click(f"#views a[href='#{view}']")
        if view == "search":
            page.fill("#query", "Алматы")
            page.press("#query", "Enter")
            page.wait_for_selector("#results li")
        if view == "about":
            page.wait_for_selector("#facts dl")
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.click("#views a[href='#search']")
    page.locator("#results .title").first.click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_small_screen_needs_no_sideways_scrolling(browser, llama_address):
    context = browser.new_context(locale="kk-KZ", viewport={"width": 340, "height": 640})
    page = context.new_page()
    page.goto(llama_address)
    until(page, "document.querySelector('#send').textContent")
    ask(page, QUESTION)
    for view in VIEWS:
        page.click(f"#views a[href='#{view}']")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    context.close()


def test_the_page_is_light(browser, llama_address):
    page = browser.new_page()
    sizes = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(llama_address)
    until(page, "document.querySelector('#send').textContent")
    assert 0 < sum(sizes) < 200_000
    page.close()


def test_the_description_of_the_api_is_a_page_too(page, llama_address):
    page.goto(f"{llama_address}/docs")
    page.wait_for_selector("#routes section")
    assert page.locator("h2", has_text="POST /v1/chat/completions").count() == 1
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
