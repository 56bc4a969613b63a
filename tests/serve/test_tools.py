"""Calls of tools with the clients that people use: a model without a form for tools, and one behind another server."""

import json
from typing import Literal

import httpx
import langchain_openai
import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from serving import start, stop

from anatili.engine import Chunk, ToolUse
from anatili.serve.tools import WholeAnswer, answer_schema, read_form

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Алматы", "Астана"]},
                "days": {"type": "integer", "enum": [1, 2, 3]},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}
ASK = [{"role": "user", "content": "Алматыда ауа райы қандай?"}]
OPTIONS = {"model": "", "messages": ASK, "tools": [WEATHER, CLOCK], "max_tokens": 80, "temperature": 0}


@pytest.fixture(scope="module")
def remote_address(llama_address):
    """A server whose engine is the other server: tools pass through both."""
    process, address = start(f"{llama_address}/v1#kazakh-26m")
    yield address
    stop(process)


def client_of(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module", params=["llama_address", "remote_address"])
def client(request):
    return client_of(request.getfixturevalue(request.param))


def check_call(call) -> None:
    assert call.type == "function"
    assert call.id.startswith("call_")
    arguments = json.loads(call.function.arguments)
    if call.function.name == "get_weather":
        assert set(arguments) == {"city", "days"}
        assert arguments["city"] in ("Алматы", "Астана")
        assert arguments["days"] in (1, 2, 3)
    else:
        assert call.function.name == "get_time"


def test_a_required_call_has_a_known_name_and_valid_arguments(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    answer = client.chat.completions.create(**OPTIONS, tool_choice=named)
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather"
    check_call(call)
    assert answer.usage.completion_tokens > 0


def test_a_stream_gives_the_same_calls(client):
    whole = client.chat.completions.create(**OPTIONS, tool_choice="required")
    with client.chat.completions.stream(**OPTIONS, tool_choice="required") as stream:
        streamed = stream.get_final_completion().choices[0]
    assert streamed.finish_reason == "tool_calls"
    (first,), (second,) = whole.choices[0].message.tool_calls, streamed.message.tool_calls
    check_call(second)
    assert (first.function.name, first.function.arguments) == (second.function.name, second.function.arguments)


def test_without_being_required_it_answers_or_calls(llama_address):
    for stream in (False, True):
        answer = client_of(llama_address).chat.completions.create(**OPTIONS, tool_choice="auto", stream=stream)
        if stream:
            whole = WholeAnswer()
            for event in answer:
                for choice in event.choices:
                    calls = tuple(call.model_dump() for call in choice.delta.tool_calls or ())
                    whole.add(Chunk(choice.delta.content or "", finish=choice.finish_reason or "", tool_calls=calls))
            assert bool(whole.calls) == (whole.last.finish == "tool_calls")
            assert '{"answer' not in whole.text
        else:
            message = answer.choices[0].message
            for call in message.tool_calls or ():
                check_call(call)
            assert message.tool_calls or answer.choices[0].finish_reason in ("stop", "length")


def test_results_of_tools_are_read(client):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Алматы"}'}}
    history = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "+25, ашық"},
    ]
    for tools in ({"tools": [WEATHER]}, {"tools": [WEATHER], "tool_choice": "none"}, {}):
        answer = client.chat.completions.create(model="", messages=history, max_tokens=12, **tools)
        assert answer.choices[0].message.role == "assistant"
        assert answer.usage.prompt_tokens > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"messages": [*ASK, {"role": "tool", "tool_call_id": "call_9", "content": "x"}]},
            "no call before it has this id",
        ),
        ({"tools": [WEATHER, WEATHER]}, "two have the same name"),
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "there is no tool 'other'"),
        ({"tools": [], "tool_choice": "required"}, "there are no tools"),
        ({"tools": [{"type": "function", "function": {"name": "два слова"}}]}, "pattern"),
        (
            {
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "objekt"}}}],
                "tool_choice": "required",
            },
            "JSON Schema",
        ),
    ],
)
def test_wrong_requests_are_told_in_a_sentence(llama_address, change, message):
    answer = httpx.post(f"{llama_address}/v1/chat/completions", json={**OPTIONS, **change}, timeout=60)
    assert answer.status_code in (400, 422)
    assert message in answer.json()["error"]["message"]


