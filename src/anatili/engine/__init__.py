"""What produces text. `Engine` is the seam: transformers, llama.cpp, or any OpenAI-compatible address."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anatili.problem import Problem
from anatili.prompt import Message
from anatili.text import show_path

__all__ = ["Engine", "Message", "Sampling", "open_engine"]


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


class Engine(Protocol):
    """Text from a model."""

    name: str

    @property
    def parameters(self) -> int:
        """Weights of the model, 0 if unknown."""
        ...

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together, 0 if unknown."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a prompt, 0 if it cannot be told."""
        ...

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        """Pieces of the answer as they come, one a token where the engine knows its tokens; some are empty."""
        ...


def open_engine(model: str | Path, adapters: Sequence[Path] = ()) -> Engine:
    """The engine for a Hugging Face folder, a GGUF file or an http(s) address of an OpenAI-compatible server.

    `adapters`: LoRA adapters to put on it; GGUF files for a GGUF file, PEFT folders for a folder.
    """
    if str(model).startswith(("http://", "https://")):
        from anatili.engine.remote import RemoteEngine

        if adapters:
            raise Problem("adapters are put on where the model runs: start that server with them")
        return RemoteEngine(str(model))
    if str(model).endswith(".gguf"):
        from anatili.engine.llama import LlamaEngine

        return LlamaEngine(Path(model), adapters)
    if not (Path(model) / "config.json").is_file():
        raise Problem(
            f"no model in {show_path(model)}: expected a Hugging Face folder with config.json, or a .gguf file"
        )
    from anatili.engine.local import TransformersEngine

    return TransformersEngine(Path(model), adapters)
