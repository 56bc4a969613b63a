"""Citations: those that hold are shown, the others lose their quotation marks and numbers."""

import random
import re
from dataclasses import replace

import pytest

from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.sample.topics import read_topics
from anatili.search.index import Passage
from anatili.search.searcher import Hit
from anatili.serve.citations import Report, bears_out, checked, find_words, quotation
from anatili.text import sentences

TEXTS = (
    "Есік қаласының маңынан 1969 жылы Алтын адам табылды. Оны археолог Кемал Ақышев тапты.",
    "Бәйтерек — Астана қаласындағы биік мұнара. Оның биіктігі 97 метр.",
)


def hit(text: str, hits: tuple[tuple[int, int], ...] = ()) -> Hit:
    return Hit(
        Passage("p", "p", "Тақырып", text, "u", "s", "", "CC0-1.0", "kk", "Cyrl"), 1.0, hits, 1.0, (0, len(text))
    )


PASSAGES = [hit(text) for text in TEXTS]


def check(text: str, size: int = 3) -> tuple[str, Report]:
    """What is shown of `text` if it comes in chunks of `size` letters."""
    report = Report()
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    chunks = [*(Chunk(part) for part in parts), Chunk("", finish="stop")]
    return "".join(chunk.text for chunk in checked(iter(chunks), PASSAGES, report)), report


@pytest.mark.parametrize(
    ("text", "shown", "numbers", "dropped"),
    [
        ("Ол «1969 жылы Алтын адам табылды» [1].", "Ол «1969 жылы Алтын адам табылды» [1].", [1], 0),
        ('Ол "1969 жылы алтын адам табылды" [2].', "Ол «1969 жылы алтын адам табылды» [1].", [1], 0),
        ("«Оның биіктігі 97 метр»", "«Оның биіктігі 97 метр» [2]", [2], 0),
        ("«Оның биіктігі 105 метр екен деді» [2]", "Оның биіктігі 105 метр екен деді", [], 1),
        ("«Абай жолы» романы", "«Абай жолы» романы", [], 0),
        ("«Абай жолы» [1] романы", "Абай жолы романы", [], 1),
        ("Бәйтерек Астана қаласындағы мұнара [2].", "Бәйтерек Астана қаласындағы мұнара [2].", [2], 0),
        ("Бәйтерек Астана қаласындағы мұнара [1].", "Бәйтерек Астана қаласындағы мұнара.", [], 1),
        ("Бәйтерек мұнарасы [7].", "Бәйтерек мұнарасы.", [], 1),
        ("Массив a[0] және [x] деп жазылады.", "Массив a және [x] деп жазылады.", [], 1),
        ("Ашық « тырнақша", "Ашық « тырнақша", [], 0),
        ("", "", [], 0),
    ],
)
def test_what_holds_is_shown_and_the_rest_loses_marks_and_numbers(text, shown, numbers, dropped):
    for size in (1, 3, 1000):
        got, report = check(text, size)
        assert got == shown
        assert [citation.number for citation in report.citations] == numbers
        assert report.dropped == dropped
        for citation in report.citations:
            assert TEXTS[citation.number - 1][citation.start : citation.end] == citation.quote


def test_no_word_is_lost_and_all_quotations_hold_however_the_text_is_split():
    choose = random.Random(0)
    alphabet = [
        "«",
        "»",
        '"',
        "[1]",
        "[2]",
        "[9]",
        "[",
        "]",
        " ",
        ".",
        "\n",
        "Оның биіктігі 97 метр",
        "табылды",
        "“",
        "”",
    ]
    for _ in range(500):
        text = "".join(choose.choices(alphabet, k=choose.randrange(1, 25)))
        once, report = check(text, 1000)
        again, _ = check(text, choose.randrange(1, 5))
        assert once == again
        assert letters(once) == letters(text)
        for citation in report.citations:
            if citation.quote:
                assert find_words(TEXTS[citation.number - 1], citation.quote)


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W\d_]|97", re.sub(r"\[\d+\]", "", text)))


def test_the_waiting_text_is_bounded():
    report = Report()
    shown = "".join(chunk.text for chunk in checked(iter([Chunk("«" + "а" * 700)]), PASSAGES, report))
    assert len(shown) > 600


