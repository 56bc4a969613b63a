"""An encoder-decoder model that translates and does nothing else (NLLB, Tilmash, M2M100, MADLAD), by CTranslate2.

A folder has model.bin, config.json and the vocabulary, as CTranslate2's converter writes them, and the tokenizer.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from anatili.engine import Chunk, Prompt, Sampling, Span, TokenLogprob
from anatili.engine.together import Together
from anatili.lang import LanguagePack
from anatili.lang.translation import flores_code
from anatili.problem import Problem, install
from anatili.text import show_path
from anatili.weights import is_converted

BATCH = 16
"""Sentences translated at a time."""
BEAM = 4
"""Translations of a sentence that are followed up; NLLB and MADLAD were published with about as many."""
SHORTEST, LONGEST = 64, 512
"""Tokens of a translation at most, for the shortest sentences and for the longest."""
SENTENCEPIECE = ("sentencepiece.bpe.model", "spiece.model", "sentencepiece.model")
VOCABULARIES = ("shared_vocabulary", "source_vocabulary")
LANGUAGE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}|__[a-z]{2,3}__|<2[a-z]{2,3}>")
"""How models write the languages that they know: NLLB, M2M100, MADLAD."""
ASKS = "<2{code}>"
"""Stands before a sentence in models of MADLAD's kind: the language to translate into."""


class Ask(NamedTuple):
    """A sentence as the model gets it."""

    source: tuple[str, ...]
    prefix: tuple[str, ...]
    """Tokens that its translation begins with."""


class How(NamedTuple):
    """What sentences must have in common to be translated together."""

    limit: int
    again: bool


class Seq2SeqEngine:
    """A converted model, run in this process. Sentences that come from several threads go through it together."""

    slots = BATCH
    parameters = 0
    context = LONGEST

    def __init__(self, folder: Path, name: str = "") -> None:
        if not is_converted(folder):
            raise Problem(
                f"{show_path(folder)} is no CTranslate2 model: model.bin, config.json and a vocabulary make one"
            )
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            import ctranslate2
        except ImportError as error:
            raise Problem(f"running a CTranslate2 model needs ctranslate2: {install('seq2seq')}") from error
        self.folder, self.name = folder, name or folder.resolve().name
        self.tokens = open_tokens(folder)
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            self.model: Any = ctranslate2.Translator(
                str(folder), device=device, inter_threads=1, intra_threads=max(1, (os.cpu_count() or 2) - 1)
            )
        except (RuntimeError, ValueError) as error:
            raise Problem(f"CTranslate2 cannot open {show_path(folder)}: {error}") from error
        self.end = str(self.read("config.json").get("eos_token") or "</s>")
        self.asked: Together[How, Ask, list[str]] = Together(self._translate, BATCH)

    def read(self, name: str) -> dict[str, Any]:
        """A file of settings, {} where it is not there."""
        path = self.folder / name
        try:
            said = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except ValueError as error:
            raise Problem(f"{show_path(path)} is damaged: {error}") from error
        return said if isinstance(said, dict) else {}

    @cached_property
    def known(self) -> frozenset[str]:
        """All tokens of the source's vocabulary."""
        file = next(file for name in VOCABULARIES for file in sorted(self.folder.glob(f"{name}.*")))
        text = file.read_text("utf-8")
        return frozenset(json.loads(text) if file.suffix == ".json" else text.split("\n"))

    @cached_property
    def ends_in_language(self) -> bool:
        """Whether the language of a sentence stands behind it, as transformers had it for NLLB until April 2023."""
        return bool(self.read("tokenizer_config.json").get("legacy_behaviour", False))

    def goes(self, source: LanguagePack, target: LanguagePack) -> bool:
        """Whether the model has tokens for two languages; one that has none goes from one into one, by its name."""
        if source == target:
            return False
        if self.has_languages:
            return bool(self.token(source) and self.token(target))
        return f"-{self.name}-".find(f"-{source.code}-{target.code}-") >= 0

    @cached_property
    def has_languages(self) -> bool:
        """Whether the vocabulary has tokens by which a language is asked for."""
        return any(LANGUAGE.fullmatch(token) for token in self.known)

    def token(self, pack: LanguagePack) -> str:
        """The token by which the model knows a language, "" if it does not."""
        names = (flores_code(pack), f"__{pack.code}__", ASKS.format(code=pack.code))
        return next((name for name in names if name in self.known), "")

    def translate(self, sentence: str, source: LanguagePack, target: LanguagePack, *, again: bool = False) -> str:
        """A sentence in another language; `again` tries it with repeats forbidden."""
        if not self.goes(source, target):
            raise Problem(f"{self.name} does not translate from {source.name} into {target.name}")
        start, end = self.token(source), self.token(target)
        wanted = len(sentence) // 2 + SHORTEST // 2
        limit = next((n for n in (SHORTEST, 2 * SHORTEST, 4 * SHORTEST) if wanted <= n), LONGEST)
        made = self.asked.do(How(limit, again), self.ask(sentence, start, end))
        return self.tokens.text([token for token in made if token not in (end, self.end)])

    def ask(self, sentence: str, start: str, end: str) -> Ask:
        """A sentence as the model was taught to see it, given the tokens of its language and of the wanted one."""
        said = self.tokens.cut(sentence)
        if not end:
            return Ask((*said, self.end), ())
        if end == ASKS.format(code=end[2:-1]):
            return Ask((*self.before(end), *said, self.end), ())
        if self.ends_in_language:
            return Ask((*said, self.end, start), (end,))
        return Ask((start, *said, self.end), (end,))

    def before(self, code: str) -> list[str]:
        """What stands before a sentence that asks for a language: its token, in some models behind a lone space."""
        found = self.tokens.cut(f"{code} a", special=True)
        if code not in found:
            raise Problem(f"the tokenizer in {show_path(self.folder)} takes {code} apart: it is another model's")
        return found[: found.index(code) + 1]

    def _translate(self, how: How, asked: list[Ask]) -> list[list[str]]:
        made = self.model.translate_batch(
            [list(one.source) for one in asked],
            target_prefix=[list(one.prefix) for one in asked] if asked[0].prefix else None,
            beam_size=BEAM, max_decoding_length=how.limit, max_batch_size=0,
            **({"no_repeat_ngram_size": 3, "repetition_penalty": 1.1} if how.again else {}),
        )  # fmt: skip
        return [list(one.hypotheses[0]) for one in made]

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Chunk]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot answer")

    def score(self, ids: Sequence[int], top_logprobs: int) -> list[TokenLogprob]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot score text")

    def logprobs(self, spans: Sequence[Span]) -> Iterator[list[float]]:
        raise Problem(f"{self.name} translates and does nothing else: it cannot score text")

    def embed(self, texts: Sequence[str | Sequence[int]]) -> list[list[float]]:
        raise Problem(f"{self.name} translates and does nothing else: it makes no vectors")

    def tokenize(self, text: str, *, begin: bool = False) -> list[int]:
        raise Problem(f"{self.name} translates and does nothing else: its tokens have no numbers here")

    def detokenize(self, ids: Sequence[int]) -> str:
        raise Problem(f"{self.name} translates and does nothing else: its tokens have no numbers here")

    def vocabulary(self) -> dict[str, str]:
        return {"bos_token": "", "eos_token": self.end, "chat_template": ""}


