"""A Hugging Face folder, run in this process by transformers."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anatili.engine import Message, Sampling
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import check_complete, check_folder


class TransformersEngine:
    """A model folder, run in this process. Only safetensors are read, and no code that lies beside them is run."""

    def __init__(self, folder: Path, adapters: Sequence[Path] = ()) -> None:
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
        self.model, info = AutoModelForCausalLM.from_pretrained(
            check_folder(folder), use_safetensors=True, dtype=torch.float32, output_loading_info=True,
            ignore_mismatched_sizes=True, **options,
        )  # fmt: skip
        check_complete(self.model, info, folder)
        for adapter in adapters:
            self.model = put_on(self.model, adapter)
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
        for _ in range(min(sampling.limit, room)):
            # Not around the loop: the next step may run in another thread, and the mode is each thread's own.
            with torch.inference_mode():
                answer = self.model(input_ids=feed, past_key_values=past, use_cache=True)
            past = answer.past_key_values
            token = choose(answer.logits[0, -1].float().cpu().clone(), said, sampling, chooser, torch)
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


def put_on(model: Any, adapter: Path) -> Any:
    """`model` with a PEFT adapter merged in."""
    if not (adapter / "adapter_model.safetensors").is_file():
        raise Problem(f"no adapter in {show_path(adapter)}: expected a PEFT folder with adapter_model.safetensors")
    try:
        from peft import PeftModel
    except ImportError as error:
        raise Problem("adapters need peft: pip install 'anatili[train]'") from error
    try:
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (ValueError, RuntimeError, KeyError) as error:
        raise Problem(f"the adapter {show_path(adapter)} does not fit this model: {error}") from error
