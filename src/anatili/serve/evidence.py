"""Parse sentences into what can be compared: words by stem, names, numbers, months, denials and clauses."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.convert import to_main_script
from anatili.lang.facts import Number, denials, names, numbers
from anatili.lang.facts_file import load_facts
from anatili.lang.numbers import reader
from anatili.search.analysis import TERM, terms
from anatili.search.index import Passage
from anatili.text import script_of, sentence_spans

FORM_PREFIX = 5
"""Letters that two words must share at the start to count as forms of one word."""
MENTION_PREFIX = 4
"""Letters that two words must share at the start to count as a mention of the same thing."""
BREAK = re.compile(r"[,;:()–—…\n]|\s-\s")
"""Punctuation between clauses."""
CLOSING = ("»", "”", "“")
"""Quotation marks after which letters are an ending of the quoted name."""
CACHED_WORDS = 100_000
CAPITALIZED = ("first", "name")
CONTENT = ("word", "first", "name")
"""The kinds of content words."""


@dataclass(frozen=True)
class Word:
    """A word of a sentence."""

    raw: str
    stem: str
    name_forms: frozenset[str]
    """Raw word and stem, as names are compared."""
    position: int
    """The number of content words before it."""
    clause: int
    kind: str
    """`word`, `name`, `first` (capitalized at the start of a sentence), `stop`, or `number` (or its unit)."""
    denied: int
    """How many times it is denied."""
    month: int
    synonyms: frozenset[str]
    """The pack's groups of words with the same meaning that it is in."""
    context: tuple[str, str, str, str]
    """The two words before it and the two after it, of any kind."""
    descent: tuple[str, ...]
    """Endings that turn a name into the name of another person."""


@dataclass(frozen=True)
class PlacedNumber:
    """A number and its position in a sentence."""

    number: Number
    position: float
    clause: int


@dataclass(frozen=True)
class Sentence:
    """A parsed sentence, or two."""

    words: tuple[Word, ...] = ()
    numbers: tuple[PlacedNumber, ...] = ()

    def of(self, *kinds: str) -> list[Word]:
        return [word for word in self.words if word.kind in kinds]

    @property
    def denials(self) -> int:
        return sum(word.denied for word in self.words)

    @property
    def months(self) -> set[int]:
        return {word.month for word in self.words if word.month}

    @cached_property
    def forms(self) -> dict[str, list[Word]]:
        """Raw words, stems and prefixes -> the words that have them."""
        forms: dict[str, list[Word]] = defaultdict(list)
        for word in self.words:
            for form in forms_of(word):
                forms[form].append(word)
        return dict(forms)

    @cached_property
    def prefixes(self) -> set[str]:
        return {word.raw[:MENTION_PREFIX] for word in self.words}

    @cached_property
    def names(self) -> list[Word]:
        """All words that can be compared with a name, each once. A capitalized occurrence is preferred."""
        words = sorted(self.words, key=lambda word: word.kind in CAPITALIZED)
        return list({word.name_forms: word for word in words if word.kind != "number"}.values())

    def matches(self, word: Word) -> list[Word]:
        """The words here that are forms of `word`, by their stems and prefixes."""
        return list({id(match): match for form in forms_of(word) for match in self.forms.get(form, ())}.values())

    def mentions(self, word: Word) -> bool:
        """Whether a form of a word is here, or a word with a similar start: enough for a mere mention."""
        return bool(self.matches(word)) or word.raw[:MENTION_PREFIX] in self.prefixes

    def has_name(self, word: Word) -> bool:
        """Whether a name is here, capitalized; at the start of a sentence a word may match without a capital."""
        return any(same_name(word, other) for other in self.names if word.kind != "name" or other.kind in CAPITALIZED)

    def __add__(self, other: "Sentence") -> "Sentence":
        position = 1 + max((word.position for word in self.words), default=-1)
        clause = 1 + max((word.clause for word in self.words), default=-1)
        words = (replace(word, position=word.position + position, clause=word.clause + clause) for word in other.words)
        numbers = (PlacedNumber(n.number, n.position + position, n.clause + clause) for n in other.numbers)
        return Sentence((*self.words, *words), (*self.numbers, *numbers))


@dataclass(frozen=True)
class Evidence:
    """A parsed passage."""

    title: Sentence
    sentences: tuple[Sentence, ...]

    @cached_property
    def pairs(self) -> list[Sentence]:
        """Each sentence together with the next."""
        return [first + second for first, second in pairwise(self.sentences)]


def forms_of(word: Word) -> set[str]:
    """What forms of a word have in common: the raw word, its stem, or its prefix."""
    forms = {word.raw, word.stem, *word.synonyms}
    if len(word.raw) >= FORM_PREFIX:
        forms.add(word.raw[:FORM_PREFIX] + "-")
    return forms


