"""`questions.toml` of a pack: the words with which people ask, are polite, make small talk, and want a text made."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from anatili.lang import LanguagePack, PackTable, load_pack, read_table
from anatili.problem import Problem
from anatili.text import WORD, clean

Kind = Literal["date", "number", "place", "person", "reason", "manner", "meaning", "thing", "choice"]
"""The kinds of answers that questions ask for."""
ANY_ENDING = "~"


class Phrases(PackTable):
    """Words and phrases that are not the subject of a question."""

    tell: tuple[str, ...] = Field((), description="Phrases that ask for anything on a subject (tell me about).")
    polite: tuple[str, ...] = Field((), description="Polite and other words around a question (could you tell me).")
    pointers: tuple[str, ...] = Field((), description="Words that point back to what was said before (she, there).")
    openers: tuple[str, ...] = Field((), description="Words with which a further question begins (and, but).")
    talk: tuple[str, ...] = Field((), description="Small talk: a message of these alone is not a question.")
    oneself: tuple[str, ...] = Field((), description="First person: without a question word, a message is small talk.")
    assistant: tuple[str, ...] = Field((), description="Phrases that speak to the assistant about itself (your name).")
    tasks: tuple[str, ...] = Field((), description="Requests to make something, at the start or end (write, draw).")


class SynonymGroups(PackTable):
    """Words that mean much the same in a question and in its answer."""

    groups: tuple[str, ...] = Field((), description="Words separated by spaces; their stems are compared.")


class QuestionsFile(PackTable):
    """The keys of `questions.toml`. In all phrases `~` at the end of a word matches any ending."""

    kinds: dict[Kind, tuple[str, ...]] = Field(default={}, description="Kind of answer -> words that ask for it.")
    measures: dict[Kind, tuple[str, ...]] = Field(
        default={}, description="Kind of answer -> words that ask for it together with any question word (height)."
    )
    signs: dict[Kind, tuple[str, ...]] = Field(
        default={}, description="Kind of answer -> words that a right answer often has (because)."
    )
    quantities: dict[str, tuple[str, ...]] = Field(
        default={}, description="What is measured -> words that ask for it and its units (length: tall, metre)."
    )
    phrases: Phrases = Phrases()
    same: SynonymGroups = SynonymGroups()


class PhraseTable:
    """Phrases with labels, looked up at a position in a row of words. The longest phrase wins, then the first label.

    Without `exact`, words are compared as they are typed on a keyboard without the language's special letters."""

    def __init__(self, labeled: Mapping[str, Iterable[str]], pack: LanguagePack, *, exact: bool = False) -> None:
        self.rows: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self.keyboard = {} if exact else str.maketrans(pack.config.keyboard)
        for label, phrases in labeled.items():
            for phrase in phrases:
                words = tuple(self.plain(pack.lower(word)) for word in phrase.split())
                self.rows.setdefault(words[0][:1], []).append((words, label))
        for rows in self.rows.values():
            rows.sort(key=lambda row: -len(row[0]))
        self.longest = max((len(words) for rows in self.rows.values() for words, _ in rows), default=0)

    def plain(self, word: str) -> str:
        """A word as it is compared."""
        return word.translate(self.keyboard)

    def labels(self, words: Sequence[str]) -> list[str]:
        """The label of the phrase that each word belongs to, "" for none. `words` are in lower case."""
        compared = [self.plain(word) for word in words]
        labels = [""] * len(words)
        start = 0
        while start < len(words):
            length, name = self.at(compared, start)
            labels[start : start + length] = [name] * length
            start += length or 1
        return labels

    def starts(self, words: Sequence[str], start: int = 0) -> int:
        """The number of words of the longest phrase that starts here, 0 if there is none."""
        near = [self.plain(word) for word in words[start : start + self.longest]]
        return self.at(near, 0)[0] if near else 0

    def at(self, words: Sequence[str], start: int) -> tuple[int, str]:
        """Length in words and label of the longest phrase that starts here, (0, "") for none. `words` are
        as `plain` gives them."""
        for phrase, label in self.rows.get(words[start][:1], ()):
            if len(phrase) <= len(words) - start and all(
                word.startswith(part[:-1]) if part.endswith(ANY_ENDING) else word == part
                for part, word in zip(phrase, words[start : start + len(phrase)], strict=True)
            ):
                return len(phrase), label
        return 0, ""


class QuestionWords:
    """What a pack knows about questions, ready to be looked up."""

    def __init__(self, pack: LanguagePack) -> None:
        self.file = file = load_questions(pack.folder)
        phrases = file.phrases
        kinds = {str(kind): words for kind, words in file.kinds.items()}
        self.asking = PhraseTable({**kinds, "tell": phrases.tell, "polite": phrases.polite}, pack)
        self.measures = PhraseTable({str(kind): words for kind, words in file.measures.items()}, pack)
        self.pointers = PhraseTable({"pointer": phrases.pointers}, pack, exact=True)
        self.openers = PhraseTable({"opener": phrases.openers}, pack)
        self.talk = PhraseTable({"talk": phrases.talk}, pack)
        self.oneself = PhraseTable({"oneself": phrases.oneself}, pack, exact=True)
        self.assistant = PhraseTable({"assistant": phrases.assistant}, pack, exact=True)
        self.tasks = PhraseTable({"task": phrases.tasks}, pack)
        self.signs = {word: str(kind) for kind, words in file.signs.items() for word in words}


@cache
def load_questions(folder: Path) -> QuestionsFile:
    """The `questions.toml` in a pack's folder; an empty one if there is none."""
    path = folder / "questions.toml"
    file = read_table(path, QuestionsFile)
    lists = (file.kinds, file.measures, file.signs, file.quantities, file.phrases.model_dump(), file.same.model_dump())
    for table in lists:
        for key, phrases in table.items():
            if blank := [phrase for phrase in phrases if not WORD.search(clean(phrase))]:
                raise Problem(f"{path}: {key}: {blank[0]!r} has no letters; write a word or remove it")
    return file


@cache
def _question_words(code: str, folder: Path) -> QuestionWords:
    return QuestionWords(load_pack(code))


def question_words(pack: LanguagePack) -> QuestionWords:
    """What the pack knows about questions."""
    return _question_words(pack.code, pack.folder)
