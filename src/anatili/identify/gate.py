"""The gate: can these bytes hold the language? It checks a page before anything is decoded or parsed.

A rule is a few groups of letters with the least number of each, such as "four of құғң and three і". The gate looks for
letters in every form in which pages write them: UTF-8 (composed or not), numeric entities, JSON escapes, UTF-16, and
the single-byte charsets that have them. A fast scan (hyperscan, or numpy where it is not installed) rejects pages with
too few letters of a rule's first group. The rest is counted exactly, by the same code after either scan, so both give
the same verdicts. Of the neighbors in `languages.toml` none may explain the letters of a page alone (`rivals.py`). The
gate only looks at letters: menus, and neighbors with the same letters, pass it and are removed later, by `cut`.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from anatili.identify.letters import shared_letters
from anatili.identify.neighbor_letters import NeighborLetters, neighbor_letters_of
from anatili.identify.scan import Backend, Bytes, count_entities, count_json, make_scanner
from anatili.lang import LanguagePack, load_pack

LEAST = 4
"""Default number of distinctive letters that a page must have: 300 letters of Kyrgyz contain about 16."""
CODECS = ("kz1048", "ptcp154", "cp1251", "koi8_t", "cp1254", "cp1256", "iso8859_9", "mac_cyrillic")
"""Single-byte charsets with letters beyond those of the large languages; Python supports all of them."""
UTF8 = ("utf-8", "utf8")
RICHER = ("kz1048", "ptcp154")
POORER = ("windows-1251", "cp1251", "iso-8859-1", "iso-8859-5", "ascii", "us-ascii")
"""Charsets that pages declare although they use a richer one."""
DECLARED = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|encoding=[\"']([\w.:-]{2,40})", re.I)
HEAD = 2048
"""Bytes in which a page must declare its charset (HTML standard: 1024)."""
PIECE = 1 << 14
Charset = Callable[[], str]


@dataclass(frozen=True)
class Rule:
    """Groups of letters (both cases), and how many of each a page must have; the first group is scanned for first.

    `rivals`: the neighbors that must not explain the letters of the page alone."""

    name: str
    groups: tuple[tuple[frozenset[str], int], ...]
    rivals: NeighborLetters | None = None

    @cached_property
    def letters(self) -> frozenset[str]:
        """All letters that are counted for the rule."""
        beside = frozenset(both_cases("".join(self.rivals.letters))) if self.rivals else frozenset[str]()
        return beside.union(*(group for group, _ in self.groups))


def make_rules(pack: LanguagePack) -> tuple[Rule, ...]:
    """The rules of a pack: those under `[gate]`, else one for each alphabet with letters of its own.

    Empty if the main script has none: then letters do not distinguish the language.
    """
    stated = {name: list(groups.items()) for name, groups in pack.config.gate.items()}
    for script, alphabet in pack.config.letters.items():
        own = "".join(sorted(c for c in set(alphabet) - shared_letters().get(script, frozenset()) if c.isalpha()))
        if own and not any(name.startswith(script) for name in stated):
            stated[script] = [(own, LEAST)]
    if not any(name.startswith(pack.main_script) for name in stated):
        return ()
    return tuple(
        Rule(
            name,
            tuple((both_cases(group), least) for group, least in groups),
            neighbor_letters_of(pack.code)
            if name.startswith(pack.main_script)
            else neighbor_letters_of(f"{pack.code}_{name}"),
        )
        for name, groups in stated.items()
    )


def both_cases(letters: str) -> frozenset[str]:
    return frozenset(c for c in letters + letters.upper() if not c.isascii())


class Gate:
    """Decides which pages can hold a language. Not thread-safe: use one per process."""

    def __init__(self, rules: Iterable[Rule], backend: Backend = "auto") -> None:
        """`backend` "auto" is hyperscan if it is installed, else numpy."""
        self.rules = tuple(rules)
        firsts = tuple(dict.fromkeys(rule.groups[0] for rule in self.rules))
        self._scan = make_scanner(firsts, [rule.groups[1:] for rule in self.rules], backend)
        self.backend = self._scan.name
        self._counter = LetterCounter({c for rule in self.rules for c in rule.letters})
        self._codecs = {rule.name: codecs_of(rule) for rule in self.rules}

    def admits(self, payload: Bytes, charset: Charset = str) -> str:
        """The name of the rule that `payload` satisfies, "" for none. Without rules everything is admitted, as "any".

        `charset` returns the charset that HTTP declares; it is called only if that matters.
        """
        if not self.rules:
            return "any"
        if wide := wide_codec(payload):
            return self.admits(payload.decode(wide, "ignore").encode("utf-8", "ignore").replace(b"\0", b""))
        if self._scan.either(payload):
            counts = self._counter.count(payload) if self._scan.rest(payload) else None
            if counts and (rule_name := next((rule.name for rule in self.rules if satisfies(rule, counts)), "")):
                return rule_name
            if self._scan.escapes(payload):
                counts = self._counter.count(payload) if counts is None else counts
                entities, json = count_entities(payload), count_json(payload)
                for rule in self.rules:
                    beside = (counts, legacy(payload, charset(), rule))
                    if satisfies(rule, entities, json, *beside) or satisfies(rule, json, entities, *beside):
                        return rule.name
        return self._admits_legacy(payload, charset)

    def _admits_legacy(self, payload: Bytes, charset: Charset) -> str:
        """The rule that a page in a single-byte charset satisfies; it declares the charset or is not UTF-8."""
        if declares_utf8(payload) or payload.isascii():
            return ""
        declared = (charset() or declared_charset(payload)).lower()
        if declared in UTF8 or (not declared and is_utf8(payload)):
            return ""
        may_be_richer = declared in POORER or not is_known(declared)
        tried = [
            (rule, codec)
            for rule in self.rules
            for codec in self._codecs[rule.name]
            if declared in names_of(codec) or (may_be_richer and codec in RICHER)
        ]
        if not tried:
            return ""
        high = high_bytes(payload)
        return next(
            (
                rule.name
                for rule, codec in tried
                if satisfies_bytes(rule, high, codec, is_declared=declared in names_of(codec))
            ),
            "",
        )


def satisfies(rule: Rule, main: Counter[str], *beside: Counter[str]) -> bool:
    """Whether one channel alone (`main`) has enough of the first group, and all together enough of each group."""
    (first, least), *rest = rule.groups
    if sum(main[c] for c in first) < least:
        return False
    if not all(sum(counts[c] for counts in (main, *beside) for c in group) >= count for group, count in rest):
        return False
    return rule.rivals is None or rule.rivals.leave_room(sum(beside, Counter(main)))


class LetterCounter:
    """Counts letters in bytes read as UTF-8; a base letter with a combining mark counts as the composed letter."""

    def __init__(self, letters: Iterable[str]) -> None:
        self.letters = sorted(letters)
        self.short = np.zeros(65536, np.uint8)
        """Two-byte letter -> its number, from 1."""
        self.marked: dict[bytes, int] = {}
        """Letters written as a base letter and a combining mark."""
        self.long: dict[bytes, int] = {}
        for number, letter in enumerate(self.letters, 1):
            form, decomposed = letter.encode(), unicodedata.normalize("NFD", letter)
            if len(form) == 2:
                self.short[int.from_bytes(form, "big")] = number
            else:
                self.long[form] = number
            if len(decomposed) == 2 and decomposed[1] < "\u0370":
                self.marked[decomposed.encode()] = number

    def count(self, payload: Bytes) -> Counter[str]:
        values = np.frombuffer(payload, np.uint8)
        positions = np.flatnonzero(values[:-1] >= 0xC2)
        leads = values[positions]
        counts = np.bincount(
            self.short[(leads.astype(np.uint16) << 8) | values[positions + 1]], minlength=len(self.letters) + 1
        )
        for form, number in self.long.items():
            counts[number] += payload.count(form)
        if self.marked:
            for position in positions[(leads == 0xCC) | (leads == 0xCD)].tolist():
                base = 1 if payload[position - 1] < 0x80 else 2  # bytes of the letter before the mark
                counts[self.marked.get(bytes(payload[position - base : position + 2]), 0)] += 1
        return Counter({letter: int(n) for letter, n in zip(self.letters, counts[1:], strict=True) if n})


def legacy(payload: Bytes, charset: str, rule: Rule) -> Counter[str]:
    """Letters of the rule as bytes of the declared single-byte charset: a page in windows-1251 writes as entities only
    the letters that this charset lacks."""
    declared = (charset or declared_charset(payload)).lower()
    codec = next((codec for codec in CODECS if declared in names_of(codec)), "")
    return count_bytes(high_bytes(payload), codec, rule.letters) if codec else Counter()


def high_bytes(payload: Bytes) -> NDArray[np.uint8]:
    """The bytes that are not ASCII: few on most pages."""
    values = np.frombuffer(payload, np.uint8)
    return values[values >= 128]


def count_bytes(high: NDArray[np.uint8], codec: str, letters: Iterable[str]) -> Counter[str]:
    """Letters among the bytes of a single-byte charset."""
    table = byte_table(codec)
    return Counter({c: int(np.count_nonzero(high == table[c])) for c in letters if c in table})


def satisfies_bytes(rule: Rule, high: NDArray[np.uint8], codec: str, *, is_declared: bool) -> bool:
    """Whether bytes, read as `codec`, satisfy the rule. A charset that is not declared must have two different
    letters of the first group: Ukrainian є in windows-1251 is the same byte as ғ in KZ-1048."""
    group, least = rule.groups[0]
    first = count_bytes(high, codec, group)
    kinds = {c.lower() for c in group if first[c]}
    if first.total() < least or not (is_declared or len(kinds) > 1):
        return False
    return satisfies(rule, count_bytes(high, codec, rule.letters))


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
    """The names that pages use for a charset."""
    family = {"kz1048": "1048", "ptcp154": "154", "cp1251": "1251", "cp1254": "1254", "cp1256": "1256"}.get(codec, "")
    usual = {f"windows-{family}", f"cp{family}", f"cp-{family}", f"win-{family}", f"x-cp{family}"} if family else set()
    more = {"kz1048": {"kz-1048", "strk1048-2002", "rk1048", "kz_1048"}, "ptcp154": {"pt154", "cyrillic-asian"}}
    return frozenset({codec, codec.replace("_", "-")} | usual | more.get(codec, set()))


@cache
def is_known(name: str) -> bool:
    """Whether Python knows the declared charset; an unknown name is not evidence."""
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return True


def declared_charset(payload: Bytes) -> str:
    """The charset that the page itself declares, "" if none."""
    match = DECLARED.search(payload[:HEAD])
    return (match.group(1) or match.group(2)).decode("ascii") if match else ""


def declares_utf8(payload: Bytes) -> bool:
    """Whether the page's first declaration is UTF-8, as on most pages; faster than a regular expression."""
    position = payload.find(b"charset=", 0, HEAD)
    return position >= 0 and payload[position + 8 : position + 15].lstrip(b"\"' ")[:5].lower() == b"utf-8"


