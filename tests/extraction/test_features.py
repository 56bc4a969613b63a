"""What is counted about blocks: the same in every script, and nothing grows faster than the page."""

import json

import numpy as np
import pytest

from anatili.extraction.blocks import read_blocks
from anatili.extraction.features import (
    COMMA,
    DIGIT,
    LETTER,
    STOP,
    UPPER,
    WIDE,
    Features,
    containers,
    counts,
    shared,
    stated_text,
)


@pytest.mark.parametrize(
    ("text", "letters", "wide", "stops", "commas"),
    [
        ("Қазақ тілі, иә.", 11, 0, 1, 1),
        ("қазақ тілі، иә؟", 11, 0, 1, 1),
        ("قازاق تىلى، يا؟", 11, 0, 1, 1),
        ("哈萨克语，是。", 0, 5, 1, 1),
        ("ภาษา", 0, 4, 0, 0),
        ("😀 12", 0, 1, 0, 0),
    ],
)
def test_characters_are_told_apart_in_every_script(text, letters, wide, stops, commas):
    table, first, last = counts(["x", text])
    row = table[:, 1]
    assert (row[LETTER] + row[UPPER], row[WIDE], row[STOP], row[COMMA]) == (letters, wide, stops, commas)
    assert row.sum() == len(text)
    assert last[1] == (DIGIT if text.endswith("2") else last[1])
    assert first[0] == LETTER


def test_the_same_page_in_two_scripts_has_the_same_features():
    page = "<body><ul><li><a>{0}</a><li><a>{0}</a></ul><p>{0} {0}, {0}.</p>"
    cyrillic, arabic = (Features(read_blocks(page.format(word)), "", "") for word in ("сөз", "سوز"))
    assert np.allclose(cyrillic.values, arabic.values)
    assert (cyrillic.names == arabic.names).all()


def test_containers_are_the_next_larger_around():
    # html > body > (div > p, p) > ...: an element that holds as many blocks as its parent is no container of its own
    assert containers([-1, 0, 1, 2, 1], [2, 2, 1, 1, 1]) == [0, 0, 1, 1, 1]


def stating(text):
    return f'<script type="application/ld+json">{{"articleBody" : {json.dumps(text, ensure_ascii=False)}}}</script>'


def test_text_that_a_page_states_is_read():
    assert stated_text(stating("Бір\n екі <b>үш</b> &amp; &lt;p&gt;төрт")) == "Бір екі үш & төрт"
    assert stated_text('<script>{"articleBody": "not closed') == ""
    assert stated_text('<script>{"articleBody": null, "a": "b"}') == ""
    assert stated_text("") == ""


def test_blocks_of_the_stated_text_are_marked():
    said, other = "Айтылған мәтін осы жерде тұр екен. " * 8, "Бұл басқа нәрсе туралы, мақалада жоқ."
    page = stating(said) + f"<p>{said}</p><p>{other}</p><p>ок</p>"
    assert Features(read_blocks(page), page, "").values[:, 0].tolist() == [1, -1, 0]


def test_the_title_is_known_again():
    page = "<title>Ауа райы туралы</title><h1>Ауа райы туралы</h1><p>Ертең суық болады.</p>"
    values = Features(read_blocks(page), page, "Ауа райы туралы — Сайт").values
    assert values[:, 1].tolist() == [1, 0]


def test_words_that_other_blocks_and_the_title_have_are_counted():
    texts = ["Саябақтың құрылысы көктемде басталды.", "Құрылыс күзге қарай аяқталады, саябаққа кіру тегін.", "Сәлем"]
    others, title = shared(texts, np.array([30.0, 40.0, 5.0], np.float32), "Жаңа саябақ")
    assert others.tolist() == pytest.approx([2 / 4, 2 / 6, 0])
    assert title.tolist() == pytest.approx([1 / 4, 1 / 6, 0])
