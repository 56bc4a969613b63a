"""The served page: in a browser by keyboard, in three languages; what it runs and what it refuses; axe."""

import json
import re
from contextlib import contextmanager

import pytest
from browsing import ARGUMENTS, BROWSER
from lessons import right_answers
from serving import in_thread

from anatili.learn.learner import ANSWERS, open_learner
from anatili.learn.lesson import lesson as lesson_of

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the browser tests need axe-playwright-python"
)
from anatili.learn.api import create_app, losses_in  # noqa: E402
from anatili.learn.commands import Busy, Runner  # noqa: E402

JSON = {"content-type": "application/json"}


@contextmanager
def serving(learner):
    """The page in a thread; its address."""
    runner = Runner()
    with in_thread(create_app(learner, runner)) as address:
        yield address
        runner.stop()


@pytest.fixture(scope="module")
def learner(tmp_path_factory):
    return open_learner(tmp_path_factory.mktemp("page") / "aisha", "Айша", "kk")


@pytest.fixture(scope="module")
def address(learner):
    with serving(learner) as found:
        yield found


def post(address, path, body, **headers):
    return httpx.post(f"{address}/lessons/{path}", content=json.dumps(body), headers=JSON | headers)


@pytest.fixture(scope="module")
def browser():
    if not BROWSER:
        pytest.skip("the browser tests need Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.mark.parametrize(("language", "width"), [("kk", 1200), ("ru", 360), ("en", 360)])
def test_the_page_is_accessible_and_fits(learner, browser, language, width):
    with serving(open_learner(learner.folder, "", language)) as address:
        page = browser.new_page(viewport={"width": width, "height": 800})
        troubles = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/5")
        assert page.get_attribute("html", "lang") == language
        assert axe.Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert troubles == []
        page.close()


def tab_to(page, selector):
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(selector)


def test_a_lesson_is_done_by_keyboard_alone(learner, address, browser):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(address)
    tab_to(page, "a[href='/5']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lesson")
    tab_to(page, "[data-command='1']")
    page.keyboard.press("Enter")
    page.locator("pre.live").nth(1).filter(has_text="орындалды").wait_for(timeout=60_000)
    lesson = lesson_of(5)
    table = json.loads((learner.lesson_folder(lesson) / "compared.json").read_text("utf-8"))
    assert len(table["tasks"][0]["models"]) == 3
    right = right_answers(learner, lesson)[1]
    for key, value in right.items():
        tab_to(page, f"input[name='{key}']")
        page.keyboard.type(str(value))
    page.keyboard.press("Enter")
    page.wait_for_selector("form[data-exercise='1'] .verdict.passed")
    assert page.inner_text("form[data-exercise='1'] .verdict") == "Дұрыс."
    assert f'above_chance = "{right["above_chance"]}"' in (learner.lesson_folder(lesson) / ANSWERS).read_text("utf-8")
    page.reload()
    assert page.input_value("input[name='sholpan_percent']") == str(right["sholpan_percent"])
    page.close()


def test_what_is_not_in_the_lesson_is_not_run(learner, address):
    page = httpx.get(f"{address}/5").text
    assert page.count("data-command=") == 3
    assert post(address, "5/run", {"command": 3}).status_code == 404
    assert post(address, "5/run", {"command": "anatili doctor"}).status_code == 422
    assert post(address, "5/run", {"command": 0, "line": "anatili doctor"}).status_code == 422
    assert post(address, "99/run", {"command": 0}).status_code == 404
    assert httpx.post(f"{address}/lessons/5/run", data={"command": 0}).status_code == 415
    assert httpx.post(f"{address}/lessons/5/run", content='{"command": 0}').status_code == 415
    assert post(address, "5/run", {"command": 0}, host="evil.example").status_code in (400, 403, 421)
    assert httpx.get(f"{address}/static/../api.py").status_code == 404
    assert "script-src" in httpx.get(f"{address}/5").headers["content-security-policy"].replace("default", "script")


def test_a_prediction_is_written_down_before_the_training(learner, address):
    text = httpx.get(f"{address}/4").text
    training = re.search(r'data-command="(\d+)" aria-label="[^"]*run recipe.toml --until pretrain"', text)[1]
    answer = post(address, "4/run", {"command": int(training)})
    assert answer.status_code == 409
    assert "first_loss, steps" in answer.json()["error"]["message"]
    assert not (learner.lesson_folder(lesson_of(4)) / "runs").exists()


def test_a_damaged_answers_file_is_told_and_kept(learner, address):
    httpx.get(f"{address}/6")
    path = learner.lesson_folder(lesson_of(6)) / ANSWERS
    path.write_text("x = 'a\n", "utf-8")
    answer = post(address, "6/check", {"answers": {"exercise-1": {"found": "3"}}})
    assert answer.status_code == 409
    assert "оқу мүмкін емес" in answer.json()["error"]["message"]
    assert path.read_text("utf-8") == "x = 'a\n"
    assert httpx.get(f"{address}/6").status_code == 200
    path.unlink()
    said = 'тырнақша " және \\ және\nжол'
    assert post(address, "6/answers", {"answers": {"open": {"text": said}}}).status_code == 200
    assert said.splitlines()[0].replace('"', "&quot;") in httpx.get(f"{address}/6").text


def test_one_command_at_a_time_and_what_fails_leaves_no_file(tmp_path):
    runner = Runner()
    events = runner.run("anatili identify nowhere.txt > out.txt", tmp_path)
    with pytest.raises(Busy):
        runner.run("anatili learn", tmp_path)
    told = list(events)
    assert told[-1] == {"exit": 2} or told[-1]["exit"] == 1
    assert any("nowhere.txt" in event.get("text", "") for event in told)
    assert list(tmp_path.iterdir()) == []


def test_losses_are_read_while_they_are_written(tmp_path):
    log = tmp_path / "runs" / "mine" / "pretrain" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"step": 0, "loss": 6.5}\n{"step": 1, "loss": 6.25}\n{"step": 2, "lo', "utf-8")
    assert losses_in(tmp_path) == {"mine": [6.5, 6.25]}
