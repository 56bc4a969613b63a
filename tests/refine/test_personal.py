import random

import pytest

from anatili.lang import load_pack
from anatili.refine.mark import personal_patterns
from anatili.refine.personal import (
    CARD,
    IBAN,
    Finding,
    accounts,
    count_kinds,
    find_personal,
    is_card,
    is_iban,
    mask,
    near_numbers,
)

PIECES = (
    "KZ86 125K ZT50 0410 0100",
    "DE89370400440532013000",
    "4111 1111 1111 1111",
    "AB",
    "12",
    "-",
    " ",
    "é",
    "kz",
    "٣٤",
)
PATTERNS = load_pack("kk").config.personal


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ИИН 900101300017", "iin:1"),
        ("900101300017 (ЖСН)", "iin:1"),
        ("ИИН 901301300017", ""),  # no such month
        ("счёт KZ86125KZT5004100100", "iban:1"),
        ("счёт KZ87125KZT5004100100", ""),  # wrong check digits
        ("4111 1111 1111 1112", ""),  # fails Luhn's test
        ("4111-1111-1111-1111", "card:1"),
        ("8 (727) 250 00 00 және 87011234567", "phone:2"),
        ("a@b", ""),
        ("1991 жылғы 16 желтоқсан, 2 724 900 шаршы шақырым", ""),
        ("5500000000000004 5500000000000005", "card:1"),
        ("Жазыңыз: айгүл@пошта.қаз", "email:1"),
        ("aigul (at) mail.kz, aigul[at]mail.kz", "email:2"),
        ("кездесу (ат) осында.", ""),
        ("8.707.612.65.20, 77756126520, 707 007 53 29", "phone:3"),
        ("+7 (7172) 55-85-15; 8 (72533) 5-12-34", "phone:2"),
        ("(7172) 55-85-15", "phone:1"),
        ("Бюджетке 87012345678 теңге түсті, 8 701 234 56 78 тонна астық жиналды", ""),
        ("8.707.612.65.20", "phone:1"),
        ("12.8.707.612.65.20 нұсқасы, 3.8701.2", ""),
        ("Сейтқали Айгүл Маратқызы 900101300017", "iin:1"),
        ("900101300017 Қасым Айбек", "iin:1"),
        ("Тапсырыс 900101300017 дайын", ""),
        ("1991 1992 1993 1994 жылдары", ""),
        ("2019 2020 2021 2022, 1900 1901 1902 1903", ""),
        ("kz86125kzt5004100100", "iban:1"),
        ("kz86 125k zt50 0410 0100", "iban:1"),
        ("Паспорт N11582934", "passport:1"),
        ("N11582934 шешімі", ""),
        ("жеке куәлігі 043518829", "id_card:1"),
        ("каталог нөмірі 043518829", ""),
        ("Алматы қ., Абай даңғылы 52, 14-пәтер", "address:1"),
        ("Абай даңғылы 52 үй, кеңсе 14", ""),
        ("Қасым А. 900101300017; ҚАСЫМ АЙБЕК СЕРІКҰЛЫ 900101300017", "iin:2"),
        ("ЖЕДЕЛ ТАПСЫРЫС 900101300017", ""),
        ("+7 7172 55 90 12, +7–707–330–12–18", "phone:2"),
        ("aidana@ mail.kz", "email:1"),
    ],
)
def test_shape_alone_is_not_enough(text, kinds):
    assert count_kinds(find_personal(text, PATTERNS)) == kinds


def test_every_pack_of_a_recipe_finds_its_own_forms_and_knows_the_amounts_of_the_others():
    patterns = personal_patterns({code: load_pack(code) for code in ("kk", "ru", "en", "tr")})
    text = "+7 916 123-45-67; 0532 418 22 07; +7 701 123 45 67; паспорт 4509 № 213847; SSN 219-09-9999"
    assert count_kinds(find_personal(text, patterns)) == "passport:1 phone:3 ssn:1"
    assert count_kinds(find_personal("87012345678 теңге, 87012345678 рублей", patterns)) == ""


def test_no_run_of_years_is_a_card():
    assert not [n for n in range(1800, 2197) if is_card(f"{n} {n + 1} {n + 2} {n + 3}")]


def test_masking_keeps_the_rest():
    text = "Жазыңыз: a.b@c.kz, тел. 87011234567."
    assert mask(text, find_personal(text, PATTERNS)) == "Жазыңыз: [email], тел. [phone]."
    assert mask("x", []) == "x"


def test_findings_do_not_overlap():
    found = find_personal("x" * 10 + " 4111111111111111@mail.kz", PATTERNS)
    assert found == [Finding("email", 11, 35)]


def test_checks_know_published_examples():
    assert is_iban("GB82 WEST 1234 5698 7654 32")
    assert is_card("4242 4242 4242 4242")
    assert not is_card("0000 0000 0000 0000")


@pytest.mark.parametrize("text", ["a." * 100_000 + "@", "1" * 200_000, "KZ86 " * 40_000], ids=lambda text: text[:5])
def test_nothing_is_found_in_a_long_text_of_almost_addresses(text):
    """Patterns are linear: others would not come to an end in 200 kB."""
    assert find_personal(text, PATTERNS) == []


def test_looking_near_digits_finds_what_looking_everywhere_does():
    chooser = random.Random(2)
    for _ in range(3000):
        text = "".join(chooser.choices(PIECES, k=chooser.randrange(9)))
        assert [m.span() for m in accounts(text)] == [m.span() for m in IBAN.finditer(text)]
        near = [m.span() for start, end in near_numbers(text) for m in CARD.finditer(text, start, end)]
        assert near == [m.span() for m in CARD.finditer(text)]
