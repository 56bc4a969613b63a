"""What produces text. `Engine` is the seam: transformers, llama.cpp, or any OpenAI-compatible address."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.prompt import Message
from anatili.text import show_path
from anatili.weights import check_folder, is_converted, is_encoder_decoder

__all__ = [
    "Chance", "Engine", "Message", "Piece", "Prompt", "Sampling", "Translating", "is_address", "open_engine", "say",
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

    limit: int = 200
    """Tokens at most."""
    temperature: float = 0.7
    top_p: float = 0.95
    repetition: float = 1.15
    """Tokens already said are made this much less likely; 1 leaves them."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    likeliest: int = -1
    """With each token its chance, and those of so many of the likeliest; -1: no chances."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the answer must keep; {} is any JSON object."""


@dataclass(frozen=True)
class Chance:
    """A token and how likely it was."""

    token: str
    """Its text; of half a letter, the replacement character."""
    logprob: float
    """Natural logarithm, before temperature and all that follows it."""
    likeliest: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at its place, with theirs."""


@dataclass(frozen=True)
class Piece:
    """What came of one step: mostly a token's text, "" while a letter is not whole. The last one tells how it ended."""

    text: str
    chances: tuple[Chance, ...] = ()
    finish: str = ""
    """On the last piece: `stop`, or `length` where the limit or the context ended it."""
    prompt_tokens: int = 0
    """On the last piece, 0 if the engine does not tell."""
    tokens: int = 0
    """On the last piece: tokens of the answer."""


class Engine(Protocol):
    """Text from a model. What an engine cannot do is a `Problem` that says so."""

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

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        """The answer as it comes. Closing the iterator stops the work on it."""
        ...

    def score(self, ids: Sequence[int], likeliest: int) -> list[Chance]:
        """The chance of each token but the first, given those before it, with so many of the likeliest."""
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
    return "".join(piece.text for piece in engine.generate(prompt, sampling))


def stop(made: Iterator[Piece]) -> None:
    """End an answer where it stands, so that what it holds is given back."""
    close = getattr(made, "close", None)
    if close:
        close()


def is_address(model: str | Path) -> bool:
    """Whether a model is named by where a server answers for it."""
    return str(model).startswith(("http://", "https://", OLLAMA))


def open_engine(model: str | Path, adapters: Sequence[Path] = (), slots: int = 1) -> Engine:
    """The engine for a folder (Hugging Face, CTranslate2), a GGUF file or an OpenAI-compatible server's address.

    An address begins with http(s), or is `ollama:NAME`. `adapters`: LoRA adapters to put on it; GGUF files for a GGUF
    file, PEFT folders for a folder. `slots`: answers to be worked on at the same time, where that can be chosen.
    """
    if is_address(model):
        from anatili.engine.remote import RemoteEngine

        if adapters:
            raise Problem("adapters are put on where the model runs: start that server with them")
        if str(model).startswith(OLLAMA):
            return RemoteEngine(OLLAMA_ADDRESS, model=str(model).removeprefix(OLLAMA))
        return RemoteEngine(str(model))
    if str(model).endswith(".gguf"):
        from anatili.engine.llama import LlamaEngine

        return LlamaEngine(Path(model), adapters, slots)
    if not (Path(model) / "config.json").is_file():
        raise Problem(
            f"no model in {show_path(model)}: expected a Hugging Face folder with config.json, or a .gguf file"
        )
    if is_converted(Path(model)):
        from anatili.engine.seq2seq import Seq2SeqEngine

        if adapters:
            raise Problem("adapters are put on before a model is converted, not behind")
        return Seq2SeqEngine(Path(model))
    if is_encoder_decoder(Path(model)):
        raise Problem(
            f"{show_path(model)} is an encoder-decoder model, which runs converted: anatili export {show_path(model)} "
            "--ctranslate2"
        )
    check_folder(Path(model))
    from anatili.engine.local import TransformersEngine

    return TransformersEngine(Path(model), adapters)
