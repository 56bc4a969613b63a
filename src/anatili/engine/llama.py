"""A GGUF file, run in this process by llama.cpp (through xllamacpp, which brings llama.cpp's own server)."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob
from anatili.engine.in_process import Stream
from anatili.engine.json_schema import check_schema
from anatili.engine.llama_scorer import LlamaScorer, open_library
from anatili.engine.llama_server import OWNER, LlamaServerEngine
from anatili.engine.remote import error_problem, is_chat
from anatili.gguf import check_gguf, read_facts, silence
from anatili.problem import Problem, not_installed
from anatili.text import show_path

MOST_CONTEXT = 4096
"""Tokens of context to reserve memory for; fewer for models with a shorter context."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C until the end: whatever destroys a server before its loop runs waits for that loop for ever."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LlamaEngine(LlamaServerEngine):
    """llama.cpp's server, called in this process.

    Its in-process interface has no tokenizer: token ids, their text and the chat template are requested by HTTP, over a
    socket in Linux' abstract namespace, on other systems over a loopback port; both take a key that only this process
    knows. Text is scored without the server, in one pass. `adapters`: LoRA adapters as GGUF, each applied with full
    weight. `slots`: answers worked on at a time, each with room for the whole context.
    """

    def __init__(self, file: Path, adapters: Sequence[Path] = (), slots: int = 1) -> None:
        for path in (file, *adapters):
            check_gguf(path)
        try:
            import httpx
            import xllamacpp
        except ImportError as error:
            raise Problem(not_installed("running a .gguf file needs llama.cpp", "serve")) from error
        self.opening = Lock()
        self.file, self.adapters, self.facts = file, adapters, read_facts(file)
        params, key = server_params(file, adapters, self.context, slots), secrets.token_hex(16)
        params.api_keys = [key]
        # A name that begins with NUL is in the abstract namespace: no file, so nothing is left of it after a crash.
        self.socket = f"\0anatili-{secrets.token_hex(8)}.sock" if sys.platform == "linux" else ""
        if self.socket:
            params.hostnames = [self.socket]
        try:
            with silence(), uninterrupted():
                self.server = xllamacpp.Server(params)
                self.server.handle_metrics()  # answered by its loop: a server that ends before that begins never ends
        except RuntimeError as error:
            raise Problem(f"llama.cpp cannot run {show_path(file)}: {error}") from error
        self.handlers = {
            "/v1/completions": self.server.handle_completions,
            "/v1/chat/completions": self.server.handle_chat_completions,
            "/v1/embeddings": self.server.handle_embeddings,
        }
        # The server may close an idle connection just as it is reused: open a new one each time.
        limits = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.HTTPTransport(uds=self.socket, limits=limits) if self.socket else None
        address = "http://localhost" if self.socket else self.server.listening_address
        super().__init__(address, key, transport=transport)
        self.slots, self.label = slots, "llama.cpp"

    def find_model(self, model: str) -> dict[str, Any]:
        return {"id": self.file.stem, "owned_by": OWNER}

    @property
    def context(self) -> int:
        return min(MOST_CONTEXT, self.facts["context"])

    @property
    def parameters(self) -> int:
        return self.facts["parameters"]

    @property
    def vocabulary_size(self) -> int:
        return self.facts["vocabulary"]

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        self.check([part for part in prompt if isinstance(part, int)])
        if sampling.schema and not is_chat(prompt):
            check_schema(sampling.schema)  # in text completions llama.cpp ignores a schema that it cannot read
        return super().generate(prompt, sampling)

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        for text in texts:
            self.check([] if isinstance(text, str) else text)
        return super().embed(texts)

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            for event in Stream(self.handlers[path], body):
                yield self.check_answer(event)
        except (ValueError, RuntimeError, LookupError) as error:  # raised by llama.cpp for a request it cannot read
            raise refused(error) from error

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        if path not in self.handlers:
            return super().ask(path, body)
        try:
            return self.check_answer(self.handlers[path](body))
        except (ValueError, RuntimeError, LookupError) as error:
            raise refused(error) from error

    def check_answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer of the server; `Problem` if it is an error."""
        if "error" in answer:
            raise error_problem(answer["error"], answer["error"].get("code", 500), self.label)
        return answer

    @property
    def scorer(self) -> LlamaScorer | None:
        """The model opened a second time, for scoring; None where llama.cpp's C functions are not exported."""
        with self.opening:  # the first of several threads opens it
            return self.opened_scorer

    @cached_property
    def opened_scorer(self) -> LlamaScorer | None:
        library = open_library()
        return LlamaScorer(library, self.file, self.adapters, self.context) if library else None

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        self.check(ids)
        scorer = self.scorer
        if scorer is None:
            return super().score(ids, top_logprobs)
        return list(scorer.score(ids, top_logprobs))

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        scorer = self.scorer
        if scorer is None:
            yield from super().logprobs(spans)
            return
        for span in spans:
            self.check(span.ids)
            yield scorer.logprobs(span.ids, span.start)


def refused(error: Exception) -> Problem:
    """An exception of an in-process handler, which its HTTP server answers with status 400."""
    return Problem(f"llama.cpp answered 400: {error}")


def server_params(file: Path, adapters: Sequence[Path], context: int, slots: int) -> Any:
    """llama.cpp's settings for a model, on a free loopback port."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_parallel = context * slots, slots
    params.hostnames, params.port = ["127.0.0.1"], 0
    # llama.cpp's threads spin: on a shared machine, using all cores is many times slower than using all but one.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
    params.n_threads_http = slots + 4
    params.use_jinja, params.warmup, params.endpoint_metrics = True, False, True
    params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_ubatch = params.n_batch = max(512, min(2048, context))  # a text to embed must fit into one batch
    params.verbosity = -1
    loras = []
    for path in adapters:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(path), 1.0
        loras.append(lora)
    params.lora_adapters = loras
    return params
