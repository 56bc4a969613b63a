import random

import numpy as np
import pytest

from anatili.lang import load_pack
from anatili.recipe import Cut
from anatili.refine.cut import thresholds
from anatili.refine.prose import FOREIGN, IN_ORDER, SPACE, UNKNOWN, classes, first_ones, load_models, order, spelling
from anatili.sample.topics import read_topics
from anatili.text import words

TOPICS = read_topics()[:12]
KAZAKH = load_pack("kk")
SCRIPTS = {"Cyrl": "", "Latn": "Latn2021", "Arab": "Arab"}


def texts(code, script="Cyrl"):
    """Passages of two topics each; in another script of Kazakh, transliterated."""
    pages = [topic.pages[code].text for topic in TOPICS]
    joined = [f"{a}\n{b}" for a, b in zip(pages[::2], pages[1::2], strict=True)]
    return [KAZAKH.transliterate(text, SCRIPTS[script]) for text in joined] if SCRIPTS.get(script) else joined


def misread(text, share):
    """`text` with so many of its letters replaced by others of the text."""
    chooser, letters = random.Random(1), sorted({c for c in text.lower() if c.isalpha()})
    return "".join(chooser.choice(letters) if c.isalpha() and chooser.random() < share else c for c in text)


@pytest.mark.parametrize("script", SCRIPTS)
def test_misread_letters_are_told_from_prose_in_every_script(script):
    for text in texts("kk", script):
        good, bad = spelling(text, KAZAKH, script), spelling(misread(text, 0.15), KAZAKH, script)
        assert 0.7 < good.surprisal < 1.6 < bad.surprisal
        assert good.odd < 0.1 < bad.odd


@pytest.mark.parametrize("script", SCRIPTS)
def test_shuffled_words_are_told_from_prose_in_every_script(script):
    good, bad = [], []
    for text in texts("kk", script):
        in_order = words(text)
        good.append(order(text, KAZAKH, script))
        bad.append(order(" ".join(random.Random(2).sample(in_order, len(in_order))), KAZAKH, script))
    assert min(good) > 1.5
    assert np.mean(bad) < 0.7
    assert np.mean(good) > np.mean(bad) + 3


@pytest.mark.parametrize(("code", "script"), [("ru", "Cyrl"), ("en", "Latn"), ("tr", "Latn")])
def test_the_other_languages_have_models_too(code, script):
    pack = load_pack(code)
    text = texts(code)[0]
    most = thresholds(Cut(), pack).max_surprisal
    assert spelling(text, pack, script).surprisal < most < spelling(misread(text, 0.3), pack, script).surprisal
    assert order(text, pack, script) > thresholds(Cut(), pack).min_order


@pytest.mark.parametrize(("code", "script"), [("ru", "Cyrl"), ("tr", "Latn")])
def test_shuffled_words_are_told_in_russian_and_turkish(code, script):
    pack, bad = load_pack(code), []
    for text in texts(code, script):
        in_order = words(text)
        bad.append(order(" ".join(random.Random(2).sample(in_order, len(in_order))), pack, script))
    least = thresholds(Cut(), pack).min_order
    assert np.mean(bad) < least < np.mean([order(text, pack, script) for text in texts(code, script)]) - 1


def test_a_name_is_not_odd_and_a_strange_word_counts_once():
    text = texts("kk")[0]
    odd = spelling(text, KAZAKH, "Cyrl").odd
    assert spelling(text + " Щжбъцгф Пхчщздрк", KAZAKH, "Cyrl").odd == odd
    once = spelling(text + " щжбъцгф", KAZAKH, "Cyrl").odd
    assert once > odd
    assert spelling(text + " щжбъцгф" * 20, KAZAKH, "Cyrl").odd == once


def test_without_a_model_nothing_is_said():
    assert load_models(KAZAKH.folder, "Hebr") == ()
    assert load_models(load_pack("ky").folder, "Cyrl") == ()
    assert spelling("мәтін", KAZAKH, "Hebr").surprisal == spelling("", KAZAKH, "Cyrl").odd == UNKNOWN
    assert order("сөз " * 100, KAZAKH, "Hebr") == order("сөз", KAZAKH, "Cyrl") == IN_ORDER


def test_spaces_and_foreign_letters_in_a_row_count_once():
    found = classes("а  中文b", "а")
    assert found[first_ones(found)].tolist() == [8, SPACE, FOREIGN]
    assert len(first_ones(classes("", "а"))) == 0
