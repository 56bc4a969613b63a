"""Words, sentences, scripts and digests. Nothing here is specific to a language."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

WORD = re.compile(r"[^\W\d_]+(?:[-'’ʼ][^\W\d_]+)*")
LINE = re.compile(r"\S(?:[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]*\S)?")
SENTENCE_END = re.compile(
    r"(?<=[.!?…؟])(?P<closing>[\"»”)]*)\s+(?=(?:[-–—]\s+)?[\"«“(]?(?P<first>[^\W_]))"  # a dash can introduce speech
)
INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
LONGEST_ABBREVIATION = 40
SHORT_WORD = 4
"""Most letters of a word that may be an abbreviation."""

# ISO 15924 codes of the scripts that our packs use; letters of other scripts count as "Zyyy".
SCRIPTS = {
    "Cyrl": re.compile("[\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f]"),
    "Latn": re.compile("[A-Za-zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff]"),
    "Arab": re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]"),
}
LETTER = re.compile(r"[^\W\d_]")
ISO_TIME = re.compile(r"\d{4}(?:-\d\d){0,2}(?:[T ]|$)")
RUN = re.compile(r"[^\w\s]{31,}")
"""More than thirty characters that are neither letters, digits nor spaces: only these can contain that many marks."""

# Zero-width, bidirectional, tag and control characters: invisible, and a way to hide words from readers.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def words(text: str) -> list[str]:
    """The words of `text` in order. A hyphen or apostrophe inside a word belongs to it."""
    return WORD.findall(text)


def sentences(text: str, abbreviations: Container[str] = ()) -> list[str]:
    """`text` split at line and sentence ends, but not after one of `abbreviations` (with their periods)."""
    return [text[start:end] for start, end in sentence_spans(text, abbreviations)]


def sentence_spans(text: str, abbreviations: Container[str] = ()) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence; between sentences there is only whitespace."""
    for line in LINE.finditer(text):
        start = line.start()
        for end in SENTENCE_END.finditer(text, line.start(), line.end()):
            if not is_small(end["first"]) and ends_sentence(text, start, end, abbreviations):
                yield start, end.end("closing")
                start = end.end()
        if start < line.end():
            yield start, line.end()


def ends_sentence(text: str, start: int, end: re.Match[str], abbreviations: Container[str]) -> bool:
    """Whether the mark before `end` closes the sentence from `start`. It does not after abbreviations, initials or the
    number of an item; before a number, only after a word that is too long for an unlisted abbreviation."""
    stop = end.start()
    last = text[max(start, stop - LONGEST_ABBREVIATION) : stop].split()[-1].lstrip("\"«»“”„'‘(")
    if last.lower() in abbreviations or (INITIALS.fullmatch(last) and last.isupper()):
        return False
    if end["first"].isdecimal():
        return len(last) > SHORT_WORD and last[:-1].isalpha() and not end["closing"]
    return not text[start : min(stop - 1, start + LONGEST_ABBREVIATION)].strip().isdecimal()


def is_small(letter: str) -> bool:
    """Whether a letter is lowercase in a script with capitals at the start of sentences."""
    return letter.islower() and letter.title() != letter


def paragraphs(text: str) -> Iterator[str]:
    """Blocks of `text` between blank lines."""
    return (block.strip() for block in re.split(r"\n\s*\n", text) if block.strip())


def clean(text: str) -> str:
    """`text` in NFC without invisible characters and with LF line ends; what a reader sees is unchanged.

    At most thirty marks stay on a letter (as in Unicode's stream-safe format): sorting n of them takes n x n steps,
    and no writing system has that many.
    """
    text = INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = RUN.sub(lambda run: stacked_marks().sub(r"\1", run.group()), text)
    return unicodedata.normalize("NFC", text)


@cache
def stacked_marks() -> re.Pattern[str]:
    """More than thirty combining marks in a row, the first thirty as a group."""
    marks = "".join(c for c in map(chr, range(0x300, 0x20000)) if unicodedata.combining(c))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


@cache
def letter_classes() -> Any:
    """Code point of the Basic Multilingual Plane -> 0: no letter, 1: other letter, 2 and up: scripts in `SCRIPTS`."""
    import numpy as np

    plane = "".join(chr(n) if not 0xD800 <= n < 0xE000 else " " for n in range(0x10000))
    classes = np.zeros(0x10000, np.uint8)
    for number, pattern in enumerate((LETTER, *SCRIPTS.values()), 1):
        classes[[match.start() for match in pattern.finditer(plane)]] = number
    classes[[n for n in np.flatnonzero(classes > 1).tolist() if not LETTER.match(plane[n])]] = 0
    return classes


def letter_counts(text: str) -> list[int]:
    """The number of characters of `text` that are not letters, letters of other scripts, and letters of each of
    `SCRIPTS`. This is 20 times as fast as regular expressions."""
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    classes = letter_classes()[np.minimum(codes, 0xFFFF)]
    counts: list[int] = np.bincount(classes, minlength=len(SCRIPTS) + 2).tolist()
    if len(codes) and codes.max() > 0xFFFF:
        beyond = sum(chr(code).isalpha() for code in codes[codes > 0xFFFF].tolist())
        counts = [counts[0] - beyond, counts[1] + beyond, *counts[2:]]
    return counts


def count_letters(text: str) -> int:
    return sum(letter_counts(text)[1:])


def letters_of_each(texts: Sequence[str]) -> list[int]:
    """`count_letters` of each text, together."""
    import numpy as np

    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(codes) and codes.max() > 0xFFFF:
        return [count_letters(text) for text in texts]
    ends = np.cumsum([0, *map(len, texts)])
    before = np.concatenate([[0], np.cumsum(letter_classes()[codes] > 0)])
    counts: list[int] = np.diff(before[ends]).tolist()
    return counts


def script_shares(text: str) -> dict[str, float]:
    """Share of each script among the letters of `text`; letters of other scripts are under `Zyyy`."""
    _, other, *known = letter_counts(text)
    letters = other + sum(known)
    counts = {**dict(zip(SCRIPTS, known, strict=True)), "Zyyy": other}
    return {script: count / letters for script, count in counts.items() if count}


def script_of(text: str) -> str:
    """The ISO 15924 code of the script of most letters in `text`: `Zyyy` for other scripts, "" without letters."""
    shares = script_shares(text)
    return max(sorted(shares), key=shares.__getitem__) if shares else ""


def digest(text: str) -> str:
    """SHA-256 of `text` in UTF-8, as hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_hash(*parts: str) -> str:
    """A hash of `parts` with 24 hexadecimal digits (96 bits: safe for ids of billions of documents)."""
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def number_of(text: str) -> int:
    """A 64-bit hash of `text`: among five million texts, a collision has a probability below one in a million."""
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True
    )


def plural(count: int, noun: str) -> str:
    """A number with its English noun: `1 text`, `2 texts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def storable(text: str) -> str:
    """`text` with U+FFFD for the halves of characters (lone surrogates) that JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def show_path(path: Path | str) -> str:
    """`path` as text that can be printed and written as JSON, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def day_of(written: str) -> str:
    """A time as it is written if it begins with a year, month or day as ISO 8601 has them; "" if not. Times are
    compared as text, so another form would be earlier or later than all."""
    return written if ISO_TIME.match(written) else ""
