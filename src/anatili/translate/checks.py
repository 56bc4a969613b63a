"""What can be seen of a translation without a reference: gender, names, numbers, negation, script and language.

Each sign is coarse (words, not meaning), so it tells two ways of translating the same sentences apart, no more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.lang.translation import Gender, Translation, load_translation
from anatili.text import count_letters, script_of, words
from anatili.translate.cut import numbers
from anatili.translate.doubts import CERTAIN, TELLING

CHECKS = {
    "gender open": "no gender put in where the sentence has none",
    "gender told": "the gender that the sentence tells, and no other",
    "names": "the name in a spelling that is in use",
    "numbers": "the digits of the sentence",
    "negation": "a denial where the sentence denies",
    "affirmation": "no denial where the sentence does not deny",
    "script": "letters of the target's scripts",
    "language": "recognised as the target language",
}


@dataclass(frozen=True)
class Wanted:
    """What a translation of a sentence must show; None where nothing is known."""

    gender: Gender | None = None
    negated: bool | None = None
    names: tuple[str, ...] = ()
    """Spellings of a name, any one of which will do."""


@dataclass(frozen=True)
class Sample:
    """A sentence to translate, with a reference if there is one."""

    text: str
    reference: str
    wanted: Wanted


def own_samples(source: LanguagePack, target: LanguagePack) -> Iterator[Sample]:
    """The sentences that the pack of `source` has for this."""
    said = load_translation(source.folder)
    for group in said.sentences:
        for text in group.texts:
            yield Sample(text, "", Wanted(group.gender, group.negated))
    for row in said.names:
        spellings = (row.model_extra or {}).get(target.code, ())
        yield Sample(row.text, "", Wanted(names=tuple(spellings)))


def of_reference(text: str, reference: str, target: LanguagePack) -> Sample:
    """A sentence whose reference tells what is wanted: its gender, none if it has none, and whether it denies."""
    said = load_translation(target.folder)
    found = genders(reference, said)
    gender: Gender | None = None
    if len(found) < 2:
        gender = next(iter(found), "open")
    negated = bool(re.search(said.negation, reference)) if said.negation else None
    return Sample(text, reference, Wanted(gender, negated))


def genders(text: str, said: Translation) -> set[Gender]:
    """The genders that the words of `text` tell."""
    found = {word.lower() for word in words(text)}
    told: set[Gender] = {"masculine"} if found & set(said.masculine) else set()
    return told | ({"feminine"} if found & set(said.feminine) else set())


def checks(sample: Sample, text: str, target: LanguagePack) -> dict[str, bool]:
    """Whether a translation keeps each of the CHECKS that apply; one without letters of the target keeps none."""
    said, wanted = load_translation(target.folder), sample.wanted
    sound = bool(count_letters(text)) and text != sample.text and script_of(text) in target.said.letters
    found: dict[str, bool] = {}
    if wanted.gender and (said.masculine or said.feminine):
        told = genders(text, said)
        if wanted.gender == "open":
            found["gender open"] = sound and not told
        else:
            found["gender told"] = sound and told == {wanted.gender}
    if wanted.names:
        found["names"] = sound and any(name.lower() in text.lower() for name in wanted.names)
    if numbers(sample.text):
        found["numbers"] = sound and numbers(sample.text) == numbers(text)
    if wanted.negated is not None and said.negation:
        denies = bool(re.search(said.negation, text))
        found["negation" if wanted.negated else "affirmation"] = sound and denies == wanted.negated
    if count_letters(sample.text) >= TELLING:
        found["script"] = sound
    if count_letters(sample.text) >= CERTAIN:
        found["language"] = sound and identify(text).language == target.code
    return found
