"""The reader tells sentences that answer a question from others, and treats each apart."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from anatili.serve import reader as module
from anatili.serve.reader import FILE, LENGTHS, Encoded, Placed, likeness, read_weights, reader, shared

pytestmark = pytest.mark.skipif(not module.installed(), reason="needs the extra dense")
NOTICES = {
    "kk": (
        "Зал таңғы жетіден кешкі сағат онға дейін ашық.",
        "Бір айлық абонемент 9 000 теңге тұрады.",
        "Жаттықтырушы — Ерлан Сәдуақасов.",
        "Шкафтың кілтін кезекшіден алыңыз.",
    ),
    "ru": (
        "Зал открыт с семи утра до десяти вечера.",
        "Абонемент на месяц стоит 9 000 тенге.",
        "Тренирует Ерлан Садуакасов.",
        "Ключ от шкафа возьмите у дежурного.",
    ),
    "en": (
        "The gym is open from seven in the morning to ten at night.",
        "A monthly pass is 9,000 tenge.",
        "The coach is Yerlan Saduakassov.",
        "Get the key to the locker from the person on duty.",
    ),
    "tr": (
        "Salon sabah yediden akşam ona kadar açıktır.",
        "Aylık üyelik 9.000 tengedir.",
        "Antrenör Yerlan Saduakasov'dur.",
        "Dolabın anahtarını nöbetçiden alın.",
    ),
}
ASKED = {
    "kk": ("Нешеде жабылады?", "Абонемент қанша?", "Кім үйретеді?", "Кілтті қайдан аламын?"),
    "ru": ("До скольки работаете?", "Почём абонемент?", "Кто тренер?", "Где взять ключ?"),
    "en": ("When do you close?", "How much is it per month?", "Who trains us?", "Where do I get the key?"),
    "tr": ("Kaça kadar açıksınız?", "Üyelik ne kadar?", "Antrenör kim?", "Anahtarı nereden alırım?"),
}


def placed(language: str) -> list[Placed]:
    texts = ("", *NOTICES[language], "")
    return [Placed("notice", *texts[number : number + 3]) for number in range(len(texts) - 2)]


@pytest.mark.parametrize("language", NOTICES)
def test_the_sentence_that_answers_gets_the_highest_odds(language):
    best = [int(np.argmax(reader().log_odds(asked, placed(language)))) for asked in ASKED[language]]
    assert best == [0, 1, 2, 3]


@pytest.mark.parametrize(("asked_in", "written_in"), [("ru", "kk"), ("en", "kk"), ("kk", "ru"), ("tr", "en")])
def test_question_and_sentence_may_be_in_two_languages(asked_in, written_in):
    best = [int(np.argmax(reader().log_odds(asked, placed(written_in)))) for asked in ASKED[asked_in]]
    assert sum(found == number for number, found in enumerate(best)) >= 3


def test_a_detail_that_is_not_said_gets_lower_odds():
    said = max(reader().log_odds("How much is it per month?", placed("en")))
    for missing in ("How much is it for children?", "When was the gym built?", "How old is the coach?"):
        assert max(reader().log_odds(missing, placed("en"))) < said


def test_a_sentence_is_read_apart_from_the_others():
    sentences = placed("kk")
    together = reader().log_odds(ASKED["kk"][1], sentences)
    module.reader().cache.clear()
    alone = [reader().log_odds(ASKED["kk"][1], [sentence])[0] for sentence in sentences]
    np.testing.assert_allclose(together, alone, atol=1e-3)
    assert reader().log_odds("Кім?", []) == []


def test_long_texts_are_cut_and_empty_ones_read():
    long = Placed("T" * 500, "word " * 500, "word " * 900, "word " * 500)
    ids, parts = reader().sentence(long)
    assert len(ids) == len(parts) <= sum(LENGTHS[1:]) + 2
    odds = reader().log_odds("word " * 900, [long, Placed("", "", "", "")])
    assert np.isfinite(odds).all()


def test_many_threads_get_the_same(monkeypatch):
    monkeypatch.setattr(module, "CACHED", 3)
    expected = [reader().log_odds(asked, placed("ru")) for asked in ASKED["ru"]]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda asked: reader().log_odds(asked, placed("ru")), ASKED["ru"] * 6))
    for number, odds in enumerate(found):
        np.testing.assert_allclose(odds, expected[number % len(expected)], atol=1e-3)
    assert len(reader().cache) <= 3


def test_what_is_shared_and_alike_is_told_of_each_token():
    asked = Encoded([0, 7, 8, 2], [0] * 4, np.eye(4, 6, dtype=np.float32))
    told = Encoded([0, 8, 9, 7, 2], [1, 1, 2, 2, 3], np.eye(5, 6, dtype=np.float32))
    assert shared(asked, told) == [0, 1, 0, 0, 0, 1, 0, 1, 0]
    alike = likeness(asked, told)
    assert alike.shape == (9, 2)
    np.testing.assert_allclose(alike[:4], [[0, 1], [0, 1], [1, 1], [1, 1]], atol=1e-4)


def test_the_file_has_what_is_used():
    weights = read_weights(FILE)
    assert {name.split(".")[0] for name in weights} == {"norm", "inp", "seg", "same", "sim", "blocks", "fin", "out"}
    assert all(np.isfinite(tensor).all() for tensor in weights.values())
