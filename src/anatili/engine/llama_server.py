"""A llama.cpp server: what it offers beyond the common API, and a way to score text by it."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from anatili.engine import Sampling, Span, TokenLogprob
from anatili.engine.remote import RemoteEngine
from anatili.problem import Problem

OWNER = "llamacpp"
"""How it calls itself in its list of models."""


class LlamaServerEngine(RemoteEngine):
    """llama.cpp's server. It gives no log probabilities of a prompt: each position is asked for by itself."""

    @property
    def parameters(self) -> int:
        return int(self.card.get("meta", {}).get("n_params", 0))

    @property
    def context(self) -> int:
        return int(self.card.get("meta", {}).get("n_ctx", 0))

    @property
    def tokens(self) -> int:
        """Tokens of the vocabulary."""
        return int(self.card.get("meta", {}).get("n_vocab", 0))

    def check(self, ids: Sequence[int]) -> None:
        """`Problem` if these are not tokens of this model, or more than it holds."""
        wrong = next((number for number in ids if not 0 <= number < self.tokens), None)
        if wrong is not None:
            raise Problem(f"there is no token {wrong}: this model has {self.tokens}")
        if len(ids) > self.context:
            raise Problem(f"the text is too long for this model: {len(ids)} tokens, it holds {self.context}")

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        body = {"content": text, "add_special": begin, "parse_special": True}
        ids: list[int] = self.ask("/tokenize", body)["tokens"]
        return ids

    def detokenize(self, ids: Sequence[int]) -> str:
        self.check(ids)
        return str(self.ask("/detokenize", {"tokens": list(ids)})["content"])

    def vocabulary(self) -> dict[str, str]:
        properties = self.ask("/props")
        return {name: properties.get(name) or "" for name in ("bos_token", "eos_token", "chat_template")}

    def more(self, sampling: Sampling) -> dict[str, Any]:
        # Models that think aloud first (Qwen 3) would use up the answer's tokens with it; other templates do not ask.
        aloud = {"chat_template_kwargs": {"enable_thinking": False}}
        # In completions of a text llama.cpp does not read `response_format`.
        schema = {} if sampling.schema is None else {"json_schema": dict(sampling.schema) or {"type": "object"}}
        return {"repeat_penalty": sampling.repetition_penalty, "cache_prompt": True, **aloud, **schema}

    def next_token(self, ids: Sequence[int], forced: int, top_logprobs: int) -> dict[str, Any] | None:
        """The token `forced` after `ids`, with its logprob and those of the most likely; None if it is half a letter.

        The logprobs are those before anything is forced.
        """
        body = {"prompt": list(ids), "max_tokens": 1, "logprobs": max(1, top_logprobs), "temperature": 0,
                "cache_prompt": True, "logit_bias": [[forced, 1e9]]}  # fmt: skip
        logprobs = self.ask("/v1/completions", body)["choices"][0].get("logprobs")
        return dict(logprobs["content"][0]) if logprobs else None

    @cached_property
    def letter(self) -> int:
        """A token that is a whole letter."""
        return self.tokenize("a")[-1]

    def next_logprobs(self, ids: Sequence[int], count: int) -> dict[int, float]:
        """The `count` likeliest tokens after `ids` and the natural logarithms of their logprobs."""
        row = self.next_token(ids, self.letter, count)
        assert row
        return {one["id"]: one["logprob"] for one in row["top_logprobs"]}

    def token_logprobs(self, ids: Sequence[int], start: int, top_logprobs: int) -> Iterator[TokenLogprob]:
        """The log-probability of each token from `start` on, position by position."""
        for place in range(start, len(ids)):
            row = self.next_token(ids[:place], ids[place], top_logprobs)
            if (
                row is None
            ):  # the server keeps back half a letter with its log-probability: it must be among those of all others
                row = self.next_token(ids[:place], self.letter, self.tokens)
                assert row
                row |= next(one for one in row["top_logprobs"] if one["id"] == ids[place])
            top = tuple((one["token"], one["logprob"]) for one in row["top_logprobs"][:top_logprobs])
            yield TokenLogprob(row["token"], row["logprob"], top)

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        self.check(ids)
        return list(self.token_logprobs(ids, 1, top_logprobs))

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for span in spans:
            self.check(span.ids)
            yield [token.logprob for token in self.token_logprobs(span.ids, span.start, 1)]
