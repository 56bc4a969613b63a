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
        found = to_main_script(KAZAKH, KAZAKH.transliterate(text, scheme))
        assert found.scheme == scheme
        pairs = list(zip(words(text), words(found.text), strict=False))
        same += sum(a.lower() == b.lower() for a, b in pairs)
        total += len(pairs)
    assert same / total >= least


def test_what_is_in_the_main_script_stays():
    text = "Қазақ тілі, WARC файлы"
    assert to_main_script(KAZAKH, text).text == text
    assert to_main_script(load_pack("en"), "Қазақ").text == "Қазақ"


def test_words_that_could_be_read_otherwise_are_counted():
    found = to_main_script(KAZAKH, "Qazaqstan habarlary")
    assert (found.text, found.unsure) == ("Қазақстан хабарлары", 1)


def run(text: str, *options: str):
    return CliRunner().invoke(main, ["normalize", "-", "--language", "kk", *options], input=text.encode())


def test_the_command():
    assert run("Qazaqstan, қaзaқ\n").stdout == "Қазақстан, қазақ\n"
    assert run("Qazaqstan\n", "--keep-script").stdout == "Qazaqstan\n"
    said = json.loads(run("Qazaqstan habary\n", "--json").stdout)
    assert said == {"text": "Қазақстан хабары", "scheme": "Latn2021", "words": 2, "unsure": 1}
    assert run("").stdout == ""


def test_a_wrong_encoding_is_told():
    answer = CliRunner().invoke(
        main, ["normalize", "-", "--language", "kk"], input="Қазақ".encode("cp1251", "replace") + b"\xff"
    )
    assert answer.exit_code == 1
    assert "line 1: not UTF-8" in answer.stderr
