"""What produces text. `Engine` is the seam: a model folder through transformers, or any OpenAI-compatible address."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from anatili.problem import Problem
from anatili.text import show_path

Message = dict[str, str]
"""`role` (system, user or assistant) and `content`."""


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
    def context(self) -> int:
        """Tokens that prompt and answer may have together, 0 if unknown."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a prompt, 0 if it cannot be told."""
        ...

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        """Pieces of the answer as they come, one a token where the engine knows its tokens; some are empty."""
        ...


def open_engine(model: str | Path) -> Engine:
    """The engine for a Hugging Face folder or an http(s) address of an OpenAI-compatible server."""
    if str(model).startswith(("http://", "https://")):
        return RemoteEngine(str(model))
    if not (Path(model) / "config.json").is_file():
        raise Problem(f"no model in {show_path(model)}: expected a Hugging Face folder with config.json")
    return TransformersEngine(Path(model))


class TransformersEngine:
    """A model folder, run in this process. Only safetensors are read, and no code that lies beside them is run."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise Problem("running a model needs torch and transformers: pip install 'anatili[train]'") from error
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.torch: Any = torch
        self.name = folder.resolve().parent.parent.name if folder.name == "model" else folder.resolve().name
        options = {"local_files_only": True, "trust_remote_code": False}
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
        self.device: Any = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **options
        )
        self.model.to(self.device).eval()

    @property
    def context(self) -> int:
        return int(self.model.config.max_position_embeddings)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        else:  # a base model: it can only go on with a text
            text = "\n".join(message["content"] for message in messages) + "\n"
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def count(self, messages: Sequence[Message]) -> int:
        return len(self.prompt(messages))

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        torch = self.torch
        ids = self.prompt(messages)
        room = self.context - len(ids)
        if room < 1:
            raise Problem(f"the question is too long for this model: {len(ids)} tokens, it holds {self.context}")
        chooser = torch.Generator().manual_seed(sampling.seed)
        said: list[int] = []
        done = 0
        past, feed = None, torch.tensor([ids], device=self.device)
        with torch.inference_mode():
            for _ in range(min(sampling.limit, room)):
                answer = self.model(input_ids=feed, past_key_values=past, use_cache=True)
                past = answer.past_key_values
                token = choose(answer.logits[0, -1].float().cpu(), said, sampling, chooser, torch)
                if token == self.tokenizer.eos_token_id:
                    break
                said.append(token)
                feed = torch.tensor([[token]], device=self.device)
                text = self.tokenizer.decode(said, skip_special_tokens=True)
                if text.endswith("\ufffd"):  # half a letter: its other bytes are still to come
                    yield ""
                    continue
                end = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=-1)
                if end >= 0:
                    yield text[done:end]
                    return
                # What may be the beginning of a stop word waits until it is known to be none.
                ready = max(done, len(text) - max((len(stop) - 1 for stop in sampling.stop), default=0))
                yield text[done:ready]
                done = ready
            rest = self.tokenizer.decode(said, skip_special_tokens=True)[done:]
            if rest:
                yield rest


def choose(logits: Any, said: list[int], sampling: Sampling, chooser: Any, torch: Any) -> int:
    """The next token from `logits`, shape (vocabulary,)."""
    if said and sampling.repetition != 1:
        seen = torch.tensor(sorted(set(said)))
        values = logits[seen]
        logits[seen] = torch.where(values > 0, values / sampling.repetition, values * sampling.repetition)
    if sampling.temperature <= 0:
        return int(logits.argmax())
    chances, order = torch.softmax(logits / sampling.temperature, -1).sort(descending=True)
    chances[chances.cumsum(-1) - chances > sampling.top_p] = 0
    return int(order[torch.multinomial(chances, 1, generator=chooser)])


class RemoteEngine:
    """Any server with `/v1/chat/completions` (vLLM, llama.cpp, another anatili); key from ANATILI_ENGINE_KEY."""

    context = 0

    def __init__(self, address: str) -> None:
        import httpx

        self.address = address.rstrip("/").removesuffix("/v1")
        key = os.environ.get("ANATILI_ENGINE_KEY", "")
        self.client = httpx.Client(timeout=120, headers={"Authorization": f"Bearer {key}"} if key else {})
        try:
            answer = self.client.get(f"{self.address}/v1/models").raise_for_status()
            self.name = str(answer.json()["data"][0]["id"])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Problem(f"no OpenAI-compatible server answers at {self.address}/v1/models: {error}") from error

    def count(self, messages: Sequence[Message]) -> int:
        return 0

    def generate(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
        import httpx

        body = {"model": self.name, "messages": list(messages), "stream": True, "max_tokens": sampling.limit,
                "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}  # fmt: skip
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        try:
            with self.client.stream("POST", f"{self.address}/v1/chat/completions", json=body) as answer:
                if answer.is_error:
                    said = answer.read()[:300].decode("utf-8", "replace")
                    raise Problem(f"{self.address} answered {answer.status_code}: {said}")
                for line in answer.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        for choice in json.loads(line[6:]).get("choices", ()):
                            yield choice.get("delta", {}).get("content") or ""
        except httpx.HTTPError as error:
            raise Problem(f"{self.address} broke off: {error}") from error
