"""Personal data in a text: e-mail addresses, bank accounts, cards, and the kinds that the language packs describe
(national identity numbers, phone numbers). A finding needs more than the right form: check digits, a real date, or a
word nearby that says what it is."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from anatili.lang import PersonalPattern
from anatili.text import words

EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?:@ ?| @ | ?[(\[{] ?(?:at|@) ?[)\]}] ?)"
    r"(?:[\w-]{1,63}(?:\.| ?[(\[{] ?dot ?[)\]}] ?)){1,4}[^\W\d_]{2,24}(?![\w-])",
    re.I,
)
AT = re.compile(r"@|[(\[{] ?at", re.I)
IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?"
    r"|[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}(?: ?[a-z0-9]{1,3})?)(?![A-Za-z0-9])"
)
CARD = re.compile(r"(?<![\d-])\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?![\d-])")
DIGIT, DIGITS = re.compile(r"\d"), re.compile(r"\d\d")
NUMBER = re.compile(r"(?:\d[ .()\-–—\u00a0]{0,3}){6,}")
"""Six digits or more, with little between them: no number of a person has fewer."""
AROUND = 30
"""Characters before and after such digits that a pattern may take in."""
NEAR = 40
"""Characters before and after a number that must contain a word that says what it is."""


@dataclass(frozen=True)
class Finding:
    kind: str
    start: int
    end: int


def find_personal(text: str, patterns: dict[str, PersonalPattern]) -> list[Finding]:
    """The personal data in `text`, in order and without overlaps. `patterns` come from the recipe's packs."""
    findings = [Finding("email", m.start(), m.end()) for m in EMAIL.finditer(text)] if AT.search(text) else []
    if DIGIT.search(text):
        lower, numbers = text.lower(), list(near_numbers(text))
        findings += [Finding("iban", m.start(), m.end()) for m in accounts(text) if is_iban(m.group())]
        findings += [
            Finding("card", m.start(), m.end())
            for start, end in numbers
            for m in CARD.finditer(text, start, end)
            if is_card(m.group())
        ]
        for name, pattern in patterns.items():
            is_named = bool(pattern.context) and not pattern.beside_names
            if is_named and not any(word in lower for word in pattern.context):
                continue
            form = re.compile(pattern.pattern)
            for start, end in [(0, len(text))] if is_named else numbers:
                findings += [
                    Finding(pattern.kind or name, m.start(), m.end())
                    for m in form.finditer(text, start, end)
                    if _fits(m, text, pattern)
                ]
    findings.sort(key=lambda f: (f.start, -f.end))
    distinct: list[Finding] = []
    for finding in findings:
        if not distinct or finding.start >= distinct[-1].end:
            distinct.append(finding)
    return distinct


def accounts(text: str) -> Iterator[re.Match[str]]:
    """`IBAN.finditer`, at a third of its time: only where two digits stand behind letters."""
    end = 0
    for digits in DIGITS.finditer(text):
        start = digits.start() - 2
        if start >= end and text[start].isascii() and text[start].isalpha() and (match := IBAN.match(text, start)):
            end = match.end()
            yield match


def near_numbers(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of `text` around its longer numbers, without overlaps."""
    begin = end = 0
    for match in NUMBER.finditer(text):
        if match.start() - AROUND > end:
            if end:
                yield begin, end
            begin = max(0, match.start() - AROUND)
        end = min(len(text), match.end() + AROUND)
    if end:
        yield begin, end


def _fits(match: re.Match[str], text: str, pattern: PersonalPattern) -> bool:
    digits = [int(c) for c in match.group() if c.isdigit()]
    if pattern.birth_date and not is_birth_date(digits):
        return False
    if pattern.modulus and not has_check_digit(digits, pattern):
        return False
    if pattern.not_before and text[match.end() : match.end() + NEAR].lstrip().lower().startswith(pattern.not_before):
        return False
    before, after = text[max(0, match.start() - NEAR) : match.start()], text[match.end() : match.end() + NEAR]
    near = f"{before} {match.group()} {after}".lower()
    if not pattern.context or any(word in near for word in pattern.context):
        return True
    return pattern.beside_names and any(map(has_name, (before, after)))


def has_name(text: str) -> bool:
    """Whether words in a row look like a name: two with a capital, one beside an initial, or three in capitals (two may
    be a heading)."""
    near = words(text)
    titles = [word.istitle() and len(word) > 1 for word in near]
    initials = [word.isupper() and len(word) == 1 for word in near]
    capitals = [word.isupper() and len(word) > 1 for word in near]
    beside = pairwise(zip(titles, initials, strict=True))
    return any((a and (b or y)) or (x and b) for (a, x), (b, y) in beside) or any(
        all(three) for three in zip(capitals, capitals[1:], capitals[2:], strict=False)
    )


def is_birth_date(digits: list[int]) -> bool:
    """Whether the first six digits are a valid date, YYMMDD, in any century."""
    year, month, day = (digits[i] * 10 + digits[i + 1] for i in (0, 2, 4))
    try:
        date(2000 + year, month, day)
    except ValueError:
        return False
    return True


def has_check_digit(digits: list[int], pattern: PersonalPattern) -> bool:
    """Whether the last digit is the weighted sum of the others, by the first row of weights that yields a digit."""
    for weights in pattern.weights:
        rest = sum(d * w for d, w in zip(digits, weights, strict=False)) % pattern.modulus
        if rest < 10:
            return rest == digits[-1]
    return False


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN are valid (ISO 13616, modulo 97)."""
    plain = text.replace(" ", "")
    rearranged = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(rearranged) % 97 == 1


def is_card(text: str) -> bool:
    """Whether the digits pass the Luhn test, begin as card numbers do (no year does) and are not all the same."""
    digits = [int(c) for c in text if c.isdigit()]
    prefix = int("".join(map(str, digits[:4])))
    if prefix < 2200 or 2205 <= prefix < 2221 or 2720 < prefix < 3000 or 7000 <= prefix < 8000:
        return False
    doubled = [d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


def count_kinds(findings: Iterable[Finding]) -> str:
    """`email:1 phone:2`, kinds in order of name."""
    counts = Counter(finding.kind for finding in findings)
    return " ".join(f"{kind}:{count}" for kind, count in sorted(counts.items()))


def mask(text: str, findings: Iterable[Finding]) -> str:
    """`text` with each finding replaced by its kind in brackets."""
    parts, last = [], 0
    for finding in findings:
        parts += [text[last : finding.start], f"[{finding.kind}]"]
        last = finding.end
    return "".join([*parts, text[last:]])
