"""The logprobs of a whole text in one pass of llama.cpp, which its server does not offer.

This calls the C functions that xllamacpp's library exports. Its C interface passes two structures by value: only the
first four fields of one are set, and their defaults are checked. A library with other defaults is not used.
"""

import ctypes
import os
import weakref
from collections.abc import Iterator, Sequence
from math import log
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from anatili.engine import TokenLogprob
from anatili.gguf import silence
from anatili.problem import Problem
from anatili.text import show_path

LOGIT_BYTES = 64 * 2**20
"""Size of the logits computed at a time."""
BATCH = 512
"""Maximum number of tokens computed at a time."""
DEFAULTS = (512, 2048, 512, 1)
"""llama.cpp's values of the first fields of its context parameters."""
ATTENTION_DEFAULTS = (0, 0, 1, 4, 4, 0, -1, -1, -1, -1)
"""Its values of the next fields, the last of which is the kind of attention."""
TOKEN_BYTES = 512
Logits = npt.NDArray[np.float32]


class ModelParams(ctypes.Structure):
    """llama.cpp's default settings of a model; larger than the structure is in any version."""

    _fields_ = (("unread", ctypes.c_uint64 * 64),)


class ContextParams(ctypes.Structure):
    """Settings of a context; larger than the structure is in any version."""

    _fields_ = (
        ("n_ctx", ctypes.c_uint32),
        ("n_batch", ctypes.c_uint32),
        ("n_ubatch", ctypes.c_uint32),
        ("n_seq_max", ctypes.c_uint32),
        ("further", ctypes.c_int32 * len(ATTENTION_DEFAULTS)),
        ("unread", ctypes.c_uint64 * 57),
    )


class Batch(ctypes.Structure):
    """Tokens to compute, each with its position, its sequences and whether its logits are needed."""

    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_model_default_params": (ModelParams, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_model_load_from_file": (ctypes.c_void_p, (ctypes.c_char_p, ModelParams)),
    "llama_init_from_model": (ctypes.c_void_p, (ctypes.c_void_p, ContextParams)),
    "llama_n_ctx": (ctypes.c_uint32, (ctypes.c_void_p,)),
    "llama_set_n_threads": (None, (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)),
    "llama_adapter_lora_init": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)),
    "llama_set_adapters_lora": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.POINTER(ctypes.c_float)),
    ),
    "llama_get_memory": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "llama_memory_clear": (None, (ctypes.c_void_p, ctypes.c_bool)),
    "llama_memory_seq_rm": (ctypes.c_bool, (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)),
    "llama_memory_seq_pos_min": (ctypes.c_int32, (ctypes.c_void_p, ctypes.c_int32)),
    "llama_batch_init": (Batch, (ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)),
    "llama_batch_free": (None, (Batch,)),
    "llama_decode": (ctypes.c_int32, (ctypes.c_void_p, Batch)),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), (ctypes.c_void_p,)),
    "llama_model_get_vocab": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "llama_vocab_n_tokens": (ctypes.c_int32, (ctypes.c_void_p,)),
    "llama_token_to_piece": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool),
    ),
    "llama_free": (None, (ctypes.c_void_p,)),
    "llama_model_free": (None, (ctypes.c_void_p,)),
}
"""The C functions used here: name -> result type, argument types."""


def open_library() -> Any:
    """llama.cpp's C functions; None where xllamacpp does not export them (Windows) or its structures differ."""
    import xllamacpp

    try:
        library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError):
        return None
    params = library.llama_context_default_params()
    return library if (params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max) == DEFAULTS else None