def same_name(word: Word, other: Word) -> bool:
    """Whether two words are forms or spellings of the same name."""
    if word.name_forms & other.name_forms:
        return True
    short, long = sorted((max(word.name_forms, key=len), max(other.name_forms, key=len)), key=len)
    pairs = enumerate(zip(short, long, strict=False))
    shared = next((index for index, pair in pairs if pair[0] != pair[1]), len(short))
    if shared < max(4, len(short) - 1) or len(long) - len(short) > 4:
        return False
    return not long[shared:].startswith(word.descent) if shared == len(short) else True


def standardize(text: str, pack: LanguagePack) -> str:
    """`text` in the pack's main script, with its letters normalized."""
    text = pack.normalize(text)
    return text if script_of(text) in ("", pack.main_script) else to_main_script(pack, text).text


def parse_passage(passage: Passage) -> Evidence:
    pack = load_pack(passage.language)
    text = standardize(passage.text, pack)
    spans = sentence_spans(text, pack.abbreviations)
    title = parse_sentence(standardize(passage.title, pack), pack)
    return Evidence(title, tuple(parse_sentence(text[start:end], pack) for start, end in spans))


def parse_sentence(text: str, pack: LanguagePack) -> Sentence:
    """Parse a sentence that was standardized."""
    lexicon = lexicon_of(pack)
    upcoming = numbers(text, pack)
    named = {index: name.sure for name in names(text, pack) for index in range(name.start, name.end)}
    denied: dict[int, list[str]] = defaultdict(list)
    for denial in denials(text, pack):
        denied[denial.start].append(denial.word)
    matches = list(TERM.finditer(text))
    lowered = ["", "", *(pack.lower(match.group()) for match in matches), "", ""]
    words: list[Word] = []
    placed: list[PlacedNumber] = []
    position = clause = end = 0
    for index, match in enumerate(matches, 2):
        start, lower = match.start(), lowered[index]
        if words and (lower in lexicon.facts.joins or BREAK.search(text, end, start)):
            clause += 1
        end = match.end()
        while upcoming and upcoming[0].start < end:
            placed.append(PlacedNumber(upcoming.pop(0), position - 0.5, clause))
        month = lexicon.numbers.month(match.group())
        if month or (placed and placed[-1].number.start <= start < placed[-1].number.last):
            kind = "number"
        elif lower in lexicon.stopwords or text[start - 1 : start] in CLOSING:
            kind = "stop"
        elif start in named:
            kind = "name" if named[start] and words else "first"
        else:
            kind = "word"
        raw, stem, name_forms, synonyms = lexicon.read(denied[start][0] if start in denied else lower)
        words.append(
            Word(
                raw=raw,
                stem=stem,
                name_forms=name_forms,
                position=position,
                clause=clause,
                kind=kind,
                denied=len(denied.get(start, ())),
                month=month,
                synonyms=synonyms,
                descent=lexicon.facts.descent,
                context=(lowered[index - 2], lowered[index - 1], lowered[index + 1], lowered[index + 2]),
            )
        )
        position += kind in CONTENT
    return Sentence(tuple(words), tuple(placed))


class Lexicon:
    """What a pack knows about single words."""

    def __init__(self, pack: LanguagePack) -> None:
        self.facts = facts = load_facts(pack.folder)
        self.numbers = reader(pack)
        self.terms = terms(pack.code)
        groups = [*facts.same, *(same for group in facts.opposites for same in group)]
        grouped = {form for group in groups for form in group.split()}
        denying = {*facts.negation.ahead, *facts.negation.behind}
        self.stopwords = (pack.stopwords - grouped) | set(facts.asides) | denying
        self.synonyms: dict[str, set[str]] = {}
        for number, group in enumerate(groups):
            for form in group.split():
                for key in {form, self.terms[form]}:
                    self.synonyms.setdefault(key, set()).add(f"={number}")
        rules = facts.spellings
        self.spelling = re.compile("|".join(map(re.escape, sorted(rules, key=len, reverse=True))) or r"(?!)")
        self.cache: dict[str, tuple[str, str, frozenset[str], frozenset[str]]] = {}

    def read(self, raw: str) -> tuple[str, str, frozenset[str], frozenset[str]]:
        """A word, its stem, both as names are compared, and the groups of synonyms that it is in."""
        entry = self.cache.get(raw)
        if entry is None:
            stem = (self.terms[raw].split() or [raw])[0]
            synonyms = self.synonyms.get(raw) or self.synonyms.get(stem) or ()
            entry = raw, stem, frozenset((self.fold(raw), self.fold(stem))), frozenset(synonyms)
            if len(self.cache) < CACHED_WORDS:
                self.cache[raw] = entry
        return entry

    def fold(self, word: str) -> str:
        """A name without the differences between its spellings."""
        word = self.spelling.sub(lambda match: self.facts.spellings[match.group()], word)
        return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@cache
def _lexicon(code: str, folder: Path) -> Lexicon:
    return Lexicon(load_pack(code))


def lexicon_of(pack: LanguagePack) -> Lexicon:
    return _lexicon(pack.code, pack.folder)
