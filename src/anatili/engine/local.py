"""A Hugging Face folder, run in this process by transformers."""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

from anatili.engine import Chunk, Message, Prompt, Sampling, Span, TokenLogprob, shared_context
from anatili.engine.json_schema import SchemaConstraint, open_vocabulary
from anatili.problem import Problem, not_installed
from anatili.text import show_path
from anatili.weights import check_complete, check_folder

LOGIT_BYTES = 256 * 2**20
"""Size of the logits held at a time: spans are scored in batches of up to this."""


class TransformersEngine:
    """A model folder, run in this process. Only safetensors are read, and code in the folder is never run."""

    slots = 1

    def __init__(self, folder: Path, adapters: Sequence[Path] = ()) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise Problem(not_installed("running a model needs torch and transformers", "train")) from error
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.torch: Any = torch
        self.name = folder.resolve().parent.parent.name if folder.name == "model" else folder.resolve().name
        options = {"local_files_only": True, "trust_remote_code": False}
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
        self.device: Any = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
        self.model, info = AutoModelForCausalLM.from_pretrained(
            check_folder(folder),
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
        check_complete(self.model, info, folder)
        for adapter in adapters:
            self.model = apply_adapter(self.model, adapter)
        self.model.to(self.device).eval()
        # transformers 5.24 renamed it; 5.40 drops the older name.
        self.cache_name = "cache" if "cache" in signature(self.model.forward).parameters else "past_key_values"

    @property
    def context(self) -> int:
        return int(self.model.config.max_position_embeddings)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation with the chat template around it."""
        if self.tokenizer.chat_template:
            continues = messages[-1]["role"] == "assistant"  # an answer to be continued
            text = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=not continues, continue_final_message=continues
            )
        else:  # a base model: it can only continue a text
            text = "\n".join(message["content"] for message in messages) + "\n"
        return self.tokenize(text)

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        first = self.tokenizer.bos_token_id
        return [first, *ids] if begin and first is not None and ids[:1] != [first] else ids

    def detokenize(self, ids: Sequence[int]) -> str:
        self.check(ids)
        return str(self.tokenizer.decode(list(ids)))

    def vocabulary(self) -> dict[str, str]:
        names = ("bos_token", "eos_token", "chat_template")
        return {name: getattr(self.tokenizer, name, None) or "" for name in names}

    def check(self, ids: Sequence[int]) -> None:
        """`Problem` if these are not tokens of this model, or more than its context."""
        size = self.model.config.vocab_size
        unknown = next((token for token in ids if not 0 <= token < size), None)
        if unknown is not None:
            raise Problem(f"there is no token {unknown}: this model has {size}")
        if len(ids) > self.context:
            raise Problem(f"the text is too long for this model: {len(ids)} tokens, its context is {self.context}")

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        self.check(ids)
        if len(ids) < 2:
            return []
        with self.torch.inference_mode():
            logits = self.model(input_ids=self.torch.tensor([list(ids)], device=self.device)).logits[0, :-1]
        return [
            self.token_logprob(row, token, top_logprobs)
            for row, token in zip(logits.float().cpu(), ids[1:], strict=True)
        ]

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        for span in spans:
            self.check(span.ids)
        alone: list[Span] = []
        for first, count, shared in shared_context.runs(spans):
            if not shared:
                alone.append(spans[first])
                continue
            yield from self.batches(alone)
            alone = []
            group = spans[first : first + count]
            yield from shared_context.share(self.model, self.cache_name, self.device, group, shared, self.torch)
        yield from self.batches(alone)

    def batches(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        """The log probabilities of spans without a common context, as many together as memory is set aside for."""
        rows = max(1, LOGIT_BYTES // (4 * self.model.config.get_text_config().vocab_size))
        first = 0
        while first < len(spans):
            longest, count = len(spans[first].ids), 1
            while first + count < len(spans):
                longest = max(longest, len(spans[first + count].ids))
                if longest * (count + 1) > rows:
                    break
                count += 1
            yield from self._logprobs(spans[first : first + count])
            first += count

    def _logprobs(self, spans: Sequence[Span]) -> list[list[float]]:
        """The logprobs of spans that are computed as one batch; shorter ones are padded at the end."""
        longest = max(len(span.ids) for span in spans)
        if longest < 2:
            return [[] for _ in spans]
        padded = [[*span.ids, *[0] * (longest - len(span.ids))] for span in spans]
        ids = self.torch.tensor(padded, device=self.device)
        with self.torch.inference_mode():
            logits = self.model(input_ids=ids[:, :-1], use_cache=False).logits.float()
            picked = logits.gather(2, ids[:, 1:, None]).squeeze(2)
            values = (picked - logits.logsumexp(-1)).cpu().tolist()
        return [row[span.start - 1 : len(span.ids) - 1] for row, span in zip(values, spans, strict=True)]

    def token_logprob(self, logits: Any, token: int, top_logprobs: int) -> TokenLogprob:
        values = logits.log_softmax(-1)
        top = values.topk(top_logprobs)
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        top_pairs = tuple((self.tokenizer.decode([number]), value) for number, value in pairs)
        return TokenLogprob(self.tokenizer.decode([token]), float(values[token]), top_pairs)

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        return [self._embed(self.tokenize(text, begin=True) if isinstance(text, str) else text) for text in texts]

    def _embed(self, ids: Sequence[int]) -> list[float]:
        """The mean of the last layer's states."""
        self.check(ids)
        if not ids:
            raise Problem("an empty text has no embedding")
        with self.torch.inference_mode():
            states = self.model.base_model(input_ids=self.torch.tensor([list(ids)], device=self.device))
        mean = states.last_hidden_state[0].float().mean(0)
        embedding: list[float] = (mean / mean.norm()).cpu().tolist()
        return embedding

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        ids = self.ids_of(prompt)
        if len(ids) >= self.context:
            raise Problem(f"the question is too long for this model: {len(ids)} tokens, its context is {self.context}")
        answer: list[int] = []
        waiting: list[TokenLogprob] = []
        text, sent, finish, ended = "", 0, "length", False
        for token, logprob in self.steps(ids, answer, sampling):
            if token == self.tokenizer.eos_token_id:
                finish, ended = "stop", True
                break
            answer.append(token)
            waiting += [logprob] if logprob else []
            text = self.tokenizer.decode(answer, skip_special_tokens=True)
            if text.endswith("\ufffd"):  # part of a letter: its other bytes are still to come
                yield Chunk("")
                continue
            end = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=-1)
            if end >= 0:
                text, finish = text[:end], "stop"
                break
            # What may be the beginning of a stop word waits until it is known not to be one.
            ready = max(sent, len(text) - max((len(stop) - 1 for stop in sampling.stop), default=0))
            yield Chunk(text[sent:ready], tuple(waiting))
            sent, waiting = ready, []
        yield Chunk(text[sent:], tuple(waiting), finish, len(ids), len(answer) + ended)

    def ids_of(self, prompt: Prompt) -> list[int]:
        if isinstance(prompt, str):
            return self.tokenize(prompt, begin=True)
        if prompt and isinstance(prompt[0], dict):
            return self.prompt([message for message in prompt if isinstance(message, dict)])
        ids = [token for token in prompt if isinstance(token, int)]
        self.check(ids)
        return ids or self.tokenize("", begin=True)

    @cached_property
    def schema_vocabulary(self) -> Any:
        return open_vocabulary(self.tokenizer, int(self.model.config.vocab_size))

    def steps(
        self, ids: Sequence[int], answer: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[int, TokenLogprob | None]]:
        """One token after the other; the caller adds those it takes to `answer`."""
        torch = self.torch
        generator = torch.Generator().manual_seed(sampling.seed)
        constraint = None
        if sampling.schema is not None:
            constraint = SchemaConstraint(self.schema_vocabulary, sampling.schema)
        past, feed = None, torch.tensor([list(ids)], device=self.device)
        for _ in range(min(sampling.max_tokens, self.context - len(ids))):
            # Not around the loop: the next step may run in another thread, and the mode belongs to a thread.
            with torch.inference_mode():
                output = self.model(input_ids=feed, use_cache=True, **{self.cache_name: past})
            past, logits = output[self.cache_name], output.logits[0, -1].float().cpu()
            scores = logits.clone()
            if constraint:
                constraint.mask(scores)
            token = choose(scores, answer, sampling, generator, torch)
            if constraint:
                constraint.accept(token)
            yield (
                token,
                self.token_logprob(logits, token, sampling.top_logprobs) if sampling.top_logprobs >= 0 else None,
            )
            feed = torch.tensor([[token]], device=self.device)


