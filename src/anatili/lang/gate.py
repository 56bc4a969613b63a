"""The gate: can these bytes hold the language? Asked of a page before anything is decoded or parsed.

A rule is a few groups of letters with the least number of each, such as "four of құғң and three і". Letters are looked
for in every form in which pages write them: UTF-8 (composed or not), numeric entities, JSON escapes, UTF-16, and the
single-byte charsets that have them. A fast scan (hyperscan, or numpy where it is not installed) throws away pages with
too few letters of a rule's first group; what is left is counted exactly, by the same code after either scan, so both
give the same verdicts. The gate only looks at letters: menus and close languages pass it and fall later, in `cut`.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anatili.lang import LanguagePack, load_pack
from anatili.text import SHARED_LETTERS

LEAST = 4
"""Letters of its own that a page must have where a pack says nothing else: 300 letters of Kyrgyz hold about 16."""
CODECS = ("kz1048", "ptcp154", "cp1251", "koi8_t", "cp1254", "cp1256", "iso8859_9", "mac_cyrillic")
"""Single-byte charsets with letters beyond those of the large languages; Python has them all."""
DECLARED = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|encoding=[\"']([\w.:-]{2,40})", re.I)
HEAD = 2048
"""Bytes in which a page must declare its charset (HTML standard: 1024)."""
ENTITY = re.compile(rb"&#(?:[xX]([1-9a-fA-F][0-9a-fA-F]{1,4})|([1-9][0-9]{2,5}));")
JSON = re.compile(rb"\\u([0-9a-fA-F]{4})")
SMALL = (b"u0", b"u1")
"""JSON escapes of letters begin so; most others are of control signs or of Asian scripts."""
MANY = 64
"""JSON escapes looked at one by one before a page is scanned for the wanted ones alone."""
ESCAPED = 12
"""Bytes behind its first sign that an escape may take."""
Backend = Literal["auto", "hyperscan", "numpy"]
Charset = Callable[[], str]


@dataclass(frozen=True)
class Rule:
    """Groups of letters (both cases) and how many of each a page must have; the first is looked for first."""

    name: str
    groups: tuple[tuple[frozenset[str], int], ...]


def make_rules(pack: LanguagePack) -> tuple[Rule, ...]:
    """The rules of a pack: those it states under `[gate]`, else one for each alphabet with letters of its own.

    Empty if the main script has none: then letters do not set the language apart.
    """
    stated = {name: list(groups.items()) for name, groups in pack.said.gate.items()}
    for script, alphabet in pack.said.letters.items():
        own = "".join(sorted(c for c in set(alphabet) - SHARED_LETTERS.get(script, frozenset()) if c.isalpha()))
        if own and not any(name.startswith(script) for name in stated):
            stated[script] = [(own, LEAST)]
    if not any(name.startswith(pack.main_script) for name in stated):
        return ()
    return tuple(Rule(name, tuple((both_cases(group), least) for group, least in groups))
                 for name, groups in stated.items())  # fmt: skip


def both_cases(letters: str) -> frozenset[str]:
    return frozenset(c for c in letters + letters.upper() if not c.isascii())


class Gate:
    """Tells which pages can hold a language. Not for several threads at once; one a process."""

    def __init__(self, rules: Iterable[Rule], backend: Backend = "auto") -> None:
        """`backend` "auto" takes hyperscan if it is installed."""
        self.rules = tuple(rules)
        self._scan = make_scanner(self.rules, backend)
        self.backend = self._scan.name
        self._counter = LetterCounter({c for rule in self.rules for group, _ in rule.groups for c in group})
        self._codecs = {rule.name: codecs_of(rule) for rule in self.rules}

    def admits(self, payload: bytes, charset: Charset = str) -> str:
        """The name of the rule that `payload` fulfils, "" for none. Without rules everything is admitted, as "any".

        `charset` gives what HTTP declares; it is asked only where that matters.
        """
        if not self.rules:
            return "any"
        if wide := wide_codec(payload):
            return self.admits(payload.decode(wide, "ignore").encode("utf-8", "ignore").replace(b"\0", b""))
        if self._scan.either(payload):
            counts = self._counter.count(payload)
            if found := next((rule.name for rule in self.rules if fulfils(rule, counts)), ""):
                return found
            if self._scan.escapes(payload):
                escapes = count_escapes(payload)
                for rule in self.rules:
                    if fulfils(rule, escapes, counts, legacy(payload, charset(), rule)):
                        return rule.name
        return self._admits_legacy(payload, charset)

    def _admits_legacy(self, payload: bytes, charset: Charset) -> str:
        """The same for pages in a single-byte charset, told by declaration or by not being UTF-8."""
        if payload.isascii() or declares_utf8(payload):
            return ""
        declared = (charset() or declared_charset(payload)).lower()
        if declared in UTF8 or (not declared and is_utf8(payload)):
            return ""
        for rule in self.rules:
            for codec in self._codecs[rule.name]:
                is_declared = declared in names_of(codec)
                if (is_declared or (codec in RICHER and (declared in POORER or not is_known(declared)))) and (
                    fulfils_bytes(rule, payload, codec, is_declared=is_declared)
                ):
                    return rule.name
        return ""


UTF8 = ("utf-8", "utf8")
RICHER = ("kz1048", "ptcp154")
POORER = ("windows-1251", "cp1251", "iso-8859-1", "iso-8859-5", "ascii", "us-ascii")
"""Charsets that pages declare although they are written in a richer one."""


def make_scanner(rules: tuple[Rule, ...], backend: Backend) -> "NumpyScan | HyperscanScan":
    """The scanner of that name; `auto` takes hyperscan where it is installed (x86 processors only)."""
    if backend != "numpy" and rules:
        try:
            return HyperscanScan(rules)
        except ImportError:
            if backend == "hyperscan":
                raise
    return NumpyScan(rules)


UTF8 = ("utf-8", "utf8")
SIBLINGS = {"windows-1251": ("kz1048", "ptcp154"), "cp1251": ("kz1048", "ptcp154"), "iso-8859-1": CODECS}
"""Charsets that pages declare although they are written in a richer one of the same family."""


def fulfils(rule: Rule, main: Counter[str], *beside: Counter[str]) -> bool:
    """Whether one channel alone (`main`) has enough of the first group, and all together enough of each group."""
    (first, least), *rest = rule.groups
    if sum(main[c] for c in first) < least:
        return False
    return all(sum(counts[c] for counts in (main, *beside) for c in group) >= wanted for group, wanted in rest)


class LetterCounter:
    """Counts letters in bytes read as UTF-8; those written with a mark behind count as composed ones."""

    def __init__(self, letters: Iterable[str]) -> None:
        self.letters = sorted(letters)
        self.short = np.zeros(65536, np.uint8)
        """Two-byte letter -> its number, from 1."""
        self.marked: dict[bytes, int] = {}
        """Letters written as a base and a mark behind it."""
        self.long: dict[bytes, int] = {}
        for number, letter in enumerate(self.letters, 1):
            form, apart = letter.encode(), unicodedata.normalize("NFD", letter)
            if len(form) == 2:
                self.short[int.from_bytes(form, "big")] = number
            else:
                self.long[form] = number
            if len(apart) == 2 and apart[1] < "\u0370":
                self.marked[apart.encode()] = number

    def count(self, payload: bytes) -> Counter[str]:
        values = np.frombuffer(payload, np.uint8)
        places = np.flatnonzero(values[:-1] >= 0xC2)
        leads = values[places]
        counts = np.bincount(self.short[(leads.astype(np.uint16) << 8) | values[places + 1]],
                             minlength=len(self.letters) + 1)  # fmt: skip
        for form, number in self.long.items():
            counts[number] += payload.count(form)
        if self.marked:
            for at in places[(leads == 0xCC) | (leads == 0xCD)].tolist():
                form = payload[at - 1 : at + 2] if payload[at - 1] < 0x80 else payload[at - 2 : at + 2]
                counts[self.marked.get(form, 0)] += 1
        return Counter({letter: int(n) for letter, n in zip(self.letters, counts[1:], strict=True) if n})


def count_escapes(payload: bytes) -> Counter[str]:
    """How often each letter is written as a numeric HTML entity or a JSON escape."""
    # Cut short behind each sign first: the regular expressions alone take five times as long over a whole page.
    entities = ENTITY.findall(b"&" + b"&".join([piece[:ESCAPED] for piece in payload.split(b"&") if piece[:1] == b"#"]))
    json = JSON.findall(b"\\" + b"\\".join([piece[:ESCAPED] for piece in payload.split(b"\\") if piece[:2] in SMALL]))
    numbers = [int(decimal) if decimal else int(hexadecimal, 16) for hexadecimal, decimal in entities]
    numbers += [int(digits, 16) for digits in json]
    return Counter(chr(number) for number in numbers if 0xC0 <= number < 0x30000)


def legacy(payload: bytes, charset: str, rule: Rule) -> Counter[str]:
    """Letters of the rule as bytes of the declared single-byte charset: pages in windows-1251 write only the letters
    which that lacks as entities."""
    declared = (charset or declared_charset(payload)).lower()
    codec = next((codec for codec in CODECS if declared in names_of(codec)), "")
    letters = {c for group, _ in rule.groups for c in group}
    return count_bytes(payload, codec, letters) if codec else Counter()


def count_bytes(payload: bytes, codec: str, letters: Iterable[str]) -> Counter[str]:
    table, counts = byte_table(codec), np.bincount(np.frombuffer(payload, np.uint8), minlength=256)
    return Counter({c: int(counts[table[c]]) for c in letters if c in table})


def fulfils_bytes(rule: Rule, payload: bytes, codec: str, *, is_declared: bool) -> bool:
    """Whether `payload` read as `codec` fulfils the rule. A charset that nobody declares must show itself by two
    different letters of the first group: Ukrainian є in windows-1251 is the byte of ғ in KZ-1048."""
    counts = count_bytes(payload, codec, {c for group, _ in rule.groups for c in group})
    kinds = {c.lower() for c in rule.groups[0][0] if counts[c] > 1}
    return (is_declared or len(kinds) > 1) and fulfils(rule, counts)


@cache
def byte_table(codec: str) -> dict[str, int]:
    """Letter -> its byte."""
    pairs = ((bytes([n]).decode(codec, "ignore"), n) for n in range(128, 256))
    return {letter: byte for letter, byte in pairs if letter.isalpha()}


def codecs_of(rule: Rule) -> tuple[str, ...]:
    """The single-byte charsets that hold every letter of the rule."""
    letters = {c.lower() for group, _ in rule.groups for c in group}
    return tuple(codec for codec in CODECS if letters <= byte_table(codec).keys())


@cache
def names_of(codec: str) -> frozenset[str]:
    """The ways in which pages spell a charset."""
    family = {"kz1048": "1048", "ptcp154": "154", "cp1251": "1251", "cp1254": "1254", "cp1256": "1256"}.get(codec, "")
    spelt = {f"windows-{family}", f"cp{family}", f"cp-{family}", f"win-{family}", f"x-cp{family}"} if family else set()
    more = {"kz1048": {"kz-1048", "strk1048-2002", "rk1048", "kz_1048"}, "ptcp154": {"pt154", "cyrillic-asian"}}
    return frozenset({codec, codec.replace("_", "-")} | spelt | more.get(codec, set()))


@cache
def is_known(name: str) -> bool:
    """Whether Python knows the declared charset; an unknown name says nothing."""
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return True


def declared_charset(payload: bytes) -> str:
    """What the page itself declares, "" if nothing."""
    found = DECLARED.search(payload[:HEAD])
    return (found.group(1) or found.group(2)).decode("ascii") if found else ""


def declares_utf8(payload: bytes) -> bool:
    """Whether the page's first declaration is UTF-8: what most pages say, told without a regular expression."""
    at = payload.find(b"charset=", 0, HEAD)
    return at >= 0 and payload[at + 8 : at + 15].lstrip(b"\"' ")[:5].lower() == b"utf-8"


