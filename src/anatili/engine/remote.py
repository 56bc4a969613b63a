"""Any server with an OpenAI-compatible API: OpenAI, OpenRouter, vLLM, llama.cpp, Ollama, another anatili."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob, ToolUse
from anatili.engine.retry import WaitBudget
from anatili.problem import Problem

LOCAL = ("//127.0.0.1", "//localhost", "//[::1]")
OURS = "anatili"
"""What our own server's list of models names as the owner."""
MAX_LISTED = 20
"""Maximum number of model names in a message."""
BATCH = 16
"""Texts scored by one request."""


class RemoteEngine:
    """Any server with `/v1/chat/completions` (vLLM, llama.cpp, another anatili); key from ANATILI_ENGINE_KEY."""

    slots = 64
    """Requests sent at the same time; such a server has a queue of its own."""
    patience = 0.0
    """Seconds to wait for an answer of a busy server; none where a person waits."""

    def __init__(self, address: str, key: str = "", model: str = "", transport: Any = None) -> None:
        """`model`: which of the server's models; may be omitted if there is only one.

        `transport`: an httpx transport, for a server that is not reached by its address.
        """
        import httpx

        self.address = address.rstrip("/").removesuffix("/v1")
        self.label = self.address
        """The server's name in messages."""
        key = key or os.environ.get("ANATILI_ENGINE_KEY", "")
        # A server on this machine may close an idle connection just as it is reused: open a new one each time.
        limits = httpx.Limits(max_keepalive_connections=0 if any(name in self.address for name in LOCAL) else 20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=120, headers=headers, limits=limits, transport=transport)
        self.card = self.find_model(model)
        """The model's entry in the server's list."""
        self.name = str(self.card["id"])

    def find_model(self, model: str) -> dict[str, Any]:
        """The server's entry for the model of this name, or for its only one; `Problem` lists the models it has."""
        import httpx

        try:
            answer = self.client.get(f"{self.address}/v1/models")
            if answer.status_code == httpx.codes.NOT_FOUND and model:
                return {"id": model}  # it has no list: the first request shows whether it has this one
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise Problem(f"{self.label} rejects the API key: set ANATILI_ENGINE_KEY to a valid one")
            cards = [dict(card) for card in answer.raise_for_status().json()["data"]]
            if not cards:
                raise LookupError("its list of models is empty")
            names = [str(card["id"]) for card in cards]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Problem(f"no OpenAI-compatible server answers at {self.address}/v1/models: {error}") from error
        if model:
            card = next(
                (card for card in cards if model in (card["id"], str(card["id"]).removesuffix(":latest"))), None
            )
            if card is None:
                raise Problem(f"{self.label} has no model {model!r}; it has {list_names(names, model)}")
            return card
        # Our own server lists one model twice: with search and without.
        if len(cards) > 1 and cards[0].get("owned_by") != OURS:
            raise Problem(
                f"{self.label} has {len(cards)} models: {list_names(names)}. Name one at the end of the address, as in "
                f"{self.address}/v1#{names[0]}"
            )
        return cards[0]

    @property
    def is_anatili(self) -> bool:
        """Whether the server is another anatili, which searches and cites by itself."""
        return self.card.get("owned_by") == OURS

    @property
    def context(self) -> int:
        return int(self.card.get("max_model_len") or self.card.get("context_length") or 0)

    @property
    def parameters(self) -> int:
        """The number of parameters, as llama.cpp and another anatili tell it; 0 if it is not known."""
        return int((self.card.get("meta") or {}).get("n_params") or 0)

    def takes_tools(self, use: ToolUse | None) -> bool:
        return True  # a server without tools refuses a request with them, and says so

    def extra_options(self, sampling: Sampling) -> dict[str, Any]:
        """Options of a request beyond the common API."""
        return {}

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        path, options = request(prompt, sampling)
        body = {"model": self.name, **options, **self.extra_options(sampling)}
        if self.is_anatili and "messages" in body and any(m["role"] == "system" for m in body["messages"]):
            body["search"] = False  # it has its passages: the server would answer from its own texts instead
        finish, prompt_tokens, tokens, steps = "", 0, 0, 0
        for event in self.events(path, body):
            if self.is_anatili and isinstance(event.get("anatili"), dict):
                yield Chunk("", details=event["anatili"])
            usage = event.get("usage") or {}
            prompt_tokens = usage.get("prompt_tokens") or prompt_tokens
            tokens = usage.get("completion_tokens") or tokens
            for choice in event.get("choices", ()):
                text = choice.get("text") or choice.get("delta", {}).get("content") or ""
                finish = choice.get("finish_reason") or finish
                calls = tuple(choice.get("delta", {}).get("tool_calls") or ())
                if text or calls:
                    steps += 1
                    yield Chunk(text, read_logprobs(choice.get("logprobs")), tool_calls=calls)
        reason = finish if finish in ("length", "tool_calls") else "stop"
        yield Chunk("", (), reason, prompt_tokens, tokens or steps)

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Server-sent events of an answer, as JSON; `Problem` if the answer breaks off, which a proxy may hide."""
        import httpx

        is_whole, is_sent, wait_budget = False, False, WaitBudget(self.patience)
        try:
            while not is_sent:
                with self.client.stream("POST", f"{self.address}{path}", json=body) as answer:
                    if wait_budget.wait_to_retry(answer):
                        continue
                    is_sent = True
                    for event in self.read_events(answer):
                        is_whole |= event is None or any(one.get("finish_reason") for one in event.get("choices") or ())
                        if event is not None:
                            yield event
        except (httpx.HTTPError, ValueError) as error:
            raise Problem(f"{self.label} closed the connection: {error}") from error
        if not is_whole:
            raise Problem(f"{self.label} broke its answer off: it gave neither a finish reason nor [DONE]")

    def read_events(self, answer: Any) -> Iterator[dict[str, Any] | None]:
        """The events of an httpx response that is being streamed; None for the one that says that it is complete."""
        if answer.is_error:
            answer.read()
            raise response_problem(answer, self.label)
        for line in answer.iter_lines():
            if line == "data: [DONE]":
                yield None
            elif line.startswith("data: "):
                event = json.loads(line[6:])
                if "error" in event:
                    raise Problem(f"{self.label}: {event['error']}")
                yield event

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer of a path; the request is a POST if there is a body."""
        import httpx

        wait_budget, method = WaitBudget(self.patience), "GET" if body is None else "POST"
        try:
            answer = self.client.request(method, f"{self.address}{path}", json=body)
            while wait_budget.wait_to_retry(answer):
                answer = self.client.request(method, f"{self.address}{path}", json=body)
            if answer.is_error:
                raise response_problem(answer, self.label)
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Problem(f"{self.label}: {error}") from error

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        (rows,) = self.echo([ids], max(1, top_logprobs))
        return list(rows)

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for first in range(0, len(spans), BATCH):
            batch = spans[first : first + BATCH]
            for span, rows in zip(batch, self.echo([span.ids for span in batch], 1), strict=True):
                yield [row.logprob for row in rows[span.start - 1 :]]

    def echo(self, prompts: Sequence[Sequence[int]], top_logprobs: int) -> Iterator[tuple[TokenLogprob, ...]]:
        """The logprob of each token but the first of each prompt, as the server returns it with `echo`."""
        body = {
            "model": self.name,
            "prompt": [list(ids) for ids in prompts],
            "max_tokens": 0,
            "echo": True,
            "logprobs": top_logprobs,
            "temperature": 0,
        }
        try:
            choices = self.ask("/v1/completions", body)["choices"]
        except Problem as problem:
            raise Problem(f"this server cannot score text: {problem}") from problem
        rows = [read_logprobs(choice.get("logprobs")) for choice in sorted(choices, key=lambda choice: choice["index"])]
        if [len(row) for row in rows] != [max(0, len(ids) - 1) for ids in prompts]:
            raise Problem(
                f"this server cannot score text: {self.label} does not return the logprobs of a prompt "
                "(`echo` with `logprobs` at /v1/completions). vLLM and `anatili serve` do"
            )
        yield from rows

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        inputs = [text if isinstance(text, str) else list(text) for text in texts]
        rows = self.ask("/v1/embeddings", {"model": self.name, "input": inputs, "encoding_format": "float"})["data"]
        return [row["embedding"] for row in sorted(rows, key=lambda row: row["index"])]

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        answer = self.ask("/tokenize", {"model": self.name, "prompt": text, "add_special_tokens": begin})
        ids: list[int] = answer["tokens"]
        return ids

    def detokenize(self, ids: Sequence[int]) -> str:
        return str(self.ask("/detokenize", {"model": self.name, "tokens": list(ids)})["prompt"])

    def vocabulary(self) -> dict[str, str]:
        facts = self.ask("/tokenizer_info")
        return {name: facts.get(name) or "" for name in ("bos_token", "eos_token", "chat_template")}


