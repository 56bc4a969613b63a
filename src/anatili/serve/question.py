"""Read a message as a question: what kind of answer it asks for, the words it is about, and whether it is one at all.

What has to be known about a language is in `questions.toml` of its pack. Without that file all words but stop words
count as the subject, and every message is taken for a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from anatili.lang import LanguagePack
from anatili.lang.convert import to_main_script
from anatili.lang.questions_file import QuestionWords, question_words
from anatili.search.analysis import TERM
from anatili.serve.passage_words import quantities_of
from anatili.text import clean, script_of

Role = Literal["question", "talk", "task"]
"""A question, small talk, or a request to make something."""
KINDS = ("date", "number", "place", "person", "reason", "meaning", "manner", "choice", "thing")
"""Kinds of answers. If a question asks for several, the first counts that is not a choice (which book does ...)."""
KINDS_NAMED = ("number", "date", "place", "person")
"""Kinds of answers that a pack's [measures] name, the surest first."""
YEAR = "year"
"""What is counted if a date is a year: a name in the packs' [quantities]."""
LONGEST = 64
"""Words of a message that are read."""
READ = 1000
"""Characters of a message that are read. Embedding a pasted text of 4,000 takes 2.5 s of a processor, these 0.4 s."""
TURNS = 4
"""Earlier questions of a conversation that a further question may refer to."""
SHORTEST = 2
"""Characters of a word that may say what is asked about: a letter alone is found in some formula or initial."""
SHORTEST_QUESTION = 2
"""Words of a question that names nothing ("Who is it?"): over documents of one's own it may be clear what is meant."""
EXPLAINED = ("tell", "polite")


@dataclass(frozen=True)
class Question:
    """A message, read as a question."""

    text: str
    """The message in the main script of its language."""
    language: str
    role: Role
    kind: str
    """One of `KINDS`, or "" if it is not known."""
    words: tuple[str, ...]
    """The words that it is about, as they are written."""
    points_back: bool
    """Whether it refers to what was said before, or names nothing but what is to be counted ("How many days?")."""
    focus: str = ""
    """The one of `words` that names what is asked for: the nearest to the words that ask; "" if there are none."""
    asks_year: bool = False
    """Whether it asks when, and a year is to be named."""
    quantities: frozenset[str] = frozenset()
    """What is to be counted or measured, if it asks for a number: names in the pack's [quantities]."""
    earlier: tuple[str, ...] = ()
    """Words of earlier questions that it is also about."""
    unit: str = ""
    """What is to be counted, if it names nothing else ("How many days?")."""
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """If it was translated: words that one of its words may be, too."""
    asked_in: str = ""
    """If it was translated: the language in which it was asked."""

    @property
    def query(self) -> str:
        """The words that it is about, and those of earlier questions."""
        return " ".join((*self.earlier, *self.words)) or self.text

    @property
    def wide_query(self) -> str:
        """What to search for."""
        return " ".join((self.query, *(other for others in self.also.values() for other in others)))

    @property
    def is_empty(self) -> bool:
        """Whether it is one word that only asks ("Why?") or says nothing, and no earlier question tells of what."""
        return not self.words and not self.earlier and len(TERM.findall(self.text)) < SHORTEST_QUESTION

    def after(self, before: Sequence["Question"]) -> "Question":
        """The same question with the words of the newest of the questions `before` that stands alone."""
        number = base_of(before)
        own = {word.lower() for word in self.words}
        words = before[number].words if number >= 0 else ()
        return replace(self, earlier=tuple(word for word in words if word.lower() not in own))


def base_of(before: Sequence[Question]) -> int:
    """The number of the newest of some earlier questions that stands alone, -1 if none of the last ones does."""
    first = max(0, len(before) - TURNS)
    standing = (n for n in range(len(before) - 1, first - 1, -1) if before[n].words and not before[n].points_back)
    return next(standing, -1)


