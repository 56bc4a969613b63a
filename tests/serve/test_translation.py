"""LibreTranslate's routes, with its own client and with plain requests."""

import json
import time

import httpx
import pytest

libretranslatepy = pytest.importorskip("libretranslatepy")


@pytest.fixture(scope="module")
def client(llama_address):
    return libretranslatepy.LibreTranslateAPI(llama_address)


def test_languages_list_the_directions_that_were_taught(client):
    languages = {row["code"]: row for row in client.languages()}
    assert languages["kk"]["name"] == "Kazakh"
    assert {code: set(row["targets"]) for code, row in languages.items()} == {
        "kk": {"ru", "en", "tr"},
        "ru": {"kk"},
        "en": {"kk"},
        "tr": {"kk"},
    }
    assert languages["kk"]["anatili"]["en"]["quality"] == "poor"
    assert languages["kk"]["anatili"]["en"]["chrf"] < 20


def test_the_quality_comes_with_a_translation(llama_address):
    text = "Дәріні күніне 3 рет 250 мг ішпеңіз! 1987 жылы 4567 адам Павлодардан Ақтөбеге көшті. Ол 2023 жылы қайтты."
    body = {"q": text, "source": "kk", "target": "en"}
    details = httpx.post(f"{llama_address}/translate", json=body, timeout=60).json()["anatili"]
    assert details["quality"]["quality"] == "poor"
    assert "қазақ тілі → English" in details["notice"]
    assert details["doubts"], "such a small model cannot translate so many numbers and names correctly"


def test_a_language_is_detected(client):
    assert client.detect("Қазақ тілі — мемлекеттік тіл.")[0]["language"] == "kk"
    assert client.detect("Русский язык — язык межнационального общения.")[0]["language"] == "ru"


def test_a_text_is_translated_for_its_client(client):
    translation = client.translate("Қайырлы таң!\n\n2024", "kk", "en", timeout=60)
    assert translation.endswith("\n\n2024")
    assert client.translate("Сәлем", "kk", "kk") == "Сәлем"


def test_lists_and_unknown_sources(llama_address):
    body = {"q": ["Қазақ тілі — мемлекеттік тіл.", "2024"], "source": "auto", "target": "ru"}
    answer = httpx.post(f"{llama_address}/translate", json={**body, "q": body["q"][:1]}, timeout=60).json()
    assert len(answer["translatedText"]) == len(answer["anatili"]) == 1
    assert answer["detectedLanguage"][0]["language"] == "kk"
    assert answer["anatili"][0]["generated_by_ai"]
    answer = httpx.post(f"{llama_address}/translate", json=body, timeout=60)
    assert answer.status_code == 400
    assert "not identified" in answer.json()["error"]["message"]


def test_work_stops_when_the_client_leaves(llama_address):
    body = {"q": " ".join(f"Бүгін {n} бала келді." for n in range(800)), "source": "kk", "target": "en"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{llama_address}/translate", json=body, timeout=1)
    end = time.monotonic() + 30  # all of it would take minutes
    while "anatili_running 0.0" not in httpx.get(f"{llama_address}/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_stream_sends_each_segment(llama_address):
    body = {"q": "Таң атты. Күн шықты.\nКеш батты.", "source": "kk", "target": "tr", "stream": True}
    with httpx.stream("POST", f"{llama_address}/translate", json=body, timeout=60) as answer:
        lines = [line[6:] for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    assert events[0]["detectedLanguage"] == {"language": "kk", "confidence": 100.0}
    assert events[0]["quality"]["quality"] == "poor"
    assert "қазақ тілі → Türkçe" in events[0]["notice"]
    assert "".join(event["source"] for event in events[1:]) == body["q"]
    assert len([event for event in events[1:] if event["source"].strip()]) == 3


def test_a_sentence_has_other_translations(llama_address):
    body = {"q": "Таң атты.", "source": "kk", "target": "tr", "alternatives": 2}
    answer = httpx.post(f"{llama_address}/translate", json=body, timeout=60).json()
    assert 1 <= len(answer["alternatives"]) <= 2
    assert len({answer["translatedText"], *answer["alternatives"]}) == 1 + len(answer["alternatives"])
    two = httpx.post(f"{llama_address}/translate", json={**body, "q": ["https://e.kz", "Таң. Күн."]}, timeout=60).json()
    assert two["alternatives"] == [[], []]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"target": "de"}, 400),
        ({"source": "de"}, 400),
        ({"q": "Привет", "source": "ru", "target": "en"}, 400),
        ({"q": "x" * 30_000}, 400),
        ({"format": "html"}, 400),
        ({"q": None}, 422),
        ({"target": None}, 422),
        ({"alternatives": 9}, 422),
    ],
)
def test_requests_that_cannot_be_translated_are_refused(llama_address, change, status):
    body = {"q": "Сәлем", "source": "kk", "target": "en", **change}
    answer = httpx.post(f"{llama_address}/translate", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert (
        httpx.post(f"{llama_address}/translate", content=b"{", headers={"Content-Type": "application/json"}).status_code
        == 400
    )


def test_the_command_translates_its_input(anatili, six_directions):
    answer = anatili("translate", six_directions, "--target", "ru", input="Таң атты.\n\nhttps://e.kz\n")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.endswith("\n\nhttps://e.kz\n")
    assert "kk-ru: this model does it badly" in answer.stderr


def test_the_command_refuses_what_was_not_taught(anatili, six_directions):
    answer = anatili("translate", six_directions, "--target", "en", input="Доброе утро! Сегодня хорошая погода.\n")
    assert answer.returncode == 1
    assert "not taught to translate from ru to en; it translates kk-ru, kk-en, kk-tr, ru-kk" in answer.stderr