def response_problem(answer: Any, label: str) -> Problem:
    """The error that a server answered with."""
    try:
        return error_problem(answer.json()["error"], answer.status_code, label)
    except (ValueError, LookupError, AttributeError, TypeError):
        return Problem(f"{label} answered {answer.status_code}: {answer.text[:300]}")


def error_problem(error: dict[str, Any], status: int, label: str) -> Problem:
    """The `error` of a server's answer as a `Problem`."""
    if error.get("type") == "exceed_context_size_error":  # llama.cpp's
        length, context = error["n_prompt_tokens"], error["n_ctx"]
        return Problem(f"the question is too long for this model: {length} tokens, its context is {context}")
    return Problem(f"{label} answered {status}: {error['message']}")


def list_names(names: Sequence[str], like: str = "") -> str:
    """Names for a message: those that contain `like` first, and not hundreds."""
    similar = [name for name in names if like and like.lower() in name.lower()]
    shown = list(dict.fromkeys([*similar, *names]))[:MAX_LISTED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def is_chat(prompt: Prompt) -> bool:
    """Whether a prompt is a conversation, not a text or token ids."""
    return not isinstance(prompt, str) and bool(prompt) and isinstance(prompt[0], dict)


def request(prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    """The path for a prompt, and the body to send."""
    chat = is_chat(prompt)
    body: dict[str, Any] = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    body["messages" if chat else "prompt"] = prompt if isinstance(prompt, str) else list(prompt)
    if sampling.tools:
        body |= {"tools": list(sampling.tools.tools), "tool_choice": sampling.tools.choice}
        if sampling.tools.parallel is not None:
            body["parallel_tool_calls"] = sampling.tools.parallel
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.top_logprobs >= 0 and chat:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    elif sampling.top_logprobs >= 0:
        body["logprobs"] = sampling.top_logprobs
    if sampling.schema is not None:
        body["response_format"] = {"type": "json_object"}
        if sampling.schema:
            schema = {"name": "answer", "schema": dict(sampling.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return ("/v1/chat/completions" if chat else "/v1/completions"), body


def read_logprobs(answer: dict[str, Any] | None) -> tuple[TokenLogprob, ...]:
    """The logprobs in either of OpenAI's two formats. The first token of a prompt has none and is left out."""
    if not answer:
        return ()
    if answer.get("content"):
        return tuple(
            TokenLogprob(
                row["token"],
                row["logprob"],
                tuple((top["token"], top["logprob"]) for top in row.get("top_logprobs", ())),
            )
            for row in answer["content"]
        )
    tokens, values = answer.get("tokens") or (), answer.get("token_logprobs") or ()
    tops = answer.get("top_logprobs") or [{}] * len(tokens)
    return tuple(
        TokenLogprob(token, value, tuple((top or {}).items()))
        for token, value, top in zip(tokens, values, tops, strict=True)
        if value is not None
    )
