from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from anatili.document import Document, Duplicate
from anatili.identify import Verdict
from anatili.lang import load_pack
from anatili.lang.new import new_pack
from anatili.recipe import Cut
from anatili.refine.cut import why_not
from anatili.refine.mark import (
    language_of_page,
    look_at,
    repeated_lines,
    repeated_runs,
    repeated_sequence,
    rhymed_lines,
    unended_lines,
)
from anatili.sample.topics import read_topics

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
KAZAKH = read_topics()[0].pages["kk"].text
ENGLISH = "\n".join(topic.pages["en"].text for topic in read_topics()[:2])
RUSSIAN = read_topics()[0].pages["ru"].text


def marks(text: str):
    return look_at(Document("1", text, "", "", "s", "", "", "", "utf-8"), PACKS, 25)


def test_plain_kazakh():
    found = marks(KAZAKH)
    assert (found.language, found.script) == ("kk", "Cyrl")
    assert found.confidence > 0.95
    assert found.alphabet > 0.99
    assert 0.05 < found.stopwords < 0.5
    assert (found.other, found.repeats, found.mixed, found.blocked, found.personal) == (0, 0, 0, 0, "")


def test_stop_words_count_in_other_scripts_too():
    pack = PACKS["kk"]
    for scheme in pack.config.transliteration:
        found = marks(pack.transliterate(KAZAKH, scheme))
        assert found.language == "kk"
        assert found.stopwords > 0.05
        assert found.alphabet > 0.95


def test_lines_in_another_language_are_counted():
    found = marks(KAZAKH + "\n" + RUSSIAN)
    assert 0.3 < found.other < 0.7
    assert set(found.lines) >= {"kk", "ru"}
    assert abs(found.own_words - len(KAZAKH.split())) < 15


def test_lines_in_another_language_do_not_spoil_the_alphabet():
    """A bilingual page is trimmed to its own lines: by these it is judged."""
    found = marks(KAZAKH + "\n" + ENGLISH)
    assert found.language == "kk"
    assert found.alphabet > 0.98
    document, unique = Document("1", KAZAKH, "", "", "s", "", "", "", "utf-8"), Duplicate("1", "", "", 0.0)
    assert why_not(document, found, unique, {"kk": Cut(max_switched=1.0)}) == ("", "")


def test_a_page_of_another_language_around_does_not_sink_an_article():
    found = marks(KAZAKH + "\n" + "\n".join([RUSSIAN] * 4))
    assert found.language == "kk"
    assert found.other > 0.7


def test_a_menu_does_not_save_a_page():
    menu = "Басты бет\nЖаңалықтар\nБіз туралы\nБайланыс және кері байланыс орталығы"
    found = marks(menu + "\n" + "\n".join([RUSSIAN] * 3))
    assert found.language == "ru"


def test_words_of_another_language_between_its_own():
    assert marks(KAZAKH).switched < 0.02
    assert marks(" что ".join(KAZAKH.split())).switched > 0.3


def test_kazakh_typed_on_a_russian_keyboard_is_recognised_and_marked():
    keys = PACKS["kk"].config.keyboard
    typed = KAZAKH.translate(str.maketrans(keys | {a.upper(): b.upper() for a, b in keys.items()}))
    found = marks(typed)
    assert found.language == "kk"
    assert found.folded >= 0.03
    assert marks(KAZAKH).folded == marks(RUSSIAN).folded == 0
    document, unique = Document("1", typed, "", "", "s", "", "", "", "utf-8"), Duplicate("1", "", "", 0.0)
    assert why_not(document, found, unique, {"kk": Cut()})[0] == "typed without own letters"
    assert why_not(document, found, unique, {"kk": Cut(keep_folded=True)})[0] == ""


def test_texts_of_a_benchmark_are_met_again(tmp_path):
    from anatili.benchmarks import read_benchmarks

    (tmp_path / "test.txt").write_text("бір екі үш төрт бес алты жеті сегіз тоғыз\n", "utf-8")
    known = read_benchmarks((str(tmp_path / "test.txt"),)).sequences
    document = Document("1", "Ал бір, екі, үш: төрт бес алты жеті сегіз тоғыз он.", "", "", "s", "", "", "", "utf-8")
    assert look_at(document, PACKS, 25, known).contaminated == 2
    assert look_at(document, PACKS, 25).contaminated == 0


def test_blocked_words_count_with_their_endings_and_phrases():
    assert marks(KAZAKH + " Онлайн казинода ойнап, букмекерлермен бәс тігуге болады.").blocked == 3
    assert marks(KAZAKH + " Қазақстандағы ставропольдіктер.").blocked == 0