def is_utf8(payload: Bytes) -> bool:
    """Whether it can be decoded; a piece at a time, which stays in the processor's cache."""
    at = 0
    with memoryview(payload) as view:
        while at < len(view):
            try:
                at += codecs.utf_8_decode(view[at : at + PIECE], "strict", at + PIECE >= len(view))[1]
            except UnicodeDecodeError:
                return False
    return True


def wide_codec(payload: Bytes) -> str:
    """The UTF-16 codec of `payload`, by its byte-order mark or by zero bytes near its start; "" if it is not UTF-16."""
    if payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if payload.find(0, 0, 400) < 0:
        return ""
    head = payload[:400]
    if head[1::2].count(0) > len(head) // 4 > 2:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) // 4 > 2 else ""


@cache
def load_gate(code: str, backend: Backend = "auto") -> Gate:
    """The gate of the pack `code`."""
    return Gate(make_rules(load_pack(code)), backend)


def any_gate(gates: Iterable[Gate]) -> Callable[[Bytes, Charset], str]:
    """A function that returns the name of the first rule of any gate that a page satisfies, "" for none."""
    all_gates = tuple(gates)
    if len(all_gates) == 1:
        return all_gates[0].admits
    return lambda payload, charset: next((rule for gate in all_gates if (rule := gate.admits(payload, charset))), "")
