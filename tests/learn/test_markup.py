"""The subset of Markdown in which lessons are written."""

import pytest

from anatili.learn.lesson import lessons
from anatili.learn.markup import Block, fill, parse, spans
from anatili.learn.page import html, inline
from anatili.learn.screen import draw
from anatili.problem import Problem

TEXT = """\
# Title

## Aims {#aims}

Some `code`, **strong** and
*soft* words.

- one
  goes on
- two

1. first
2. second

> A note.

| a | b |
|---|---|
| 1 | {{your.n}} |

```sh
anatili doctor
```

```output
```
"""


def test_each_block_is_read():
    blocks = parse(TEXT, "t.md")
    assert [block.kind for block in blocks] == [
        "title",
        "heading",
        "paragraph",
        "items",
        "steps",
        "note",
        "table",
        "sh",
        "output",
    ]
    assert blocks[1] == Block("heading", ("Aims",), "aims")
    assert blocks[3].lines == ("one goes on", "two")
    assert blocks[6].lines == ("| a | b |", "| 1 | {{your.n}} |")


def test_placeholders_and_outputs_are_filled_and_escaped():
    filled = fill(parse(TEXT, "t.md"), {"your.n": "<7>"}, ("printed\nlines",), "t.md")
    assert filled[-1].lines == ("printed", "lines")
    assert "&lt;7&gt;" in html(filled[6])
    assert "    printed\n    lines" in draw(filled)
    assert "$ anatili doctor" in draw(filled)


def test_a_placeholder_without_a_value_is_refused():
    with pytest.raises(Problem, match=r"your\.n.* has no value"):
        fill(parse(TEXT, "t.md"), {}, (), "t.md")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("No title.\n", 1),
        ("# One\n\n# Two\n", 1),
        ("# T\n\n## No name\n", 3),
        ("# T\n\n### Deep {#deep}\n", 3),
        ("# T\n\nA [link](https://example.kz).\n", 3),
        ("# T\n\nText <b>bold</b>.\n", 3),
        ("# T\n\n```python\nx\n```\n", 3),
        ("# T\n\n```sh\nanatili\n", 3),
        ("# T\n\n- one\ntwo\n", 4),
        ("# T\n\n| a | b |\n|---|---|\n| 1 |\n", 5),
        ("# T\n\n| a |\n| 1 |\n", 4),
    ],
)
def test_what_is_not_in_the_subset_is_told_with_its_line(text, line):
    with pytest.raises(Problem, match=rf"^t\.md:{line}: "):
        parse(text, "t.md")


def test_inline_marks_are_tags_and_nothing_else_is():
    assert inline("a `<b>` **c** *d* & e") == "a <code>&lt;b&gt;</code> <strong>c</strong> <em>d</em> &amp; e"
    assert list(spans("2 * 3 * 4")) == [("", "2 "), ("em", " 3 "), ("", " 4")]


def test_a_page_needs_nothing_from_elsewhere():
    for lesson in lessons():
        for language in ("kk", "ru", "en"):
            text = "\n".join(html(block) for block in lesson.blocks(language))
            assert "src=" not in text
            assert "href=" not in text
