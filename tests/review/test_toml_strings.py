"""Strings of a TOML file, changed in place: nothing else of the file moves."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anatili.audit.items import ITEMS
from anatili.pack_folders import FOLDER
from anatili.problem import Problem
from anatili.review.toml_strings import literals, replaced, strings_of, written

FILE = (
    """\
# a comment with "quotes"
title = "Бет" # behind
'odd key'."second".third = 'raw \\d{4}'
date = 1979-05-27 07:32:00
many = [ "one", # a # in here
  'two', """
    + '"""three\n"""'
    + """, ["in", 5], { deep = "x", no = true } ]
[table.'inner one']
text = \"\"\"
first \\
   second "" third\"\"\"
[[row]]
name = "a"
[[row.cell]]
name = "b"
[[row.cell]]
name = "c"
[row.more]
name = "d"
[[row]]
name = '''e''f'''
empty = ""
[[row.cell]]
name = "\\u04d8\\""
"""
)
PATHS = [one.path for one in literals(FILE)]


def test_every_string_is_where_tomllib_has_it():
    assert {one.path: one.text for one in literals(FILE)} == dict(strings_of(tomllib.loads(FILE)))
    assert ("row", 1, "cell", 0, "name") in PATHS
    assert ("odd key", "second", "third") in PATHS


@pytest.mark.parametrize("path", sorted([*FOLDER.glob("*/*.toml"), ITEMS / "world.toml"]), ids=lambda path: path.name)
def test_every_file_of_ours_can_be_read(path):
    text = path.read_bytes().decode()
    assert {one.path: one.text for one in literals(text)} == dict(strings_of(tomllib.loads(text)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PATHS), st.text(max_size=30).filter(lambda text: text.isprintable() or "\r" not in text))
def test_any_text_can_be_put_anywhere(path, text):
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return
    made = replaced(FILE, {path: text})
    assert dict(strings_of(tomllib.loads(made)))[path] == text
    one = next(one for one in literals(FILE) if one.path == path)
    assert made.startswith(FILE[: one.start])
    assert made.endswith(FILE[one.end :])


@pytest.mark.parametrize(
    ("text", "literal", "expected"),
    [
        ("a", "'b'", "'a'"),
        ("it's", "'b'", '"it\'s"'),
        ("\\d", "'''b'''", "'''\\d'''"),
        ('say "hi"\n', '"b"', '"say \\"hi\\"\\n"'),
        ("two\nlines", '"""\nb"""', '"""\ntwo\nlines"""'),
        ("\x00", '"b"', '"\\u0000"'),
    ],
)
def test_a_string_keeps_its_kind_where_that_can_hold_it(text, literal, expected):
    assert written(text, literal) == expected


def test_what_is_not_there_is_not_changed():
    with pytest.raises(Problem, match="cannot be written"):
        replaced(FILE, {("nobody",): "x"})
