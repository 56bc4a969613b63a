"""The language of a question that does not tell its own: that of the conversation, else what the client accepts."""

import httpx
import pytest

from anatili.lang import load_pack
from anatili.serve.accepted import MOST, accepted_language
from anatili.serve.assistant import Assistant

CODES = ("kk", "ru", "en", "tr")


class Quoting:
    """Stands for a small model: the assistant quotes or declines and never asks it."""

    name, parameters, slots, context = "quoting", 26_000_000, 1, 1024


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", ""),
        ("ru", "ru"),
        ("RU-ru", "ru"),
        ("de-DE,de;q=0.9,en;q=0.8", "en"),
        ("en;q=0.3, tr;q=0.7, kk-Latn-KZ;q=0.5", "tr"),
        ("tr, kk", "tr"),
        ("kk;q=0, en;q=0.1", "en"),
        ("kk;q=high, *;q=0.5, fr", ""),
        (";q=1,,=;, ru ;q=0.2", "ru"),
        ("ru;q=9, en;q=nan, tr;q=-1", ""),
        ("x," * MOST + "ru", ""),
    ],
)
def test_the_header_names_languages_in_any_order(header, language):
    assert accepted_language(header, CODES) == language


@pytest.mark.parametrize("question", ["?", "!!!", "2024?", "..."])
@pytest.mark.parametrize("code", CODES)
def test_a_question_without_letters_is_in_the_language_that_is_likely_or_of_the_question_before(question, code):
    assistant = Assistant(Quoting(), {code: load_pack(code) for code in CODES})
    messages = [{"role": "user", "content": question}]
    assert assistant.language_in(messages, code) == code
    assert assistant.language_in(messages) == "kk"
    before = [{"role": "user", "content": "Кто такой Абай?"}, {"role": "assistant", "content": "«Ақын» [1]"}]
    assert assistant.language_in([*before, *messages], code) == "ru"


def test_a_question_with_letters_tells_its_own_language():
    assistant = Assistant(Quoting(), {code: load_pack(code) for code in CODES})
    assert assistant.language_of("Наурыз қашан тойланады?", "ru") == "kk"
    assert assistant.language_of("NASA", "tr") == "tr", "a name that is in no language of the assistant"


def test_the_api_answers_in_the_language_that_the_client_accepts(llama_address):
    with httpx.Client(base_url=llama_address, timeout=60) as client:
        for code in ("ru", "tr"):
            headers, said = {"Accept-Language": f"{code};q=0.9, kk;q=0.5"}, load_pack(code).prompts["small_talk"]
            ask = {"messages": [{"role": "user", "content": "?"}]}
            answer = client.post("/v1/chat/completions", json=ask, headers=headers).json()
            assert answer["choices"][0]["message"]["content"].startswith(said)
            reply = client.post("/v1/responses", json={"input": "!!!"}, headers=headers).json()
            assert reply["output"][0]["content"][0]["text"].startswith(said)


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("ru", "Где похоронен Абылай?"),
        ("ru", "Кто владелец базы?"),
        ("tr", "Jambıl ne zaman doğdu"),
        ("tr", "Depo nerede?"),
        ("kk", "Google қашан құрылды?"),
        ("kk", "Абылай хан"),
    ],
)
def test_a_name_does_not_decide_on_the_language_of_a_short_question(question, language):
    """The first four were taken for Kazakh: half of their letters are those of a name."""
    packs = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
    assert Assistant(None, packs).language_of(question) == language
