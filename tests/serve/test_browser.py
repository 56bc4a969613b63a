"""The page in a real browser: conversations, and what can go wrong with them."""

import json
import re
from pathlib import Path

import pytest
from browsing import (
    ANSWER,
    LANGUAGES,
    QUESTION,
    VIEWS,
    answered,
    ask,
    choose,
    go,
    no_barriers,
    ready,
    until,
    visit,
)

from anatili.lang import load_pack
from anatili.serve.feedback import Feedback


def test_it_opens_in_the_readers_language_and_changes(page):
    assert page.locator("html").get_attribute("lang") == "kk"
    for code in LANGUAGES:
        choose(page, "language", code)
        assert page.locator("html").get_attribute("lang") == code
        texts = page.locator("[data-word]").all_text_contents()
        texts += page.evaluate("[...document.querySelectorAll('[aria-label]')].map((one) => one.ariaLabel)")
        assert all(texts)
        assert not {text for text in texts if "_" in text}, "a word is missing"
    page.reload()
    until(page, "document.documentElement.lang === 'tr'")


def test_a_question_is_answered_and_its_citation_opens_the_passage(page):
    ask(page, QUESTION)
    words = page.locator(ANSWER).text_content()
    assert words.startswith("«")
    assert page.locator(".answer").get_attribute("data-ai-generated") == "true"
    assert "Жасанды интеллект" in page.locator(".answer .kind").text_content()
    assert page.locator(".sources .card mark").count() > 0
    assert page.locator(".answer .tools [aria-expanded]").count() == 0  # this server has no training text to trace to
    page.locator(".citation").first.click()
    assert page.locator("#passage").is_visible()
    quoted = page.locator("#passage-text mark").first.text_content()
    assert f"«{quoted}»" in words
    assert page.locator(".sources .card mark").all_text_contents() == [quoted]
    assert page.locator("#passage-origin a").get_attribute("href").startswith("https://")
    page.keyboard.press("Escape")
    assert not page.locator("#passage").is_visible()
    page.locator(".sources .card-title").first.click()
    assert page.locator("#passage-text mark").first.text_content() == quoted


def test_a_card_shows_what_is_quoted_from_the_middle_of_a_passage(page):
    ask(page, "Абай қашан қайтыс болды?")
    quoted = page.locator(".sources .card mark").first.text_content()
    assert quoted in page.locator(ANSWER).text_content()
    excerpt = page.locator(".sources .snippet").first.text_content()
    before, _, after = excerpt.partition(quoted)
    assert before.startswith("… ")
    assert 20 < len(before) < 120
    assert len(after) < 120
    seen = page.evaluate(
        """() => { const mark = document.querySelector(".sources .card mark").getClientRects()[0];
                   const box = document.querySelector(".sources .snippet").getBoundingClientRect();
                   return mark.top >= box.top && mark.bottom <= box.bottom; }"""
    )
    assert seen, "lines that do not fit are cut off, but not the beginning of the quotation"


def test_whoever_begins_to_type_means_the_question(page):
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("Abai")
    assert page.input_value("#question") == "Abai"
    go(page, "translate")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("x")
    assert page.input_value("#question") == "Abai"


def test_where_nothing_answers_the_nearest_texts_are_shown_without_a_number(page):
    ask(page, "Юпитердің серігі Еуропаның мұзы неше шақырым?")
    assert page.locator(ANSWER).text_content().startswith(load_pack("kk").prompts["no_answer"])
    assert page.locator(".sources h4").text_content() == load_pack("kk").prompts["page"]["nearest_passages"]
    assert page.locator(".sources .card-title").first.text_content() == "Күн жүйесі"
    assert load_pack("kk").prompts["page"]["kind_none"] in page.locator(".answer .kind").text_content()
    page.reload()
    page.wait_for_selector(".sources .card")
    ask(page, "Сәлем!")
    words = load_pack("kk").prompts["page"]
    assert page.locator(".answer .kind").last.text_content() == words["made_by_ai"], "a greeting is not a failed search"
    ask(page, "Мұғалімге хат жазып бер")
    assert page.locator(".answer .notice").last.text_content() == words["for_translation"]
    page.locator(".answer .notice a").last.click()
    page.wait_for_selector("#translate:not([hidden])")


