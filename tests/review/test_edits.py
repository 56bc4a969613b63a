"""Corrections of data files come out as diffs that git takes; the files stay as they are."""

import subprocess

import pytest

from anatili.cli.localization import read_po
from anatili.pack_folders import FOLDER
from anatili.problem import Problem
from anatili.review.edits import Change, diff_of, label_of, open_file


def applied(folder, diff: str) -> None:
    """Apply a diff as somebody who gets it would."""
    done = subprocess.run(["git", "apply", "-"], cwd=folder, input=diff.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def correct(file, key: str, text: str) -> None:
    file.check(key, text)
    assert file.take(key, Change(file.original(key), text, "Айша"))


@pytest.mark.parametrize("name", ["prompts.toml", "audit.toml", "stopwords.txt"])
def test_a_diff_of_a_pack_changes_one_line(tmp_path, name):
    file = open_file(FOLDER / "kk" / name)
    before = (FOLDER / "kk" / name).read_bytes()
    key = next(key for key, entry in file.entries.items() if "{" not in entry.text and "\\" not in entry.text)
    text = "өзге сөз"
    correct(file, key, text)
    diff = diff_of([file])
    assert [line[:1] for line in diff.splitlines()[2:] if line[:1] in "+-"] == ["-", "+"]
    assert f"+++ b/src/anatili/lang/kk/{name}" in diff
    target = tmp_path / "src" / "anatili" / "lang" / "kk" / name
    target.parent.mkdir(parents=True)
    target.write_bytes(before)
    applied(tmp_path, diff)
    assert target.read_text("utf-8") == file.corrected()
    assert (FOLDER / "kk" / name).read_bytes() == before
    assert open_file(target).entries[key].text == text


@pytest.mark.parametrize(
    ("content", "after"),
    [
        (b"bir\niki\n", "БІР\niki\nжаңа\n"),
        (b"bir\r\niki\r\n", "БІР\r\niki\r\nжаңа\r\n"),
        (b"bir\niki", "БІР\niki\nжаңа\n"),
        (b"\xef\xbb\xbfbir\niki\n", "\ufeffБІР\niki\nжаңа\n"),
        ("bir\n# note\u2028x\n\niki\n".encode(), "БІР\n# note\u2028x\n\niki\nжаңа\n"),
    ],
)
def test_endings_marks_and_new_lines_are_kept(tmp_path, monkeypatch, content, after):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    file = open_file(path)
    correct(file, "1", "БІР")
    correct(file, file.next_new(), "жаңа")
    applied(tmp_path, diff_of([file]))
    assert path.read_bytes().decode() == after


def test_a_line_can_be_taken_out_and_an_undone_correction_leaves_no_diff(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "words.txt"
    path.write_text("bir\niki\n", "utf-8")
    file = open_file(path)
    correct(file, "2", "")
    assert file.corrected() == "bir\n"
    correct(file, "2", "iki")
    assert diff_of([file]) == ""


def test_a_correction_that_would_break_the_file_is_refused():
    prompts, audit = open_file(FOLDER / "kk" / "prompts.toml"), open_file(FOLDER / "kk" / "audit.toml")
    with pytest.raises(Problem, match=r"keep what stands in braces: \{millions\}"):
        prompts.check("notice_small", "Модель кішкентай.")
    with pytest.raises(Problem, match="a text cannot be empty"):
        prompts.check("page.send", " ")
    with pytest.raises(Problem, match="has no 'nothing'"):
        prompts.check("nothing", "x")
    with pytest.raises(Problem, match="not a regular expression"):
        audit.check("refusal.0", "(бас тарт")
    with pytest.raises(Problem, match="write one line"):
        open_file(FOLDER / "kk" / "stopwords.txt").check("+1", "екі\nжол")


ENGLISH = "{failed} of {all} checks fail for {code}; each line with FAIL says what to correct"
RAN = "Write the labels beside the transcripts, and print the agreement."


def test_texts_of_the_command_line_are_corrected_below_their_english_ones(tmp_path):
    path = FOLDER / "kk" / "commands.po"
    file, before = open_file(path), path.read_bytes()
    assert {english: entry.text for english, entry in file.entries.items()} == dict(read_po(path))
    text = '{all} тексерудің "{failed}" тексеруі FAIL: {code}'
    correct(file, ENGLISH, text)
    correct(file, RAN, "Белгілерді жазу.")
    for key, wrong in (
        (ENGLISH, text.replace("{all}", "")),
        (ENGLISH, text.replace("FAIL", "ҚАТЕ")),
        (ENGLISH, text + " {more}"),
        (ENGLISH, text + " --json"),
    ):
        with pytest.raises(Problem, match="keep what stands in the English text"):
            file.check(key, wrong)
    with pytest.raises(Problem, match="has no"):
        file.check("+1", "a line more")
    (tmp_path / "src/anatili/lang/kk").mkdir(parents=True)
    (tmp_path / "src/anatili/lang/kk/commands.po").write_bytes(before)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    applied(tmp_path, diff_of([file]))
    corrected = dict(read_po(tmp_path / "src/anatili/lang/kk/commands.po"))
    assert corrected == dict(read_po(path)) | {ENGLISH: text, RAN: "Белгілерді жазу."}
    assert path.read_bytes() == before


def test_a_correction_follows_its_line_and_is_dropped_when_its_text_has_changed(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("жаңа\nbir\niki\n", "utf-8")
    file = open_file(path)
    assert file.take("1", Change("bir", "БІР", "Айша"))
    assert file.corrected() == "жаңа\nБІР\niki\n"
    assert not file.take("2", Change("үш", "ҮШ", "Айша"))


def test_files_are_named_by_their_path_in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert label_of(FOLDER / "kk" / "pack.toml") == "src/anatili/lang/kk/pack.toml"
    assert label_of(tmp_path / "a" / "b.txt") == "a/b.txt"
    assert label_of(tmp_path.parent / "b.txt") == f"{tmp_path.parent.name}/b.txt"
