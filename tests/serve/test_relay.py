"""Another anatili behind an address: what it found is shown, and it answers from the passages that it is given."""

import json

import httpx
from click.testing import CliRunner
from serving import start, stop

from anatili.cli import main
from anatili.engine import Sampling, open_engine


def anatili(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_quotation_of_another_server_is_called_one(llama_address):
    answer = json.loads(anatili("chat", llama_address, "--question", "Наурыз қашан тойланады?", "--json"))
    assert "сөзбе-сөз" in answer["notice"]
    (citation,) = answer["citations"]
    assert citation["quote"] in answer["passages"][citation["number"] - 1]["text"]
    shown = anatili("chat", llama_address, "--question", "Наурыз қашан тойланады?")
    assert answer["passages"][0]["url"] in shown.replace("\n", "")
    assert "тілдік модель жазды" not in shown


def test_the_model_of_another_server_is_asked_about_ones_own_documents(llama_address, tmp_path):
    (tmp_path / "note.txt").write_text("Наурыз мерекесінде кеңсе үш күн жабық болады.\n", "utf-8")
    arguments = ("ask", str(tmp_path / "note.txt"), "--model", llama_address)
    text = anatili(*arguments, "--question", "Наурызда кеңсе неше күн жабық болады?")
    assert "үш күн жабық" in text  # it is small, and that is known: a sentence is quoted


def test_another_server_answers_from_the_passages_that_it_is_given(llama_address):
    engine = open_engine(llama_address)
    ask = {"role": "user", "content": "Наурыз қашан тойланады?"}
    alone = list(engine.generate([ask], Sampling(max_tokens=30)))
    given = list(
        engine.generate([{"role": "system", "content": "[1] Кеңсе\nКеңсе жабық."}, ask], Sampling(max_tokens=30))
    )
    assert alone[0].details["passages"]
    assert not given[0].details["passages"]


def test_a_server_in_front_of_another_passes_on_what_that_one_found(llama_address):
    process, front = start(llama_address)
    try:
        body = {"messages": [{"role": "user", "content": "Наурыз қашан тойланады?"}]}
        body["messages"].insert(
            0, {"role": "system", "content": "Be brief."}
        )  # no server of ours takes it when it searches
        whole = httpx.post(f"{front}/v1/chat/completions", json=body, timeout=60).json()
        assert whole["anatili"]["passages"]
        assert whole["anatili"]["citations"]
        assert "сөзбе-сөз" in whole["anatili"]["notice"]
        lines = httpx.post(f"{front}/v1/chat/completions", json={**body, "stream": True}, timeout=60).text.splitlines()
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        told = [event["anatili"] for event in events if "anatili" in event]
        assert next(details for details in reversed(told) if "passages" in details)["passages"]
        assert told[-1]["citations"] == whole["anatili"]["citations"]
        response = httpx.post(f"{front}/v1/responses", json={"input": "Наурыз қашан тойланады?"}, timeout=60).json()
        assert response["anatili"] == whole["anatili"]
    finally:
        stop(process)


def test_another_server_does_not_search_if_it_must_not(llama_address):
    answer = json.loads(
        anatili("chat", llama_address, "--no-search", "--question", "Наурыз қашан тойланады?", "--json")
    )
    assert not answer["citations"]
    assert "[1]" not in answer["answer"]
