"""Facts of a sentence that can be checked: numbers, units, names, negation, in four languages."""

import pytest

from anatili.lang import load_pack
from anatili.lang.facts import denials, months, names, negated, numbers


def described(text: str, code: str) -> str:
    """Numbers as `value unit`, after `-` in a range, after `,` in a list."""
    marks = {"range": "-", "list": ","}
    return "; ".join(
        f"{marks.get(item.link, '')}{float(item.value):.12g}{item.unit and ' ' + item.unit}"
        for item in numbers(text, load_pack(code))
    )


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("kk", "ұшу жүз сегіз минутқа созылды", "108 minute"),
        ("kk", "жиырма бірінен жиырма үшіне дейін", "21; -23"),
        ("kk", "1937 жылдан 1941 жылға дейін", "1937 year; -1941 year"),
        ("kk", "370 мың шаршы шақырым", "370000 km2"),
        ("kk", "бес-алты метрден аспайды", "5 m; -6 m"),
        ("kk", "ХІХ ғасыр, V ғасырда, XX ғ.", "19 century; 5 century; 20 century"),
        ("kk", "2,5 миллион, 1 234,5 км", "2500000; ,1234.5 km"),
        ("kk", "Ол үшін оның алтыны, бірақ онда", ""),
        ("kk", "он бес жарым келі", "15.5 kg"),
        ("ru", "с двадцать первого по двадцать третье", "21; -23"),
        ("ru", "в ста пятидесяти миллионах километров", "150000000 km"),
        ("ru", "не больше пяти-шести метров", "5 m; -6 m"),
        ("ru", "две тысячи шестого года, 12,5 %", "2006 year; ,12.5 percent"),
        ("ru", "площадь 1 200 км²", "1200 km2"),
        ("en", "on the twenty-first and twenty-third", "21; ,23"),
        ("en", "from the twenty-first to the twenty-third of March", "21; -23"),
        ("en", "between 5 and 6 km", "5 km; -6 km"),
        ("en", "one hundred and eight minutes, 1,234,567 and nineteen hundred", "108 minute; ,1234567; ,1900"),
        ("en", "the nineteenth century, $500", "19 century; 500 USD"),
        ("tr", "on dokuzuncu yüzyıl, 19. yüzyıl, XIX. yüzyıl", "19 century; 19 century; 19 century"),
        ("tr", "1937'den 1941'e kadar", "1937; -1941"),
        ("tr", "yüzde yirmi, %20", "20 percent; 20 percent"),
        ("tr", "bin dokuz yüz elli beşte, onun altında", "1955"),
        ("tr", "1.234,5 km, iki buçuk saat", "1234.5 km; 2.5 hour"),
        ("uk", "1991 і 12 345", "1991; 12345"),  # a pack without facts
    ],
)
def test_numbers_have_one_value_in_digits_and_words(code, text, expected):
    assert described(text, code) == expected


def test_a_number_can_be_compared_with_that_of_a_translation():
    texts = {"kk": "жүз сегіз минут", "ru": "сто восемь минут", "en": "108 minutes", "tr": "yüz sekiz dakika"}
    found = [number for code, text in texts.items() for number in numbers(text, load_pack(code))]
    assert len(found) == 4
    assert len({(number.value, number.unit) for number in found}) == 1


def test_months_and_not_what_looks_like_one():
    assert months("4 қазанда, наурызда", load_pack("kk")) == [10, 3]
    assert months("In May you may march in March", load_pack("en")) == [5, 3]
    assert months("майор 9 мая", load_pack("ru")) == [5]


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("kk", "Байланысы жоқ, бірақ ұшпады. Суық емес.", ["байланысы", "ұш", "суық"]),
        ("kk", "Ол келді, аласы көп, алма жеді.", []),
        ("ru", "Луна сама не светит. Не только Иван пришёл.", ["светит"]),
        ("en", "The Moon does not shine. Not only she came.", ["shine"]),
        ("en", "No, a bank asks.", []),
        ("tr", "Kutlanmadı, bağlantısı yoktur, Hazar namaz kıldı.", ["kutlan", "bağlantısı"]),
    ],
)
def test_what_is_denied(code, text, expected):
    pack = load_pack(code)
    assert [item.word for item in denials(text, pack)] == expected
    assert negated(text, pack) == bool(expected)


def test_names_are_words_with_capitals_and_the_first_word_only_perhaps():
    found_names = names("Абай Құнанбайұлы Семейде оқыды. Бүгін Алматы суық. Қала үлкен.", load_pack("kk"))
    assert [(item.words, item.sure) for item in found_names] == [
        (("Абай", "Құнанбайұлы", "Семейде"), True),
        (("Алматы",), True),
        (("Қала",), False),
    ]