def test_look_alikes_are_counted():
    found = marks(KAZAKH.replace("а", "a"))
    assert found.mixed > 40
    assert found.alphabet > 0.98  # they are put right before the alphabet is asked
    assert marks(KAZAKH.replace("Абай", "Abai")).mixed == 0


def test_personal_data_is_counted_by_kind():
    found = marks(KAZAKH + "\nЖСН 900101300017, тел. +7 701 123 45 67, test@habar.example")
    assert found.personal == "email:1 iin:1 phone:1"


@pytest.mark.parametrize(("text", "share"), [("", 0), ("a\nb\nc", 0), ("aa\naa\naa", 0.5)])
def test_repeated_lines(text, share):
    assert repeated_lines(text) == pytest.approx(share, abs=0.01)


def test_repeated_sequences():
    assert repeated_sequence(["a", "b", "c", "d", "e", "f"]) == 0
    assert repeated_sequence(["тегін", "бонус", "алу"] * 10) == 1.0


def test_repeated_runs():
    numbers = [str(n) for n in range(20)]
    assert repeated_runs(numbers) == repeated_runs([]) == repeated_runs(["a"]) == 0
    assert repeated_runs([*numbers, *numbers[:7]]) == pytest.approx(14 / 27)
    changed = [word for n in range(6) for word in ("тегін", "несие", "бес", "минутта", "алу", f"қала{n}")]
    assert repeated_sequence(changed) < 0.6 < repeated_runs(changed)


def test_lines_that_break_off():
    assert unended_lines("Басты бет\nЖаңалықтар\nБайланыс\nКіру") == 1
    assert unended_lines("Оқиға туралы...\nБүгін белгілі болды...\nТағы да...\nКеше...") == 1
    assert unended_lines("Бірінші сөйлем.\nЕкінші сөйлем!\nҮшінші;\nТөртінші:") == 0
    assert unended_lines("Абай туралы мәтін үзінді") == unended_lines("") == 0  # one line says nothing


def test_verse_rhymes_and_lists_do_not():
    verse = "Желсіз түнде жарық ай,\nСәулесі суда дірілдеп,\nАуылдың жаны терең сай,\nТасыған өзен гүрілдеп."
    assert rhymed_lines(verse) == 1
    assert rhymed_lines("диван 100 тг\nкілем 200 тг\nесік 300 тг\nтерезе 400 тг") == 0
    assert rhymed_lines(KAZAKH) == rhymed_lines("") == 0


def test_some_words_spelled_properly_do_not_hide_a_text_typed_without_letters():
    keys = PACKS["kk"].config.keyboard
    table = str.maketrans(keys | {a.upper(): b.upper() for a, b in keys.items()})
    typed = KAZAKH.split()
    proper = set([n for n, word in enumerate(typed) if word.translate(table) != word][:3])
    text = " ".join(word if n in proper else word.translate(table) for n, word in enumerate(typed))
    assert marks(text).folded >= 0.03


def test_kyrgyz_is_not_kazakh_with_few_of_its_letters():
    kyrgyz = (
        "Кыргыз тилинде сүйлөгөн адамдар көп, алар бул жерде ата-бабасынан бери жашап келишет. Бул айылда мектеп менен "
        "китепкана бар. Жайында балдар көлгө барып сууга түшүшөт, кышында болсо тоодо чана тебишет. Быйыл түшүм мол "
        "болду, дыйкандар кубанып жатышат."
    )
    found = marks(kyrgyz)
    assert (found.language, found.folded) == ("ky", 0)


def test_blocked_words_count_in_latin_and_arabic_letters_too():
    advertisement = " Онлайн казинода ойнап, букмекерлермен бәс тігуге болады."
    for scheme in ("Latn2021", "Latn2018", "Arab"):
        assert marks(PACKS["kk"].transliterate(KAZAKH + advertisement, scheme)).blocked == 3


def test_good_prose_scores_alike_in_every_script():
    for scheme in ("", "Latn2021", "Latn2018", "Arab"):
        found = marks(PACKS["kk"].transliterate(KAZAKH, scheme) if scheme else KAZAKH)
        assert found.quality > 0.3
        assert found.surprisal < 1.6
        assert found.odd < 0.14
        assert found.order > 1


def test_nothing_is_marked_too():
    assert marks("").language == "und"


