"""The command line in Kazakh and Russian: every command and option, click's own texts, and the commonest messages."""

import ast
import re

import click
import pytest
from click.testing import CliRunner

from anatili.cli import localization, main
from anatili.cli.localization import FIELD, FILE, FOLDER, Catalog, commands_of, first_sentence, load_catalog, read_po
from anatili.cli.summaries import draw_status
from anatili.collect.block_list import BLOCKED
from anatili.data_errors import CUT_SHORT
from anatili.refine.cut import SHARED
from anatili.refine.split import FRAME
from anatili.takedown_log import TAKEN_DOWN

CODES = sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


@pytest.fixture(params=CODES)
def code(request, monkeypatch):
    monkeypatch.setenv("ANATILI_LANG", request.param)
    yield request.param
    localization.install(main, Catalog())


def english_texts() -> set[str]:
    """What each catalog must have: the first sentence of each command, the help of each option, the headings."""
    localization.install(main, Catalog())
    texts = set(main.sections()) if isinstance(main, localization.click.Group) else set()
    for command in commands_of(main):
        texts |= {first_sentence(command.help)} if command.help else set()
        texts |= {each.help for each in command.params if isinstance(each, click.Option) and each.help}
    return texts


def test_there_are_catalogs():
    assert set(CODES) >= {"kk", "ru"}


@pytest.mark.parametrize("catalog", CODES)
def test_a_catalog_covers_every_command_and_option(catalog):
    missing = english_texts() - load_catalog(catalog).texts.keys()
    assert not missing, f"add these to src/anatili/lang/{catalog}/{FILE}: {sorted(missing)}"


@pytest.mark.parametrize("catalog", CODES)
def test_texts_keep_their_fields_names_and_defaults(catalog):
    for english, text in read_po(FOLDER / catalog / FILE):
        assert sorted(FIELD.findall(english)) == sorted(FIELD.findall(text)), english
        names = r"--[a-z][\w-]+|`[^`]+`|\b[A-Z_]{4,}\b"
        assert set(re.findall(names, text)) == set(re.findall(names, english)), text
        assert text.endswith((".", "!", ":")) == english.endswith((".", "!", ":")) or FIELD.search(english), text


def test_help_and_messages_are_in_the_language_of_the_environment(code):
    run = CliRunner().invoke
    assert first_sentence(main.help) == "From a raw web crawl to an assistant in your own language."
    overview = run(main, ["--help"]).output
    assert "Commands" not in overview
    assert "Publish" not in overview
    assert load_catalog(code).texts["Make a key for a user NAME of a server."] in " ".join(overview.split())
    options = " ".join(run(main, ["serve", "--help"]).output.split())
    assert load_catalog(code).texts["Only these languages; repeatable."] not in options
    assert load_catalog(code).texts["Allowed Host header; repeatable."] in options
    assert load_catalog(code).texts["required"] in run(main, ["sift", "--help"]).output
    wrong = run(main, ["run", "gone.toml"])
    assert wrong.exit_code == 1
    expected = {
        "kk": "Қате: gone.toml деген рецепт жоқ; жинақта бары: ",
        "ru": "Ошибка: нет рецепта gone.toml; в компл",
    }
    assert wrong.output.startswith(expected[code])
    assert load_catalog(code).texts["Missing argument"] in run(main, ["run"]).output
    for arguments in (
        ["nothing"],
        ["run", "--nothing"],
        ["serve", "--port", "x"],
        ["search", "sample", "x", "--limit", "0"],
        ["serve", "--por", "1"],
        ["serve", "--aud", "1", "--key"],
    ):
        output = run(main, arguments).output
        assert not re.search(r"No such|Did you mean|is not a valid|not in the range|Invalid value|Usage", output), (
            output
        )


