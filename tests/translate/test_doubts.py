"""What is told of a translation that is wrong, and that right ones are left alone."""

from time import process_time

import pytest

from anatili.engine import similarity
from anatili.lang import load_pack
from anatili.lang.spelling import likeness
from anatili.translate.doubts import doubts

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


@pytest.fixture(params=["without vectors", "with vectors"])
def told(request, monkeypatch):
    if request.param == "without vectors":
        monkeypatch.setattr(similarity, "PACKAGE", "")
    elif not similarity.installed():
        pytest.skip(f"needs the package {similarity.PACKAGE}")
    return lambda pair, text, said: set(doubts(text, said, *(PACKS[code] for code in pair.split("-"))))


WRONG = [
    # A medicine warning that became its contrary, or nonsense; a name that got lost; an answer in place of a line.
    ("kk-en", "Дәріні күніне үш рет ішпеңіз!", "Three times a year, go to the temple of the Sun.", "negation"),
    ("kk-en", "Дәріні күніне үш рет ішпеңіз!", "Take the medicine three times a day!", "negation"),
    ("kk-ru", "Дәріні күніне үш рет ішпеңіз!", "Принимайте лекарство три раза в день!", "negation"),
    ("kk-tr", "Дәріні күніне үш рет ішпеңіз!", "İlacı günde üç kez için!", "negation"),
    ("kk-en", "Дәріні күніне үш рет ішіңіз!", "Do not take the medicine three times a day!", "negation"),
    ("kk-en", "Дәріні күніне үш рет ішпеңіз!", "Do not take the medicine five times a day!", "numbers"),
    ("kk-en", "Менің атым Айгүл, мен Алматыда тұрамын.", "I want to go to Kazakhstan with my mother.", "names"),
    ("kk-en", "Мен Айгүлді Алматыда көрдім.", "I saw Nurlan in Almaty.", "names"),
    ("kk-ru", "Мен Айгүлді Алматыда көрдім.", "Я видел её в Алматы.", "names"),
    ("kk-en", "Мектепте 350 оқушы оқиды.", "The given texts hold no answer.", "answer"),
    ("kk-ru", "Мектепте оқушылар оқиды.", "В приведённых текстах ответа нет.", "answer"),
    ("en-kk", "The children read at school.", "Бұл сұраққа берілген мәтіндерде жауап жоқ.", "answer"),
    ("kk-en", "Мектепте 350 оқушы оқиды.", "The school has 35 pupils.", "numbers"),
    (
        "kk-en",
        "Балалар мектепке барып, жаңа кітаптар алды.",
        "Children go the school, the school, the school, the school, the school, the school.",
        "repeats",
    ),
    (
        "kk-en",
        "Балалар мектепке барып, кітапханадан жаңа кітаптар алып, үйге қайтты.",
        "Children went to school.",
        "shorter",
    ),
    (
        "kk-en",
        "Балалар мектепке барып, кітапханадан жаңа кітаптар алды.",
        "The children went to school and took new",
        "cut_off",
    ),
    (
        "kk-en",
        "Балалар мектепке барып, кітапханадан кітап алды.",
        "The children went to school, кітапханадан кітап алды.",
        "untranslated",
    ),
    ("ru-en", "Дети пошли в школу и взяли книги.", "The children went to school и взяли книги.", "untranslated"),
    ("kk-ru", "Балалар мектепке барып, кітап алды.", "Балалар мектепке барып, кітап алды.", "copied"),
    ("kk-ru", "Балалар мектепке барып, кітап алды.", "Дәрігер ауруханада науқасты күтіп отыр екен.", "language"),
    ("kk-en", "Балалар мектепке барып, кітап алды.", "Дети пошли в школу и взяли книгу.", "script"),
    ("kk-en", "Балалар мектепке барып, кітап алды.", "...", "empty"),
]


@pytest.mark.parametrize(("pair", "text", "said", "doubt"), WRONG, ids=[f"{one[3]} {one[0]}" for one in WRONG])
def test_what_is_wrong_is_told(told, pair, text, said, doubt):
    assert doubt in told(pair, text, said)


RIGHT = [
    ("kk-en", "Дәріні күніне үш рет ішпеңіз!", "Do not take the medicine three times a day!"),
    ("kk-ru", "Дәріні күніне үш рет ішпеңіз!", "Не принимайте лекарство три раза в день!"),
    ("kk-tr", "Дәріні күніне үш рет ішпеңіз!", "İlacı günde üç kez almayın!"),
    ("kk-en", "Менің атым Айгүл, мен Алматыда тұрамын.", "My name is Aigul, I live in Almaty."),
    ("kk-ru", "Менің атым Айгүл, мен Алматыда тұрамын.", "Меня зовут Айгуль, я живу в Алматы."),
    ("kk-tr", "Менің атым Айгүл, мен Алматыда тұрамын.", "Benim adım Aygül, Almatı'da yaşıyorum."),
    ("ru-en", "В 1991 году Казахстан стал независимым.", "In 1991 Kazakhstan became independent."),
    ("kk-en", "Бақта 5 алма бар.", "There are five apples in the garden."),
    ("en-kk", "The population is 1.5 million.", "Халық саны — 1,5 млн."),
    ("kk-ru", "Бұл менің кітабым емес.", "Это не моя книга."),
    ("kk-en", "Ол Германияға барды.", "He went to Germany."),
    ("kk-tr", "Ол Германияға барды.", "Almanya'ya gitti."),
    ("kk-en", "Қайырлы таң!", "Good morning!"),
    ("tr-kk", "Çocuklar okula gitti.", "Балалар мектепке барды."),
]


@pytest.mark.parametrize(("pair", "text", "said"), RIGHT, ids=[f"{one[0]} {one[2][:20]}" for one in RIGHT])
def test_what_is_right_is_not_doubted(told, pair, text, said):
    assert told(pair, text, said) == set()


@pytest.mark.skipif(not similarity.installed(), reason=f"needs the package {similarity.PACKAGE}")
def test_what_is_about_something_else_is_told():
    judge = lambda text, said: set(doubts(text, said, PACKS["kk"], PACKS["ru"]))  # noqa: E731
    assert judge("Тез арада жедел жәрдем шақырыңыз!", "Казахстан — большая страна с богатой историей.") == {"unrelated"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Айгүл", "Aigul"),
        ("Айгүл", "Aygül"),
        ("Айгүл", "Айгуль"),
        ("Алматыда", "Almaty"),
        ("Уильям", "William"),
        ("Чехов", "Çehov"),
        ("Вашингтонның", "Washington"),
        ("Стамбул", "İstanbul"),
        ("Londra'da", "Londra"),
    ],
)
def test_spellings_of_one_name_are_alike(one, other):
    assert likeness(one, other) >= 0.66
    assert likeness(other, one) == pytest.approx(likeness(one, other))


@pytest.mark.parametrize(("one", "other"), [("Айгүл", "Нұрлан"), ("Almaty", "Шымкент"), ("Обама", "Trump")])
def test_other_names_are_not(one, other):
    assert likeness(one, other) < 0.58


def test_long_texts_are_judged_in_time_that_grows_with_their_length(monkeypatch):
    monkeypatch.setattr(similarity, "PACKAGE", "")

    def seconds(count: int) -> float:
        start = process_time()
        list(doubts("Айгүл келмеді. " * count, "Aigul did not come. " * count, PACKS["kk"], PACKS["en"]))
        return process_time() - start

    seconds(2)
    assert seconds(32) < 100 * max(seconds(4), 0.005)
