"""The guide "Add a language" to the letter: its files are written and its commands run, in a folder of their own."""

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.identify import load_model
from anatili.lang import load_pack, reference
from anatili.lang_check import flat_keys

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "add-a-language.md"
TEXT = Path(__file__).parent / "new" / "os.txt"
BLOCK = re.compile(r"^```(\w+)(?: (\w+)=(\S+))?\n(.*?)^```$", re.M | re.S)
# The guide's model, made so small that it is trained in seconds: what it shows is the way, not the model.
SMALLER = {
    "layers": "1",
    "hidden_size": "32",
    "heads": "2",
    "intermediate_size": "32",
    "tokens": "2_048",
    "vocabulary": "512",
}


def change(text: str, lines: str) -> str:
    """`text` with each `key = value` of `lines` in place of the line that has the key, commented out or not."""
    for line in lines.splitlines():
        key = line.partition(" = ")[0]
        text, count = re.subn(rf"^(?:# )?{re.escape(key)} = .*$", lambda _, line=line: line, text, count=1, flags=re.M)
        assert count == 1, f"the file has no line {key!r} to change"
    return text


def write(kind: str, path: Path, text: str) -> None:
    if kind == "change":
        path.write_text(change(path.read_text("utf-8"), text), "utf-8")
    elif kind == "add":
        path.write_text(f"{path.read_text('utf-8')}\n{text}", "utf-8")
    else:
        for key, value in SMALLER.items():
            text = re.sub(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.M)
        path.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The standard output of each command of the guide."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "text").mkdir()
    (folder / "text" / "os.txt").write_bytes(TEXT.read_bytes())
    outputs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PWD", str(folder))
        for language, kind, name, text in BLOCK.findall(GUIDE.read_text("utf-8")):
            if kind:
                write(kind, folder / name, text)
            for line in text.splitlines() if language == "sh" else ():
                words = shlex.split(os.path.expandvars(line))
                if words[0] == "export":
                    patch.setenv(*words[1].split("=", 1))
                else:
                    forget()
                    answer = CliRunner().invoke(main, words[1:])
                    assert answer.exit_code == 0, f"{line}\n{answer.output}"
                    outputs[line] = answer.stdout
        yield outputs
    forget()


def forget():
    load_pack.cache_clear()
    load_model.cache_clear()


def of(outputs: dict[str, str], start: str) -> str:
    return next(text for line, text in outputs.items() if line.startswith(start))


def test_lang_new_says_what_to_do_next(outputs):
    text = of(outputs, "anatili lang new")
    folder = re.search(r"export ANATILI_PACKS=(\S+)", text)[1]
    assert Path(folder).is_absolute()
    assert (Path(folder) / "os" / "pack.toml").is_file()
    assert "anatili lang check os" in text


def test_the_identifier_and_the_check_pass(outputs):
    assert "100.0%  of held-out whole lines" in of(outputs, "anatili lang identify")
    rows = of(outputs, "anatili lang check").splitlines()
    assert {row.split()[0] for row in rows} == {"ok", "todo"}
    lines = len(flat_keys(load_pack(reference()).prompts))
    assert [row for row in rows if row.startswith("todo")] == [
        f"todo  prompts.toml: the texts of the assistant: {lines - 1} of {lines} lines are still in ru"
    ]


def test_search_finds_and_chat_quotes_what_answers(outputs):
    assert "бартӕ" in of(outputs, "anatili search")
    answer = of(outputs, "anatili chat")
    assert "райгуырынц сӕрибарӕй ӕмӕ ӕмхуызонӕй сӕ барты" in answer
    assert "[1]" in answer
