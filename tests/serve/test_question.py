"""How messages are read: what they ask for, what they are about, and whether they are questions."""

import pytest

from anatili.lang import load_pack
from anatili.serve.question import READ, read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}


def read(text: str, language: str):
    return read_question(text, language, PACKS)


@pytest.mark.parametrize(
    ("language", "text", "kind", "words"),
    [
        ("kk", "Наурыз мейрамы қашан тойланады?", "date", "Наурыз мейрамы тойланады"),
        ("kk", "Қыз Жібек туралы айтып беріңізші", "meaning", "Қыз Жібек"),
        ("kk", "кайда орналаскан Отырар", "place", "орналаскан Отырар"),
        ("kk", "Хантәңірінің биіктігі қандай?", "number", "Хантәңірінің биіктігі"),
        ("kk", "Домбыра когда пайда болды?", "date", "Домбыра пайда"),
        ("kk", "Abai qaşan tudy?", "date", "Абай туды"),
        ("ru", "Подскажите, пожалуйста, кто такой Абай?", "meaning", "Абай"),
        ("ru", "Расскажи про юрту", "meaning", "юрту"),
        ("ru", "Почему высохло море?", "reason", "высохло море"),
        ("en", "Could you please tell me how many strings a dombyra has?", "number", "strings dombyra"),
        ("en", "Tell me about saxaul", "meaning", "saxaul"),
        ("tr", "Kobız hakkında bilgi verir misin?", "meaning", "Kobız"),
        ("tr", "Astana nerededir acaba?", "place", "Astana"),
        ("en", "Which animal does an asyk come from?", "thing", "animal asyk come"),
        ("ru", "Почему детей не подпускают, когда готовят баурсаки?", "reason", "детей подпускают готовят баурсаки"),
        ("ru", "В какие годы Алматы был столицей?", "date", "Алматы столицей"),
    ],
)
def test_what_a_question_asks_and_what_it_is_about(language, text, kind, words):
    question = read(text, language)
    assert (question.role, question.kind, " ".join(question.words)) == ("question", kind, words)


@pytest.mark.parametrize(
    ("language", "text", "quantities"),
    [
        ("en", "How tall is mount Belukha?", {"length"}),
        ("kk", "Бешбармақтың етін қанша уақыт пісіреді?", {"time"}),
        ("ru", "Сколько стоит билет?", {"money"}),
        ("tr", "Sayga kaç kilo gelir?", {"weight"}),
        ("en", "Where is mount Belukha, two miles high?", set()),
    ],
)
def test_what_a_question_for_a_number_wants_measured(language, text, quantities):
    assert read(text, language).quantities == quantities


@pytest.mark.parametrize(
    ("language", "text", "role"),
    [
        ("kk", "Сәлем! Абай кім?", "question"),
        ("ru", "Привет, расскажи про Абая", "question"),
        ("en", "Thanks! And when was he born?", "question"),
        ("ru", "ты знаешь, когда родился Абай?", "question"),
        ("en", "Who taught Abai to write?", "question"),
        ("kk", "Сау болыңыз", "talk"),
        ("ru", "как тебя зовут?", "talk"),
        ("en", "I am tired", "talk"),
        ("tr", "Günaydın!", "talk"),
        ("kk", "Көктем туралы өлең шығар", "task"),
        ("ru", "Пожалуйста, сочини сказку о волке", "task"),
        ("en", "please draft a speech for a wedding", "task"),
        ("tr", "Bana kısa bir konuşma hazırla", "task"),
        ("ru", "Исправь ошибки: мы пашли в лес", "task"),
        ("tr", "Şu cümleyi düzelt: ben gitti okula", "task"),
        ("en", "what can you do?", "talk"),
        ("en", "When do you think Abai was born?", "question"),
        ("tr", "Bana Astana'yı anlatır mısın?", "question"),
    ],
)
def test_whether_it_is_a_question(language, text, role):
    assert read(text, language).role == role


def test_a_further_question_gets_the_words_of_the_one_before():
    first, second = read("Кто такой Абай?", "ru"), read("А где он родился?", "ru")
    assert (first.points_back, second.points_back) == (False, True)
    assert second.after([first]).query == "Абай родился"
    third = read("Когда умер?", "ru").after([first, second])
    assert third.query == "Абай умер", "what stands alone says what it is about"
    assert read("Что такое юрта?", "ru").after([]).earlier == ()


def test_of_a_pasted_text_only_the_beginning_is_read():
    """A text of some pages took minutes, during which nobody else was answered."""
    pasted = read("Абай кім? " + "Мәтіннің жалғасы осы жерде. " * 5000, "kk")
    assert len(pasted.text) <= READ
    assert pasted.kind == "person"


def test_without_a_file_of_questions_all_words_but_stop_words_count():
    tatar = load_pack("tt")
    question = read_question("Казан кайда урнашкан?", "tt", {"tt": tatar})
    assert (question.role, question.kind) == ("question", "")
    assert "Казан" in question.words


@pytest.mark.parametrize(
    ("language", "unit", "subject"),
    [
        ("kk", "Неше күн?", "Неше күн мереке?"),
        ("ru", "Сколько дней?", "Сколько дней отдыхают?"),
        ("en", "How many days?", "How many days is the holiday?"),
        ("tr", "Kaç gün?", "Kaç gün tatil?"),
    ],
)
def test_a_question_that_names_only_what_is_counted_is_about_what_was_said_before(language, unit, subject):
    assert read(unit, language).points_back
    assert not read(subject, language).points_back


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Müze kaçta açılıyor?", "date"),
        ("Havuz kaça kadar açık?", "date"),
        ("Dükkân kaçtan kaça çalışıyor?", "date"),
        ("Otobüs saat kaçta kalkıyor?", "date"),
        ("Elmanın kilosu kaça?", "number"),
        ("Öğrencilerin kaçta kaçı kız?", "number"),
    ],
)
def test_turkish_asks_for_a_time_of_day_with_the_word_for_how_many(text, kind):
    assert read_question(text, "tr", PACKS).kind == kind


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("kk", "Астананың жоспарын қай сәулетші жасады?", "person"),
        ("kk", "Тәуке ханның заңы қалай аталды?", "person"),
        ("kk", "Қазақ хандығының құрылған жылы", "date"),
        ("ru", "Какой историк писал о Томирис?", "person"),
        ("ru", "год основания ханства Кенесары", "date"),
        ("ru", "Что такое столица?", "meaning"),
        ("en", "What is the capital of the Golden Horde?", "place"),
        ("en", "What is an architect?", "meaning"),
        ("en", "Who is the librarian?", "person"),
        ("tr", "Tomris'i hangi tarihçi yazdı?", "person"),
        ("tr", "Müdür kim?", "person"),
        ("tr", "Yazar nereli?", "place"),
    ],
)
def test_a_word_that_names_what_is_asked_for_gives_the_kind(language, text, kind):
    assert read_question(text, language, PACKS).kind == kind


@pytest.mark.parametrize("text", ["?", "!!!", "…", "🙂", "x", "Қ?", "7", "x y z", "1 2 3", "и"])
def test_a_message_without_a_word_is_no_question_and_repeats_no_answer(text):
    assert read_question(text, "kk", PACKS).role == "talk"
