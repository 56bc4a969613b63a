"""The files of the contributors' pages: every word in every language, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from anatili.lang import load_pack
from anatili.lang.page_words import COMMONS, own_words

STATIC = Path(__file__).parents[2] / "src" / "anatili" / "serve" / "static"
MODULES = ("better", "board", "commons", "contribute", "mine", "moderation", "outbox", "texts", "translator", "voting")
IN_PYTHON = {"consent", "consent_cc0", "consent_by"}


def read(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def used_words() -> tuple[set[str], set[str]]:
    """The words that the pages name, and beginnings of words of which they name several."""
    page, code = read("commons.html"), "".join(read(f"{name}.js") for name in MODULES)
    words = {
        *re.findall(r'data-(?:word|label)="commons_(\w+)"', page),
        *re.findall(r'"commons_(\w+)"', code),
        *re.findall(r'term\("(\w+)"', code),
        *re.findall(r'"(board_\w+)"', code),
        *re.findall(r'"(text_own|text_other)"', code),
    }
    return words, set(re.findall(r"`(?:commons_)?([a-z]+_)\$\{", code)) - {"commons_"}


def test_every_word_is_in_every_language_with_the_same_fields():
    words, beginnings = used_words()
    assert len(words) > 70
    assert {"reason_", "state_", "kind_", "why_", "missing_", "personal_", "consent_"} == beginnings
    english = own_words(load_pack("en"), COMMONS)
    assert words <= english.keys()
    unused = {name for name in english.keys() - words - IN_PYTHON if not name.startswith(tuple(beginnings))}
    assert not unused, "take them out of the packs"
    for language in ("kk", "ru", "tr"):
        own = own_words(load_pack(language), COMMONS)
        assert own.keys() == english.keys(), language
        for key, text in own.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


def test_the_page_is_local_and_its_files_are_there():
    page = read("commons.html")
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert "style=" not in page
    assert "<script>" not in page
    for file in re.findall(r"/static/([\w.-]+)", page):
        assert (STATIC / file).is_file()


@pytest.mark.parametrize("name", MODULES)
def test_nothing_of_others_becomes_markup(name):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", read(f"{name}.js"))
