"""Fast scans for letters in raw bytes, with hyperscan or numpy: which pages are worth an exact count.

A scan may accept too many pages, but never rejects one with enough letters: `gate` counts the accepted ones exactly.
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
"""JSON escapes of letters begin with these; most others are control characters or Asian scripts."""
NOTED = 3
"""Characters of a JSON escape that the first scan looks for."""
ESCAPED = 12
"""Most bytes of an escape after its first character."""
Backend = Literal["auto", "hyperscan", "numpy"]
Bytes = bytes | bytearray
"""A page as it was read: nothing is copied for the gate."""
Firsts = tuple[tuple[frozenset[str], int], ...]
"""Groups of letters, each with how many of its letters make a page worth an exact count."""


def make_scanner(firsts: Firsts, rests: Iterable[Firsts], backend: Backend) -> "NumpyScan | HyperscanScan":
    """The scanner of that name; `auto` is hyperscan where it is installed (x86 processors only), else numpy. `rests`:
    the other groups of each rule."""
    if backend != "numpy" and firsts:
        try:
            return HyperscanScan(firsts, rests)
        except ImportError:
            if backend == "hyperscan":
                raise
    return NumpyScan(firsts)


def triggers(letters: Iterable[str]) -> set[bytes]:
    """For each letter two bytes that indicate it in UTF-8, composed or as a base letter with a combining mark."""
    pairs = set()
    for letter in letters:
        pairs.add(letter.encode()[:2])
        decomposed = unicodedata.normalize("NFD", letter)
        if len(decomposed) > 1:
            pairs.add(decomposed[1].encode()[:2])
    return pairs


class NumpyScan:
    """Whether a payload may satisfy a rule; never false if it has enough letters of a first group."""

    name = "numpy"

    def __init__(self, firsts: Firsts) -> None:
        self.firsts = firsts
        self.tables = []
        for letters, least in firsts:
            table = np.zeros(65536, bool)
            table[[int.from_bytes(pair, "big") for pair in triggers(letters)]] = True
            self.tables.append((table, least))

    def letters(self, payload: Bytes) -> bool:
        values = np.frombuffer(payload, np.uint8)
        positions = np.flatnonzero(values[:-1] >= 0xC2)
        pairs = (values[positions].astype(np.uint16) << 8) | values[positions + 1]
        return any(int(table[pairs].sum()) >= least for table, least in self.tables)

    def escapes(self, payload: Bytes) -> bool:
        return any(
            sum(counts[c] for c in letters) >= least
            for counts in (count_entities(payload), count_json(payload))
            for letters, least in self.firsts
        )

    def either(self, payload: Bytes) -> bool:
        return self.letters(payload) or self.escapes(payload)

    def rest(self, payload: Bytes) -> bool:
        """Whether the other groups of a rule may be there in UTF-8 too; here that is left to the exact count."""
        return True


class HyperscanScan:
    """A scan with hyperscan; ImportError if it is not installed.

    One database for letter pairs, entities and the starts of JSON escapes scans 7 GB/s. With the JSON escapes of the
    letters it would scan 3.6 GB/s, so those have a database of their own, for the third of pages that have any escape.
    """

    name = "hyperscan"

    def __init__(self, firsts: Firsts, rests: Iterable[Firsts]) -> None:
        import hyperscan

        escaped = sorted({f"\\u{ord(c):04x}"[:4] for letters, _ in firsts for c in letters})
        least = min(least for _, least in firsts)
        pairs = [([pairs_pattern(triggers(letters))], least) for letters, least in firsts]
        entities = [(literals(entity_forms(letters)), least) for letters, least in firsts]
        starts = literals({form[:NOTED].encode() for form in escaped})
        self.mixed = Database(hyperscan, [*pairs, *entities], starts)
        self.entities = Database(hyperscan, entities)
        self.json_like = Database(hyperscan, [(classes(escaped), least)])
        self.json = Database(hyperscan, [(literals(json_forms(letters)), least) for letters, least in firsts])
        rests = [tuple(dict.fromkeys(rest)) for rest in rests]
        groups = tuple(dict.fromkeys(group for rest in rests for group in rest))
        needs = [frozenset(map(groups.index, rest)) for rest in rests]
        others = [([pairs_pattern(triggers(letters))], least) for letters, least in groups]
        self.others = Database(hyperscan, others, needs=needs) if all(needs) else None

    def rest(self, payload: Bytes) -> bool:
        """Whether the other groups of a rule may be there in UTF-8 too. In two thirds of the pages that have enough of
        a first group they are not, and a scan takes a tenth of the time of an exact count."""
        return self.others is None or self.others.scan(payload)

    def escapes(self, payload: Bytes) -> bool:
        return self.entities.scan(payload) or self.has_json(payload)

    def either(self, payload: Bytes) -> bool:
        if self.mixed.scan(payload):
            return True
        if not self.mixed.has_noted:
            return False
        with memoryview(payload) as view, view[max(0, self.mixed.noted_end - NOTED) :] as rest:
            return self.has_json(rest)

    def has_json(self, payload: Bytes | memoryview) -> bool:
        # The first digits come first, at twice the speed: one page in forty needs the second scan.
        return self.json_like.scan(payload) and self.json.scan(payload)


class Database:
    """A hyperscan database that scans a payload until one entry has matched often enough."""

    def __init__(
        self,
        hyperscan: Any,
        entries: list[tuple[list[bytes], int]],
        noted: Iterable[bytes] = (),
        needs: Iterable[frozenset[int]] = (),
    ) -> None:
        """`entries`: patterns, and how many matches are enough. For the patterns `noted` only the first match is
        counted, in `has_noted`. `needs`: sets of entries of which one must be complete, in place of any entry."""
        numbered = [(number, pattern) for number, (patterns, _) in enumerate(entries) for pattern in patterns]
        first = [(len(entries), pattern) for pattern in noted]
        patterns = [pattern for _, pattern in [*numbered, *first]]
        any_case = [hyperscan.HS_FLAG_CASELESS if p.startswith((b"\\x26", b"\\x5c")) else 0 for p in patterns]
        single = hyperscan.HS_FLAG_SINGLEMATCH  # also where one match of an entry's only pattern is enough
        once = [single * (entries[number][1] == len(entries[number][0]) == 1) for number, _ in numbered]
        once += [single] * len(first)
        self.needs = list(needs)
        self.database = hyperscan.Database()
        self.database.compile(
            expressions=patterns,
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[a | b for a, b in zip(any_case, once, strict=True)],
        )
        self.stopped = hyperscan.ScanTerminated
        self.owner = [number for number, _ in [*numbered, *first]]
        self.least = [least for _, least in entries] + [len(first) + 1]
        self.seen: list[int] = []
        self.noted_end = 0
        """Where the first match of the noted patterns in the last scan ended."""

    @property
    def has_noted(self) -> bool:
        """Whether the last scan matched one of the noted patterns."""
        return self.seen[-1] > 0

    def scan(self, payload: Bytes | memoryview) -> bool:
        """Whether an entry matched often enough."""
        self.seen = [0] * len(self.least)
        try:
            self.database.scan(payload, match_event_handler=self._matched)
        except self.stopped:
            return True
        return False

    def _matched(self, number: int, start: int, end: int, flags: int, context: object) -> bool:
        entry = self.owner[number]
        if entry == len(self.least) - 1 and not self.seen[entry]:
            self.noted_end = end
        self.seen[entry] += 1
        if self.needs:
            return any(all(self.seen[part] >= self.least[part] for part in need) for need in self.needs)
        return self.seen[entry] >= self.least[entry]


def literals(forms: Iterable[bytes]) -> list[bytes]:
    """The byte strings as patterns that match them literally."""
    return ["".join(f"\\x{byte:02x}" for byte in form).encode() for form in sorted(set(forms))]


def classes(forms: Iterable[str]) -> list[bytes]:
    """JSON escapes cut after their second digit, as one pattern for each first digit: `\\\\u0[146]`."""
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


def count_entities(payload: Bytes) -> Counter[str]:
    """How often each letter is written as a numeric HTML entity."""
    # Splitting and cutting first: the regular expression alone takes five times as long over a whole page.
    # So does splitting a bytearray, which makes one of each part.
    parts = [part[:ESCAPED] for part in bytes(payload).split(b"&") if part[:1] == b"#"]
    counts: Counter[str] = Counter()
    # Each distinct escape is decoded once: most pages with escapes have thousands of a few kinds.
    for (hexadecimal, decimal), times in Counter(ENTITY.findall(b"&" + b"&".join(parts))).items():
        counts[letter_of(int(decimal) if decimal else int(hexadecimal, 16))] += times
    return counts


def count_json(payload: Bytes) -> Counter[str]:
    """How often each letter is written as a JSON escape."""
    parts = [part[:ESCAPED] for part in bytes(payload).split(b"\\") if part[:2] in SMALL]
    counts: Counter[str] = Counter()
    for digits, times in Counter(JSON.findall(b"\\" + b"\\".join(parts))).items():
        counts[letter_of(int(digits, 16))] += times
    return counts


def letter_of(number: int) -> str:
    """The character of a code point that may be a letter, else ""."""
    return chr(number) if 0xC0 <= number < 0x30000 else ""
