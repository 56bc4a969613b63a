"""OpenAI's API with the official client, for a model of transformers and one of llama.cpp."""

import json
import math
import threading

import httpx
import openai
import pytest

ASK = [{"role": "user", "content": "Алтын адам қайдан табылды?"}]
TEXT = "Қазақстан Республикасы — Орталық Азиядағы мемлекет."


@pytest.fixture(scope="module", params=["address", "llama_address"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def plain(client):
    """The name for the model without passages."""
    return client.models.list().data[1].id


def test_models_are_listed_with_and_without_passages(client, plain):
    first, second = client.models.list().data
    assert second.id == f"{first.id}:plain" == plain
    assert client.models.retrieve(first.id).owned_by == "anatili"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_an_answer_carries_passages_notice_citations_and_usage(client):
    answer = client.chat.completions.create(model="", messages=ASK, max_tokens=20, seed=1)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    extra = answer.anatili
    assert extra["passages"][0]["title"] == "Алтын адам"
    assert extra["language"] == "kk"
    assert extra["quoted"]
    assert "сөзбе-сөз" in extra["notice"]
    assert extra["generated_by_ai"] is True
    for citation in extra["citations"]:
        passage = extra["passages"][citation["number"] - 1]
        assert passage["text"][citation["start"] : citation["end"]] == citation["quote"]
        assert citation["quote"] in answer.choices[0].message.content


def test_a_stream_gives_the_same_text_and_ends_with_usage(client, plain):
    options = {"model": plain, "messages": ASK, "max_tokens": 20, "temperature": 0}
    whole = client.chat.completions.create(**options)
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert whole.usage.completion_tokens > 0
    assert whole.usage.prompt_tokens > 3


def test_passages_come_before_the_first_word(client):
    chunks = client.chat.completions.create(model="", messages=ASK, stream=True)
    assert next(iter(chunks)).anatili["passages"]


def test_a_seed_repeats_an_answer_and_no_seed_gives_others(client, plain):
    def ask(**more) -> str:
        made = client.chat.completions.create(model=plain, messages=ASK, max_tokens=12, temperature=1.5, **more)
        return made.choices[0].message.content

    assert ask(seed=7) == ask(seed=7)
    assert len({ask() for _ in range(4)}) > 1


def test_several_answers(client, plain):
    made = client.chat.completions.create(model=plain, messages=ASK, max_tokens=8, n=3, temperature=1.5, seed=1)
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in made.choices}) > 1
    assert made.usage.completion_tokens <= 24
    chunks = client.chat.completions.create(
        model=plain, messages=ASK, max_tokens=8, n=3, temperature=1.5, seed=1, stream=True
    )
    streamed = ["", "", ""]
    for chunk in chunks:
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == [choice.message.content for choice in made.choices]