def is_utf8(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def wide_codec(payload: bytes) -> str:
    """The UTF-16 codec of `payload`, told by its byte-order mark or by zero bytes among its first; "" if it is none."""
    if payload[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    head = payload[:400]
    if not head.count(0):
        return ""
    if head[1::2].count(0) > len(head) // 4 > 2:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) // 4 > 2 else ""


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

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.tables = []
        for rule in rules:
            table = np.zeros(65536, bool)
            table[[int.from_bytes(pair, "big") for pair in triggers(rule.groups[0][0])]] = True
            self.tables.append((table, rule.groups[0][1]))

    def letters(self, payload: bytes) -> bool:
        values = np.frombuffer(payload, np.uint8)
        places = np.flatnonzero(values[:-1] >= 0xC2)
        pairs = (values[places].astype(np.uint16) << 8) | values[places + 1]
        return any(int(table[pairs].sum()) >= least for table, least in self.tables)

    def escapes(self, payload: bytes) -> bool:
        found = count_escapes(payload)
        return any(sum(found[c] for c in rule.groups[0][0]) >= rule.groups[0][1] for rule in self.rules)

    def either(self, payload: bytes) -> bool:
        return self.letters(payload) or self.escapes(payload)


class HyperscanScan:
    """The same by hyperscan; ImportError where it is not installed.

    One database for letter pairs, entities and the start of JSON escapes scans 7 GB/s. The next digit of JSON escapes in
    it as well would make that 3.6, so it is looked at in Python, and by a database of its own in pages full of them.
    """

    name = "hyperscan"

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        import hyperscan

        firsts = list(dict.fromkeys(rule.groups[0] for rule in rules))
        escaped = sorted({f"\\u{ord(c):04x}"[:4] for letters, _ in firsts for c in letters})
        least = min(least for _, least in firsts)
        pairs = [([pairs_pattern(triggers(letters))], least) for letters, least in firsts]
        entities = [(literals(entity_forms(letters)), least) for letters, least in firsts]
        starts = (literals({form[:3].encode() for form in escaped}), least)
        self.count = len(pairs)
        digits = frozenset(c.encode() for form in escaped for c in (form[3], form[3].upper()))
        self.mixed = Database(hyperscan, [*pairs, *entities, starts], digits)
        self.alone = Database(hyperscan, [*pairs, *entities])
        self.entities = Database(hyperscan, entities)
        self.json = Database(hyperscan, [(classes(escaped), least)])

    def escapes(self, payload: bytes) -> bool:
        return self.entities.scan(payload) != NONE or self.json.scan(payload) != NONE

    def either(self, payload: bytes) -> bool:
        hit = self.mixed.scan(payload)
        if hit == CROWDED:
            return self.alone.scan(payload) != NONE or self.json.scan(payload) != NONE
        return hit != NONE


NONE, CROWDED = -1, -2


class Database:
    """Counts patterns in a payload until one entry has been met as often as it says."""

    def __init__(self, hyperscan: Any, entries: list[tuple[list[bytes], int]], digits: frozenset[bytes] = frozenset()) -> None:
        """`entries`: patterns and how many matches of them are enough. With `digits`, a match of the last entry counts
        only if one of these bytes follows it."""
        numbered = [(number, pattern) for number, (patterns, _) in enumerate(entries) for pattern in patterns]
        count = len(numbered)
        flags = [hyperscan.HS_FLAG_CASELESS if p.startswith((b"\\x26", b"\\x5c")) else 0 for _, p in numbered]
        self.database = hyperscan.Database()
        self.database.compile(expressions=[p for _, p in numbered], ids=list(range(count)), elements=count, flags=flags)
        self.stopped = hyperscan.ScanTerminated
        self.owner = [number for number, _ in numbered]
        self.least = [least for _, least in entries]
        self.digits, self.last = digits, len(entries) - 1
        self.seen: list[int] = []
        self.hit, self.crowd = NONE, 0
        self.payload = b""

    def scan(self, payload: bytes) -> int:
        """The number of the entry that was met often enough, `NONE`, or `CROWDED` if too many matches of the last had
        to be looked at."""
        self.seen, self.hit, self.crowd, self.payload = [0] * len(self.least), NONE, 0, payload
        try:
            self.database.scan(payload, match_event_handler=self._found)
        except self.stopped:
            return self.hit
        return NONE

    def _found(self, number: int, start: int, end: int, flags: int, context: object) -> bool:
        whose = self.owner[number]
        if self.digits and whose == self.last and self.payload[end : end + 1] not in self.digits:
            self.crowd += 1
            self.hit = CROWDED
            return self.crowd > MANY
        self.seen[whose] += 1
        self.hit = whose
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


@cache
def load_gate(code: str, backend: Backend = "auto") -> Gate:
    """The gate of the pack `code`."""
    return Gate(make_rules(load_pack(code)), backend)