class LlamaScorer:
    """A GGUF file opened for scoring. Its weights are shared with every other mapping of the file."""

    def __init__(self, library: Any, file: Path, adapters: Sequence[Path], context: int) -> None:
        self.library, self.lock = library, Lock()
        self.computed: list[int] = []
        """Token ids whose states are in memory."""
        with silence():
            model = library.llama_model_load_from_file(os.fsencode(file), library.llama_model_default_params())
            if not model:
                raise Problem(f"llama.cpp cannot open {show_path(file)}")
            self.vocabulary = library.llama_model_get_vocab(model)
            self.size = int(library.llama_vocab_n_tokens(self.vocabulary))
            self.batch_size = max(1, min(context, BATCH, LOGIT_BYTES // (4 * self.size)))
            params = library.llama_context_default_params()
            params.n_ctx, params.n_batch, params.n_ubatch = context, self.batch_size, self.batch_size
            # Flash attention rounds differently when other numbers of tokens are computed together: without it a
            # context that is computed once gives each ending what it would get alone.
            self.can_share = tuple(params.further) == ATTENTION_DEFAULTS
            if self.can_share:
                params.further[-1] = 0
            self.context = library.llama_init_from_model(model, params)
            if not self.context or library.llama_n_ctx(self.context) < context:
                raise Problem(f"llama.cpp has no memory for {context} tokens of {show_path(file)}")
            self.apply_adapters(model, adapters)
        threads = max(1, (os.cpu_count() or 2) - 1)
        library.llama_set_n_threads(self.context, threads, threads)
        self.batch = library.llama_batch_init(self.batch_size, 0, 1)
        weakref.finalize(self, close, library, model, self.context, self.batch).atexit = False

    def apply_adapters(self, model: int, adapters: Sequence[Path]) -> None:
        """Apply LoRA adapters, each with full weight."""
        if not adapters:
            return
        loaded = [self.library.llama_adapter_lora_init(model, os.fsencode(path)) for path in adapters]
        if not all(loaded):
            raise Problem(
                f"llama.cpp cannot open {show_path(adapters[loaded.index(None)])} as an adapter of this model"
            )
        pointers = (ctypes.c_void_p * len(loaded))(*loaded)
        self.library.llama_set_adapters_lora(
            self.context, pointers, len(loaded), (ctypes.c_float * len(loaded))(*[1.0] * len(loaded))
        )

    def logits(self, ids: Sequence[int], start: int) -> Iterator[Logits]:
        """For each token from `start` on, the logits of all tokens at its position, shape (vocabulary,).

        The next ones overwrite them.
        """
        with self.lock:
            given = list(ids[:-1])
            for first in range(self.keep(given[: start - 1]), len(given), self.batch_size):
                part = given[first : first + self.batch_size]
                yield from self.decode(part, first, start - 1)
                self.computed = given[: first + len(part)]

    def keep(self, context: Sequence[int]) -> int:
        """Keep the states of the tokens that `context` begins with, as many as are in memory; their number."""
        computed, self.computed = self.computed, []
        kept = next((n for n, (a, b) in enumerate(zip(computed, context, strict=False)) if a != b), None)
        kept = min(len(computed), len(context)) if kept is None else kept
        memory = self.library.llama_get_memory(self.context)
        # A sliding window may have dropped the first ones: then all is computed anew.
        is_whole = kept and self.can_share and self.library.llama_memory_seq_pos_min(memory, 0) == 0
        if not is_whole or not self.library.llama_memory_seq_rm(memory, 0, kept, -1):
            self.library.llama_memory_clear(memory, True)
            return 0
        return kept

    def decode(self, ids: Sequence[int], first: int, start: int) -> Iterator[Logits]:
        """Compute tokens from position `first` on; return logits from position `start` on."""
        batch = self.batch
        batch.n_tokens = len(ids)
        for index, token in enumerate(ids):
            batch.token[index], batch.pos[index] = token, first + index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = first + index >= start
        code = self.library.llama_decode(self.context, batch)
        if code:
            raise Problem(f"llama.cpp could not compute {len(ids)} tokens (error {code})")
        count = min(len(ids), first + len(ids) - start)
        if count > 0:
            yield from np.ctypeslib.as_array(self.library.llama_get_logits(self.context), (count, self.size))

    def logprobs(self, ids: Sequence[int], start: int) -> list[float]:
        """The logprobs of the tokens from `start` on."""
        rows = zip(self.logits(ids, start), ids[start:], strict=True)
        return [float(logits[token]) - log_total(logits) for logits, token in rows]

    def score(self, ids: Sequence[int], top_logprobs: int) -> Iterator[TokenLogprob]:
        """Each token but the first with its logprob and those of the most likely tokens."""
        for logits, token in zip(self.logits(ids, 1), ids[1:], strict=True):
            total = log_total(logits)
            top = [(self.text(number), float(logits[number]) - total) for number in largest(logits, top_logprobs)]
            yield TokenLogprob(self.text(token), float(logits[token]) - total, tuple(top))

    def text(self, token: int) -> str:
        """The text of a token; the replacement character if it is only part of a letter."""
        buffer = ctypes.create_string_buffer(TOKEN_BYTES)
        length = self.library.llama_token_to_piece(self.vocabulary, token, buffer, TOKEN_BYTES, 0, True)
        return buffer.raw[: max(0, length)].decode("utf-8", "replace")


def log_total(logits: Logits) -> float:
    """The natural logarithm of the sum of exponentials: a logit minus this is a logprob."""
    most = logits.max()
    scaled = logits - most
    np.exp(scaled, out=scaled)
    return float(most) + log(scaled.sum(dtype=np.float64))


def largest(logits: Logits, count: int) -> list[int]:
    """The tokens with the largest logits, the largest first."""
    if count <= 1:
        return [int(logits.argmax())][:count]
    tokens = np.argpartition(logits, -count)[-count:] if count < len(logits) else np.arange(len(logits))
    return [int(token) for token in tokens[np.lexsort((tokens, -logits[tokens]))]]


def close(library: Any, model: int, context: int, batch: Batch) -> None:
    library.llama_batch_free(batch)
    library.llama_free(context)
    library.llama_model_free(model)
