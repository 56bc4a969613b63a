"""`Engine` produces and scores text: by transformers, llama.cpp, an OpenAI-compatible server or a plug-in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.prompt import Message
from anatili.text import show_path
from anatili.weights import check_folder, is_converted, is_encoder_decoder

__all__ = [
    "CallsTools",
    "Chunk",
    "Engine",
    "Message",
    "Prompt",
    "Sampling",
    "Span",
    "TokenLogprob",
    "ToolUse",
    "Translating",
    "is_address",
    "open_engine",
    "say",
    "stop",
]

OLLAMA = "ollama:"
"""`ollama:NAME` is the model of this name in Ollama on this machine."""
OLLAMA_ADDRESS = "http://127.0.0.1:11434/v1"

Prompt = Sequence[Message] | str | Sequence[int]
"""A conversation, to which the chat template is applied; or a text or token ids, which are continued as they are."""


@dataclass(frozen=True)
class ToolUse:
    """Functions that the model may call, as in OpenAI's chat completions: `tools`, `tool_choice` and
    `parallel_tool_calls`."""

    tools: tuple[Mapping[str, Any], ...]
    choice: str | Mapping[str, Any] = "auto"
    parallel: bool | None = None
    """Whether several may be called in one answer; None leaves it to the engine."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 takes the most likely one."""

    max_tokens: int = 200
    temperature: float = 0.7
    top_p: float = 0.95
    repetition_penalty: float = 1.15
    """Tokens of the answer so far are made this much less likely; 1 changes nothing."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    top_logprobs: int = -1
    """Return the logprob of each token and this many of the most likely alternatives; -1: no logprobs."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the answer must match; {} is any JSON object."""
    tools: ToolUse | None = None
    """Only for engines that are `CallsTools`; the others ignore it."""


@dataclass(frozen=True)
class TokenLogprob:
    """A token and its logprob."""

    token: str
    """Its text; the replacement character if it is only part of a letter."""
    logprob: float
    """Natural logarithm of its probability, before temperature and the other settings."""
    top_logprobs: tuple[tuple[str, float], ...] = ()
    """The most likely tokens at its position, each with its logprob."""


@dataclass(frozen=True)
class Chunk:
    """The result of one step: usually the text of a token, "" while a letter is incomplete."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: str = ""
    """On the last chunk: `stop`, `tool_calls`, or `length` if the limit or the context ended the answer."""
    prompt_tokens: int = 0
    """On the last chunk; 0 if the engine does not know."""
    tokens: int = 0
    """On the last chunk: number of tokens of the answer, with the end token, as clients count them."""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """Parts of calls of tools, in the format of OpenAI's streams."""
    details: Mapping[str, Any] | None = None
    """From another anatili: what its server says of the answer, such as its passages, notice and citations."""


class Span(NamedTuple):
    """Token ids. Those from `start` on are scored, each given all tokens before it."""

    ids: Sequence[int]
    start: int = 1


class Engine(Protocol):
    """Generates text with a model and scores text. An engine raises a `Problem` for what it cannot do."""

    name: str
    slots: int
    """Number of answers that it can work on at the same time."""

    @property
    def parameters(self) -> int:
        """Number of weights of the model, 0 if unknown."""
        ...

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have in total, 0 if unknown."""
        ...

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        """The answer, chunk by chunk. Closing the iterator stops the work on it."""
        ...

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        """The logprob of each token but the first, given those before it, with those of the `top_logprobs` most likely.

        Returns len(ids) - 1 rows; logarithms are natural.
        """
        ...

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        """For each span, in order, the logprobs (natural) of its tokens from `start` on: len(ids) - start numbers.

        Consecutive spans of similar length may be computed together.
        """
        ...

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        """An embedding of Euclidean length 1 for each text (or list of token ids), shape (texts, dimensions)."""
        ...

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        """Token ids. Special tokens written in `text` are recognized; `begin` adds the begin token, if there is one."""
        ...

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of tokens, including special ones."""
        ...

    def vocabulary(self) -> dict[str, str]:
        """`bos_token`, `eos_token` and `chat_template`; "" if the model has none."""
        ...


