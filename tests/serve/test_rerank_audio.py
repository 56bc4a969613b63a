"""`/v1/rerank`, and `/v1/audio` passed on to another server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import openai
import pytest

from anatili.lang import load_pack
from anatili.sample.topics import read_topics
from anatili.search.rerank import scores
from anatili.serve.api import Extras, create_app
from anatili.serve.assistant import Assistant

DOCUMENTS = [
    "Домбыра — екі ішекті қазақ халық аспабы.",
    "Астана — Қазақстанның астанасы, ірі қала.",
    "Бүгін футболдан ойын болды.",
]


def test_documents_are_ranked_by_how_well_they_answer(llama_address):
    body = {
        "query": "Домбырада неше ішек бар?",
        "documents": [{"text": text} for text in reversed(DOCUMENTS)],
        "top_n": 2,
        "return_documents": True,
    }
    answer = httpx.post(f"{llama_address}/v1/rerank", json=body).json()
    first, second = answer["results"]
    assert first["index"] == 2
    assert first["document"]["text"] == DOCUMENTS[0]
    assert 1 >= first["relevance_score"] > second["relevance_score"] >= 0
    for wrong in ({"documents": []}, {"query": ""}, {"top_n": 0}, {"model": "other"}):
        assert httpx.post(f"{llama_address}/v1/rerank", json=body | wrong).status_code in (404, 422)


@pytest.mark.parametrize("language", ["kk", "ru", "en", "tr"])
def test_a_question_ranks_its_own_page_first(language):
    topics = [topic.pages[language] for topic in read_topics() if language in topic.pages][:20]
    packs = {language: load_pack(language)}
    texts = [page.text for page in topics]
    first = [max(range(len(texts)), key=scores(page.question, texts, packs).__getitem__) for page in topics[::2]]
    right = sum(found == index for found, index in zip(first, range(0, len(topics), 2), strict=True))
    assert right >= 9  # of ten


class Speech(BaseHTTPRequestHandler):
    """A server with /v1/audio, as far as clients see it: it answers with what it got."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Authorization"], body))
        is_speech = self.path.endswith("speech")
        answer = b"RIFF sound" if is_speech else b'{"text": "\xd0\xa1\xd3\x99\xd0\xbb\xd0\xb5\xd0\xbc"}'
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav" if is_speech else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def test_speech_is_left_to_another_server(monkeypatch):
    monkeypatch.setenv("ANATILI_AUDIO_KEY", "secret")
    speech = ThreadingHTTPServer(("127.0.0.1", 0), Speech)
    speech.requests = []
    threading.Thread(target=speech.serve_forever, daemon=True).start()
    from starlette.testclient import TestClient

    class Silent:
        name, slots, context, parameters = "none", 1, 0, 0

    assistant = Assistant(Silent(), {"kk": load_pack("kk")})
    address = f"http://127.0.0.1:{speech.server_port}/v1"
    with TestClient(create_app(assistant, extras=Extras(audio=address)), base_url="http://localhost") as http:
        client = openai.OpenAI(base_url="http://localhost/v1", api_key="none", http_client=http, max_retries=0)
        heard = client.audio.transcriptions.create(model="whisper", file=("a.wav", b"RIFF" + b"\0" * (2 << 20)))
        assert heard.text == "Сәлем"
        assert client.audio.speech.create(model="tts", voice="a", input="Сәлем").read() == b"RIFF sound"
        assert http.post("/v1/audio/other", content=b"x").status_code == 404
    (path, key, body), (other, _, _) = speech.requests
    assert (path, other) == ("/v1/audio/transcriptions", "/v1/audio/speech")
    assert key == "Bearer secret"
    assert len(body) > 2 << 20
    speech.shutdown()
    with TestClient(create_app(assistant, extras=Extras(audio=address)), base_url="http://localhost") as http:
        speech.server_close()
        assert http.post("/v1/audio/speech", json={}).status_code == 502
    with TestClient(create_app(assistant), base_url="http://localhost") as http:
        answer = http.post("/v1/audio/speech", json={})
        assert answer.status_code == 404
        assert "--audio ADDRESS" in answer.json()["error"]["message"]