def test_suggested_questions_are_answered_from_the_texts_that_they_are_about(page):
    page.wait_for_selector(".suggestion")
    question = page.locator(".suggestion").first.text_content()
    title = question.split()[0]
    page.locator(".suggestion").first.click()
    answered(page)
    assert page.locator(".question > p").text_content() == question
    assert page.locator(".sources .card-title").first.text_content().endswith(title)


def test_a_question_is_answered_in_its_own_language_whatever_the_pages_is(page):
    ask(page, "Где нашли Золотого человека?")
    assert page.locator("html").get_attribute("lang") == "kk"
    assert page.locator(ANSWER).get_attribute("lang") == "ru"
    assert "Модель" in page.locator(".answer .notice").text_content()


def test_a_question_without_letters_is_answered_in_the_language_of_the_page(page):
    choose(page, "language", "ru")
    ask(page, "?")
    assert page.locator(ANSWER).get_attribute("lang") == "ru"
    assert page.locator(ANSWER).text_content() == load_pack("ru").prompts["small_talk"]


def test_it_can_be_used_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#question").focus()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Shift+Enter")
    assert page.input_value("#question").endswith("\n")
    page.keyboard.press("Enter")
    page.wait_for_selector(".citation")
    answered(page)
    assert page.evaluate("document.activeElement.id") == "question"
    assert page.locator("#status").text_content() == "Дайын."
    assert "Алтын адам" in page.locator("#announce").text_content()
    seen = set()
    for _ in range(60):  # every control can be reached, and shows that it was
        page.keyboard.press("Shift+Tab")
        name, outline = page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
                       const ring = getComputedStyle(one, "::after").outlineStyle;
                       const name = one.id || one.ariaLabel || one.className;
                       return [name, [style.outlineStyle, ring].some((line) => line !== "none")
                                     || Boolean(one.closest(".composer"))]; }"""
        )
        assert outline or name.startswith("app"), name  # the body stands between the last and the first
        seen.add(name)
    assert {"settings-open", "side-toggle", "new", "chat-search", "citation", "Өңдеу", "Қайта жауап алу"} <= {
        *seen,
        *("citation" for name in seen if name.startswith("Дереккөзді ашу")),
    }


def test_other_versions_of_a_question_and_of_an_answer_stay(page):
    ask(page, QUESTION)
    words = page.locator(ANSWER).text_content()
    page.locator(".answer [aria-label='Көшіру']").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.sub(r"\[(\d)]", r"\1", copied) == words
    page.locator(".answer [aria-label='Қайта жауап алу']").click()
    until(page, "document.querySelector('.answer .versions')?.textContent === '2/2'")
    answered(page)
    assert page.locator(".answer").count() == 1
    page.locator(".answer [aria-label='Алдыңғы нұсқа']").click()
    assert page.locator(".answer .versions").text_content() == "1/2"
    page.locator(".answer [aria-label='Жауап жақсы']").click()
    assert page.locator(".answer [aria-label='Жауап жақсы']").get_attribute("aria-pressed") == "true"
    page.locator(".question [aria-label='Өңдеу']").click()
    assert page.input_value(".editor textarea") == QUESTION
    page.fill(".editor textarea", "Наурыз деген не?")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.question .versions')?.textContent === '2/2'")
    answered(page)
    assert "Наурыз" in page.locator(ANSWER).text_content()
    page.reload()
    page.wait_for_selector(".question .versions")
    page.locator(".question [aria-label='Алдыңғы нұсқа']").click()
    assert page.locator(".question > p").text_content() == QUESTION
    page.locator(".answer [aria-label='Алдыңғы нұсқа']").click()
    assert page.locator(ANSWER).text_content() == words
    assert page.locator(".answer [aria-label='Жауап жақсы']").get_attribute("aria-pressed") == "true"


def test_a_rating_goes_to_a_server_that_collects_them_once_and_without_text(page):
    sent = []

    def with_feedback(route) -> None:
        route.fulfill(json={**route.fetch().json(), "feedback": True})

    def take(route) -> None:
        sent.append(Feedback(**route.request.post_data_json))
        route.fulfill(status=204)

    page.route("**/page/words", with_feedback)
    page.route("**/feedback", take)
    page.reload()
    ready(page)
    ask(page, QUESTION)
    good = page.locator(".answer [aria-label='Жауап жақсы']")
    assert "жіберіледі" in good.get_attribute("title")
    for _ in range(3):  # taken back, and given again
        good.click()
    until(page, "document.querySelector(\".answer [aria-label='Жауап жақсы']\").ariaPressed === 'true'")
    page.wait_for_timeout(100)
    assert [(one.rating, one.language, len(one.passages)) for one in sent] == [("up", "kk", 1)]
    page.locator(".answer [aria-label='Жауап нашар']").click()
    page.wait_for_timeout(100)
    assert [one.rating for one in sent] == ["up", "down"]


def test_a_busy_server_is_named_in_the_readers_language(page):
    busy = {"error": {"message": "64 requests are already waiting", "type": "server_error"}}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(status=503, json=busy))
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    page.wait_for_selector(".trouble")
    assert "сервер бос емес" in page.locator(".trouble").text_content()
    page.unroute("**/v1/chat/completions")
    page.locator(".trouble button").click()
    answered(page)
    assert "Есік" in page.locator(ANSWER).text_content()
    page.troubles.clear()  # the browser logs the refusal


def test_conversations_are_found_renamed_deleted_and_brought_back(page):
    ask(page, QUESTION)
    page.click("#new")
    ask(page, "Наурыз деген не?")
    assert page.locator(".chat-open").all_text_contents() == ["Наурыз деген не?", QUESTION]
    page.fill("#chat-search", "АЛТЫН АДАМ")
    assert page.locator(".chat-open").all_text_contents() == [QUESTION]
    page.locator(".chat-row [aria-label^='Әрекеттер']").click()
    page.locator(".chat-menu [aria-label^='Атауын өзгерту']").click()
    page.keyboard.type("Есік қорғаны")
    page.keyboard.press("Enter")
    page.fill("#chat-search", "қорған")
    page.locator(".chat-open", has_text="Есік қорғаны").click()
    assert page.locator(".question > p").text_content() == QUESTION
    page.locator(".chat-row [aria-label^='Әрекеттер']").click()
    with page.expect_download() as download:
        page.locator(".chat-menu [aria-label^='Файл ретінде']").click()
    shared = Path(download.value.path()).read_text("utf-8")
    assert download.value.suggested_filename == "Есік-қорғаны.md"
    assert shared.startswith("# Есік қорғаны\n\n*Жасанды интеллект")
    assert QUESTION in shared
    assert "\n[1] Алтын адам. https://" in shared
    page.locator(".chat-row [aria-label^='Әрекеттер']").click()
    page.locator(".chat-menu [aria-label^='Жою']").click()
    assert page.locator(".chat-open").count() == 0
    assert page.locator(".welcome").is_visible()
    page.locator("#chats-status button").click()
    assert page.locator(".question > p").text_content() == QUESTION


ATTACK = """<img src=x onerror=alert(1)><script>alert(2)</script>
# <b onmouseover=alert(3)>Тақырып</b>
- [батырма](javascript:alert(4)) және [сайт](https://example.org/a) [дерек](data:text/html,<script>alert(5)</script>)
- ![сурет](https://example.org/pixel.png) <https://example.org>

| a | b |
|---|---|
| <svg onload=alert(6)> | `код <i>` **қалың** |

```html
<script>alert(7)</script>
```
[1] [99]"""


def test_conversations_go_to_a_file_and_come_from_one_and_nothing_in_it_is_run(page, tmp_path):
    ask(page, QUESTION)
    with page.expect_download() as download:
        page.click("#export")
    content = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert content["generated_by_ai"] is True
    content["chats"][0]["number"] = 5
    question, answer = content["chats"][0]["messages"]
    content["chats"][0]["title"] = question["content"] = "<img src=x onerror=alert(0)>"
    answer["content"] = ATTACK
    answer["extra"]["passages"][0] |= {"title": "<b>x</b>", "url": "javascript:alert(8)", "text": "<img src=x>" * 30}
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(content), "utf-8")
    page.set_input_files("#import-file", file)
    page.locator(".chat-open", has_text="<img").click()
    assert page.locator("#log :is(img, script, svg:not(.icon), b, i)").count() == 0
    text = page.locator(ANSWER).text_content()
    for part in ("<img src=x", "<b onmouseover", "javascript:alert(4)", "<svg onload", "код <i>", "<script>alert(7)"):
        assert part in text
    links = page.locator("#log a").evaluate_all("(links) => links.map((link) => [link.href, link.rel, link.target])")
    assert {href for href, _, _ in links} == {
        "https://example.org/a",
        "https://example.org/pixel.png",
        "https://example.org/",
    }
    assert {(rel, target) for _, rel, target in links} == {("noopener noreferrer nofollow", "_blank")}
    assert page.locator(".words :is(h4, ul li, table td, pre code, strong)").count() >= 6
    page.locator(".citation").click()
    assert page.locator("#passage :is(img, b, a)").count() == 0
    page.keyboard.press("Escape")
    file.write_text('{"chats": 1}', "utf-8")
    page.set_input_files("#import-file", file)
    until(page, "document.querySelector('#chats-status').textContent.includes('сұхбат жоқ')")


WRONG = {
    "extra.passages": "boom",
    "extra.passages.0": None,
    "extra.passages.0.hits": "boom",
    "extra.passages.0.snippet": [1],
    "after.citations": {"a": 1},
    "extra": 5,
    "content": None,
    "role": "system",
    "speed": "fast",
    "parent": 7,
}


def test_a_file_with_a_wrong_field_is_refused_and_breaks_nothing(page, tmp_path):
    file = tmp_path / "chats.json"
    for position, wrong in [*WRONG.items(), ("", None)]:
        passage = dict.fromkeys(("title", "text", "url", "source", "license", "time", "language"), "x")
        answer = {
            "id": 2,
            "parent": 1,
            "role": "assistant",
            "content": "Жауап [1]",
            "finish": "stop",
            "extra": {"searched": True, "passages": [{**passage, "hits": [[0, 1]], "snippet": [0, 1]}]},
            "after": {"citations": [{"number": 1, "quote": "", "start": 0, "end": 0}]},
        }
        question = {"id": 1, "parent": 0, "role": "user", "content": "Сұрақ"}
        chat = {"number": 7, "title": "", "time": "2026-11-28T00:00:00Z", "shown": 2, "messages": [question, answer]}
        *path, last = position.split(".")
        inner = answer
        for name in path:
            inner = inner[int(name) if name.isdigit() else name]
        if last:
            inner[int(last) if last.isdigit() else last] = wrong
        file.write_text(json.dumps({"format": "anatili-conversations-1", "chats": [chat]}), "utf-8")
        page.set_input_files("#import-file", file)
        if last:
            until(page, "document.querySelector('#chats-status').textContent.includes('chats[0].messages[1]')")
            assert page.locator(".chat-open").count() == 0
            page.evaluate("document.querySelector('#chats-status').textContent = ''")
    page.locator(".chat-open").click()
    assert page.locator(ANSWER).text_content() == "Жауап 1"
    page.evaluate("localStorage.setItem('anatili.chat.1', '{\"number\": 1}')")  # as an older page may have kept it
    page.evaluate("localStorage.setItem('anatili.chat.2', 'boom')")
    page.reload()
    ready(page)
    assert page.locator(".chat-open").count() == 1


FILL = """() => {
  for (let size = 1 << 24; size >= 1; size >>= 1) {
    try { for (;;) localStorage.setItem(`fill${Math.random()}`, "x".repeat(size)); } catch {}
  }
}"""


@pytest.mark.parametrize("kind", ["gone", "breaks off", "refuses"])
def test_answering_again_without_a_server_keeps_the_answer(page, kind):
    ask(page, QUESTION)
    words = page.locator(ANSWER).text_content()
    begun = 'data: {"choices": [{"delta": {"content": "Жаңа"}}]}\n\n'
    ways = {
        "gone": lambda route: route.abort(),
        "breaks off": lambda route: route.fulfill(body=begun, headers={"Content-Type": "text/event-stream"}),
        "refuses": lambda route: route.fulfill(status=503, json={"error": {"message": "come back"}}),
    }
    page.route("**/v1/chat/completions", ways[kind])
    page.locator(".answer [aria-label='Қайта жауап алу']").click()
    page.wait_for_selector(".trouble")
    assert "Жауап келмеді" in page.locator(".trouble").text_content()
    if kind == "breaks off":  # what had come stays too
        assert page.locator(ANSWER).text_content() == "Жаңа"
        page.locator(".answer [aria-label='Алдыңғы нұсқа']").click()
    assert page.locator(ANSWER).text_content() == words
    page.click("#new")
    ask_nothing = "Жауапсыз қалған сұрақ"
    page.fill("#question", ask_nothing)
    page.keyboard.press("Enter")
    page.wait_for_selector(".trouble")
    page.reload()
    ready(page)
    assert page.locator(".question > p").text_content() == ask_nothing
    page.locator(".chat-open", has_text=QUESTION).click()
    assert page.locator(ANSWER).text_content() == words
    page.unroute("**/v1/chat/completions")
    page.troubles.clear()  # the browser logs that the server was gone


def test_an_answer_that_failed_can_be_asked_for_again(page):
    page.wait_for_load_state("networkidle")  # a request of the page's start that succeeds later says "online" again
    page.route("**/v1/chat/completions", lambda route: route.abort())
    page.fill("#question", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(".trouble")
    page.wait_for_selector("#offline")
    no_barriers(page)
    page.unroute("**/v1/chat/completions")
    page.locator(".trouble button").click()
    answered(page)
    assert page.locator(ANSWER).text_content().startswith("«")
    assert page.locator(".trouble").count() == 0
    assert page.locator("#offline").is_hidden()
    assert page.locator(".question").count() == 1
    page.troubles.clear()


def test_a_full_store_is_told_and_a_reload_still_loses_nothing(page, tmp_path):
    ask(page, QUESTION)
    stored = page.evaluate("JSON.parse(Object.entries(localStorage).find(([name]) => name.includes('.chat.'))[1])")
    page.evaluate(FILL)
    ask(page, "Наурыз деген не?")
    assert "сақталмады" in page.locator("#not-kept").text_content()
    assert page.locator("#not-kept").is_visible()
    file = tmp_path / "chats.json"
    content = {"format": "anatili-conversations-1", "chats": [{**stored, "number": 5}]}
    file.write_text(json.dumps(content), "utf-8")
    page.set_input_files("#import-file", file)
    until(page, "document.querySelector('#chats-status').textContent.includes('сақталмады')")
    with page.expect_download() as download:
        page.click("#export-now")
    (saved,) = json.loads(Path(download.value.path()).read_text("utf-8"))["chats"]
    assert len(saved["messages"]) == 4
    page.troubles.clear()
    page.on("dialog", lambda dialog: dialog.accept())  # the browser asks whether to leave
    page.reload()
    ready(page)
    assert page.locator(".answer").count() == 2
    assert page.locator("#not-kept").is_visible()
    page.evaluate(
        "for (const name of Object.keys(localStorage)) if (name.startsWith('fill')) delete localStorage[name]"
    )
    ask(page, "Домбыра деген не?")
    assert page.locator("#not-kept").is_hidden()
    page.troubles.clear()


def test_a_reload_keeps_the_draft_and_the_open_conversation(page):
    ask(page, QUESTION)
    words = page.locator(ANSWER).text_content()
    page.fill("#question", "Жартылай жазылған сұр")
    go(page, "translate")
    page.fill("#text", "Мәтін")
    page.reload()
    page.wait_for_selector("#translate:not([hidden])")
    assert page.input_value("#text") == "Мәтін"
    go(page, "chat")
    assert page.input_value("#question") == "Жартылай жазылған сұр"
    assert page.locator(ANSWER).text_content() == words
    page.click("#new")
    page.fill("#question", "")
    page.reload()
    page.wait_for_selector("#chat:not([hidden])")
    assert page.locator(".answer").count() == 0


LONG = "".join(f'data: {{"choices": [{{"delta": {{"content": "{number}-сөйлем. "}}}}]}}\n\n' for number in range(900))


@pytest.mark.parametrize(("width", "height", "touch"), [(1280, 800, False), (390, 844, True), (320, 568, True)])
def test_the_newest_answer_is_in_view(browser, llama_address, width, height, touch):
    size = {"width": width, "height": height}
    page = visit(browser, llama_address, viewport=size, has_touch=touch, is_mobile=touch)
    for question in (QUESTION, "Абай кім?", "Наурыз деген не?", "Байқоңыр деген не?"):
        ask(page, question)
        seen = page.evaluate(
            """() => {
              const answer = [...document.querySelectorAll(".answer .words")].at(-1).getBoundingClientRect();
              const log = document.querySelector("#log").getBoundingClientRect();
              const form = document.querySelector("#ask").getBoundingClientRect();
              const shown = Math.min(answer.bottom, answer.top + 100) <= form.top;
              return [answer.top >= log.top, shown, form.bottom <= innerHeight + 1];
            }"""
        )
        assert seen == [True, True, True], question
        focused = page.evaluate("document.activeElement.id")
        assert focused != "question" if touch else focused == "question"
    end = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    page.route("**/v1/chat/completions", lambda route: route.fulfill(body=LONG + end, content_type="text/event-stream"))
    ask(page, "Ұзақ жауап")
    in_view = """() => { const words = [...document.querySelectorAll(".answer .words")].at(-1).getBoundingClientRect();
                         const form = document.querySelector("#ask").getBoundingClientRect();
                         return words.bottom <= form.top && words.bottom > form.top - 200; }"""
    assert page.evaluate(in_view), "the end of a long answer"
    page.locator("#log").evaluate("(log) => log.scrollTo(0, 0)")
    until(page, "!document.querySelector('#to-end').hidden")
    page.click("#to-end")
    assert page.evaluate(in_view)
    assert page.troubles == []
    page.context.close()


def test_no_sign_needs_a_font_that_may_be_missing(page):
    ask(page, QUESTION)
    texts = "".join(page.locator("button").all_text_contents())
    assert not [letter for letter in texts if ord(letter) >= 0x2190], texts
    for name in ("Жауап жақсы", "Жауап нашар", "Көшіру", "Қайта жауап алу"):
        assert page.locator(f".answer [aria-label='{name}'] svg").bounding_box()["width"] > 10


def test_views_open_at_their_top_and_the_skip_link_stays_in_the_view(page):
    go(page, "about")
    page.wait_for_selector("#facts dl")
    page.evaluate("document.querySelector('main').scrollTo(0, 500)")
    go(page, "search")
    go(page, "about")
    assert page.evaluate("document.querySelector('main').scrollTop + scrollY") == 0
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'main'")
    assert page.locator("#about").is_visible()


def test_scripts_are_called_by_words(page):
    for code in LANGUAGES:
        choose(page, "language", code)
        texts = page.locator("#script-choice:not([hidden]) option").all_text_contents()
        assert all(texts)
        assert not re.findall("Cyrl|Latn|Arab|_", " ".join(texts))


def test_the_page_can_be_read_in_other_scripts(page):
    choose(page, "script", "Latn2021")
    assert page.locator("#send").get_attribute("aria-label") == "Jıberu"
    assert page.locator("html").get_attribute("lang") == "kk-Latn"
    ask(page, QUESTION)
    assert "altyn adam" in page.locator(ANSWER).text_content().lower()
    choose(page, "script", "Arab")
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert "التىن ادام" in page.locator(ANSWER).text_content()
    assert page.locator(ANSWER).get_attribute("dir") == "rtl"
    sent = page.locator(".question > p").bounding_box()
    assert sent["x"] < 640, "a question stands at the end of the line"
    choose(page, "language", "ru")
    assert page.locator("html").get_attribute("dir") == "ltr"
    choose(page, "language", "kk")
    assert "алтын адам" in page.locator(ANSWER).text_content().lower()


def test_numbers_dates_and_order_are_the_languages_own(page):
    formatted = page.evaluate(
        """async () => {
          const { number, date, compare } = await import('/static/common.js');
          const sorted = ['z', 'я', 'қ', '1', 'ә', 'а', 'к', 'і'].sort(compare);
          return [number(1234567.5), date('2026-11-23'), sorted.join('')];
        }"""
    )
    assert formatted == ["1\u00a0234\u00a0567,5", "2026 ж. 23 қараша", "1аәкқіяz"]


def test_kazakh_letters_come_from_one_face_with_the_others(page):
    page.evaluate("document.querySelector('#ask .fine').textContent = 'абвг ӘҒҚҢӨҰҮҺІ әғқңөұүһі'")
    session = page.context.new_cdp_session(page)
    for command in ("DOM.enable", "CSS.enable"):
        session.send(command)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    for selector in ("#ask .fine", "#new span"):
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        assert len(session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]) == 1


@pytest.mark.parametrize(("theme", "codes"), [("light", ("ru", "en", "tr", "kk")), ("dark", ("kk",))])
def test_nothing_hinders_readers_in_any_view(page, theme, codes):
    """Words do not depend on the theme, nor colors on the language."""
    choose(page, "theme", theme)
    ask(page, "Айтыс деген не?")  # its page in another language is folded below
    for code in codes:
        choose(page, "language", code)
        for view in VIEWS:
            go(page, view)
            if view == "search":
                page.fill("#query", "Алматы")
                page.press("#query", "Enter")
                page.wait_for_selector("#results li")
            if view == "about":
                page.wait_for_selector("#facts dl")
            no_barriers(page, colors=code == "kk")
    go(page, "chat")
    page.locator(".chat-row [aria-expanded]").click()
    page.locator(".sources summary").click()
    page.locator(".question [aria-label='Өңдеу']").click()
    no_barriers(page)
    page.click("#settings-open")
    no_barriers(page)
    page.keyboard.press("Escape")
    page.locator(".card-title").first.click()
    no_barriers(page)


def test_a_small_screen_needs_no_sideways_scrolling(browser, llama_address):
    page = visit(browser, llama_address, viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    for code in LANGUAGES:
        choose(page, "language", code)
        for view in VIEWS:
            go(page, view)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (code, view)
            tops = page.locator("#stage > header > :is(button, nav)").evaluate_all(
                "(all) => all.filter((one) => one.offsetWidth).map((one) => one.getBoundingClientRect().right)"
            )
            assert max(tops) <= 320, (code, view)
    go(page, "chat")
    ask(page, QUESTION)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#side-toggle")
    page.wait_for_timeout(250)
    no_barriers(page)
    page.locator(".chat-open").click()
    until(page, "!document.body.classList.contains('with-side')")
    assert page.troubles == []
    page.context.close()


def test_it_opens_without_a_connection_and_goes_on_when_there_is_one(browser, llama_address):
    page = visit(browser, llama_address, service_workers="allow")
    manifest = page.evaluate("fetch('/manifest.webmanifest').then((answer) => answer.json())")
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    ask(page, QUESTION)
    words = page.locator(ANSWER).text_content()
    page.context.set_offline(True)
    page.reload()
    ready(page)
    assert page.locator(ANSWER).text_content() == words
    page.fill("#question", "Наурыз деген не?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".trouble")
    assert page.locator("#offline").is_visible()
    stored = page.evaluate(
        "caches.open('anatili-page').then((cache) => cache.keys())"
        ".then((keys) => keys.map((key) => new URL(key.url).pathname))"
    )
    private = [path for path in stored if not re.match(r"/static/|/page/words$|/manifest|/$|/plan$", path)]
    assert private == [], "answers are not stored"
    page.context.set_offline(False)
    page.locator(".trouble button").click()
    answered(page)
    assert page.locator("#offline").is_hidden()
    page.context.close()


def test_the_page_is_light(browser, llama_address):
    page = browser.new_page(service_workers="block")
    sizes = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(llama_address)
    ready(page)
    assert 0 < sum(sizes) < 300_000
    page.close()


@pytest.mark.parametrize("path", ["docs", "plan"])
def test_the_other_pages_have_the_same_look_and_no_barriers(page, llama_address, path):
    choose(page, "theme", "dark")
    page.goto(f"{llama_address}/{path}")
    page.wait_for_selector({"docs": "#routes section", "plan": "#bars li"}[path])
    if path == "docs":
        assert page.locator("h2", has_text="POST /v1/chat/completions").count() == 1
    assert page.locator("html").get_attribute("data-theme") == "dark"
    no_barriers(page)
