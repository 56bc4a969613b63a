"""A llama.cpp server: what it offers beyond the common API, and a way to score text with it."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from anatili.engine import Sampling, Span, TokenLogprob, ToolUse
from anatili.engine.remote import RemoteEngine
from anatili.problem import Problem

OWNER = "llamacpp"
"""What its list of models names as the owner."""


class LlamaServerEngine(RemoteEngine):
    """llama.cpp's server. It does not return logprobs of a prompt, so each position takes a request of its own."""

    @property
    def context(self) -> int:
        return int(self.card.get("meta", {}).get("n_ctx", 0))

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens."""
        return int(self.card.get("meta", {}).get("n_vocab", 0))

    def check(self, ids: Sequence[int]) -> None:
        """`Problem` if these are not tokens of this model, or more than its context."""
        unknown = next((token for token in ids if not 0 <= token < self.vocabulary_size), None)
        if unknown is not None:
            raise Problem(f"there is no token {unknown}: this model has {self.vocabulary_size}")
        if len(ids) > self.context:
            raise Problem(f"the text is too long for this model: {len(ids)} tokens, its context is {self.context}")

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

    @cached_property
    def has_tool_form(self) -> bool:
        """Whether the chat template has a form for tools."""
        return "tools" in self.vocabulary()["chat_template"]

    def takes_tools(self, use: ToolUse | None) -> bool:
        # llama.cpp lets any text come before a required call, and takes the name of a function for `auto`.
        return self.has_tool_form and (use is None or use.choice == "auto")

    def extra_options(self, sampling: Sampling) -> dict[str, Any]:
        # Models that reason first (Qwen 3) would spend the answer's tokens on it. Other templates ignore this setting.
        template = {"chat_template_kwargs": {"enable_thinking": False}}
        # In text completions llama.cpp ignores `response_format`.
        schema = {} if sampling.schema is None else {"json_schema": dict(sampling.schema) or {"type": "object"}}
        return {"repeat_penalty": sampling.repetition_penalty, "cache_prompt": True, **template, **schema}

    def next_token(self, ids: Sequence[int], forced: int, top_logprobs: int) -> dict[str, Any] | None:
        """The token `forced` after `ids` with its logprob and those of the most likely tokens.

        The logprobs are those before anything is forced. None if the token is only part of a letter.
        """
        body = {
            "prompt": list(ids),
            "max_tokens": 1,
            "logprobs": max(1, top_logprobs),
            "temperature": 0,
            "cache_prompt": True,
            "logit_bias": [[forced, 1e9]],
        }
        logprobs = self.ask("/v1/completions", body)["choices"][0].get("logprobs")
        return dict(logprobs["content"][0]) if logprobs else None

    @cached_property
    def letter_token(self) -> int:
        """A token that is a whole letter."""
        return self.tokenize("a")[-1]

    def next_logprobs(self, ids: Sequence[int], count: int) -> dict[int, float]:
        """The `count` most likely tokens after `ids` and their logprobs."""
        row = self.next_token(ids, self.letter_token, count)
        assert row
        return {top["id"]: top["logprob"] for top in row["top_logprobs"]}

    def token_logprobs(self, ids: Sequence[int], start: int, top_logprobs: int) -> Iterator[TokenLogprob]:
        """The logprob of each token from `start` on, position by position."""
        for position in range(start, len(ids)):
            token = ids[position]
            row = self.next_token(ids[:position], token, top_logprobs)
            if row is None:  # the server holds back part of a letter with its logprob: take it from those of all tokens
                row = self.next_token(ids[:position], self.letter_token, self.vocabulary_size)
                assert row
                row |= next(other for other in row["top_logprobs"] if other["id"] == token)
            top = tuple((other["token"], other["logprob"]) for other in row["top_logprobs"][:top_logprobs])
            yield TokenLogprob(row["token"], row["logprob"], top)

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        self.check(ids)
        return list(self.token_logprobs(ids, 1, top_logprobs))

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for span in spans:
            self.check(span.ids)
            yield [token.logprob for token in self.token_logprobs(span.ids, span.start, 1)]
