"""Remove the tokens of other languages from a base vocabulary; text in the kept languages is tokenized as before.

Two thirds of a small multilingual model are rows for languages that it will not be used in. A text whose tokens are all
kept is tokenized the same afterwards: every merge that leads to them is kept too, and a removed merge could only have
led to a token that the text does not have.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from anatili.text import SCRIPTS
from anatili.tokenizer.vocabulary import BpeVocabulary

BATCH = 1000
"""Texts that are tokenized at a time."""
UNUSED = re.compile(r"<unused\d+>|<\|reserved_special_token_\d+\|>|\[multimodal\]")
"""Special tokens that their makers left unused."""


def trim(
    base: BpeVocabulary, texts: Iterable[str], *, scripts: set[str], letters: set[str], first: int, min_count: int = 1
) -> BpeVocabulary:
    """`base` with only these tokens:

    special tokens in use, bytes, ASCII digits and signs; tokens whose letters are all in `scripts` (ISO 15924); of the
    `first` tokens by id, which are the most frequent ones, those without letters and those whose letters are all in
    `letters` (lower case) or ASCII; tokens that occur `min_count` times in `texts`; and all tokens from which these are
    merged.
    """
    alphabet = letters | set(string.ascii_lowercase)
    counts = count_tokens(base, texts)
    needed = {token for token, count in counts.items() if count >= min_count}
    for token_id, token in enumerate(base.tokens):
        if token in base.added:
            if not UNUSED.fullmatch(token):
                needed.add(token)
        elif (
            is_byte(base, token)
            or is_bare(base, token)
            or is_in(base, token, scripts)
            or (token_id < first and is_spelled(base, token, alphabet))
        ):
            needed.add(token)
    needed -= {token for token in needed if UNUSED.fullmatch(token)}
    kept = set(needed)
    for token in needed:
        if token not in base.added and len(token) > 1 and not is_byte(base, token):
            kept |= base.derivation(token)
    return keep(base, kept)


def keep(base: BpeVocabulary, kept: set[str]) -> BpeVocabulary:
    """`base` with only the tokens in `kept`, in the same order, and the merges among them."""
    tokens = [token for token in base.tokens if token in kept]
    stay = set(tokens)
    merges = [(a, b) for a, b in base.merges if a in stay and b in stay and a + b in stay]
    return BpeVocabulary(base.raw, tokens, merges, base.byte_level)


def count_tokens(base: BpeVocabulary, texts: Iterable[str]) -> Counter[str]:
    """How often each token occurs in `texts`."""
    tokenizer = as_tokenizer(base)
    counts: Counter[int] = Counter()
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH)):
        counts.update(i for e in tokenizer.encode_batch(batch, add_special_tokens=False) for i in e.ids)
    return Counter({base.tokens[token_id]: count for token_id, count in counts.items()})


def as_tokenizer(vocabulary: BpeVocabulary) -> Any:
    """A `tokenizers.Tokenizer` with this vocabulary."""
    from tokenizers import Tokenizer as Bpe

    return Bpe.from_str(vocabulary.dump())


def is_byte(base: BpeVocabulary, token: str) -> bool:
    """Whether a token is one of the 256 byte tokens."""
    return len(token) == 1 if base.byte_level else bool(re.fullmatch(r"<0x[0-9A-F]{2}>", token))


def is_in(base: BpeVocabulary, token: str, scripts: set[str]) -> bool:
    """Whether a token has letters, all of them in `scripts`."""
    text = base.text(token)
    letters = [letter for letter in text or "" if letter.isalpha()]
    return bool(letters) and all(any(SCRIPTS[script].match(letter) for script in scripts) for letter in letters)


def is_spelled(base: BpeVocabulary, token: str, alphabet: set[str]) -> bool:
    """Whether all letters of a token, if it has any, are in `alphabet`, capitals aside."""
    return all(letter.lower()[0] in alphabet for letter in base.text(token) or "" if letter.isalpha())


def is_bare(base: BpeVocabulary, token: str) -> bool:
    """Whether a token is text without letters: digits, signs, spaces."""
    text = base.text(token)
    return text is not None and text.isascii() and not any(map(str.isalpha, text))
