"""Checks of a translation that need no reference: gender, names, numbers, negation, script and language.

Each check is coarse (words, not meaning). It can compare two ways of translating the same sentences, and no more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.lang.translation import Gender, Translation, load_translation
from anatili.text import count_letters, script_of, words
from anatili.translate.doubts import CERTAIN, TELLING
from anatili.translate.segments import numbers

CHECKS = {
    "gender open": "no gender added where the sentence has none",
    "gender told": "the gender of the sentence and no other",
    "names": "the name in an accepted spelling",
    "numbers": "the digits of the sentence",
    "negation": "negated where the sentence is negated",
    "affirmation": "not negated where the sentence is not",
    "script": "letters of the target language's scripts",
    "language": "identified as the target language",
}


@dataclass(frozen=True)
class Expected:
    """What a translation of a sentence must contain; None if that is not known."""

    gender: Gender | None = None
    negated: bool | None = None
    names: tuple[str, ...] = ()
    """Accepted spellings of a name."""


@dataclass(frozen=True)
class Sample:
    """A sentence to translate, and its reference or ""."""

    text: str
    reference: str
    expected: Expected


def own_samples(source: LanguagePack, target: LanguagePack) -> Iterator[Sample]:
    """The test sentences in the pack of `source`."""
    translation = load_translation(source.folder)
    for group in translation.sentences:
        for text in group.texts:
            yield Sample(text, "", Expected(group.gender, group.negated))
    for row in translation.names:
        spellings = (row.model_extra or {}).get(target.code, ())
        yield Sample(row.text, "", Expected(names=tuple(spellings)))


def sample_of_reference(text: str, reference: str, target: LanguagePack) -> Sample:
    """A sample whose reference says what is expected: the gender (or none), and whether it is negated."""
    translation = load_translation(target.folder)
    mentioned = genders(reference, translation)
    gender: Gender | None = None
    if len(mentioned) < 2:
        gender = next(iter(mentioned), "open")
    negated = bool(re.search(translation.negation, reference)) if translation.negation else None
    return Sample(text, reference, Expected(gender, negated))


def genders(text: str, translation: Translation) -> set[Gender]:
    """The genders expressed by words of `text`."""
    lowered = {word.lower() for word in words(text)}
    mentioned: set[Gender] = {"masculine"} if lowered & set(translation.masculine) else set()
    return mentioned | ({"feminine"} if lowered & set(translation.feminine) else set())


def checks(sample: Sample, text: str, target: LanguagePack) -> dict[str, bool]:
    """Whether a translation passes each of the CHECKS that apply. One without letters of the target passes none."""
    translation, expected = load_translation(target.folder), sample.expected
    sound = bool(count_letters(text)) and text != sample.text and script_of(text) in target.config.letters
    results: dict[str, bool] = {}
    if expected.gender and (translation.masculine or translation.feminine):
        mentioned = genders(text, translation)
        if expected.gender == "open":
            results["gender open"] = sound and not mentioned
        else:
            results["gender told"] = sound and mentioned == {expected.gender}
    if expected.names:
        results["names"] = sound and any(name.lower() in text.lower() for name in expected.names)
    if numbers(sample.text):
        results["numbers"] = sound and numbers(sample.text) == numbers(text)
    if expected.negated is not None and translation.negation:
        is_negated = bool(re.search(translation.negation, text))
        results["negation" if expected.negated else "affirmation"] = sound and is_negated == expected.negated
    if count_letters(sample.text) >= TELLING:
        results["script"] = sound
    if count_letters(sample.text) >= CERTAIN:
        results["language"] = sound and identify(text).language == target.code
    return results
