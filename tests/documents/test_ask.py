"""The command `ask`, and the guide that shows it."""

import json
import re
import shlex

import pytest
from chat_server import ChatServer
from click.testing import CliRunner
from guides import GUIDES, blocks

from anatili.cli import main
from anatili.lang import load_pack

SCHOOL = "# Біздің мектеп\n\nМектепте 640 оқушы бар.\nМектеп директоры — Сәуле Оразбаева.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "мектеп.md").write_text(SCHOOL, "utf-8")
    return tmp_path / "documents"


@pytest.mark.parametrize("number", [0, 1], ids=["own language", "another language"])
def test_the_guide_shows_what_ask_prints(folder, number):
    pytest.importorskip("xllamacpp")
    command, *shown = blocks("own-documents.md", "console")[number].splitlines()
    program, *arguments = shlex.split(command.removeprefix("$ "))
    result = CliRunner().invoke(main, arguments)
    assert (program, result.exit_code) == ("anatili", 0), result.output
    assert [line for line in result.stdout.splitlines() if line][-len(shown) :] == shown


def test_the_guide_names_the_formats_and_options_that_there_are():
    from anatili.files.formats import FORMATS

    text = (GUIDES / "own-documents.md").read_text("utf-8")
    assert set(re.findall(r"`(\.\w+)`", text)) >= FORMATS.keys() - {".htm", ".markdown"}
    options = {
        option
        for command in ("ask", "serve")
        for p in main.commands[command].params
        for option in (*p.opts, *p.secondary_opts)
    }
    assert set(re.findall(r"--[a-z][a-z-]*", text)) <= options


def test_a_model_at_an_address_answers_from_the_documents_and_cites_them(folder):
    (folder / "image.png").write_bytes(b"PNG")
    server = ChatServer(lambda question: "Мектеп директоры — Сәуле Оразбаева [1].")
    arguments = ["ask", "documents", "--model", server.url]
    result = CliRunner().invoke(main, arguments, input="Мектеп директоры кім?\nМектеп директоры кім болды?\n")
    assert result.stdout.count("[1] мектеп.md, 1-жол") == server.asked == 2
    assert "skipped: image.png: files with .png are not read" in result.stderr
    answer = json.loads(CliRunner().invoke(main, [*arguments, "--json", "--question", "Мектеп директоры кім?"]).stdout)
    assert (answer["citations"][0]["cited"], answer["passages"][0]["url"]) == ("мектеп.md, 1-жол", "мектеп.md")
    assert "Оразбаева" in answer["answer"]
    (folder / "мектеп.md").rename(folder / "мектеп.bin")
    result = CliRunner().invoke(main, [*arguments, "--question", "Кім?"])
    assert (result.exit_code, "none of these files can be read" in result.stderr) == (1, True)
    server.shutdown()


def test_a_broken_line_of_json_costs_only_itself_and_is_told(folder):
    torn = '{"text": "Асхана'
    lines = ['{"text": "Кітапхана сенбіде жабық."}', torn, '{"text": "Мектеп директоры — Асан Үсенов."}']
    (folder / "мектеп.md").unlink()
    (folder / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    server = ChatServer(lambda question: "Мектеп директоры — Асан Үсенов [1].")
    arguments = ["ask", "documents", "--model", server.url, "--question", "Мектеп директоры кім?"]
    for _ in range(2):  # the second time nothing is read again
        result = CliRunner().invoke(main, arguments)
        assert "[1] rows.jsonl, 3-жол" in result.stdout
        assert "incomplete: rows.jsonl: line 2 is not JSON: left out" in result.stderr
    (folder / "rows.jsonl").write_text(torn, "utf-8")
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "rows.jsonl: line 1 is not JSON" in result.stderr) == (1, True)
    server.shutdown()


def test_where_no_document_answers_the_nearest_passage_is_shown(folder, monkeypatch):
    pytest.importorskip("xllamacpp")
    question = "Мектеп Юпитерден неше шақырым?"
    arguments = ["ask", "documents", "--model", "kazakh-26m", "--question", question]
    monkeypatch.setattr("anatili.serve.assistant.NEAR", 0.1)
    shown = CliRunner().invoke(main, arguments).stdout
    heading = load_pack("kk").prompts["page"]["nearest_passages"]
    assert shown.index(load_pack("kk").prompts["no_answer"]) < shown.index(f"{heading}:") < shown.index("640 оқушы")
    assert "мектеп.md, 3-жол" in shown, "where the sentence begins, not the passage"
    answer = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert (answer["passages"], answer["citations"]) == ([], [])
    assert [passage["url"] for passage in answer["nearest"]] == ["мектеп.md"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["none"], "no file or folder none"), (["documents", "--question", " "], "the question is empty")],
)
def test_what_cannot_be_asked_is_told_before_a_model_is_opened(arguments, message):
    result = CliRunner().invoke(main, ["ask", "--model", "no such model", *arguments])
    assert result.exit_code == 1
    assert message in result.stderr