def test_a_stop_word_ends_the_answer(client, plain):
    options = {"model": plain, "messages": ASK, "max_tokens": 30, "temperature": 0}
    whole = client.chat.completions.create(**options).choices[0].message.content
    stop = whole[len(whole) // 2 :][:2]
    cut = client.chat.completions.create(**options, stop=stop)
    assert cut.choices[0].message.content == whole[: whole.find(stop)]
    assert cut.choices[0].finish_reason == "stop"


def test_logprobs_of_a_chat(client, plain):
    made = client.chat.completions.create(
        model=plain, messages=ASK, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
    )
    rows = made.choices[0].logprobs.content
    assert "".join(row.token for row in rows) == made.choices[0].message.content
    for row in rows:
        assert row.logprob <= 0
        assert len(row.top_logprobs) == 3
        values = [top.logprob for top in row.top_logprobs]
        assert values == sorted(values, reverse=True)
    # The repetition penalty makes used tokens less likely, so only the first is sure to be the most likely.
    assert rows[0].logprob == pytest.approx(rows[0].top_logprobs[0].logprob, abs=1e-4)


def test_a_text_is_continued_and_echoed(client):
    made = client.completions.create(model="", prompt=TEXT[:20], max_tokens=5, temperature=0, echo=True)
    assert made.choices[0].text.startswith(TEXT[:20])
    chunks = client.completions.create(model="", prompt=TEXT[:20], max_tokens=5, temperature=0, echo=True, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == made.choices[0].text


def test_the_logprobs_of_a_given_text(client, server):
    ids = httpx.post(f"{server}/tokenize", json={"prompt": TEXT + " 𐰴", "add_special_tokens": True}).json()["tokens"]
    both = client.completions.create(model="", prompt=[ids, ids[:4]], max_tokens=1, echo=True, logprobs=1)
    whole, part = (choice.logprobs for choice in both.choices)
    assert len(whole.tokens) == len(ids) + 1
    assert whole.token_logprobs[0] is None
    assert all(value <= 0 for value in whole.token_logprobs[1:-1])
    assert whole.token_logprobs[1:4] == pytest.approx(part.token_logprobs[1:4], abs=0.02)
    for value, top in zip(whole.token_logprobs[1:-1], whole.top_logprobs[1:-1], strict=True):
        assert value <= max(top.values()) + 1e-6
    echoed = client.completions.create(model="", prompt=ids, max_tokens=0, echo=True, logprobs=0)
    assert len(echoed.choices[0].logprobs.tokens) == len(ids)


def test_embeddings_of_texts_and_of_token_ids(client, server):
    texts = ["Қазақстанның астанасы", "Қазақстан астанасы", "Football match results"]
    made = client.embeddings.create(model="", input=texts)
    vectors = [row.embedding for row in made.data]
    assert all(math.isclose(sum(x * x for x in vector), 1, abs_tol=1e-3) for vector in vectors)
    assert made.usage.prompt_tokens > 5

    def similarity(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert similarity(vectors[0], vectors[1]) > similarity(vectors[0], vectors[2])
    plain = client.embeddings.create(model="", input=texts[0], encoding_format="float").data[0].embedding
    assert plain == pytest.approx(vectors[0], abs=1e-2)
    ids = httpx.post(f"{server}/tokenize", json={"prompt": texts[0]}).json()["tokens"]
    by_ids = client.embeddings.create(model="", input=[ids]).data[0].embedding
    assert similarity(by_ids, vectors[0]) > 0.98
    for wrong in ("", ["a", ""], []):
        with pytest.raises(openai.APIStatusError):
            client.embeddings.create(model="", input=wrong)
    short = client.embeddings.create(model="", input=texts[0], dimensions=16, encoding_format="float").data[0].embedding
    length = math.sqrt(sum(number * number for number in plain[:16]))
    assert short == pytest.approx([number / length for number in plain[:16]], abs=1e-3)
    with pytest.raises(openai.BadRequestError, match=f"have {len(plain)} numbers"):
        client.embeddings.create(model="", input=texts[0], dimensions=len(plain) + 1)


def test_text_to_tokens_and_back(server):
    tokenized = httpx.post(f"{server}/tokenize", json={"prompt": TEXT, "add_special_tokens": False}).json()
    assert tokenized["count"] == len(tokenized["tokens"])
    assert tokenized["max_model_len"] > 100
    assert httpx.post(f"{server}/detokenize", json={"tokens": tokenized["tokens"]}).json()["prompt"] == TEXT
    info = httpx.get(f"{server}/tokenizer_info").json()
    (end,) = httpx.post(f"{server}/tokenize", json={"prompt": info["eos_token"], "add_special_tokens": False}).json()[
        "tokens"
    ]
    assert isinstance(end, int)
    assert "message" in info["chat_template"]
    assert httpx.post(f"{server}/detokenize", json={"tokens": [10**8]}).status_code == 400


def test_the_responses_api(client):
    made = client.responses.create(model="", input="Алтын адам қайдан табылды?", max_output_tokens=20)
    assert made.output_text
    assert made.status == "completed"
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    kinds, text = [], ""
    with client.responses.stream(model="", input="Алтын адам қайдан табылды?", max_output_tokens=20) as events:
        for event in events:
            kinds.append(event.type)
            text += getattr(event, "delta", "") if event.type == "response.output_text.delta" else ""
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert text == made.output_text
    for id_ in (made.id, event.response.id):
        further = client.responses.create(model="", input="Ол қай жылы табылды?", previous_response_id=id_)
        assert "1969" in further.output_text
        assert further.previous_response_id == id_
    alone = client.responses.create(model="", input="Ол қай жылы табылды?", store=False)
    assert "1969" not in alone.output_text
    with pytest.raises(openai.BadRequestError, match="there is no response"):
        client.responses.create(model="", input="Неге?", previous_response_id=alone.id)


@pytest.mark.parametrize("search", [False, True])
def test_an_answer_matches_its_json_schema(server, search):
    client = openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0)
    schema = {
        "type": "object",
        "required": ["city", "number"],
        "additionalProperties": False,
        "properties": {"city": {"type": "string", "maxLength": 12}, "number": {"type": "integer", "maximum": 9}},
    }
    made = client.chat.completions.create(
        model="",
        messages=ASK,
        max_tokens=120,
        seed=1,
        extra_body={"search": search},
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert set(json.loads(made.choices[0].message.content)) == {"city", "number"}


def test_a_client_that_leaves_stops_its_answer_and_frees_the_model(server):
    body = {"messages": ASK, "stream": True, "search": False, "max_tokens": 2000, "temperature": 1.5, "stop": None}
    with httpx.stream("POST", f"{server}/v1/chat/completions", json=body, timeout=60) as s:
        next(s.iter_lines())
    answer = httpx.post(f"{server}/v1/chat/completions", json={"messages": ASK, "max_tokens": 3}, timeout=60)
    assert answer.status_code == 200
    for _ in range(100):
        if "anatili_running 0.0" in httpx.get(f"{server}/metrics").text:
            break
        threading.Event().wait(0.1)
    else:
        raise AssertionError("the answer is still in progress")


def test_several_clients_at_once_get_complete_answers(server):
    last_lines: list[str] = []

    def ask(number: int) -> None:
        body = {"messages": ASK, "search": False, "stream": True, "max_tokens": 10, "seed": number}
        with httpx.stream("POST", f"{server}/v1/chat/completions", json=body, timeout=120) as answer:
            last_lines.append([line for line in answer.iter_lines() if line][-1])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert last_lines == ["data: [DONE]"] * 12
