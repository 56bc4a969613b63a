import json

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.lang import load_pack
from anatili.lang.convert import to_main_script
from anatili.sample.topics import read_topics
from anatili.text import words

KAZAKH = load_pack("kk")


@pytest.mark.parametrize(("scheme", "least"), [("Latn2021", 0.95), ("Latn2018", 0.95), ("Arab", 0.85)])
def test_most_words_come_back(scheme, least):
    same = total = 0
    for topic in read_topics():
        text = KAZAKH.normalize(topic.pages["kk"].text)
        converted = to_main_script(KAZAKH, KAZAKH.transliterate(text, scheme))
        assert converted.scheme == scheme
        pairs = list(zip(words(text), words(converted.text), strict=False))
        same += sum(a.lower() == b.lower() for a, b in pairs)
        total += len(pairs)
    assert same / total >= least


def test_text_in_the_main_script_stays():
    text = "Қазақ тілі, WARC файлы"
    assert to_main_script(KAZAKH, text).text == text
    assert to_main_script(load_pack("en"), "Қазақ").text == "Қазақ"


def test_ambiguous_words_are_counted():
    converted = to_main_script(KAZAKH, "Qazaqstan habarlary")
    assert (converted.text, converted.unsure) == ("Қазақстан хабарлары", 1)


def run(text: str, *options: str):
    return CliRunner().invoke(main, ["normalize", "-", "--language", "kk", *options], input=text.encode())


def test_the_command():
    assert run("Qazaqstan, қaзaқ\n").stdout == "Қазақстан, қазақ\n"
    assert run("Qazaqstan\n", "--keep-script").stdout == "Qazaqstan\n"
    row = json.loads(run("Qazaqstan habary\n", "--json").stdout)
    assert row == {"text": "Қазақстан хабары", "scheme": "Latn2021", "words": 2, "unsure": 1}
    assert run("").stdout == ""


def test_a_wrong_encoding_is_reported():
    answer = CliRunner().invoke(
        main, ["normalize", "-", "--language", "kk"], input="Қазақ".encode("cp1251", "replace") + b"\xff"
    )
    assert answer.exit_code == 1
    assert "line 1: not UTF-8" in answer.stderr