KARAKALPAK = "\n".join(
    [
        "Қарақалпақстанның пайтахты Нөкис қаласы Әмиўдәрьяның бойында жайласқан ҳәм онда көп адам жасайды.",
        "Бүгин мектеп оқыўшылары китапханаға барып, жаңа китапларды оқып, олардың мәнисин айтып берди.",
        "Жазда күн ыссы болады, сонлықтан адамлар ертеңги ўақытта егислик жерлерде жумыс ислейди.",
        "Халық дәстүрлерин сақлаў ҳәм балаларға үйретиў ушын аўылда үлкен мереке өткерилди.",
        "Теңиздиң суўы кемейгеннен кейин балықшылар басқа кәсип излеп, қалаға көшип кетти.",
    ]
)


def test_a_page_in_a_close_language_is_lost_with_its_name_as_the_reason():
    found = marks(KARAKALPAK)
    document, unique = Document("1", KARAKALPAK, "", "", "s", "", "", "", "utf-8"), Duplicate("1", "", "", 0.0)
    assert why_not(document, found, unique, {"kk": Cut()}) == ("another language", "kaa")


def test_kazakh_that_quotes_a_close_language_stays_kazakh():
    found = marks(KAZAKH + "\n" + KARAKALPAK.splitlines()[0])
    assert found.language == "kk"
    assert found.lines[-1] in ("kaa", "")


@pytest.mark.parametrize(
    ("whole", "amounts", "language"),
    [
        ("kaa", {"kaa": 800, "kk": 200}, "kaa"),  # a fifth of the lines of any Karakalpak page may look Kazakh
        ("kaa", {"kaa": 300, "kk": 700}, "kk"),  # a Kazakh page that begins with a long quotation
        ("kk", {"kaa": 700, "kk": 300}, "kaa"),
        ("ru", {"ru": 700, "kk": 300}, "kk"),  # a Kazakh article between Russian menus
        ("ru", {"ru": 900, "kk": 50}, "ru"),
        ("ru", {"ru": 500, "kk": 200, "kaa": 300}, "kk"),
    ],
)
def test_which_language_a_page_counts_as(whole, amounts, language):
    lines = [Verdict(code, "Cyrl", 0.9) for code in amounts]
    found = language_of_page(Verdict(whole, "Cyrl", 0.8), lines, Counter(amounts), "kk", sum(amounts.values()))
    assert found.language == language
    assert found.script == "Cyrl"


def test_a_close_language_without_kazakh_letters_is_not_kazakh_typed_without_them():
    nogai = (
        "Ногай шоьлинде яшайтаган аьдемлер оьз ана тилинде соьйлейдилер эм балаларын да уьйретедилер.\n"
        "Буьгуьн мектебимизде уьйкен байрам болды, онынъ уьшин коьп конаклар келди, бирге олтырып соьйлестилер.\n"
        "Мен де сол байрамда болдым, сонъ уьйге кайтып, атама эм анама баьрин де айттым."
    )
    assert marks(nogai).language == "nog"


OSSETIAN = (Path(__file__).parents[1] / "lang" / "new" / "os.txt").read_text("utf-8")


@pytest.fixture
def ossetian(tmp_path, monkeypatch):
    """The packs of a recipe in a language that the identifier does not know."""
    folder = new_pack("os", tmp_path, "Cyrl", "ru")
    text = (folder / "pack.toml").read_text("utf-8").replace('Cyrl = "а', 'Cyrl = "аӕ')
    (folder / "pack.toml").write_text(text, "utf-8")
    (folder / "stopwords.txt").write_text("ӕмӕ\nу\nйӕ\nсӕ\n", "utf-8")
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    load_pack.cache_clear()
    yield {code: load_pack(code) for code in ("os", "ru")}
    load_pack.cache_clear()


def test_a_source_is_trusted_with_a_language_that_the_identifier_does_not_know(ossetian):
    document = Document("1", OSSETIAN, "", "", "s", "", "", "", "utf-8")
    unknown = look_at(document, ossetian, 25)
    assert (unknown.language, unknown.identified) == ("und", "")
    trusted = look_at(replace(document, language="os"), ossetian, 25)
    assert (trusted.language, trusted.script, trusted.confidence) == ("os", "Cyrl", 1.0)
    assert trusted.identified == "und"
    assert (trusted.other, set(trusted.lines), trusted.own_words) == (0, {""}, trusted.words)
    assert trusted.alphabet > 0.99
    assert trusted.stopwords > 0.03


def test_lines_of_others_still_count_where_the_identifier_knows_the_language():
    trusted = look_at(Document("1", RUSSIAN + "\n" + KAZAKH, "", "", "s", "", "", "", "utf-8", "", "kk"), PACKS, 25)
    assert trusted.language == "kk"
    assert 0.3 < trusted.other < 0.7
