"""What produces and scores text. `Engine` is the seam: transformers, llama.cpp, OpenAI-compatible servers, plug-ins."""

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
    "Chunk",
    "Engine",
    "Message",
    "Prompt",
    "Sampling",
    "Span",
    "TokenLogprob",
    "Translating",
    "is_address",
    "open_engine",
    "say",
    "stop",
]  # fmt: skip

OLLAMA = "ollama:"
"""`ollama:NAME` is the model of this name in the Ollama of this machine."""
OLLAMA_ADDRESS = "http://127.0.0.1:11434/v1"

Prompt = Sequence[Message] | str | Sequence[int]
"""A conversation, to which the model's chat template is put; or a text or token ids to go on from as they are."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 takes the likeliest."""

    max_tokens: int = 200
    temperature: float = 0.7
    top_p: float = 0.95
    repetition_penalty: float = 1.15
    """Tokens already said are made this much less likely; 1 leaves them."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    top_logprobs: int = -1
    """Give each token with its log-probability, and this many of the most likely ones beside it; -1: none."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the answer must keep; {} is any JSON object."""


@dataclass(frozen=True)
class TokenLogprob:
    """A token and how likely it was."""

    token: str
    """Its text; of half a letter, the replacement character."""
    logprob: float
    """Natural logarithm, before temperature and all that follows it."""
    top_logprobs: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at its place, with theirs."""


@dataclass(frozen=True)
class Chunk:
    """What came of one step: mostly a token's text, "" while a letter is not whole. The last one tells how it ended."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: str = ""
    """On the last chunk: `stop`, or `length` where the limit or the context ended it."""
    prompt_tokens: int = 0
    """On the last chunk, 0 if the engine does not tell."""
    tokens: int = 0
    """On the last chunk: tokens of the answer."""


class Span(NamedTuple):
    """Token ids, of which those from `start` on are scored, each given all before it."""

    ids: Sequence[int]
    start: int = 1


class Engine(Protocol):
    """Text from a model, and how likely it finds a text. What an engine cannot do is a `Problem` that says so."""

    name: str
    slots: int
    """Answers that it can work on at the same time."""

    @property
    def parameters(self) -> int:
        """Weights of the model, 0 if unknown."""
        ...

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together, 0 if unknown."""
        ...

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        """The answer as it comes. Closing the iterator stops the work on it."""
        ...

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        """The chance of each token but the first, given those before it, with so many of the likeliest."""
        ...

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        """For each span in turn, the natural logarithms of the probabilities of its tokens from `start` on.

        Spans of similar length that follow one another may be worked on together.
        """
        ...

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        """A vector of length 1 for each text (or token ids)."""
        ...

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        """Token ids; special tokens written in `text` are read as such; `begin` puts what begins a text before it."""
        ...

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        ...

    def vocabulary(self) -> dict[str, str]:
        """`bos_token`, `eos_token` and `chat_template`, "" where there is none."""
        ...


@runtime_checkable
class Translating(Protocol):
    """An engine whose model only translates: it is asked with a sentence and two languages, without words around it."""

    def goes(self, source: LanguagePack, target: LanguagePack) -> bool:
        """Whether the model translates from one language into the other."""
        ...

    def translate(self, sentence: str, source: LanguagePack, target: LanguagePack, *, again: bool = False) -> str:
        """A sentence in another language; `again` asks for another try."""
        ...


def say(engine: Engine, prompt: Prompt, sampling: Sampling) -> str:
    """The whole answer."""
    return "".join(chunk.text for chunk in engine.generate(prompt, sampling))


def stop(made: Iterator[Chunk]) -> None:
    """End an answer where it stands, so that what it holds is given back."""
    close = getattr(made, "close", None)
    if close:
        close()


def is_address(target: str | Path) -> bool:
    """Whether a model is named by what runs it: a server's address, `ollama:NAME`, or the scheme of a plug-in."""
    from anatili.engine.plugins import find_plugin

    return str(target).startswith(("http://", "https://", OLLAMA)) or find_plugin(str(target)) is not None


def open_engine(
    target: str | Path, adapters: Sequence[Path] = (), slots: int = 1, *, model: str = "", key: str = ""
) -> Engine:
    """The engine for a folder (Hugging Face, CTranslate2), a GGUF file or an OpenAI-compatible server's address.

    An address begins with http(s), or is `ollama:NAME`, or begins with the scheme of a plug-in. `model`: which of the
    server's models, also written behind the address (`https://host/v1#name`); `key`: its API key, by default
    ANATILI_ENGINE_KEY. `adapters`: LoRA adapters to put on it; GGUF files for a GGUF file, PEFT folders for a folder.
    `slots`: answers to be worked on at the same time, where that can be chosen.
    """
    if is_address(target):
        if adapters:
            raise Problem("adapters are put on where the model runs: start that server with them")
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
    address, _, behind = address.partition("#")
    return open_server(address, model or behind, key)


def open_server(address: str, model: str, key: str) -> Engine:
    """The engine for a server, by what it says it is."""
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
            raise Problem("adapters are put on before a model is converted, not behind")
        return Seq2SeqEngine(folder)
    if is_encoder_decoder(folder):
        raise Problem(
            f"{show_path(folder)} is an encoder-decoder model, which runs converted: "
            f"anatili export {show_path(folder)} --ctranslate2"
        )
    check_folder(folder)
    from anatili.engine.local import TransformersEngine

    return TransformersEngine(folder, adapters)
