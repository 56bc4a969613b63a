"""Any server with an OpenAI-compatible API: OpenAI, OpenRouter, vLLM, llama.cpp, Ollama, another anatili."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob
from anatili.problem import Problem

LOCAL = ("//127.0.0.1", "//localhost", "//[::1]")
OURS = "anatili"
"""How our own server calls itself in its list of models."""
LISTED = 20
"""Names of models that a message tells at most."""
TOGETHER = 16
"""Texts that are scored by one request."""


class RemoteEngine:
    """Any server with `/v1/chat/completions` (vLLM, llama.cpp, another anatili); key from ANATILI_ENGINE_KEY."""

    slots = 64
    """Requests that are handed on at a time; such a server has a queue of its own."""

    def __init__(self, address: str, key: str = "", model: str = "", transport: Any = None) -> None:
        """`model`: which of the server's; it may be left out where there is only one.

        `transport`: an httpx transport, where the server is not reached by its address.
        """
        import httpx

        self.address = address.rstrip("/").removesuffix("/v1")
        self.label = self.address
        """What it is called in messages."""
        key = key or os.environ.get("ANATILI_ENGINE_KEY", "")
        # A server on this machine may close a kept connection at the moment it is used again: take a new one each time.
        limits = httpx.Limits(max_keepalive_connections=0 if any(name in self.address for name in LOCAL) else 20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=120, headers=headers, limits=limits, transport=transport)
        self.card = self.find_model(model)
        """What the server says of the model."""
        self.name = str(self.card["id"])

    def find_model(self, model: str) -> dict[str, Any]:
        """The server's own words on the model of this name, or on its only one; `Problem` names those that it has."""
        import httpx

        try:
            answer = self.client.get(f"{self.address}/v1/models")
            if answer.status_code == httpx.codes.NOT_FOUND and model:
                return {"id": model}  # it lists none: whether it has this one shows when it is asked
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise Problem(f"{self.label} wants another API key: put it into ANATILI_ENGINE_KEY")
            cards = [dict(card) for card in answer.raise_for_status().json()["data"]]
            if not cards:
                raise LookupError("it names no model")
            names = [str(card["id"]) for card in cards]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Problem(f"no OpenAI-compatible server answers at {self.address}/v1/models: {error}") from error
        if model:
            card = next(
                (card for card in cards if model in (card["id"], str(card["id"]).removesuffix(":latest"))), None
            )
            if card is None:
                raise Problem(f"{self.label} has no model {model!r}; it has {listing(names, model)}")
            return card
        # Our own server lists one model twice: with search and without.
        if len(cards) > 1 and cards[0].get("owned_by") != OURS:
            raise Problem(
                f"{self.label} has {len(cards)} models: {listing(names)}. Name one behind the address, as in "
                f"{self.address}/v1#{names[0]}"
            )
        return cards[0]

    @property
    def context(self) -> int:
        return int(self.card.get("max_model_len") or self.card.get("context_length") or 0)

    @property
    def parameters(self) -> int:
        return 0

    def more(self, sampling: Sampling) -> dict[str, Any]:
        """What a request says beyond the common API."""
        return {}

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        path, said = request(prompt, sampling)
        body = {"model": self.name, **said, **self.more(sampling)}
        finish, prompt_tokens, tokens, steps = "", 0, 0, 0
        for event in self.events(path, body):
            usage = event.get("usage") or {}
            prompt_tokens = usage.get("prompt_tokens") or prompt_tokens
            tokens = usage.get("completion_tokens") or tokens
            for choice in event.get("choices", ()):
                text = choice.get("text") or choice.get("delta", {}).get("content") or ""
                finish = choice.get("finish_reason") or finish
                if text:
                    steps += 1
                    yield Chunk(text, read_logprobs(choice.get("logprobs")))
        yield Chunk("", (), "length" if finish == "length" else "stop", prompt_tokens, tokens or steps)

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Server-sent events of an answer, as JSON."""
        import httpx

        try:
            with self.client.stream("POST", f"{self.address}{path}", json=body) as answer:
                if answer.is_error:
                    answer.read()
                    raise refusal(answer, self.label)
                for line in answer.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        event = json.loads(line[6:])
                        if "error" in event:
                            raise Problem(f"{self.label}: {event['error']}")
                        yield event
        except (httpx.HTTPError, ValueError) as error:
            raise Problem(f"{self.label} broke off: {error}") from error

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON that a path answers, asked with POST if there is a body."""
        import httpx

        try:
            method = "GET" if body is None else "POST"
            answer = self.client.request(method, f"{self.address}{path}", json=body)
            if answer.is_error:
                raise refusal(answer, self.label)
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Problem(f"{self.label}: {error}") from error

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        (rows,) = self.echo([ids], max(1, top_logprobs))
        return list(rows)

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for first in range(0, len(spans), TOGETHER):
            some = spans[first : first + TOGETHER]
            for span, rows in zip(some, self.echo([span.ids for span in some], 1), strict=True):
                yield [row.logprob for row in rows[span.start - 1 :]]

    def echo(self, prompts: Sequence[Sequence[int]], top_logprobs: int) -> Iterator[tuple[TokenLogprob, ...]]:
        """The chance of each token but the first of each prompt, as the server gives it back with `echo`."""
        body = {"model": self.name, "prompt": [list(ids) for ids in prompts], "max_tokens": 0, "echo": True,
                "logprobs": top_logprobs, "temperature": 0}  # fmt: skip
        try:
            choices = self.ask("/v1/completions", body)["choices"]
        except Problem as problem:
            raise Problem(f"this server cannot score text: {problem}") from problem
        rows = [read_logprobs(choice.get("logprobs")) for choice in sorted(choices, key=lambda one: one["index"])]
        if [len(row) for row in rows] != [max(0, len(ids) - 1) for ids in prompts]:
            raise Problem(
                f"this server cannot score text: {self.label} does not give back the log probabilities of a prompt "
                "(`echo` with `logprobs` at /v1/completions). vLLM does, and `anatili serve`"
            )
        yield from rows

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        wanted = [text if isinstance(text, str) else list(text) for text in texts]
        rows = self.ask("/v1/embeddings", {"model": self.name, "input": wanted, "encoding_format": "float"})["data"]
        return [row["embedding"] for row in sorted(rows, key=lambda row: row["index"])]

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        answer = self.ask("/tokenize", {"model": self.name, "prompt": text, "add_special_tokens": begin})
        ids: list[int] = answer["tokens"]
        return ids

    def detokenize(self, ids: Sequence[int]) -> str:
        return str(self.ask("/detokenize", {"model": self.name, "tokens": list(ids)})["prompt"])

    def vocabulary(self) -> dict[str, str]:
        said = self.ask("/tokenizer_info")
        return {name: said.get(name) or "" for name in ("bos_token", "eos_token", "chat_template")}


