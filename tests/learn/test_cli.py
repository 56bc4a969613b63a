"""The commands of the course as a learner and a teacher use them, bad input, and going on after a kill."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import pytest
from click.testing import CliRunner
from lessons import answer, right_answers

from anatili.cli import main
from anatili.learn.learner import read_learner
from anatili.learn.lesson import lessons


def call(*arguments):
    answer = CliRunner().invoke(main, list(map(str, arguments)))
    assert answer.exception is None or isinstance(answer.exception, SystemExit), repr(answer.exception)
    return answer


def refused(*arguments):
    answer = call(*arguments)
    assert answer.exit_code == 1, answer.output
    message = answer.stderr.partition("Error: ")[2]
    assert len(message) > 20
    return message


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A learner's folder in which Aisha opened lesson 3, in Kazakh."""
    folder = tmp_path_factory.mktemp("class") / "aisha"
    assert call("learn", "3", "--name", "Айша", "--language", "kk", "--folder", folder).exit_code == 0
    return folder


@pytest.fixture
def class_(opened, tmp_path, monkeypatch):
    """A folder of our own with a copy of Aisha's."""
    shutil.copytree(opened, tmp_path / "aisha")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_lessons_are_listed_before_anything_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = json.loads(call("learn", "--json").stdout)
    assert [row["number"] for row in rows] == [lesson.number for lesson in lessons()]
    assert {row["passed"] for row in rows} == {0}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("spoken", "said"), [("ru", "Урок 3"), ("en", "Lesson 3"), ("de", "3-сабақ")])
def test_lessons_are_in_the_language_of_the_environment(tmp_path, monkeypatch, spoken, said):
    monkeypatch.setenv("ANATILI_LANG", spoken)
    assert said in call("learn", "--folder", tmp_path / "a").stdout
    assert said in call("learn", "3", "--folder", tmp_path / "a").stdout
    monkeypatch.setenv("ANATILI_LANG", "kk")
    assert said in call("learn", "3", "--folder", tmp_path / "a").stdout  # a learner's language stays


def test_a_lesson_is_shown_and_its_files_are_written(class_):
    folder = class_ / "aisha" / "3-tokens"
    assert sorted(path.name for path in folder.iterdir()) == [
        "answers.toml",
        "en-train.txt",
        "en.txt",
        "kk-train.txt",
        "kk.txt",
        "lesson.html",
        "ru.txt",
    ]
    shown = call("learn", "3", "--folder", "aisha").stdout
    assert "3-сабақ" in shown
    assert "$ anatili tokenizer train --text kk-train.txt" in shown
    assert "{{" not in shown
    page = (folder / "lesson.html").read_text("utf-8")
    assert '<html lang="kk">' in page
    assert "Айша" in page
    assert "мұғалім әлі тексерген жоқ" in page
    assert "{{" not in page
    answers = tomllib.loads((folder / "answers.toml").read_text("utf-8"))
    assert answers["exercise-2"] == {"times": "", "bill": ""}


def test_another_language_keeps_draw_and_answers(class_):
    before = (class_ / "aisha" / "3-tokens" / "answers.toml").read_bytes()
    assert "Урок 3" in call("learn", "3", "--folder", "aisha", "--language", "ru").stdout
    assert (class_ / "aisha" / "3-tokens" / "answers.toml").read_bytes() == before
    assert "Нет ответа" in call("learn", "check", "3", "--folder", "aisha").stdout.replace("нет", "Нет")


def test_check_tells_each_exercise_and_remembers(class_):
    answer = call("learn", "check", "3", "--folder", "aisha")
    assert answer.exit_code == 1
    assert answer.stdout.count("Әлі жауап берілмеген") == 3
    assert answer.stderr.startswith("Дұрыс орындалған жаттығулар: 0/3."), "in the learner's language, and no error"
    rows = json.loads(call("learn", "check", "3", "--folder", "aisha", "--json").stdout)
    assert [row["state"] for row in rows] == ["open"] * 3
    progress = class_ / "aisha" / "3-tokens" / "progress.json"
    kept = json.loads(progress.read_text("utf-8"))
    kept["exercises"][0]["state"] = "passed"
    progress.write_text(json.dumps(kept), "utf-8")
    assert (
        next(row for row in json.loads(call("learn", "--folder", "aisha", "--json").stdout) if row["number"] == 3)[
            "passed"
        ]
        == 1
    )
    progress.write_bytes(b"{")
    listed = call("learn", "--folder", "aisha").stdout
    assert "0/3" in listed
    assert "55 мин" in listed
    assert listed.endswith("Сабақты ашу: anatili learn 1\n"), "the list is in the language of the lessons"


def test_an_exercise_half_answered_is_not_wrong(class_):
    path = class_ / "aisha" / "3-tokens" / "answers.toml"
    path.write_text(path.read_text("utf-8").replace('times = ""', 'times = "4"'), "utf-8")
    rows = json.loads(call("learn", "check", "3", "--folder", "aisha", "--json").stdout)
    assert (rows[1]["state"], "bill" in rows[1]["message"]) == ("open", True)


def test_commands_find_the_folder_from_inside_a_lesson(class_, monkeypatch):
    monkeypatch.chdir(class_ / "aisha" / "3-tokens")
    assert "Дұрыс орындалған жаттығулар: 0/3" in call("learn", "check", "3").stderr
    monkeypatch.chdir(class_)
    assert "Дұрыс орындалған жаттығулар: 0/3" in call("learn", "--folder", "aisha", "check", "3").stderr


