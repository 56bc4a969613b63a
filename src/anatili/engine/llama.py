"""A GGUF file, run in this process by llama.cpp (through xllamacpp, which brings llama.cpp's own server)."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anatili.engine import Message, Sampling
from anatili.engine.remote import RemoteEngine
from anatili.problem import Problem
from anatili.text import show_path

MAGIC = b"GGUF"
MOST_CONTEXT = 4096
"""Tokens of context that memory is set aside for; models that hold fewer get fewer."""


class LlamaEngine(RemoteEngine):
    """llama.cpp behind its own loopback server on a free port, with a key that only this process knows.

    `adapters`: LoRA adapters as GGUF, each put on with full weight.
    """

    def __init__(self, file: Path, adapters: Sequence[Path] = ()) -> None:
        for path in (file, *adapters):
            check_gguf(path)
        try:
            import xllamacpp
        except ImportError as error:
            raise Problem("running a .gguf file needs llama.cpp: pip install 'anatili[serve]'") from error
        facts = read_facts(file)
        key = secrets.token_hex(16)
        settings = self.settings(xllamacpp, file, adapters, min(MOST_CONTEXT, facts["context"]), key)
        try:
            with silence():
                self.server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise Problem(f"llama.cpp cannot run {show_path(file)}: {error}") from error
        super().__init__(self.server.listening_address, key)
        self.name = file.stem
        self.size, self.room = facts["parameters"], settings.n_ctx

    @staticmethod
    def settings(xllamacpp: Any, file: Path, adapters: Sequence[Path], context: int, key: str) -> Any:
        found = xllamacpp.CommonParams()
        found.model.path = str(file)
        found.n_ctx, found.n_parallel = context, 1
        found.hostnames, found.port = ["127.0.0.1"], 0
        found.api_keys = [key]
        # llama.cpp's threads spin: on a machine that is shared, all cores make it many times slower than all but one.
        found.cpuparams.n_threads = found.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
        found.use_jinja, found.warmup = True, False
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
        answer = self.client.post(f"{self.address}/apply-template", json={"messages": list(messages)})
        prompt = answer.raise_for_status().json()["prompt"]
        return len(self.tokenize(prompt, begin=True))  # the server takes the begin token off, and puts it on again

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        """Token ids of `text`; special tokens written in it are read as such."""
        body = {"content": text, "add_special": begin, "parse_special": True}
        found: list[int] = self.client.post(f"{self.address}/tokenize", json=body).raise_for_status().json()["tokens"]
        return found

    def next_chances(self, ids: Sequence[int], count: int) -> dict[int, float]:
        """The `count` likeliest tokens after `ids` and the natural logarithms of their chances."""
        # The server keeps back the chances of a token that is half a letter, so it is made to say a whole one; the
        # chances it tells are those before any such choice.
        whole = [[self.tokenize("a")[-1], 1e9]]
        body = {"prompt": list(ids), "n_predict": 1, "n_probs": count, "temperature": 0, "cache_prompt": True,
                "logit_bias": whole}  # fmt: skip
        answer = self.client.post(f"{self.address}/completion", json=body).raise_for_status().json()
        return {row["id"]: row["logprob"] for row in answer["completion_probabilities"][0]["top_logprobs"]}

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        tokens = self.count(messages)
        if tokens >= self.context:
            raise Problem(f"the question is too long for this model: {tokens} tokens, it holds {self.context}")
        self.more = {"repeat_penalty": sampling.repetition, "cache_prompt": True}
        yield from super().generate(messages, sampling)


def check_gguf(path: Path) -> None:
    """`Problem` if there is no GGUF file at `path`."""
    if not path.is_file():
        raise Problem(f"no file {show_path(path)}")
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise Problem(f"{show_path(path)} is no GGUF file: it does not begin with GGUF")


def read_facts(path: Path) -> dict[str, int]:
    """Context length and number of weights that a GGUF file states."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError, OverflowError) as error:
        raise Problem(f"{show_path(path)} is damaged or no GGUF file: {error}") from error
    field = next((f for name, f in reader.fields.items() if name.endswith(".context_length")), None)
    return {
        "context": int(field.contents()) if field else MOST_CONTEXT,
        "parameters": sum(int(tensor.n_elements) for tensor in reader.tensors),
    }


@contextmanager
def silence() -> Iterator[None]:
    """Keep llama.cpp's own messages, written past Python, off the terminal."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
