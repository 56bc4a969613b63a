"""Any server with an OpenAI-compatible API."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from anatili.engine import Message, Sampling
from anatili.problem import Problem


class RemoteEngine:
    """Any server with `/v1/chat/completions` (vLLM, llama.cpp, another anatili); key from ANATILI_ENGINE_KEY."""

    def __init__(self, address: str, key: str = "") -> None:
        import httpx

        self.address = address.rstrip("/").removesuffix("/v1")
        self.more: dict[str, Any] = {}
        """What a request says beyond the common API."""
        key = key or os.environ.get("ANATILI_ENGINE_KEY", "")
        # A server on this machine may close a kept connection at the moment it is used again: take a new one each time.
        limits = httpx.Limits(max_keepalive_connections=0 if "//127.0.0.1" in self.address else 20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=120, headers=headers, limits=limits)
        try:
            answer = self.client.get(f"{self.address}/v1/models").raise_for_status()
            self.name = str(answer.json()["data"][0]["id"])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Problem(f"no OpenAI-compatible server answers at {self.address}/v1/models: {error}") from error

    @property
    def context(self) -> int:
        return 0

    @property
    def parameters(self) -> int:
        return 0

    def count(self, messages: Sequence[Message]) -> int:
        return 0

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        import httpx

        body = {"model": self.name, "messages": list(messages), "stream": True, "max_tokens": sampling.limit,
                "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed,
                **self.more}  # fmt: skip
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        try:
            with self.client.stream("POST", f"{self.address}/v1/chat/completions", json=body) as answer:
                if answer.is_error:
                    said = answer.read()[:300].decode("utf-8", "replace")
                    raise Problem(f"{self.address} answered {answer.status_code}: {said}")
                for line in answer.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        for choice in json.loads(line[6:]).get("choices", ()):
                            yield choice.get("delta", {}).get("content") or ""
        except httpx.HTTPError as error:
            raise Problem(f"{self.address} broke off: {error}") from error