def choose(logits: Any, answer: Sequence[int], sampling: Sampling, generator: Any, torch: Any) -> int:
    """The next token by `logits`, shape (vocabulary,), after the tokens of `answer`."""
    if answer and sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted(set(answer)))
        values = logits[seen]
        logits[seen] = torch.where(
            values > 0, values / sampling.repetition_penalty, values * sampling.repetition_penalty
        )
    if sampling.temperature <= 0:
        return int(logits.argmax())
    probabilities, order = torch.softmax(logits / sampling.temperature, -1).sort(descending=True)
    probabilities[probabilities.cumsum(-1) - probabilities > sampling.top_p] = 0
    return int(order[torch.multinomial(probabilities, 1, generator=generator)])


def apply_adapter(model: Any, adapter: Path) -> Any:
    """`model` with a PEFT adapter merged in."""
    if not (adapter / "adapter_model.safetensors").is_file():
        raise Problem(f"no adapter in {show_path(adapter)}: expected a PEFT folder with adapter_model.safetensors")
    try:
        from peft import PeftModel
    except ImportError as error:
        raise Problem(not_installed("adapters need peft", "train")) from error
    try:
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (ValueError, RuntimeError, KeyError) as error:
        raise Problem(f"the adapter {show_path(adapter)} does not fit this model: {error}") from error