@runtime_checkable
class Translating(Protocol):
    """An engine whose model only translates: it gets a sentence and two languages instead of a prompt."""

    def can_translate(self, source: LanguagePack, target: LanguagePack) -> bool:
        """Whether the model translates from one language into the other."""
        ...

    def translate(self, sentence: str, source: LanguagePack, target: LanguagePack, *, again: bool = False) -> str:
        """A sentence in another language; `again` asks for a second attempt."""
        ...


@runtime_checkable
class CallsTools(Protocol):
    """An engine that can be given tools."""

    def takes_tools(self, use: ToolUse | None) -> bool:
        """Whether the model has a form of its own for such tools, or, with None, for earlier calls in a conversation,
        and the engine keeps to what the request demands."""
        ...


def say(engine: Engine, prompt: Prompt, sampling: Sampling) -> str:
    """The whole answer."""
    return "".join(chunk.text for chunk in engine.generate(prompt, sampling))


def stop(chunks: Iterator[Chunk]) -> None:
    """End an answer now and release what it uses."""
    close = getattr(chunks, "close", None)
    if close:
        close()


def is_address(target: str | Path) -> bool:
    """Whether `target` names a server or a plug-in: an http(s) address, `ollama:NAME`, or a plug-in's scheme."""
    from anatili.engine.plugins import find_plugin

    return str(target).startswith(("http://", "https://", OLLAMA)) or find_plugin(str(target)) is not None


def open_engine(
    target: str | Path, adapters: Sequence[Path] = (), slots: int = 1, *, model: str = "", key: str = ""
) -> Engine:
    """The engine for a folder (Hugging Face, CTranslate2), a GGUF file or an OpenAI-compatible server's address.

    An address begins with http(s), `ollama:` or the scheme of a plug-in. `model`: which of the server's models, also
    written at the end of the address (`https://host/v1#name`); `key`: its API key, by default ANATILI_ENGINE_KEY.
    `adapters`: LoRA adapters to apply; GGUF files for a GGUF file, PEFT folders for a folder. `slots`: how many answers
    to work on at the same time, where that can be chosen. `Problem` if there is no model at `target`, or if it needs a
    package that is not installed.
    """
    if is_address(target):
        if adapters:
            raise Problem("adapters are applied where the model runs: start that server with them")
        return open_address(str(target), model, key)
    if str(target).endswith(".gguf"):
        from anatili.engine.llama import LlamaEngine

        return LlamaEngine(Path(target), adapters, slots)
    return open_folder(Path(target), adapters)


def open_address(address: str, model: str, key: str) -> Engine:
    """The engine for a server or a plug-in."""
    from anatili.engine.plugins import find_plugin

    if address.startswith(OLLAMA):
        return open_server(OLLAMA_ADDRESS, address.removeprefix(OLLAMA), key)
    if plugin := find_plugin(address):
        return plugin.open()
    address, _, named = address.partition("#")
    return open_server(address, model or named, key)


def open_server(address: str, model: str, key: str) -> Engine:
    """The engine for a server, by its list of models."""
    from anatili.engine.llama_server import OWNER, LlamaServerEngine
    from anatili.engine.remote import RemoteEngine

    engine = RemoteEngine(address, key, model)
    return LlamaServerEngine(address, key, model) if engine.card.get("owned_by") == OWNER else engine


def open_folder(folder: Path, adapters: Sequence[Path]) -> Engine:
    """The engine for a Hugging Face or CTranslate2 folder."""
    if not (folder / "config.json").is_file():
        raise Problem(
            f"no model in {show_path(folder)}: expected a Hugging Face folder with config.json, or a .gguf file"
        )
    if is_converted(folder):
        from anatili.engine.seq2seq import Seq2SeqEngine

        if adapters:
            raise Problem("adapters must be applied before a model is converted")
        return Seq2SeqEngine(folder)
    if is_encoder_decoder(folder):
        raise Problem(
            f"{show_path(folder)} is an encoder-decoder model, which runs converted: "
            f"anatili export {show_path(folder)} --ctranslate2"
        )
    check_folder(folder)
    from anatili.engine.local import TransformersEngine

    return TransformersEngine(folder, adapters)