def test_words_are_found_whatever_stands_between_them():
    text = "Бұл — «Алтын  адам», ескі қорған."
    assert find_words(text, "алтын адам") == (text.index("Алтын"), text.index("адам") + 4)
    assert find_words(text, "адам алтын") is None
    assert find_words(text, "...") is None


def test_an_answer_quotes_what_was_chosen():
    text, report = TEXTS[1], Report()
    start = text.index("Оның")
    assert quotation(hit(text, ()), (start, len(text)), report) == f"«{text[start:]}» [1]"
    assert report.quoted
    assert [(one.quote, one.start, one.end) for one in report.citations] == [(text[start:], start, len(text))]
    long = "Өте " * 200 + "ұзақ сөйлем."
    assert quotation(hit(long, ()), (0, len(long)), Report()) == f"«{long[slice(*hit(long, ()).snippet)]}» [1]"
    assert quotation(hit("", ()), (0, 0), report) == "«» [1]"


@pytest.mark.parametrize(("language", "shown"), [("en", "“Almaty is a city.” [1]"), ("ru", "«Almaty is a city.» [1]")])
def test_a_quotation_has_the_marks_of_its_language(language, shown):
    text = "Almaty is a city."
    quoted = replace(hit(text), passage=replace(hit(text).passage, language=language))
    assert quotation(quoted, (0, len(text)), Report()) == shown
    chunks = iter([Chunk('"Almaty is a city." [1]', finish="stop")])
    assert "".join(chunk.text for chunk in checked(chunks, [quoted], Report())) == shown


TRUE = (
    ("baikonur", "en", "Toqtar Aubakirov flew in 1991"),
    ("baikonur", "en", "In 1991 Toqtar Aubakirov, the first Kazakh cosmonaut, flew into space."),
    ("nauryz", "en", "In Kazakhstan Nauryz is marked from 21 to 23 March."),
    ("nauryz", "en", "Nauryz is celebrated on 21–23 March."),
    ("baikonur", "kk", "Байқоңыр құрылысы 1955 жылы басталды."),
    ("nauryz", "kk", "Наурыз жиырма бірінен жиырма үшіне дейін аталып өтеді."),
    ("nauryz", "kk", "Мереке 1988 жылы қайта оралды."),
    ("caspian", "kk", "Каспий жағасында Қазақстан, Ресей, Әзербайжан, Иран және Түрікменстан бар."),
    ("baikonur", "kk", "Гагариннің ұшуы 108 минутқа созылды."),
    ("baikonur", "ru", "Полёт Гагарина длился 108 минут."),
    ("nauryz", "ru", "Наурыз празднуют с двадцать первого по двадцать третье марта."),
    ("baikonur", "tr", "Gagarin'in uçuşu 108 dakika sürdü."),
    ("baikonur", "tr", "Yapımı bin dokuz yüz elli beşte başladı."),
    ("abai", "ru", "Абай Кунанбаев умер в 1904 году, родился в 1845 году."),
    ("abai", "kk", "Абай 1845 жылы туды, 1904 жылы қайтыс болды."),
    ("kenesary", "ru", "Восстание Кенесары длилось десять лет, с 1837 по 1847 год."),
    ("kumis", "en", "Mares are milked 5–6 times a day, from the beginning of summer until autumn."),
    ("turksib", "ru", "Турксиб закончили строить в 1930 году."),
    ("turksib", "tr", "Türksib'in yapımı 1930'da bitti."),
    ("iin", "en", "The IIN has twelve digits, and the first six are the date of birth."),
    ("mushel", "kk", "Бірінші мүшел жас – он үш, содан кейін әр он екі жылда қайталанады."),
    ("language-model", "tr", "Dil modeli gerçeği bilmez, yalnızca metnin en olası devamını seçer; bu yüzden yanılır."),
    ("bank-safety", "tr", "Hayır, gerçek banka hiçbir zaman kod ve parola sormaz."),
    ("momyshuly", "tr", "«Volokolamsk Şosesi»ni Aleksandr Bek yazdı."),
)
FALSE = (
    ("baikonur", "en", "Toqtar Aubakirov made his flight in 1963"),
    ("nauryz", "en", "Nauryz is marked on the twenty-first and twenty-third of March."),
    ("baikonur", "kk", "Байқоңыр 1957 жылы басталды"),
    ("nauryz", "kk", "Мереке 1926 жылдан бастап тойланды."),
    ("nauryz", "kk", "Мереке 1926 жылы қайта оралды."),
    ("baikonur", "kk", "Гагариннің ұшуы 108 сағатқа созылды."),
    ("baikonur", "ru", "Полёт Гагарина длился сто восемь часов."),
    ("nauryz", "ru", "Наурыз празднуют двадцать первого и двадцать третьего марта."),
    ("baikonur", "tr", "Gagarin'in uçuşu 108 saat sürdü."),
    ("nauryz", "tr", "Nevruz 1926'dan sonra kutlandı."),
    ("baikonur", "en", "Russia owns Baikonur until 2050."),
    ("baikonur", "en", "Baikonur became the property of Russia."),
    ("baikonur", "en", "Valentina Tereshkova did not set off from Baikonur."),
    ("abai", "ru", "Абай родился в 1904 году."),
    ("abai", "en", "Abai was born in 1904."),
    ("abai", "kk", "Абай 1904 жылы туды."),
    ("turksib", "ru", "Турксиб закончили строить в 1927 году."),
    ("kenesary", "ru", "Восстание Кенесары длилось десять лет, с 1841 по 1847 год."),
    ("conscription", "tr", "Kazakistan'da askerlik bir gün sürer."),
)


