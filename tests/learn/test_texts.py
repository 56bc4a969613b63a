"""The lessons in all languages are the same lesson: headings, commands, figures, exercises, messages."""

import ast
import json
import re
import string
import tomllib

import click
import pytest
from conftest import ROOT

from anatili.cli import main
from anatili.learn.course import exercises_of
from anatili.learn.lesson import FOLDER, WORDS, flat, languages, lessons, messages, show
from anatili.learn.markup import PLACEHOLDER, commands, placeholders, spans

SHEETS = [(lesson, kind) for lesson in lessons() for kind in ("", "teacher")]
IDS = [f"{lesson.name} {kind}".strip() for lesson, kind in SHEETS]
FOLDER_WORD = re.compile(r" (?:FOLDER|ПАПКА|БУМА)\b")


def shape(blocks):
    """What must be the same in all languages."""
    return [
        (block.kind, block.id, len(block.lines), block.lines if block.kind in ("sh", "text", "toml") else ())
        for block in blocks
    ]


def code(blocks):
    return sorted(
        FOLDER_WORD.sub("", text)
        for block in blocks
        for mark, text in spans(block.text)
        if mark == "code" and block.kind not in ("sh", "text", "toml")
    )


@pytest.mark.parametrize(("lesson", "kind"), SHEETS, ids=IDS)
def test_the_languages_say_the_same(lesson, kind):
    first, *others = (lesson.blocks(language, kind) for language in languages())
    for other in others:
        assert shape(other) == shape(first)
        assert code(other) == code(first)
        for one, two in zip(first, other, strict=True):
            assert sorted(placeholders((one,))) == sorted(placeholders((two,))), one.text


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_has_all_its_parts(lesson):
    ids = [block.id for block in lesson.blocks(languages()[0]) if block.kind == "heading"]
    exercises = [f"exercise-{number}" for number in range(1, len(lesson.file.exercises) + 1)]
    assert ids[:2] == ["goals", "know"]
    assert ids[-1 - len(exercises) :] == [*exercises, "open"]
    sheet = [block.id for block in lesson.blocks(languages()[0], "teacher") if block.kind == "heading"]
    assert sheet == ["timing", "pitfalls", "solutions", "open", "offline"]
    assert len(exercises_of(lesson).checks) == len(exercises)
    assert 45 <= lesson.file.minutes <= 60


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_the_minutes_of_the_sheet_are_those_of_the_lesson(lesson):
    for language in languages():
        table = next(block for block in lesson.blocks(language, "teacher") if block.kind == "table")
        assert sum(int(row.split("|")[1]) for row in table.lines[1:]) == lesson.file.minutes


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_glossary_answers_and_messages_are_in_all_languages(lesson):
    expected = set(languages())
    texts = [*lesson.file.glossary, *(a.ask for e in lesson.file.exercises for a in e.answers)]
    texts += messages(lesson.folder / "messages.toml").values()
    assert len(lesson.file.glossary) >= 8
    for text in texts:
        assert text.keys() == expected, text


@pytest.mark.parametrize("path", [WORDS, *FOLDER.glob("*/messages.toml")], ids=lambda path: path.parent.name)
def test_messages_take_the_same_values_in_all_languages(path):
    for key, text in flat(tomllib.loads(path.read_text("utf-8"))).items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(one) if name} for one in text.values()]
        assert all(one == fields[0] for one in fields), key
        assert all(one.strip() or key == "number.thousands" for one in text.values()), key


def keys_of(path):
    """The messages that a lesson's checks can give: of `CheckFailed(...)`, of `expect(key, ..)` and its mistakes."""
    keys = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name == "CheckFailed":
            first = node.args[0]
            options = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
            keys |= {one.value for one in options if isinstance(one, ast.Constant)}
        elif name == "expect":
            keys.add(f"wrong_{node.args[0].value}")
            keys |= {key.value for one in node.args if isinstance(one, ast.Dict) for key in one.keys}
    return keys


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_every_message_of_a_check_is_written_and_used(lesson):
    used = keys_of(ROOT / "src" / "anatili" / "learn" / "exercises" / f"{lesson.slug}.py")
    own = set(messages(lesson.folder / "messages.toml"))
    common = {key.removeprefix("wrong.") for key in messages(WORDS) if key.startswith("wrong.")}
    assert used - own - common == set()
    assert own - used == set()
    assert own & common == set()


def all_commands():
    for lesson, kind in SHEETS:
        for language in languages():
            blocks = lesson.blocks(language, kind)
            inline = [text for block in blocks for mark, text in spans(block.text) if mark == "code"]
            text = [line for block in blocks if block.kind == "text" for line in block.lines]
            yield from (line for line in (*commands(blocks), *inline, *text) if line.startswith("anatili "))


def test_every_command_in_a_lesson_is_one_of_ours():
    seen = set(all_commands())
    assert len(seen) > 15
    for line in seen:
        command, words = main, line.partition(" > ")[0].split()[1:]
        while isinstance(command, click.Group) and words and not words[0].isdecimal():
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_facts_are_those_of_the_results():
    results = json.loads((ROOT / "docs" / "results.json").read_text("utf-8"))
    rows = [row for section in results["sections"] for row in section["rows"]]
    for lesson in lessons():
        assert lesson.file.facts.keys() == lesson.file.sources.keys()
        for name, value in lesson.file.facts.items():
            row = next(one for one in rows if one["id"] in lesson.file.sources[name])
            assert str(value) in f"{row['value']} {row.get('peer', '')}", name


def test_numbers_are_written_as_readers_of_the_language_write_them():
    assert [show(1234567.25, language) for language in ("kk", "ru", "en")] == [
        "1 234 567,25",
        "1 234 567,25",
        "1,234,567.25",
    ]
    assert show("crawl.warc.gz", "kk") == "crawl.warc.gz"


def test_no_figure_of_a_run_stands_in_a_text_by_hand():
    """Shares and decimals come from the run; what is typed is a round number or part of a formula."""
    typed = re.compile(r"\d+[.,]\d+")
    for lesson in lessons():
        for language in languages():
            for block in lesson.blocks(language):
                if block.kind not in ("sh", "text", "toml"):
                    text = PLACEHOLDER.sub("", block.text)
                    assert not [n for n in typed.findall(text) if not re.fullmatch(r"\d{1,3},000|1,024|1,200", n)], (
                        block.text
                    )
