"""Take the pieces of other languages out of a base vocabulary, so that text in ours stays cut exactly as before.

Two thirds of a small multilingual model are rows for languages it will not be asked in. A text all of whose pieces stay
is cut into the same pieces afterwards: every merge on the way to them stays too, and a merge that is gone could only
have led to a piece that the text does not have.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from anatili.text import SCRIPTS
from anatili.tokenizer.pieces import Vocabulary

UNUSED = re.compile(r"<unused\d+>|<\|reserved_special_token_\d+\|>|\[multimodal\]")
"""Special tokens that their makers left without use."""


def trim(base: Vocabulary, texts: Iterable[str], *, scripts: set[str], first: int, least: int = 1) -> Vocabulary:
    """`base` without the pieces that none of these want:

    special tokens in use, bytes, digits and signs of ASCII; pieces whose letters are all in `scripts` (ISO 15924); the
    `first` pieces by id, which are the most frequent of all; pieces that come `least` times in `texts`; and all on the
    way to them.
    """
    seen = count_pieces(base, texts)
    wanted = {piece for piece, count in seen.items() if count >= least}
    for number, piece in enumerate(base.pieces):
        if piece in base.added:
            if not UNUSED.fullmatch(piece):
                wanted.add(piece)
        elif number < first or is_byte(base, piece) or is_bare(base, piece) or is_in(base, piece, scripts):
            wanted.add(piece)
    wanted -= {piece for piece in wanted if UNUSED.fullmatch(piece)}
    kept = set(wanted)
    for piece in wanted:
        if piece not in base.added and len(piece) > 1 and not is_byte(base, piece):
            kept |= base.derivation(piece)
    return keep(base, kept)


def keep(base: Vocabulary, kept: set[str]) -> Vocabulary:
    """`base` with only the pieces in `kept`, in the same order, and the merges among them."""
    pieces = [piece for piece in base.pieces if piece in kept]
    stay = set(pieces)
    merges = [(a, b) for a, b in base.merges if a in stay and b in stay and a + b in stay]
    return Vocabulary(base.raw, pieces, merges, base.byte_level)


def count_pieces(base: Vocabulary, texts: Iterable[str], batch: int = 1000) -> Counter[str]:
    """How often each piece comes in `texts`."""
    tokenizer = opened(base)
    counts: Counter[int] = Counter()
    waiting: list[str] = []
    for text in texts:
        waiting.append(text)
        if len(waiting) == batch:
            counts.update(i for e in tokenizer.encode_batch(waiting, add_special_tokens=False) for i in e.ids)
            waiting = []
    counts.update(i for e in tokenizer.encode_batch(waiting, add_special_tokens=False) for i in e.ids)
    return Counter({base.pieces[number]: count for number, count in counts.items()})


def opened(vocabulary: Vocabulary) -> Any:
    """A `tokenizers.Tokenizer` of a vocabulary."""
    from tokenizers import Tokenizer as Bpe

    return Bpe.from_str(vocabulary.dump())


def is_byte(base: Vocabulary, piece: str) -> bool:
    """Whether a piece stands for one byte."""
    return len(piece) == 1 if base.byte_level else bool(re.fullmatch(r"<0x[0-9A-F]{2}>", piece))


def is_in(base: Vocabulary, piece: str, scripts: set[str]) -> bool:
    """Whether a piece has letters and all of them are in `scripts`."""
    text = base.text(piece)
    letters = [letter for letter in text or "" if letter.isalpha()]
    return bool(letters) and all(any(SCRIPTS[script].match(letter) for script in scripts) for letter in letters)


def is_bare(base: Vocabulary, piece: str) -> bool:
    """Whether a piece is text without letters: digits, signs, spaces."""
    text = base.text(piece)
    return text is not None and text.isascii() and not any(map(str.isalpha, text))
