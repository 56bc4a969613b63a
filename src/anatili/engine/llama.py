"""A GGUF file, run in this process by llama.cpp (through xllamacpp, which brings llama.cpp's own server)."""

import os
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob
from anatili.engine.llama_scorer import LlamaScorer, open_library
from anatili.engine.llama_server import LlamaServerEngine
from anatili.gguf import check_gguf, read_facts, silence
from anatili.problem import Problem, install
from anatili.text import show_path

MOST_CONTEXT = 4096
"""Tokens of context that memory is set aside for; models that hold fewer get fewer."""


class LlamaEngine(LlamaServerEngine):
    """llama.cpp behind its own loopback server on a free port, with a key that only this process knows.

    Text is scored past the server, in one pass. `adapters`: LoRA adapters as GGUF, each put on with full weight.
    `slots`: answers worked on at a time, each with room for the whole context.
    """

    def __init__(self, file: Path, adapters: Sequence[Path] = (), slots: int = 1) -> None:
        for path in (file, *adapters):
            check_gguf(path)
        try:
            import xllamacpp
        except ImportError as error:
            raise Problem(f"running a .gguf file needs llama.cpp: {install('serve')}") from error
        self.file, self.adapters, self.facts = file, adapters, read_facts(file)
        key = secrets.token_hex(16)
        settings = self.settings(xllamacpp, file, adapters, self.context, slots, key)
        try:
            with silence():
                self.server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise Problem(f"llama.cpp cannot run {show_path(file)}: {error}") from error
        super().__init__(self.server.listening_address, key)
        self.name, self.slots, self.label = file.stem, slots, "llama.cpp"

    @staticmethod
    def settings(xllamacpp: Any, file: Path, adapters: Sequence[Path], context: int, slots: int, key: str) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel = context * slots, slots
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.api_keys = [key]
        # llama.cpp's threads spin: on a machine that is shared, all cores make it many times slower than all but one.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
        params.n_threads_http = slots + 4  # a thread is held by each stream; the rest is for tokens and health
        params.use_jinja, params.warmup = True, False
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        params.n_ubatch = params.n_batch = max(512, min(2048, context))  # a text to embed must fit into one
        params.verbosity = -1
        loras = []
        for path in adapters:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(path), 1.0
            loras.append(lora)
        params.lora_adapters = loras
        return params

    @property
    def context(self) -> int:
        return min(MOST_CONTEXT, self.facts["context"])

    @property
    def parameters(self) -> int:
        return self.facts["parameters"]

    @property
    def tokens(self) -> int:
        return self.facts["vocabulary"]

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        self.check([one for one in prompt if isinstance(one, int)])
        return super().generate(prompt, sampling)

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        for text in texts:
            self.check([] if isinstance(text, str) else text)
        return super().embed(texts)

    @cached_property
    def scorer(self) -> LlamaScorer | None:
        """The model opened a second time, for scoring; None where llama.cpp's C functions cannot be reached."""
        library = open_library()
        return LlamaScorer(library, self.file, self.adapters, self.context) if library else None

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        self.check(ids)
        scorer = self.scorer
        if scorer is None:
            return super().score(ids, top_logprobs)
        logprobs = []
        for row, token in zip(scorer.rows(ids, 1), ids[1:], strict=True):
            top = (-row).argsort(kind="stable")[:top_logprobs].tolist()
            others = tuple((scorer.text(number), float(row[number])) for number in top)
            logprobs.append(TokenLogprob(scorer.text(token), float(row[token]), others))
        return logprobs

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        scorer = self.scorer
        if scorer is None:
            yield from super().logprobs(spans)
            return
        for span in spans:
            self.check(span.ids)
            yield scorer.logprobs(span.ids, span.start)
