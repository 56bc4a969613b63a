"""An encoder-decoder model that only translates (NLLB, Tilmash, M2M100, MADLAD), run by CTranslate2.

Its folder holds model.bin, config.json and the vocabulary, as CTranslate2's converter writes them, and the tokenizer.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob
from anatili.engine.batcher import Batcher
from anatili.lang import LanguagePack
from anatili.lang.translation import flores_code
from anatili.problem import Problem, not_installed
from anatili.text import show_path
from anatili.weights import is_converted

BATCH = 16
"""Sentences translated at a time."""
BEAM = 4
"""Beam size; NLLB and MADLAD were published with about as many."""
SHORTEST, LONGEST = 64, 512
"""Maximum tokens of a translation, for the shortest and the longest sentences."""
SENTENCEPIECE = ("sentencepiece.bpe.model", "spiece.model", "sentencepiece.model")
VOCABULARIES = ("shared_vocabulary", "source_vocabulary")
LANGUAGE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}|__[a-z]{2,3}__|<2[a-z]{2,3}>")
"""Language tokens of NLLB, M2M100 and MADLAD."""
TARGET_PREFIX = "<2{code}>"
"""Precedes a sentence in models like MADLAD: the language to translate into."""


class EncodedSentence(NamedTuple):
    """A sentence as the model gets it."""

    source: tuple[str, ...]
    prefix: tuple[str, ...]
    """Tokens at the beginning of its translation."""


class BatchOptions(NamedTuple):
    """Options that sentences of one batch share."""

    limit: int
    again: bool


class Seq2SeqEngine:
    """A converted model, run in this process. Sentences of several threads are translated in batches."""

    slots = BATCH
    parameters = 0
    context = LONGEST

    def __init__(self, folder: Path, name: str = "") -> None:
        if not is_converted(folder):
            raise Problem(
                f"{show_path(folder)} is not a CTranslate2 model: expected model.bin, config.json and a vocabulary"
            )
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            import ctranslate2
        except ImportError as error:
            raise Problem(not_installed("running a CTranslate2 model needs ctranslate2", "seq2seq")) from error
        self.folder, self.name = folder, name or folder.resolve().name
        self.tokenizer = open_tokenizer(folder)
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            self.model: Any = ctranslate2.Translator(
                str(folder), device=device, inter_threads=1, intra_threads=max(1, (os.cpu_count() or 2) - 1)
            )
        except (RuntimeError, ValueError) as error:
            raise Problem(f"CTranslate2 cannot open {show_path(folder)}: {error}") from error
        self.end = str(self.read("config.json").get("eos_token") or "</s>")
        self.batcher: Batcher[BatchOptions, EncodedSentence, list[str]] = Batcher(self._translate, BATCH)

    def read(self, name: str) -> dict[str, Any]:
        """A file of settings; {} if it does not exist."""
        path = self.folder / name
        try:
            settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except ValueError as error:
            raise Problem(f"{show_path(path)} is damaged: {error}") from error
        return settings if isinstance(settings, dict) else {}

    @cached_property
    def known(self) -> frozenset[str]:
        """All tokens of the source vocabulary."""
        file = next(file for name in VOCABULARIES for file in sorted(self.folder.glob(f"{name}.*")))
        text = file.read_text("utf-8")
        return frozenset(json.loads(text) if file.suffix == ".json" else text.split("\n"))

    @cached_property
    def ends_in_language(self) -> bool:
        """Whether the language token follows a sentence, as transformers did it for NLLB until April 2023."""
        return bool(self.read("tokenizer_config.json").get("legacy_behaviour", False))

    def can_translate(self, source: LanguagePack, target: LanguagePack) -> bool:
        """Whether the model has tokens for both languages. One without language tokens has the two in its name."""
        if source == target:
            return False
        if self.has_languages:
            return bool(self.token(source) and self.token(target))
        return f"-{self.name}-".find(f"-{source.code}-{target.code}-") >= 0

    @cached_property
    def has_languages(self) -> bool:
        """Whether the vocabulary has language tokens."""
        return any(LANGUAGE.fullmatch(token) for token in self.known)

    def token(self, pack: LanguagePack) -> str:
        """The model's token for a language, "" if it has none."""
        names = (flores_code(pack), f"__{pack.code}__", TARGET_PREFIX.format(code=pack.code))
        return next((name for name in names if name in self.known), "")

    def translate(self, sentence: str, source: LanguagePack, target: LanguagePack, *, again: bool = False) -> str:
        """A sentence in another language; `again` is a second attempt that forbids repeats."""
        if not self.can_translate(source, target):
            raise Problem(f"{self.name} does not translate from {source.name} into {target.name}")
        start, end = self.token(source), self.token(target)
        expected = len(sentence) // 2 + SHORTEST // 2
        limit = next((n for n in (SHORTEST, 2 * SHORTEST, 4 * SHORTEST) if expected <= n), LONGEST)
        translation = self.batcher.submit(BatchOptions(limit, again), self.encode(sentence, start, end))
        return self.tokenizer.decode([token for token in translation if token not in (end, self.end)])

    def encode(self, sentence: str, start: str, end: str) -> EncodedSentence:
        """A sentence in the model's training format, given the tokens of the source and the target language."""
        tokens = self.tokenizer.encode(sentence)
        if not end:
            return EncodedSentence((*tokens, self.end), ())
        if end == TARGET_PREFIX.format(code=end[2:-1]):
            return EncodedSentence((*self.target_prefix(end), *tokens, self.end), ())
        if self.ends_in_language:
            return EncodedSentence((*tokens, self.end, start), (end,))
        return EncodedSentence((start, *tokens, self.end), (end,))

    def target_prefix(self, code: str) -> list[str]:
        """The tokens before a sentence that name the target language; in some models a lone space is the first."""
        tokens = self.tokenizer.encode(f"{code} a", special=True)
        if code not in tokens:
            raise Problem(f"the tokenizer in {show_path(self.folder)} splits {code}: it belongs to another model")
        return tokens[: tokens.index(code) + 1]

    def _translate(self, options: BatchOptions, batch: list[EncodedSentence]) -> list[list[str]]:
        results = self.model.translate_batch(
            [list(sentence.source) for sentence in batch],
            target_prefix=[list(sentence.prefix) for sentence in batch] if batch[0].prefix else None,
            beam_size=BEAM,
            max_decoding_length=options.limit,
            max_batch_size=0,
            **({"no_repeat_ngram_size": 3, "repetition_penalty": 1.1} if options.again else {}),
        )
        return [list(result.hypotheses[0]) for result in results]

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot answer")

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot score text")

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot score text")

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        raise Problem(f"{self.name} translates and does nothing else: it does not make embeddings")

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        raise Problem(f"{self.name} translates and does nothing else: it has no token ids here")

    def detokenize(self, ids: Sequence[int]) -> str:
        raise Problem(f"{self.name} translates and does nothing else: it has no token ids here")

    def vocabulary(self) -> dict[str, str]:
        return {"bos_token": "", "eos_token": self.end, "chat_template": ""}