def test_langchain_binds_tools_and_sends_their_results(llama_address):
    @tool
    def get_weather(city: Literal["Алматы", "Астана"]) -> str:
        """The weather of a city."""
        return f"{city}: +25"

    chat = langchain_openai.ChatOpenAI(
        model="kazakh-26m", base_url=f"{llama_address}/v1", api_key="none", max_tokens=80, temperature=0
    )
    forced = chat.bind_tools([get_weather], tool_choice="get_weather")
    question = HumanMessage(ASK[0]["content"])
    called = forced.invoke([question])
    (call,) = called.tool_calls
    assert call["name"] == "get_weather"
    assert isinstance(call["args"]["city"], str)
    streamed = None
    for chunk in forced.stream([question]):
        streamed = chunk if streamed is None else streamed + chunk
    assert [part["args"] for part in streamed.tool_calls] == [call["args"]]
    result = get_weather.invoke(call["args"])
    answer = chat.bind_tools([get_weather]).invoke([question, called, ToolMessage(result, tool_call_id=call["id"])])
    assert isinstance(answer.content, str)


def test_an_answer_in_our_form_is_shown_as_it_is_written():
    written = json.dumps({"answer": 'Ол "😀" деді\n.'})
    chunks = [Chunk(letter) for letter in written]
    texts = [chunk.text for chunk in read_form(iter([*chunks, Chunk("", finish="stop", tokens=9)]))]
    assert "".join(texts) == 'Ол "😀" деді\n.'
    assert len(texts) > 8
    cut = list(read_form(iter([Chunk('{"tool_calls": [{"name": "f", "argu'), Chunk("", finish="length")])))
    assert [(chunk.text, chunk.finish, chunk.tool_calls) for chunk in cut] == [("", "length", ())]


def test_definitions_of_several_tools_do_not_collide():
    def function(name: str, kind: str) -> dict:
        parameters = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"type": kind}}}
        return {"type": "function", "function": {"name": name, "parameters": parameters}}

    schema = answer_schema(ToolUse((function("a", "string"), function("b", "integer")), "required"))
    assert schema["$defs"] == {"a.X": {"type": "string"}, "b.X": {"type": "integer"}}
    calls = schema["properties"]["tool_calls"]["items"]["anyOf"]
    assert [call["properties"]["arguments"]["properties"]["x"]["$ref"] for call in calls] == [
        "#/$defs/a.X",
        "#/$defs/b.X",
    ]


def test_the_responses_api_calls_tools_and_goes_on_from_their_results(client):
    weather = {"type": "function", **WEATHER["function"]}
    options = {
        "model": "",
        "tools": [weather, {"type": "function", "name": "get_time"}],
        "max_output_tokens": 80,
        "temperature": 0,
    }
    named = {"type": "function", "name": "get_weather"}
    made = client.responses.create(**options, input=ASK[0]["content"], tool_choice=named)
    (call,) = made.output
    assert (call.type, call.name, made.tool_choice.name) == ("function_call", "get_weather", "get_weather")
    assert json.loads(call.arguments)["city"] in ("Алматы", "Астана")
    assert made.output_text == ""
    with client.responses.stream(**options, input=ASK[0]["content"], tool_choice=named) as stream:
        kinds = [event.type for event in stream]
        (streamed,) = stream.get_final_response().output
    assert kinds.count("response.function_call_arguments.done") == 1
    assert "response.output_text.delta" not in kinds
    assert (streamed.name, streamed.arguments) == (call.name, call.arguments)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "+25, ашық"}
    further = client.responses.create(
        model="", input=[result], tools=[weather], tool_choice="none", previous_response_id=made.id, max_output_tokens=9
    )
    assert further.usage.input_tokens > 20
    assert further.output[0].type == "message"
    whole = client.responses.create(
        model="",
        input=[{"role": "user", "content": "Ауа райы қандай?"}, call.model_dump(), result],
        max_output_tokens=9,
    )
    assert whole.output[0].type == "message"
    with pytest.raises(openai.BadRequestError, match="no call before it has this id"):
        client.responses.create(model="", input=[result])
    with pytest.raises(openai.BadRequestError, match="there is no tool 'other'"):
        client.responses.create(**options, input="Неге?", tool_choice={"type": "function", "name": "other"})
