"""Any server with an OpenAI-compatible API."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from anatili.engine import Chance, Piece, Prompt, Sampling
from anatili.problem import Problem

LOCAL = ("//127.0.0.1", "//localhost", "//[::1]")


class RemoteEngine:
    """Any server with `/v1/chat/completions` (vLLM, llama.cpp, another anatili); key from ANATILI_ENGINE_KEY."""

    slots = 64
    """Requests that are handed on at a time; such a server has a queue of its own."""

    def __init__(self, address: str, key: str = "", model: str = "") -> None:
        """`model`: which of the server's; "" takes its first."""
        import httpx

        self.address = address.rstrip("/").removesuffix("/v1")
        self.label = self.address
        """What it is called in messages."""
        key = key or os.environ.get("ANATILI_ENGINE_KEY", "")
        # A server on this machine may close a kept connection at the moment it is used again: take a new one each time.
        limits = httpx.Limits(max_keepalive_connections=0 if any(name in self.address for name in LOCAL) else 20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=120, headers=headers, limits=limits)
        try:
            answer = self.client.get(f"{self.address}/v1/models").raise_for_status()
            names = [str(one["id"]) for one in answer.json()["data"]]
            if not names:
                raise LookupError("it names no model")
            self.name = next((name for name in names if model in ("", name, name.removesuffix(":latest"))), "")
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Problem(f"no OpenAI-compatible server answers at {self.address}/v1/models: {error}") from error
        if not self.name:
            raise Problem(f"{self.label} has no model {model!r}; it has {', '.join(names)}")

    @property
    def context(self) -> int:
        return 0

    @property
    def parameters(self) -> int:
        return 0

    def more(self, sampling: Sampling) -> dict[str, Any]:
        """What a request says beyond the common API."""
        return {}

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
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
                    yield Piece(text, read_chances(choice.get("logprobs")))
        yield Piece("", (), "length" if finish == "length" else "stop", prompt_tokens, tokens or steps)

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

    def score(self, ids: Sequence[int], likeliest: int) -> list[Chance]:
        body = {"model": self.name, "prompt": list(ids), "max_tokens": 1, "echo": True, "logprobs": likeliest,
                "temperature": 0}  # fmt: skip
        (choice, *_) = self.ask("/v1/completions", body)["choices"]
        found = read_chances(choice.get("logprobs"))
        if len(found) < len(ids) - 1:
            raise Problem(f"{self.address} does not tell the chances of the tokens it is given (echo with logprobs)")
        return list(found[: len(ids) - 1])

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        wanted = [text if isinstance(text, str) else list(text) for text in texts]
        rows = self.ask("/v1/embeddings", {"model": self.name, "input": wanted, "encoding_format": "float"})["data"]
        return [row["embedding"] for row in sorted(rows, key=lambda row: row["index"])]

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        said = self.ask("/tokenize", {"model": self.name, "prompt": text, "add_special_tokens": begin})
        found: list[int] = said["tokens"]
        return found

    def detokenize(self, ids: Sequence[int]) -> str:
        return str(self.ask("/detokenize", {"model": self.name, "tokens": list(ids)})["prompt"])

    def vocabulary(self) -> dict[str, str]:
        said = self.ask("/tokenizer_info")
        return {name: said.get(name) or "" for name in ("bos_token", "eos_token", "chat_template")}


def refusal(answer: Any, label: str) -> Problem:
    """What a server answered in place of what was asked, said so that a person can do something about it."""
    try:
        said = answer.json()["error"]
        if said.get("type") == "exceed_context_size_error":  # llama.cpp's
            held, asked = said["n_ctx"], said["n_prompt_tokens"]
            return Problem(f"the question is too long for this model: {asked} tokens, it holds {held}")
        return Problem(f"{label} answered {answer.status_code}: {said['message']}")
    except (ValueError, LookupError, AttributeError, TypeError):
        return Problem(f"{label} answered {answer.status_code}: {answer.text[:300]}")


def request(prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    """The path that answers a prompt, and what is sent there."""
    is_chat = not isinstance(prompt, str) and bool(prompt) and isinstance(prompt[0], dict)
    body: dict[str, Any] = {
        "stream": True, "stream_options": {"include_usage": True}, "max_tokens": sampling.limit,
        "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed,
    }  # fmt: skip
    body["messages" if is_chat else "prompt"] = prompt if isinstance(prompt, str) else list(prompt)
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.likeliest >= 0 and is_chat:
        body |= {"logprobs": True, "top_logprobs": sampling.likeliest}
    elif sampling.likeliest >= 0:
        body["logprobs"] = sampling.likeliest
    if sampling.schema is not None:
        body["response_format"] = {"type": "json_object"}
        if sampling.schema:
            schema = {"name": "answer", "schema": dict(sampling.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return ("/v1/chat/completions" if is_chat else "/v1/completions"), body


def read_chances(said: dict[str, Any] | None) -> tuple[Chance, ...]:
    """Chances of tokens in either of OpenAI's two forms; the first token of a text given has none and is left out."""
    if not said:
        return ()
    if said.get("content"):
        return tuple(
            Chance(row["token"], row["logprob"], tuple((o["token"], o["logprob"]) for o in row.get("top_logprobs", ())))
            for row in said["content"]
        )
    tokens, values = said.get("tokens") or (), said.get("token_logprobs") or ()
    tops = said.get("top_logprobs") or [{}] * len(tokens)
    return tuple(
        Chance(token, value, tuple((top or {}).items()))
        for token, value, top in zip(tokens, values, tops, strict=True)
        if value is not None
    )