class JsonTokenizer:
    """A tokenizer.json: from sentences to tokens of the vocabulary and back."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self.plain, self.special = (Tokenizer.from_file(str(file)) for _ in range(2))
        except Exception as error:  # the library has no exception class of its own
            raise Problem(f"{show_path(file)} is damaged: {error}") from error
        self.plain.encode_special_tokens = True  # a </s> written in a text is text ...
        added = self.plain.get_added_tokens_decoder().values()
        self.special_tokens = {token.content for token in added if token.special}

    def encode(self, text: str, *, special: bool = False) -> list[str]:
        """The tokens of a text; `special`: special tokens written in it are recognized."""
        if special:
            return list(self.special.encode(text, add_special_tokens=False).tokens)
        tokens = self.plain.encode(text, add_special_tokens=False).tokens
        return [
            token for token in tokens if token not in self.special_tokens
        ]  # ... or is left out if it becomes the token anyway

    def decode(self, tokens: Sequence[str]) -> str:
        ids = (self.plain.token_to_id(token) for token in tokens)
        return str(self.plain.decode([token for token in ids if token is not None], skip_special_tokens=True))


class SentencePieceTokenizer:
    """The tokens of a text by a SentencePiece model, for folders without tokenizer.json."""

    def __init__(self, file: Path) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise Problem(not_installed(f"{file.name} needs sentencepiece", "seq2seq")) from error
        try:
            self.model: Any = SentencePieceProcessor(model_file=str(file))
        except (RuntimeError, OSError) as error:
            raise Problem(f"{show_path(file)} is damaged: {error}") from error

    def encode(self, text: str, *, special: bool = False) -> list[str]:
        tokens: list[str] = self.model.encode(text, out_type=str)
        return tokens

    def decode(self, tokens: Sequence[str]) -> str:
        return str(
            self.model.decode([token for token in tokens if not self.model.is_control(self.model.piece_to_id(token))])
        )


def open_tokenizer(folder: Path) -> JsonTokenizer | SentencePieceTokenizer:
    """The tokenizer of a folder."""
    if (folder / "tokenizer.json").is_file():
        return JsonTokenizer(folder / "tokenizer.json")
    file = next((folder / name for name in SENTENCEPIECE if (folder / name).is_file()), None)
    if file is None:
        raise Problem(
            f"{show_path(folder)} has no tokenizer: copy tokenizer.json or {SENTENCEPIECE[0]} of the model there"
        )
    return SentencePieceTokenizer(file)
