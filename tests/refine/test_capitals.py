from anatili.refine.capitals import Capitals

TEXTS = [
    "Бүгін Астана қаласында жиын өтті. Оған Қазақстан Президенті келді.",
    "Кеше Астана мен Алматы туралы айтылды, бұл жақсы жаңалық. Енді Қазақстан дайын.",
    "бұл жолда бас әріп жоқ: астана, қазақстан, алматы",
]


def test_names_get_their_capitals_back():
    found = Capitals(TEXTS)
    assert found.restore("жиын астана қаласында өтті , қазақстан ( ел ) дайын .") == (
        "Жиын Астана қаласында өтті, Қазақстан (ел) дайын."
    )


def test_what_has_capitals_stays_as_it_is():
    found = Capitals(TEXTS)
    for text in ("Бұл астана туралы .", "12", ""):
        assert found.restore(text) == text


def test_a_word_seen_once_or_mostly_small_gets_none():
    found = Capitals(["Сөз: Тіл тіл тіл Тіл тіл.", "Онда Павлодар бар."])
    assert found.restore("бұл тіл мен павлодар") == "Бұл тіл мен павлодар"