BAD = {
    "no file": (None, "answers.toml файлы жоқ"),
    "empty": ("", "басқа сабақтың файлы"),
    "not TOML": ("x = 'a\n", "оқу мүмкін емес"),
    "not UTF-8": (b"\xff\xfe\x00", "оқу мүмкін емес"),
    "another lesson": ('lesson = "1-census"\ndraw = "DRAW"\n', "басқа сабақтың файлы (1-census)"),
    "another learner": ('lesson = "3-tokens"\ndraw = "00000000"\n', "сізге арналған нұсқа емес"),
    "no exercise": ('lesson = "3-tokens"\ndraw = "DRAW"\n', "Әлі жауап берілмеген"),
    "exercise of another kind": ('lesson = "3-tokens"\ndraw = "DRAW"\nexercise-1 = 5\n', "Әлі жауап берілмеген"),
    "no quotation marks": ('lesson = "3-tokens"\n[exercise-2]\ntimes = 0,5\n', "answers.toml файлының 3-жолын"),
    "half an exercise": ('lesson = "3-tokens"\ndraw = "DRAW"\n[exercise-2]\ntimes = 4\n', "bill"),
    "a list": ('lesson = "3-tokens"\ndraw = "DRAW"\n[exercise-1]\nown_cost = [1]\n', "report.json жоқ"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_answers_file_is_told_in_a_sentence(class_, case):
    content, says = BAD[case]
    path = class_ / "aisha" / "3-tokens" / "answers.toml"
    draw = tomllib.loads(path.read_text("utf-8"))["draw"]
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.replace("DRAW", draw).encode())
    answer = call("learn", "check", "3", "--folder", "aisha")
    assert answer.exit_code == 1
    assert says in answer.stdout


def test_a_renamed_copy_of_a_folder_has_other_exercises(class_):
    shutil.copytree(class_ / "aisha", class_ / "bolat")
    file = class_ / "bolat" / "learner.toml"
    file.write_text(file.read_text("utf-8").replace("Айша", "Болат"), "utf-8")
    assert "сізге арналған нұсқа емес" in call("learn", "check", "3", "--folder", "bolat").stdout


def test_wrong_calls_are_told(class_):
    assert "no lesson 99" in refused("learn", "99", "--folder", "aisha")
    assert "not in 'tr'" in refused("learn", "3", "--folder", "aisha", "--language", "tr")
    assert "folder of Айша" in refused("learn", "3", "--folder", "aisha", "--name", "Болат")
    assert "a learner has a name" in refused("learn", "3", "--folder", "new", "--name", "a\nb\x07")
    assert "was not opened yet" in refused("learn", "check", "1", "--folder", "aisha")
    assert "no learner.toml" in refused("learn", "check", "1", "--folder", ".")
    assert "no folder nowhere" in refused("learn", "check", "1", "--folder", "nowhere")
    assert "no folder nowhere" in refused("learn", "collect", "nowhere", "-o", "a.csv")
    (class_ / "empty").mkdir()
    assert "holds no learner" in refused("learn", "collect", "empty", "-o", "a.csv")
    (class_ / "aisha" / "learner.toml").write_text('name = "a"\n', "utf-8")
    assert "is damaged" in refused("learn", "check", "3", "--folder", "aisha")


def test_the_teacher_gets_the_sheet_and_the_answers_of_a_draw(class_):
    sheet = call("learn", "teacher", "1", "--language", "kk").stdout
    assert "мұғалімге арналған парақ" in sheet
    learner = read_learner(class_ / "aisha")
    lesson = lessons()[0]
    answers = call("learn", "teacher", "1", "aisha", "--language", "en").stdout
    shown = dict(re.findall(r"(\w+) = (\S+)", answers.replace(",", "")))
    for given in right_answers(learner, lesson).values():
        for key, value in given.items():
            assert (float(shown[key]) if isinstance(value, float) else shown[key]) == (
                value if isinstance(value, float) else str(value)
            )


def test_a_class_is_collected_into_a_table(class_):
    learner = read_learner(class_ / "aisha")
    answer(learner, lessons()[2], {1: {"own_cost": 3}})
    shutil.copytree(class_ / "aisha", class_ / "twin")
    assert call("learn", "3", "--name", "=1+1", "--folder", "formula").exit_code == 0
    (class_ / "broken").mkdir()
    (class_ / "broken" / "learner.toml").write_text("x", "utf-8")
    said = call("learn", "collect", ".", "-o", "class.csv").stdout
    assert "4 rows, 2 with a draw of another folder" in said
    text = (class_ / "class.csv").read_text("utf-8")
    assert text.startswith("\ufeff")
    rows = {row["folder"]: row for row in csv.DictReader(text.removeprefix("\ufeff").splitlines())}
    assert rows["aisha"] | {"note": ""} == {
        "name": "Айша",
        "folder": "aisha",
        "lesson": "3-tokens",
        "draw": learner.draw(lessons()[2]).id,
        "exercise 1": "wrong",
        "exercise 2": "open",
        "exercise 3": "open",
        "passed": "0",
        "open": "Ашық жауап",
        "note": "",
    }
    assert "report.json" in rows["aisha"]["note"]
    assert "same draw as aisha" in rows["twin"]["note"]
    assert rows["formula"]["name"] == "'=1+1"
    assert "learner.toml" in rows["broken"]["note"]


def test_a_lesson_killed_in_the_middle_goes_on(class_):
    command = [sys.executable, "-m", "anatili", "learn", "1", "--folder", "aisha"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = class_ / "aisha" / "1-census"
    while not folder.is_dir() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "lesson.html").exists()
    answer(read_learner(class_ / "aisha"), lessons()[0], {1: {"pages": 240}})
    before = (folder / "answers.toml").read_bytes()
    assert call("learn", "1", "--folder", "aisha").exit_code == 0
    assert {"crawl.warc.gz", "declared.csv", "lesson.html"} <= {path.name for path in folder.iterdir()}
    assert (folder / "answers.toml").read_bytes() == before