class Pieces:
    """A tokenizer.json: sentences to the tokens of the vocabulary and back."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self.plain, self.special = (Tokenizer.from_file(str(file)) for _ in range(2))
        except Exception as error:  # the library has no class of its own for them
            raise Problem(f"{show_path(file)} is damaged: {error}") from error
        self.plain.encode_special_tokens = True  # a </s> that stands in a text is text ...
        added = self.plain.get_added_tokens_decoder().values()
        self.own = {token.content for token in added if token.special}

    def cut(self, text: str, *, special: bool = False) -> list[str]:
        """The tokens of a text; `special`: tokens written in it are read as such."""
        if special:
            return list(self.special.encode(text, add_special_tokens=False).tokens)
        made = self.plain.encode(text, add_special_tokens=False).tokens
        return [token for token in made if token not in self.own]  # ... or, where it is a token as well, left out

    def text(self, tokens: Sequence[str]) -> str:
        ids = (self.plain.token_to_id(token) for token in tokens)
        return str(self.plain.decode([number for number in ids if number is not None], skip_special_tokens=True))


class SentencePieces:
    """The same by a SentencePiece model, for folders that have no tokenizer.json."""

    def __init__(self, file: Path) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise Problem(f"{file.name} needs sentencepiece: {install('seq2seq')}") from error
        try:
            self.model: Any = SentencePieceProcessor(model_file=str(file))
        except (RuntimeError, OSError) as error:
            raise Problem(f"{show_path(file)} is damaged: {error}") from error

    def cut(self, text: str, *, special: bool = False) -> list[str]:
        made: list[str] = self.model.encode(text, out_type=str)
        return made

    def text(self, tokens: Sequence[str]) -> str:
        return str(
            self.model.decode([token for token in tokens if not self.model.is_control(self.model.piece_to_id(token))])
        )


def open_tokens(folder: Path) -> Pieces | SentencePieces:
    """The tokenizer of a folder."""
    if (folder / "tokenizer.json").is_file():
        return Pieces(folder / "tokenizer.json")
    file = next((folder / name for name in SENTENCEPIECE if (folder / name).is_file()), None)
    if file is None:
        raise Problem(
            f"{show_path(folder)} has no tokenizer: copy tokenizer.json or {SENTENCEPIECE[0]} of the model there"
        )
    return SentencePieces(file)
