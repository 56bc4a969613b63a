"""Fast scans for letters in raw bytes, by hyperscan or by numpy: which pages are worth an exact count.

Each may say yes to too many pages, never no to one that has enough letters: `gate` counts what is left.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

ENTITY = re.compile(rb"&#(?:[xX]([1-9a-fA-F][0-9a-fA-F]{1,4})|([1-9][0-9]{2,5}));")
JSON = re.compile(rb"\\u([0-9a-fA-F]{4})")
SMALL = (b"u0", b"u1")
"""JSON escapes of letters begin so; most others are of control signs or of Asian scripts."""
ESCAPED = 12
"""Bytes behind its first sign that an escape may take."""
Backend = Literal["auto", "hyperscan", "numpy"]
Firsts = tuple[tuple[frozenset[str], int], ...]
"""Groups of letters, each with the number of them that is worth a closer look."""


def make_scanner(firsts: Firsts, backend: Backend) -> "NumpyScan | HyperscanScan":
    """The scanner of that name; `auto` takes hyperscan where it is installed (x86 processors only)."""
    if backend != "numpy" and firsts:
        try:
            return HyperscanScan(firsts)
        except ImportError:
            if backend == "hyperscan":
                raise
    return NumpyScan(firsts)


def triggers(letters: Iterable[str]) -> set[bytes]:
    """Two bytes by which each of the letters shows itself in UTF-8, composed or with a mark behind."""
    found = set()
    for letter in letters:
        found.add(letter.encode()[:2])
        apart = unicodedata.normalize("NFD", letter)
        if len(apart) > 1:
            found.add(apart[1].encode()[:2])
    return found


class NumpyScan:
    """Whether a payload may fulfil a rule: never no where there are enough letters of a first group."""

    name = "numpy"

    def __init__(self, firsts: Firsts) -> None:
        self.firsts = firsts
        self.tables = []
        for letters, least in firsts:
            table = np.zeros(65536, bool)
            table[[int.from_bytes(pair, "big") for pair in triggers(letters)]] = True
            self.tables.append((table, least))

    def letters(self, payload: bytes) -> bool:
        values = np.frombuffer(payload, np.uint8)
        places = np.flatnonzero(values[:-1] >= 0xC2)
        pairs = (values[places].astype(np.uint16) << 8) | values[places + 1]
        return any(int(table[pairs].sum()) >= least for table, least in self.tables)

    def escapes(self, payload: bytes) -> bool:
        return any(
            sum(found[c] for c in letters) >= least
            for found in (count_entities(payload), count_json(payload))
            for letters, least in self.firsts
        )

    def either(self, payload: bytes) -> bool:
        return self.letters(payload) or self.escapes(payload)


class HyperscanScan:
    """The same by hyperscan; ImportError where it is not installed.

    One database for letter pairs, entities and the start of JSON escapes scans 7 GB/s. JSON escapes of the letters in
    it as well would make that 3.6, so they have one of their own, for the third of pages that have any escape.
    """

    name = "hyperscan"

    def __init__(self, firsts: Firsts) -> None:
        import hyperscan

        escaped = sorted({f"\\u{ord(c):04x}"[:4] for letters, _ in firsts for c in letters})
        least = min(least for _, least in firsts)
        pairs = [([pairs_pattern(triggers(letters))], least) for letters, least in firsts]
        entities = [(literals(entity_forms(letters)), least) for letters, least in firsts]
        starts = literals({form[:3].encode() for form in escaped})
        self.mixed = Database(hyperscan, [*pairs, *entities], starts)
        self.entities = Database(hyperscan, entities)
        self.json_like = Database(hyperscan, [(classes(escaped), least)])
        self.json = Database(hyperscan, [(literals(json_forms(letters)), least) for letters, least in firsts])

    def escapes(self, payload: bytes) -> bool:
        return self.entities.scan(payload) or self.has_json(payload)

    def either(self, payload: bytes) -> bool:
        return self.mixed.scan(payload) or (self.mixed.is_noted and self.has_json(payload))

    def has_json(self, payload: bytes) -> bool:
        # By the first digits first, at twice the speed: one page in forty is left for the letters themselves.
        return self.json_like.scan(payload) and self.json.scan(payload)


class Database:
    """Counts patterns in a payload until one entry has been met as often as it says."""

    def __init__(self, hyperscan: Any, entries: list[tuple[list[bytes], int]], noted: Iterable[bytes] = ()) -> None:
        """`entries`: patterns and how many matches of them are enough. Of the patterns `noted` only the first match is
        told, in `is_noted`."""
        numbered = [(number, pattern) for number, (patterns, _) in enumerate(entries) for pattern in patterns]
        first = [(len(entries), pattern) for pattern in noted]
        patterns = [pattern for _, pattern in [*numbered, *first]]
        any_case = [hyperscan.HS_FLAG_CASELESS if p.startswith((b"\\x26", b"\\x5c")) else 0 for p in patterns]
        once = [0] * len(numbered) + [hyperscan.HS_FLAG_SINGLEMATCH] * len(first)
        self.database = hyperscan.Database()
        self.database.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns),
                              flags=[a | b for a, b in zip(any_case, once, strict=True)])  # fmt: skip
        self.stopped = hyperscan.ScanTerminated
        self.owner = [number for number, _ in [*numbered, *first]]
        self.least = [least for _, least in entries] + [len(first) + 1]
        self.seen: list[int] = []

    @property
    def is_noted(self) -> bool:
        """Whether the last scan met one of the patterns to be noted."""
        return self.seen[-1] > 0

    def scan(self, payload: bytes) -> bool:
        """Whether an entry was met often enough."""
        self.seen = [0] * len(self.least)
        try:
            self.database.scan(payload, match_event_handler=self._found)
        except self.stopped:
            return True
        return False

    def _found(self, number: int, start: int, end: int, flags: int, context: object) -> bool:
        whose = self.owner[number]
        self.seen[whose] += 1
        return self.seen[whose] >= self.least[whose]


def literals(forms: Iterable[bytes]) -> list[bytes]:
    """The byte strings as patterns that mean just themselves."""
    return ["".join(f"\\x{byte:02x}" for byte in form).encode() for form in sorted(set(forms))]


def classes(forms: Iterable[str]) -> list[bytes]:
    """JSON escapes cut behind their second digit, as one pattern for each first: `\\\\u0[146]`."""
    seconds: dict[str, str] = {}
    for form in forms:
        seconds[form[:3]] = seconds.get(form[:3], "") + form[3]
    return [f"\\{start}[{digits}{digits.upper()}]".encode() for start, digits in seconds.items()]


def pairs_pattern(pairs: set[bytes]) -> bytes:
    """A pattern for any of the byte pairs, as class after lead byte."""
    leads: dict[int, list[int]] = {}
    for lead, follow in sorted(pairs):
        leads.setdefault(lead, []).append(follow)
    return b"|".join(b"\\x%02x[%s]" % (lead, b"".join(b"\\x%02x" % f for f in rest)) for lead, rest in leads.items())


def entity_forms(letters: frozenset[str]) -> list[bytes]:
    """The letters as decimal and hexadecimal entities."""
    return [form.encode() for c in letters for form in (f"&#{ord(c)};", f"&#x{ord(c):x};")]


def json_forms(letters: frozenset[str]) -> list[bytes]:
    """The letters as JSON escapes."""
    return [f"\\u{ord(c):04x}".encode() for c in letters if ord(c) < 65536]


def count_entities(payload: bytes) -> Counter[str]:
    """How often each letter is written as a numeric HTML entity."""
    # Cut short behind each sign first: the regular expression alone takes five times as long over a whole page.
    pieces = [piece[:ESCAPED] for piece in payload.split(b"&") if piece[:1] == b"#"]
    found: Counter[str] = Counter()
    # Counted as they stand, then each kind is read once: most pages with escapes have thousands of few kinds.
    for (hexadecimal, decimal), times in Counter(ENTITY.findall(b"&" + b"&".join(pieces))).items():
        found[letter_of(int(decimal) if decimal else int(hexadecimal, 16))] += times
    return found


def count_json(payload: bytes) -> Counter[str]:
    """How often each letter is written as a JSON escape."""
    pieces = [piece[:ESCAPED] for piece in payload.split(b"\\") if piece[:2] in SMALL]
    found: Counter[str] = Counter()
    for digits, times in Counter(JSON.findall(b"\\" + b"\\".join(pieces))).items():
        found[letter_of(int(digits, 16))] += times
    return found


def letter_of(number: int) -> str:
    """The character of a code point that may be a letter of some alphabet, else ""."""
    return chr(number) if 0xC0 <= number < 0x30000 else ""
