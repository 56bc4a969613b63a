from pathlib import Path

import pytest

from anatili.problem import Problem
from anatili.run import Drift, Run, differences, find_run, fingerprint, plain


def test_differences_name_the_key():
    old, new = {"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 5, "c": 2}, "d": [1]}
    assert differences(old, new) == ["a.b changed from 1 to 5"]
    assert differences({}, {"x": 1}) == ["x changed from nothing to 1"]


def test_a_changed_table_of_a_list_is_named_with_its_key():
    old = {"sources": [{"name": "web", "unit": "file"}, {"name": "books", "unit": "line"}]}
    new = {"sources": [{"unit": "lines", "name": "web"}, {"name": "books", "unit": "line"}]}
    assert differences(old, new) == ['sources.web.unit changed from "file" to "lines"']
    assert differences(old, {"sources": old["sources"][:1]})[0].startswith("sources.books changed from {")
    (order,) = differences(old, {"sources": old["sources"][::-1]})
    assert order.startswith("sources changed from [")


def test_of_many_changes_a_few_are_named_and_the_others_counted(tmp_path):
    run = Run(tmp_path)
    finish(run, {f"k{number}": 1 for number in range(9)})
    with pytest.raises(Drift, match=r"k5 changed from 1 to 2; and 3 more\.\n"):
        run.is_done("s", {f"k{number}": 2 for number in range(9)})


def test_a_tuple_and_a_list_are_the_same():
    assert fingerprint(plain({"a": (1, 2)})) == fingerprint({"a": [1, 2]})


def finish(run: Run, who: dict, loose=()):
    run.folder("s").mkdir(parents=True, exist_ok=True)
    return run.finish("s", who, {"n": 1}, started=0.0, loose=loose)


def test_a_record_says_what_was_built_from_what(tmp_path):
    run = Run(tmp_path)
    run.folder("s").mkdir()
    (run.folder("s") / "a.txt").write_text("x")
    (run.folder("s") / "log.jsonl").write_text("1")
    (run.folder("s") / ".hidden").write_text("1")
    record = finish(run, {"k": 1}, loose=("log.jsonl",))
    assert list(record.outputs) == ["a.txt"]
    assert run.record("s") == record
    assert {"numpy", "trafilatura"} <= record.provenance["packages"].keys()
    assert run.is_done("s", {"k": 1})
    with pytest.raises(Drift, match=r"k changed from 1 to 2"):
        run.is_done("s", {"k": 2})


def test_a_recorded_command_tells_no_key_and_no_folder_of_this_machine(tmp_path, monkeypatch):
    given = [
        "run",
        "recipes/a.toml",
        "--out=/home/user/my runs/kk",
        "-o/home/user/kk",
        "/data/team/x",
        "a/b",
        "file:///home/user/b",
        "--mirror",
        "s3://KEY:a/secret@bucket/runs/kk?X-Amz-Signature=1#top",
        "C:\\Users\\user\\a.toml",
        "https://a.kz/b/c",
        "--reason",
        "letter of Aisha, 12 Abai Street",
        "--key=secret",
    ]
    monkeypatch.setattr("sys.argv", ["/home/user/.venv/bin/anatili", *given])
    run = Run(tmp_path)
    run.folder("s").mkdir()
    assert finish(run, {}).provenance["command"] == [
        "anatili",
        "run",
        "recipes/a.toml",
        "--out=.../kk",
        "-o.../kk",
        ".../x",
        "a/b",
        "file://.../b",
        "--mirror",
        "s3://bucket/runs/kk",
        ".../a.toml",
        "https://a.kz/b/c",
        "--reason",
        "...",
        "--key=...",
    ]


def test_content_does_not_depend_on_time_or_logs(tmp_path):
    run = Run(tmp_path)
    first = finish(run, {}, loose=("log.jsonl",)).content
    (run.folder("s") / "log.jsonl").write_text("other")
    assert finish(run, {}, loose=("log.jsonl",)).content == first


def test_a_damaged_record_is_told(tmp_path):
    run = Run(tmp_path)
    run.folder("s").mkdir()
    (run.folder("s") / "record.json").write_text('{"stage": ')
    with pytest.raises(Problem, match="--redo s"):
        run.record("s")


def test_two_runs_in_one_folder_are_refused(tmp_path):
    with (
        Run(tmp_path).locked(),
        pytest.raises(Problem, match=r"another run is using .*refine with --out"),
        Run(tmp_path).locked(),
    ):
        pass
    with Run(tmp_path).locked():
        pass


def test_an_unknown_run_names_those_there_are(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "recipe.toml").write_text("")
    with pytest.raises(Problem, match="there are: there"):
        find_run(Path("gone"), tmp_path)
    assert find_run(Path("there"), tmp_path).root == tmp_path / "there"