WRONG = (
    ["ask", "GONE", "--question", "x"],
    ["ask", "FOLDER", "--model", "kazakh-26m", "--question", "x"],
    ["chat", "gone", "--question", "x"],
    ["chat", "http://127.0.0.1:9/v1", "--question", "x"],
    ["chat", "kazakh-26m", "--question", " "],
    ["chat", "FOLDER/empty.gguf", "--question", "x"],
    ["serve", "--host", "0.0.0.0"],
    ["serve", "--public", "--proxy", "x"],
    ["serve", "--keys", "GONE"],
    ["serve", "gone"],
    ["translate", "kazakh-26m", "GONE", "--from", "ru", "--target", "kk"],
    ["translate", "kazakh-26m", "FOLDER/image.png", "--from", "ru", "--target", "kk"],
    ["pull", "gone"],
    ["pull", "kazakh-26m"],
    ["models", "gone"],
    ["key", "a b"],
    ["key", "a", "--expires", "2020-01-01"],
    ["key", "a", "--expires", "x"],
    ["search", "sample", "x", "--only", "xx"],
    ["plan", "sherkala-8b", "--chips", "x"],
    ["plan", "sherkala-8b", "--chips", "H200", "--fertility", "2"],
    ["plan", "sherkala-8b", "--chips", "H200", "--destination", "Kazakhstan"],
    ["plan", "sherkala-8b", "--chips", "H200", "--date", "2025-05-13"],
    ["learn", "99"],
    ["learn", "check", "1", "--folder", "FOLDER"],
    ["lang", "new", "kk"],
    ["lang", "new", "X"],
    ["audit", "kazakh-26m", "--items", "gone"],
    ["commons", "export", "GONE", "-o", "FOLDER/x"],
    ["tokenizer", "report", "gone", "--text", "FOLDER/README"],
)
"""Calls with which people begin, and what they get wrong in them."""


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_newcomers_get_wrong_is_told_in_their_language(code, arguments, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path_factory.mktemp("cache")))
    (tmp_path / "README").write_bytes(b"text")
    (tmp_path / "image.png").write_bytes(b"PNG")
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "torn.docx").write_bytes(b"PK")
    named = [word.replace("FOLDER", str(tmp_path)).replace("GONE", str(tmp_path / "none")) for word in arguments]
    result = CliRunner().invoke(main, named)
    assert result.exit_code in (1, 2), result.output
    said = re.sub(r"`[^`]*`|https?:\S+|anatili( \S+)+|/\S+|\(.*?\)|: [\w ]+$", "", result.output, flags=re.MULTILINE)
    assert not re.findall(r"\b(?:the|is|not|no|of|name|give|it|are|cannot|and)\b", said), result.output