def read_question(message: str, language: str, packs: Mapping[str, LanguagePack]) -> Question:
    """`message` as a question in `language`; words that ask may also be those of the other packs (mixed sentences)."""
    pack = packs[language]
    text = clean(message[:READ])
    if script_of(text) != pack.main_script and pack.config.transliteration:
        text = to_main_script(pack, text).text
    written = TERM.findall(text)[:LONGEST]
    known = question_words(pack)
    lower = [pack.lower(word) for word in written]
    labels = known.asking.labels(lower)
    kinds = {name for name in labels if name in KINDS}
    if not kinds - {"choice"}:
        others = (question_words(other) for code, other in packs.items() if code != language)
        labels = merged(labels, [other.asking.labels(lower) for other in others])
        kinds = {name for name in labels if name in KINDS}
    asked = [name for name in labels if name in kinds]
    kind = next((name for name in asked if name != "choice"), "choice" if asked else "")
    kind = kind or ("meaning" if "tell" in labels else "")
    pointing = known.pointers.labels(lower)
    places = [
        number
        for number, (plain, name, pointer) in enumerate(zip(lower, labels, pointing, strict=True))
        if not name and not pointer and plain not in pack.stopwords
    ]
    content = tuple(written[number] for number in places)
    if kind in ("thing", "meaning", "manner", ""):
        kind = named_kind(known.measures.labels(lower), several=len(content) > 1) or kind
    asking = [word for word, name in zip(written, labels, strict=True) if name in KINDS]
    opens = known.openers.starts(lower) > 0
    only_unit = kind == "number" and all(quantities_of([word], pack) for word in content)
    return Question(
        text=text,
        language=language,
        role=role_of(text, lower, labels, known, pack),
        kind=kind,
        words=content,
        points_back=any(pointing) or opens or only_unit or not content,
        focus=focus_of(written, labels, places),
        asks_year=kind == "date" and YEAR in quantities_of(asking, pack),
        quantities=quantities_of(written, pack) if kind == "number" else frozenset(),
        unit=next((word for word in written if quantities_of([word], pack)), "") if only_unit else "",
    )


def named_kind(labels: Sequence[str], *, several: bool) -> str:
    """The kind of answer that words of a question name ("which architect", "the capital of"); a number first. With no
    other word of content, the question is what the word means, unless it is a number."""
    return next((kind for kind in KINDS_NAMED if kind in labels and (several or kind == "number")), "")


def focus_of(written: Sequence[str], labels: Sequence[str], content: Sequence[int]) -> str:
    """The content word nearest to one that asks, the later of two; `content`: the numbers of the content words."""
    asking = [number for number, name in enumerate(labels) if name in KINDS]
    if not asking or not content:
        return ""
    return written[min(content, key=lambda number: (min(abs(number - other) for other in asking), -number))]


def merged(own: list[str], others: Sequence[list[str]]) -> list[str]:
    """`own` labels, completed with kinds of answers from the labels of other languages."""
    rows = [[name if name in KINDS and name != "choice" else "" for name in labels] for labels in others]
    return [next(filter(None, names), "") for names in zip(own, *rows, strict=True)]


def role_of(text: str, words: Sequence[str], labels: Sequence[str], known: QuestionWords, pack: LanguagePack) -> Role:
    """Whether the words, with the labels of what they ask, are a question at all; without any ("?"), and with single
    letters only ("x"), they are none."""
    if max(map(len, words), default=0) < SHORTEST:
        return "talk"
    rows = list(zip(words, labels, known.talk.labels(words), strict=True))
    rest = [(word, name) for word, name, talk in rows if not talk and name != "polite"]
    if any(talk for *_, talk in rows) and all(name or word in pack.stopwords for word, name in rest):
        return "talk"
    if speaks_to_assistant(words, labels, known):
        return "talk"
    is_asked = any(name in KINDS for name in labels)
    request = [word for word, _ in rest]
    if len(request) > 1 and (known.tasks.starts(request) or (not is_asked and ends_in_task(request, known))):
        return "task"
    if ":" in text and ends_in_task([pack.lower(word) for word in TERM.findall(text.partition(":")[0])], known):
        return "task"
    if not is_asked and "tell" not in labels and "?" not in text and any(known.oneself.labels(words)):
        return "talk"
    return "question"


def speaks_to_assistant(words: Sequence[str], labels: Sequence[str], known: QuestionWords) -> bool:
    """Whether a phrase speaks to the assistant about itself; a single word does so only outside polite phrases."""
    if any(known.assistant.starts(words, start) > 1 for start in range(len(words))):
        return True
    plain = [word for word, name in zip(words, labels, strict=True) if name not in EXPLAINED]
    return any(known.assistant.labels(plain))


def ends_in_task(words: Sequence[str], known: QuestionWords) -> bool:
    """Whether the words end with a request to make something."""
    starts = range(max(0, len(words) - 3), len(words))
    return any(start + known.tasks.starts(words, start) == len(words) for start in starts)