def page(slug: str, code: str) -> Passage:
    topic = next(topic for topic in read_topics() if topic.slug == slug)
    text, title = topic.pages[code].text, topic.pages[code].title
    return Passage("p", "p", title, text, "u", "s", "", "CC0-1.0", code, load_pack(code).main_script)


@pytest.mark.parametrize(("slug", "code", "text"), TRUE)
def test_a_sentence_that_the_page_supports(slug, code, text):
    assert bears_out(page(slug, code), text)


@pytest.mark.parametrize(("slug", "code", "text"), FALSE)
def test_a_false_sentence_is_not_supported(slug, code, text):
    assert not bears_out(page(slug, code), text)


@pytest.mark.parametrize("code", ["kk", "ru", "en", "tr"])
def test_a_page_supports_each_of_its_sentences(code):
    for topic in read_topics()[::40]:
        passage = page(topic.slug, code)
        for sentence in sentences(passage.text, load_pack(code).abbreviations):
            assert bears_out(passage, sentence)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Toqtar Aubakirov [1] flew in 1963. He came back.", "Toqtar Aubakirov flew in 1963. He came back."),
        ("Toqtar Aubakirov [1] flew in 1991. He came back.", "Toqtar Aubakirov [1] flew in 1991. He came back."),
        ("Aubakirov flew in 1991 [1], Tereshkova in 1962 [1].", "Aubakirov flew in 1991 [1], Tereshkova in 1962."),
        ("Aubakirov flew in 1991. [1] Gagarin in 1962. [1]", "Aubakirov flew in 1991. [1] Gagarin in 1962."),
        ("Aubakirov flew in 1991 [1][2].", "Aubakirov flew in 1991 [1]."),
        (
            "Aubakirov flew in 1991 [1]\nTereshkova set off in 1991 [1]",
            "Aubakirov flew in 1991 [1]\nTereshkova set off in 1991",
        ),
    ],
)
def test_a_number_vouches_for_its_sentence_up_to_the_end(text, shown):
    passages = [replace(PASSAGES[0], passage=page("baikonur", "en")), replace(PASSAGES[0], passage=page("abai", "en"))]
    for size in (1, 4, 1000):
        report = Report()
        chunks = [*(Chunk(text[start : start + size]) for start in range(0, len(text), size)), Chunk("", finish="stop")]
        assert "".join(chunk.text for chunk in checked(iter(chunks), passages, report)) == shown
        assert report.dropped == len(re.findall(r"\[\d\]", text)) - len(report.citations)
        assert len(report.citations) == len(re.findall(r"\[\d\]", shown))