ENGLISH = re.compile(r"\b(?:the|is|not|no|of|it|are|and|for|by|left|with|per|days|each|from|since|to|on|in)\b")
PLANNED = ["plan", "sherkala-8b", "--chips", "Ascend910B", "--number", "64", "--words", "2e9", "--epochs", "10"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        [*PLANNED, "--destination", "KAZ", "--without", "nvidia"],
        [*PLANNED, "--destination", "D:4", "--price", "1,2,3"],
        ["plan", "kazllm-70b", "--chips", "H100", "--number", "8", "--destination", "KAZ", "--date", "2026-11-01"],
        ["plan", "serving", "sherkala-8b", "--users", "1000"],
    ],
    ids=" ".join,
)
def test_plan_and_doctor_speak_the_language_of_the_environment(code, arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    said = re.sub(r"`[^`]*`|anatili \S+|pip install.*|\(.*?\)|(?:Дереккөзі|Источник).*", "", result.output)
    assert not ENGLISH.findall(said), result.output
    assert not re.search(r"\d,\d{3}", said), "a comma between thousands is a decimal comma to the reader"


def said_in(output: str) -> str:
    """What stands in a table beside identifiers, code, addresses and quoted texts."""
    return re.sub(r"`[^`]*`|'[^']*'|https?:\S+|anatili \S+( NAME)?|\([^)]*\)|\w+\.(?:toml|txt|tsv):", "", output)


@pytest.mark.parametrize(
    "arguments",
    [["run", "tiny", "--dry-run"], ["run", "sherkala-8b", "--dry-run"], ["models"], ["lang", "check", "kk"]],
    ids=" ".join,
)
def test_tables_are_in_the_language_of_the_environment(code, arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    said = said_in(result.output)
    assert not ENGLISH.findall(said), result.output
    if arguments[0] == "run":
        labels = re.findall(r"^ *([^:\n]+):", said, re.MULTILINE)
        assert len(labels) > 20
        assert not [label for label in labels if re.search("[A-Za-z]{3}", label)], "a name of a fact is English"


def test_what_a_model_needs_is_told_in_the_language_of_the_environment(code):
    output = CliRunner().invoke(main, ["models", "kazllm-8b"]).output
    labels = {line.split(":")[0].strip() for line in output.splitlines()[1:]}
    assert not [label for label in labels if re.match("[A-Za-z]", label)], output


ROWS = {
    "run": "runs/tiny",
    "recipe": "tiny",
    "stages": [
        {
            "stage": "cut",
            "state": "built",
            "content": "0" * 64,
            "fingerprint": "1" * 64,
            "seconds": 0.4,
            "inputs": {"mark": "2" * 64},
            "summary": {
                "documents": {"held-out: kk": 24, "kept: kk": 1320, "lost: words out of order": 3},
                "scores": {"kk held-out": {"xz": 1.72, "tune": 1.51}},
                "steps_left_out": 0,
                "sources": ["sample", "crawl"],
            },
        },
        {"stage": "index", "state": "missing"},
    ],
}


def test_status_names_facts_and_reasons_in_the_language_of_the_environment(code, capsys):
    localization.install(main, load_catalog(code))
    draw_status(ROWS)
    shown = capsys.readouterr().out
    for word in ("kept", "lost", "held-out", "words out of order", "documents", "not built", "built", "steps left out"):
        assert load_catalog(code).texts[word] in shown
        assert not re.search(rf"\b{word}\b", shown.replace("kk held-out", "")), shown
    assert "1\u00a0320" in shown
    localization.install(main, Catalog())
    draw_status(ROWS)
    shown = capsys.readouterr().out
    assert "kk held-out: xz 1.72, tune 1.51" in shown
    assert "kept: kk: 1,320" in shown
    assert "sources: sample, crawl" in shown


@pytest.mark.parametrize(
    "what",
    [
        "became document 0f",
        "marked",
        "near duplicate of 0f",
        "not a duplicate, or the copy that is kept",
        "in the corpus (kk)",
        "held out for evaluation (kk)",
        "taken down: ...",
    ],
)
def test_what_happened_to_a_page_is_told_in_the_language_of_the_environment(code, what):
    assert not re.search("[a-z]{3}", load_catalog(code).filled(what))


def reasons_in(file: str) -> set[str]:
    """The reasons of losses that are written out in a module: in rows of checks, and in losses themselves."""
    found = set()
    for node in ast.walk(ast.parse((FOLDER.parent / file).read_text("utf-8"))):
        if isinstance(node, ast.Tuple) and len(node.elts) == 3:
            found.add(node.elts[1])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Lost", "Broken"):
            found |= set(node.args[1 if node.func.id == "Broken" else 2 :][:1])
    return {node.value for node in found if isinstance(node, ast.Constant) and node.value}


@pytest.mark.parametrize("catalog", CODES)
def test_each_reason_of_a_loss_has_its_words(catalog):
    files = ("refine/cut.py", "refine/extract.py", "collect/collect.py", "collect/sites.py", "warc/__init__.py")
    reasons = set().union(*map(reasons_in, files)) | {TAKEN_DOWN, SHARED, BLOCKED, CUT_SHORT, FRAME}
    assert len(reasons) > 30
    assert not reasons - load_catalog(catalog).texts.keys()


def test_english_returns_after_another_language():
    localization.install(main, load_catalog("kk"))
    localization.install(main, Catalog())
    assert "Make a key for a user NAME" in CliRunner(env={"ANATILI_LANG": "en"}).invoke(main, ["--help"]).output


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LC_ALL": "kk_KZ.UTF-8"}, "kk"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LC_ALL": "C.UTF-8", "LANG": "ru_RU"}, ""),
        ({"ANATILI_LANG": "ru", "LC_ALL": "kk_KZ"}, "ru"),
        ({"LANG": "../kk"}, ""),
        ({}, ""),
    ],
)
def test_the_language_is_found_as_in_gettext(monkeypatch, variables, expected):
    for name in ("ANATILI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert localization.language() == expected


def test_a_message_is_only_translated_if_all_of_it_fits():
    catalog = Catalog(
        "x", {"no run {name}; there are: {names}": "{names} | {name}", "a {b} c": "{b}", "{p}: gone": "!{p}"}
    )
    assert catalog.message("no run tiny; there are: a, b") == "a, b | tiny"
    assert catalog.message("no run tiny") == "no run tiny"
    assert catalog.message("a 1 c c") == "1 c"
    assert catalog.message("x: y: gone") == "!x: y"
    assert catalog.message("a  c!") == "a  c!"
    long = "no run " + "; there are: " * 100_000  # of a pattern that is not linear this would have no end
    assert catalog.message(long) != long
