"""Files that people write are read however they were saved, and refused by name where they cannot be."""

import tomllib

import pytest

from anatili.problem import Problem
from anatili.text_files import read_lines, toml_value


def test_a_line_ends_where_other_programs_end_it(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffбір\r\nекі\u2028жалғасы\x85\n\nүш".encode())
    assert list(read_lines(file)) == ["бір", "екі\u2028жалғасы\x85", "", "үш"]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1251"])
def test_another_encoding_is_refused_with_its_line(tmp_path, encoding):
    file = tmp_path / "a.txt"
    file.write_bytes("Russian: привет".encode(encoding))
    with pytest.raises(Problem, match=r"a\.txt:1: not UTF-8 .*; convert it first"):
        list(read_lines(file))
    with pytest.raises(Problem, match="no file"):
        list(read_lines(tmp_path / "none.txt"))


@pytest.mark.parametrize("value", ['қаз "1"\n\t\\ \x00\x7f\u2028', 3, 1e-5, True, ["a", {"b c": [1]}]])
def test_what_is_written_as_toml_is_read_as_it_was(value):
    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value
