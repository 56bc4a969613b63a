"""A GGUF file, run in this process by llama.cpp (through xllamacpp, which brings llama.cpp's own server)."""

import os
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from anatili.engine import Chance, Message, Piece, Prompt, Sampling
from anatili.engine.remote import RemoteEngine
from anatili.gguf import check_gguf, read_facts, silence
from anatili.problem import Problem, install
from anatili.text import show_path

MOST_CONTEXT = 4096
"""Tokens of context that memory is set aside for; models that hold fewer get fewer."""


class LlamaEngine(RemoteEngine):
    """llama.cpp behind its own loopback server on a free port, with a key that only this process knows.

    `adapters`: LoRA adapters as GGUF, each put on with full weight. `slots`: answers worked on at a time, each with
    room for the whole context.
    """

    def __init__(self, file: Path, adapters: Sequence[Path] = (), slots: int = 1) -> None:
        for path in (file, *adapters):
            check_gguf(path)
        try:
            import xllamacpp
        except ImportError as error:
            raise Problem(f"running a .gguf file needs llama.cpp: {install('serve')}") from error
        facts = read_facts(file)
        self.size, self.room = facts["parameters"], min(MOST_CONTEXT, facts["context"])
        self.pieces = facts["vocabulary"]
        key = secrets.token_hex(16)
        settings = self.settings(xllamacpp, file, adapters, self.room, slots, key)
        try:
            with silence():
                self.server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise Problem(f"llama.cpp cannot run {show_path(file)}: {error}") from error
        super().__init__(self.server.listening_address, key)
        self.name, self.slots, self.label = file.stem, slots, "llama.cpp"

    @staticmethod
    def settings(xllamacpp: Any, file: Path, adapters: Sequence[Path], context: int, slots: int, key: str) -> Any:
        found = xllamacpp.CommonParams()
        found.model.path = str(file)
        found.n_ctx, found.n_parallel = context * slots, slots
        found.hostnames, found.port = ["127.0.0.1"], 0
        found.api_keys = [key]
        # llama.cpp's threads spin: on a machine that is shared, all cores make it many times slower than all but one.
        found.cpuparams.n_threads = found.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
        found.n_threads_http = slots + 4  # a thread is held by each stream; the rest is for tokens and health
        found.use_jinja, found.warmup = True, False
        found.embedding, found.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        found.n_ubatch = found.n_batch = max(512, min(2048, context))  # a text to embed must fit into one
        found.verbosity = -1
        loras = []
        for path in adapters:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(path), 1.0
            loras.append(lora)
        found.lora_adapters = loras
        return found

    @property
    def context(self) -> int:
        return int(self.room)

    @property
    def parameters(self) -> int:
        return int(self.size)

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with the chat template around it."""
        prompt = self.ask("/apply-template", {"messages": list(messages)})["prompt"]
        return len(self.tokenize(prompt, begin=True))  # the server takes the begin token off, and puts it on again

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        found: list[int] = self.ask("/tokenize", {"content": text, "add_special": begin, "parse_special": True})[
            "tokens"
        ]
        return found

    def check(self, ids: Sequence[int]) -> None:
        """`Problem` if these are not tokens of this model, or more than it holds."""
        wrong = next((number for number in ids if not 0 <= number < self.pieces), None)
        if wrong is not None:
            raise Problem(f"there is no token {wrong}: this model has {self.pieces}")
        if len(ids) > self.context:
            raise Problem(f"the text is too long for this model: {len(ids)} tokens, it holds {self.context}")

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        self.check([one for one in prompt if isinstance(one, int)])
        return super().generate(prompt, sampling)

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        for text in texts:
            self.check([] if isinstance(text, str) else text)
        return super().embed(texts)

    def detokenize(self, ids: Sequence[int]) -> str:
        self.check(ids)
        return str(self.ask("/detokenize", {"tokens": list(ids)})["content"])

    def vocabulary(self) -> dict[str, str]:
        said = self.ask("/props")
        return {name: said.get(name) or "" for name in ("bos_token", "eos_token", "chat_template")}

    def next_token(self, ids: Sequence[int], forced: int, likeliest: int) -> dict[str, Any] | None:
        """The token `forced` after `ids`, with its chance and those of the likeliest; None if it is half a letter.

        The chances are those before anything is forced.
        """
        body = {"prompt": list(ids), "n_predict": 1, "n_probs": max(1, likeliest), "temperature": 0,
                "cache_prompt": True, "logit_bias": [[forced, 1e9]]}  # fmt: skip
        found = self.ask("/completion", body).get("completion_probabilities")
        return dict(found[0]) if found else None

    @cached_property
    def letter(self) -> int:
        """A token that is a whole letter."""
        return self.tokenize("a")[-1]

    def next_chances(self, ids: Sequence[int], count: int) -> dict[int, float]:
        """The `count` likeliest tokens after `ids` and the natural logarithms of their chances."""
        found = self.next_token(ids, self.letter, count)
        assert found
        return {row["id"]: row["logprob"] for row in found["top_logprobs"]}

    def score(self, ids: Sequence[int], likeliest: int) -> list[Chance]:
        self.check(ids)
        found = []
        for place in range(1, len(ids)):
            row = self.next_token(ids[:place], ids[place], likeliest)
            if row is None:  # the server keeps back half a letter with its chance: it must be among those of all others
                row = self.next_token(ids[:place], self.letter, self.pieces)
                assert row
                row |= next(one for one in row["top_logprobs"] if one["id"] == ids[place])
            top = tuple((one["token"], one["logprob"]) for one in row["top_logprobs"][:likeliest])
            found.append(Chance(row["token"], row["logprob"], top))
        return found

    def more(self, sampling: Sampling) -> dict[str, Any]:
        # Models that think aloud first (Qwen 3) would use up the answer's tokens with it; other templates do not ask.
        aloud = {"chat_template_kwargs": {"enable_thinking": False}}
        return {"repeat_penalty": sampling.repetition, "cache_prompt": True, **aloud}