def refusal(answer: Any, label: str) -> Problem:
    """What a server answered in place of what was asked, said so that a person can do something about it."""
    try:
        return error_problem(answer.json()["error"], answer.status_code, label)
    except (ValueError, LookupError, AttributeError, TypeError):
        return Problem(f"{label} answered {answer.status_code}: {answer.text[:300]}")


def error_problem(error: dict[str, Any], status: int, label: str) -> Problem:
    """The `error` of a server's answer as a `Problem`."""
    if error.get("type") == "exceed_context_size_error":  # llama.cpp's
        held, asked = error["n_ctx"], error["n_prompt_tokens"]
        return Problem(f"the question is too long for this model: {asked} tokens, it holds {held}")
    return Problem(f"{label} answered {status}: {error['message']}")


def listing(names: Sequence[str], like: str = "") -> str:
    """Names in a message: those that are like what was asked for first, and not hundreds."""
    close = [name for name in names if like and like.lower() in name.lower()]
    shown = list(dict.fromkeys([*close, *names]))[:LISTED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def is_chat(prompt: Prompt) -> bool:
    """Whether a prompt is a conversation, not a text or token ids."""
    return not isinstance(prompt, str) and bool(prompt) and isinstance(prompt[0], dict)


def request(prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    """The path that answers a prompt, and what is sent there."""
    chat = is_chat(prompt)
    body: dict[str, Any] = {
        "stream": True, "stream_options": {"include_usage": True}, "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed,
    }  # fmt: skip
    body["messages" if chat else "prompt"] = prompt if isinstance(prompt, str) else list(prompt)
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


def read_logprobs(said: dict[str, Any] | None) -> tuple[TokenLogprob, ...]:
    """Chances of tokens in either of OpenAI's two forms; the first token of a text given has none and is left out."""
    if not said:
        return ()
    if said.get("content"):
        return tuple(
            TokenLogprob(
                row["token"], row["logprob"], tuple((o["token"], o["logprob"]) for o in row.get("top_logprobs", ()))
            )
            for row in said["content"]
        )
    tokens, values = said.get("tokens") or (), said.get("token_logprobs") or ()
    tops = said.get("top_logprobs") or [{}] * len(tokens)
    return tuple(
        TokenLogprob(token, value, tuple((top or {}).items()))
        for token, value, top in zip(tokens, values, tops, strict=True)
        if value is not None
    )
