"""Read the numbers of a text, in digits, Roman numerals or words, with their units."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.facts_file import load_facts
from anatili.text import is_small

SPACES = " \u00a0\u202f"
DIGITS = rf"\d{{1,3}}(?:[{SPACES}]\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,:/]\d+)*"
TOKEN = re.compile(rf"(?P<digits>{DIGITS})|(?P<word>[^\W\d_²³]+)|(?P<sign>[%‰°$€₸₽£№²³])")
ROMAN = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}
BESIDE = re.compile(rf"[{SPACES}]*[-‑]?[{SPACES}]*|['’ʼ]")
"""What may come between the words of one number, or between a number and its unit."""
UNIT_BESIDE = re.compile(rf"\.?(?:{BESIDE.pattern})")  # with the full stop of an ordinal
DASH = re.compile(rf"[{SPACES}]?[-‑–—−][{SPACES}]?")
LONGEST_ENDING = 6
LONGEST_GAP = 40
"""Most characters between two numbers that can belong together."""
REMEMBERED = 100_000
YEAR, CENTURY = "year", "century"


@dataclass(frozen=True)
class Number:
    """A number in a text."""

    value: Fraction
    unit: str
    """Name of the unit, the same in all packs; "" without a unit."""
    start: int
    end: int
    """End of the number itself, without its unit."""
    link: str = ""
    """Relation to the number before it: `range`, `list`, `either` or "" (none, or not known)."""
    worded: bool = False
    """Whether it is written in words."""
    last: int = 0
    """Where its unit ends if the unit follows the number, else the end of the number."""
    weak: bool = False
    """Whether it is a word for one that often does not mean a number."""


@dataclass(frozen=True)
class Token:
    """A word, sign or number of a text."""

    text: str
    start: int
    end: int
    value: Fraction | None = None
    """None if it is not a number."""
    worded: bool = False
    root: int = 0
    """Where the number itself ends and its endings begin."""


@dataclass
class Sum:
    """A number as it is read, word by word."""

    total: Fraction = Fraction(0)
    """Value of the parts that end in a scale word (thousand, million ...)."""
    current: Fraction | None = None
    """Value since the last scale word."""
    scale: int = 0
    """Value of the last scale word; 0 before the first."""
    parts: list[Token] = field(default_factory=list)
    closed: bool = False

    @property
    def value(self) -> Fraction:
        return self.total + (self.current or 0)

    def take(self, token: Token) -> bool:
        """Add a token if it continues the number; False if it begins another."""
        value = token.value
        assert value is not None
        now = self.current or Fraction(0)
        if self.closed:
            return False
        if not token.worded:
            if self.parts:
                return False
            self.current = value
        elif value >= 1000:
            if self.scale and value >= self.scale:
                return False
            self.total += (1 if self.current is None else now) * value
            self.current, self.scale = None, int(value)
        elif value == 100 and 1 <= now < 100 and now.denominator == 1:
            self.current = now * 100
        elif self.fits(now, value):
            self.current = now + value
        else:
            return False
        self.parts.append(token)
        self.closed = token.worded and token.root < token.end
        return True

    def fits(self, now: Fraction, value: Fraction) -> bool:
        """Whether a number below a thousand can be added to `now`, the value since the last scale word."""
        if self.parts and not self.parts[-1].worded:
            return False
        if self.current is None:
            return True
        if value == 0 or now == 0:
            return False
        return now % (1000 if value >= 100 else 100 if value >= 10 else 10) == 0


class Reader:
    """Reads numbers by the rules of one pack."""

    def __init__(self, pack: LanguagePack) -> None:
        self.pack = pack
        self.rules = rules = load_facts(pack.folder).numbers
        self.stems = sorted(rules.stems, key=len, reverse=True)
        self.ending = re.compile(rules.ending)
        self.months: dict[str, list[tuple[str, int]]] = {}
        for name, number in rules.months.items():
            self.months.setdefault(pack.lower(name)[:2], []).append((name, number))
        self.range, self.list, self.either, self.between = (
            re.compile(pattern) if pattern else None
            for pattern in (rules.range, rules.list, rules.either, rules.between)
        )
        units = [(unit, form.split()) for unit, forms in rules.units.items() for form in forms]
        self.units: dict[str, list[tuple[str, list[str]]]] = {}
        for unit, form in sorted(units, key=lambda row: (-len(row[1]), -sum(map(len, row[1])))):
            self.units.setdefault(form[0][:1], []).append((unit, form))
        self.latin = {letter: latin for latin, letter in pack.lookalike_table.items() if latin.upper() in ROMAN_VALUES}
        self.known: dict[str, tuple[int, int] | None] = {}
        self.roman = lru_cache(REMEMBERED)(self._roman)
        self.month = lru_cache(REMEMBERED)(self._month)

    def is_number(self, word: str) -> bool:
        return self.word_value(self.pack.lower(word)) is not None or bool(self.roman(word)) or bool(self.month(word))

    def word_value(self, word: str) -> tuple[int, int] | None:
        """The value of a word in lower case and the length of its root; None if it is not a number."""
        if word in self.known:
            return self.known[word]
        value = None
        if word in self.rules.words:
            value = self.rules.words[word], len(word)
        elif word not in self.rules.apart:
            for stem in self.stems:
                if word.startswith(stem) and self.ending.fullmatch(word, len(stem)):
                    value = self.rules.stems[stem], len(stem)
                    break
        if len(self.known) < REMEMBERED:
            self.known[word] = value
        return value

    def tokens(self, text: str) -> Iterator[Token]:
        for match in TOKEN.finditer(text):
            start, end = match.span()
            if match["digits"]:
                value = self.digits_value(match.group())
                if value is not None:
                    yield Token(match.group(), start, end, value, root=end)
                    continue
                for part in re.finditer(r"\d+", match.group()):
                    first, last = start + part.start(), start + part.end()
                    yield Token(part.group(), first, last, Fraction(part.group()), root=last)
            elif match["word"]:
                yield self.word_token(match.group(), start, end)
            else:
                yield Token(match.group(), start, end, root=end)

    def word_token(self, word: str, start: int, end: int) -> Token:
        if word[0].isupper() and (roman := self.roman(word)):
            return Token(word, start, end, Fraction(roman), root=end)
        known = self.word_value(self.pack.lower(word))
        if known:
            return Token(word, start, end, Fraction(known[0]), worded=True, root=start + known[1])
        return Token(word, start, end, root=end)

    def _roman(self, word: str, least: int = 2) -> int:
        """The value of a Roman numeral of `least` letters or more, look-alike letters included; 0 for other words."""
        latin = "".join(self.latin.get(letter, letter) for letter in word)
        if not least <= len(word) <= 8 or not ROMAN.fullmatch(latin):
            return 0
        values = [ROMAN_VALUES[letter] for letter in latin]
        return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))

    def digits_value(self, text: str) -> Fraction | None:
        """The value of digits with the language's decimal and thousands marks; None if they are several numbers."""
        plain = re.sub(f"[{SPACES}]", "", text)
        if plain.isdecimal():
            return Fraction(plain)
        decimal = self.rules.decimal
        thousands = "," if decimal == "." else "."
        if re.fullmatch(rf"\d{{1,3}}(?:\{thousands}\d{{3}})+(?:\{decimal}\d+)?", plain):
            return Fraction(plain.replace(thousands, "").replace(decimal, "."))
        return Fraction(plain.replace(",", ".")) if re.fullmatch(r"\A\d+[.,]\d+", plain) else None

    def _month(self, word: str) -> int:
        """The number of the month that a word names, 0 if it names none."""
        lower = self.pack.lower(word)
        for form, number in self.months.get(lower[:2], ()):
            name = self.pack.lower(form)
            begins = name[-1] == "~" and lower.startswith(name[:-1]) and len(lower) <= len(name) + LONGEST_ENDING
            if (begins or lower == name) and not (form[0].isupper() and is_small(word[0])):
                return number
        return 0

    def numbers(self, text: str) -> list[Number]:
        """All numbers of `text` in order."""
        tokens = list(self.tokens(text))
        numbers: list[Number] = []
        index = 0
        while index < len(tokens):
            end, value = self.read(text, tokens, index)
            if end == index:
                index += 1
                continue
            unit, last = self.unit_after(text, tokens, end)
            worded = all(token.worded for token in tokens[index:end])
            unit = unit or self.unit_before(text, tokens, index)
            weak = end == index + 1 and self.pack.lower(tokens[index].text) in self.rules.weak
            number = Number(value, unit, tokens[index].start, tokens[end - 1].root, worded=worded, last=last, weak=weak)
            if numbers:
                number = self.linked(text, numbers[-1], number)
                gap = text[numbers[-1].end : number.start]
                alone = len(gap.split()) < 2 and "," not in gap
                if not numbers[-1].unit and (number.link == "range" or (number.link and alone)):
                    numbers[-1] = replace(numbers[-1], unit=number.unit)
            numbers.append(number)
            index = end
        return numbers

    def read(self, text: str, tokens: list[Token], at: int) -> tuple[int, Fraction]:
        """The token index at which the number that begins at `at` ends, and its value; `at` itself if none begins."""
        first = tokens[at]
        if first.value is None and (roman := self.roman(first.text, 1)):
            unit, _ = self.unit_after(text, tokens, at + 1)
            return (at + 1, Fraction(roman)) if unit == CENTURY else (at, Fraction(0))
        if first.value is None:
            return at, Fraction(0)
        total, end = Sum(), at
        while end < len(tokens):
            index = end
            if total.parts and total.value >= 100 and tokens[index].text.lower() in self.rules.inner:
                index += 1  # "one hundred and one"
            if index == len(tokens) or tokens[index].value is None:
                break
            before = tokens[index - 1] if total.parts else None
            if before and not BESIDE.fullmatch(text, before.end, tokens[index].start):
                break
            if not total.take(tokens[index]):
                break
            end = index + 1
        half = end < len(tokens) and self.pack.lower(tokens[end].text) in self.rules.half
        return (end + 1, total.value + Fraction(1, 2)) if half else (end, total.value)

    def unit_after(self, text: str, tokens: list[Token], at: int) -> tuple[str, int]:
        """The unit that begins at token `at`, and where it ends in the text; "" and the end of the number if none."""
        end = tokens[at - 1].end
        if at < len(tokens) and tokens[at].value is None and UNIT_BESIDE.fullmatch(text, end, tokens[at].start):
            for skipped in (0, 1):  # one word may stand between: an ending after a hyphen, an abbreviated ordinal
                if skipped and not (text[end : end + 1] in "-'’ʼ‑" and at + 1 < len(tokens)):
                    break
                if not skipped and text[end : end + 1] in "-‑" and len(tokens[at].text) == 1:
                    continue  # an ending: 1930-м is not a length
                for unit, form in self.units.get(self.pack.lower(tokens[at + skipped].text)[:1], ()):
                    if self.matches(text, tokens, at + skipped, form):
                        return unit, tokens[at + skipped + len(form) - 1].end
        return "", end

    def unit_before(self, text: str, tokens: list[Token], at: int) -> str:
        """The unit before a number, where the pack has one that ends with `_`."""
        if at and BESIDE.fullmatch(text, tokens[at - 1].end, tokens[at].start):
            lower = self.pack.lower(tokens[at - 1].text)
            for unit, form in self.units.get(lower[:1], ()):
                if form == [lower + "_"]:
                    return unit
        return ""

    def matches(self, text: str, tokens: list[Token], at: int, form: list[str]) -> bool:
        if at + len(form) > len(tokens):
            return False
        for index, part in enumerate(form, at):
            lower = self.pack.lower(tokens[index].text)
            if not (lower.startswith(part[:-1]) if part.endswith("~") else lower == part):
                return False
            if index > at and not BESIDE.fullmatch(text, tokens[index - 1].end, tokens[index].start):
                return False
        return True

    def linked(self, text: str, before: Number, now: Number) -> Number:
        """`now` with its relation to the number before it."""
        gap = self.pack.lower(text[before.end : now.start])
        if len(gap) > LONGEST_GAP:
            return now
        near = before.worded and now.worded and before.value < now.value <= 2 * before.value > 2
        if (near and text[before.last : now.start].isspace()) or DASH.fullmatch(text, before.last, now.start):
            return replace(now, link="range", value=whole_year(before, now, text))
        around = (
            self.pack.lower(text[max(0, before.start - LONGEST_GAP) : before.start]),
            self.pack.lower(text[now.end : now.end + LONGEST_GAP]),
        )
        listed = bool(self.list and self.list.fullmatch(gap))
        if (self.range and self.range.search(gap)) or (
            listed and self.between and any(self.between.search(side) for side in around)
        ):
            return replace(now, link="range")
        if listed and self.either and self.either.search(gap):
            return replace(now, link="either")
        return replace(now, link="list") if listed else now


def whole_year(before: Number, now: Number, text: str) -> Fraction:
    """The value of `now` as a full year after the year `before`: 1945 for the 45 of 1941-45."""
    short, full = text[now.start : now.end], text[before.start : before.end]
    if len(short) == 2 and len(full) == 4 and short.isdecimal() and full.isdecimal() and short > full[2:]:
        return Fraction(full[:2] + short)
    return now.value


@cache
def _reader(code: str, folder: Path) -> Reader:
    return Reader(load_pack(code))


def reader(pack: LanguagePack) -> Reader:
    """The reader of a pack; it remembers the words that it has read."""
    return _reader(pack.code, pack.folder)


def numbers(text: str, pack: LanguagePack) -> list[Number]:
    """All numbers of `text` in order."""
    return reader(pack).numbers(text)
