import random
import time
import unicodedata

import pytest

from anatili import text
from anatili.lang import load_pack


def test_words_keep_inner_hyphens_and_apostrophes():
    assert text.words("Аң-құс, it's 2024 ж. O‘zbek") == ["Аң-құс", "it's", "ж", "O", "zbek"]


def test_sentences_end_at_stops_and_line_ends():
    assert text.sentences("Бірінші. Екінші! «Үшінші» деді\nТөртінші 3.5 км.") == [
        "Бірінші.",
        "Екінші!",
        "«Үшінші» деді",
        "Төртінші 3.5 км.",
    ]


def test_sentences_keep_their_closing_marks_and_nothing_between_them_but_space_is_lost():
    given = "«Иә!» деді ол. (Бәрі күлді.) Сосын «Кел!»  \n\n Қайда?\r\nЕнді"
    assert text.sentences(given) == ["«Иә!» деді ол.", "(Бәрі күлді.)", "Сосын «Кел!»", "Қайда?", "Енді"]
    assert text.sentences("«Иә!» Ол күлді.") == ["«Иә!»", "Ол күлді."]
    assert "".join("".join(text.sentences(given)).split()) == "".join(given.split())


def test_an_abbreviation_ends_no_sentence():
    assert text.sentences("Ол т.б. Абай туралы. Соңы.", {"т.б."}) == ["Ол т.б. Абай туралы.", "Соңы."]


@pytest.mark.parametrize(
    "given",
    [
        "XX ғ. өнері",
        "1972-1973 жж. қызмет атқарды.",
        "Ол б.з.д. ұлы ғалым.",
        "MÖ 4. yy. şehir",
        "Iğdır vb. çok il",
        "«Қайда?» әніне жауап",
        "Бұл т.б. ұлттар мен п.т. құрады",
        "и т.д. єдине",
        "v. ünlü",
        "Оңт. һижри",
        "vs. ğ",
    ],
)
def test_no_sentence_begins_with_a_small_letter_of_any_alphabet(given):
    assert text.sentences(given) == [given]


@pytest.mark.parametrize("letter", "ӘҒҚҢӨҰҮІҺŞÇĞİÉЇقგ字")
def test_a_sentence_begins_with_a_capital_or_a_letter_without_case(letter):
    assert text.sentences(f"Соңы. {letter}б сөз.") == ["Соңы.", f"{letter}б сөз."]


def test_initials_and_numbers_of_a_list_end_no_sentence():
    given = "Бұл — М. О. Әуезов. Оны А.С. Пушкин мен (Г. Марченко) оқыды. – Жоқ! – Иә."
    assert text.sentences(given) == [
        "Бұл — М. О. Әуезов.",
        "Оны А.С. Пушкин мен (Г. Марченко) оқыды.",
        "– Жоқ!",
        "– Иә.",
    ]
    assert text.sentences("12. Мұнан кейін елге келді.\n13. Кетті.") == ["12. Мұнан кейін елге келді.", "13. Кетті."]
    assert text.sentences("Ол 1999. Біз 2000.") == ["Ол 1999.", "Біз 2000."]


OWN = {
    "kk": """Б.з.д. V ғасырда бұл жерде сақтар тұрған
Қала XIX ғ. ортасында, 1854-1856 жж. салынған
Абай, Шәкәрім, т.б. ақындар осы мектепте оқыды
– Сіз қайдан келдіңіз
– Мен Семейден келдім
Оны т.ғ.д. Қ. Ахметов, акад. Ә. Марғұлан және М.О. Әуезов зерттеген
Халқының 35 мың. қазақ, қалғаны өзге ұлт
«Не болды?» деп сұрады әжесі
Ұзындығы 120 км. құрайды
Үкімет мүшелері ертең жиналады
Өзен оңт. Алтайдан басталады
Ғалымдар оны 1969 ж. Есік қорғанынан тапты""",
    "ru": """В XVIII в. Абылай объединил жузы
Здесь жили казахи, узбеки и др. народы
Книгу издал проф. В.В. Радлов в 1885 г. Петербургская академия помогла ему
Ныне это г. Семей, обл. Абай
— Откуда вы
— Из Алматы
Зерно стоило 5 руб. за пуд
Ему помогали А. Букейханов и М. Дулатов
Ёлку ставят зимой""",
    "en": """The city lies on the St. John river
Dr. A. Smith and Prof. B. Jones met at 9 a.m. Monday
Many animals, e.g. Saiga, live there
W. W. Bartold wrote about it in the U.S. Senate library
"Who is there?" she asked
Étienne came too
It was a case of Man vs. Wild""",
    "tr": """Dr. Ş. Öztürk ile Prof. Ç. Ağaoğlu geldi
İstanbul, Iğdır vb. şehirlerde yaşarlar
Kent M.Ö. IV. yüzyılda kuruldu
Üç kardeştiler
Çok güzel bir köydü
Şair 1904 yılında öldü
Ğ ile başlayan söz yoktur""",
}


@pytest.mark.parametrize("code", OWN)
def test_sentences_of_our_own_are_cut_where_they_end(code):
    wanted = [f"{line}{'?' if line.startswith(('– С', '— О')) else '.'}" for line in OWN[code].splitlines()]
    assert text.sentences(" ".join(wanted), load_pack(code).abbreviations) == wanted


def test_an_abbreviation_is_known_behind_a_bracket():
    assert text.sentences("Пайғамбар (с.ғ.с.) Мекке мен (т.б. Ақын) туралы.", {"с.ғ.с.", "т.б."}) == [
        "Пайғамбар (с.ғ.с.) Мекке мен (т.б. Ақын) туралы."
    ]


def test_many_abbreviations_in_a_line_cost_time_in_proportion():
    def seconds(times):
        given = "т.б. Абай " * times
        start = time.process_time()
        assert len(text.sentences(given, {"т.б."})) == 1
        return time.process_time() - start

    seconds(100)
    assert min(seconds(8000) for _ in range(3)) < 40 * min(seconds(500) for _ in range(3))


def test_clean_composes_and_drops_what_nobody_sees():
    assert text.clean(unicodedata.normalize("NFD", "Үйі\u200b\r\nй\u202e")) == "Үйі\nй"


@pytest.mark.parametrize(
    ("given", "script"),
    [("қазақ", "Cyrl"), ("qazaq", "Latn"), ("قازاق", "Arab"), ("ქართული", "Zyyy"), ("123 !", ""), ("ab қазақ", "Cyrl")],
)
def test_script_of_most_letters(given, script):
    assert text.script_of(given) == script


def test_ids_do_not_run_into_one_another():
    assert text.short_hash("a", "bc") != text.short_hash("ab", "c")
    assert len(text.short_hash("a")) == 24


def test_a_path_that_is_no_utf8_can_be_shown():
    assert text.show_path("a\udcff.txt") == "a\ufffd.txt"


def test_a_number_has_its_noun_in_the_right_number():
    assert [text.plural(count, "text") for count in (0, 1, 2, 1500)] == ["0 texts", "1 text", "2 texts", "1,500 texts"]


def test_what_utf8_cannot_hold_is_replaced():
    assert [text.storable(given) for given in ("abc", "қ\U0001f600", "\ud83d\ude00", "a\ud800", "қ\udc00!")] == [
        "abc",
        "қ\U0001f600",
        "\U0001f600",
        "a\ufffd",
        "қ\ufffd!",
    ]


def test_letters_of_each_text_are_counted_together():
    chooser = random.Random(3)
    for _ in range(500):
        lines = ["".join(chooser.choices("aбқ1 ,\u0301ª𐐀\ud800中İ\n٣", k=chooser.randrange(6))) for _ in range(4)]
        assert text.letters_of_each(lines) == [text.count_letters(line) for line in lines]
    assert text.letters_of_each([]) == []
