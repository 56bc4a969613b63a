"""Doubts: signs of errors in a translation, found by comparing it with its source sentence, without a reference.

`empty`, `copied`, another `script` or `language`, `untranslated` words, the model's `answer` instead of a translation,
`repeats`, much `longer` or `shorter`, `cut_off`; `numbers`, `addresses`, `names` or `negation` that differ; `unrelated`
in meaning. A doubt is a sign, not a proof: `bench/doubts.py` measures how many planted errors they find, and how many
correct translations they doubt.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from anatili.engine.similarity import related
from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.lang.facts import Name, Number, names, negated, numbers
from anatili.lang.spelling import likeness, sounds
from anatili.lang.translation import load_translation, small_words
from anatili.text import WORD, count_letters, is_small, script_of
from anatili.translate.segments import ADDRESS, addresses

TELLING, CERTAIN = 6, 20
"""Least letters of a translation whose script, and whose language, can be identified."""
LONGER, SHORTER = 2.2, 0.45
"""Ratio of the letters of a translation to those of its source: 99 of 100 human translations are between these."""
SURE = 0.85
"""Least confidence to call a translation another language: names alone are mistaken for many languages."""
FEW = 40
"""Letters that any translation may have in addition."""
ENDED = re.compile(r"[.!?…:;]['\"»”’)\]]*\s*$")
BEGINNING = 40
"""Letters in which the beginning of a sentence is looked for."""
SAME_NAME, SAME_SMALL = 0.58, 0.8
"""Least similarity of two spellings of the same name: with a capital, and without."""
SURELY = 0.5
"""Similarity below which a name is certainly a different one."""
FEWEST = 4
"""One lost word in up to this many words of names counts; among more, one may have been translated."""
ROUND = frozenset({10, 100, 1000, 10**4, 10**5, 10**6, 10**9, 10**12})
ALIKE = 0.85
"""Least share of common words at which a translation is taken for a sentence of a prompt."""


def doubts(sentence: str, text: str, source: LanguagePack, target: LanguagePack) -> Iterator[str]:
    """The doubts about the translation `text` of a sentence, worst first."""
    if not count_letters(text):
        yield "empty"
        return
    if is_answer(text, source, target):
        yield "answer"
        return
    wrong_form = list(strangeness(sentence, text, source, target))
    yield from wrong_form
    if repeats(text) > max(2, repeats(sentence)):
        yield "repeats"
    yield from lengths(sentence, text)
    if addresses(sentence) != addresses(text):
        yield "addresses"
    if differing_numbers(sentence, text, source, target):
        yield "numbers"
    if {"copied", "script", "language"} & set(wrong_form):
        return  # a text in another language would raise all other doubts too
    if differing_denials(sentence, text, source, target):
        yield "negation"
    if differing_names(sentence, text, source, target):
        yield "names"
    if not related(sentence, text):
        yield "unrelated"


def is_answer(text: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether the model answered or repeated its instruction instead of translating."""
    own = Counter(word.lower() for word in WORD.findall(text))
    return any(
        (own & words).total() >= ALIKE * max(words.total(), own.total())
        for words in (*prompt_words(source.code, source), *prompt_words(target.code, target))
    )


def prompt_words(code: str, pack: LanguagePack) -> Sequence[Counter[str]]:
    """The words of each sentence that models are taught to say when they have no answer, and of each instruction."""
    texts = [text for key, text in pack.prompts.items() if isinstance(text, str) and not key.startswith("notice")]
    asking = pack.prompts.get("translate", {}).values()
    return [Counter(word.lower() for word in WORD.findall(text)) for text in (*texts, *asking) if text]


def strangeness(sentence: str, text: str, source: LanguagePack, target: LanguagePack) -> Iterator[str]:
    """A wrong script or language in all or part of a translation."""
    if count_letters(text) < TELLING:
        return
    if words_of(text) == words_of(sentence):
        yield "copied"
    elif script_of(text) not in target.config.letters:
        yield "script"
    elif is_mixed(sentence, text, source, target):
        yield "untranslated"
    elif count_letters(text) >= CERTAIN:
        identified = identify(text)
        if identified.language != target.code and identified.confidence > SURE:
            yield "language"


def words_of(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def is_mixed(sentence: str, text: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether words of the source were left untranslated: lowercase words in its letters, or several in a row."""
    translated, source_words = WORD.findall(text), set(WORD.findall(sentence))
    letters = "".join(target.config.letters.values())
    foreign = [
        word
        for word in translated
        if word in source_words and word[0].islower() and any(letter not in letters for letter in word.lower())
    ]
    if len(foreign) >= 2 or (foreign and len(translated) <= 8):
        return True
    run = longest = 0
    for word in translated:
        run = run + 1 if word in source_words and word[0].islower() else 0
        longest = max(longest, run)
    return longest >= 3


def repeats(text: str) -> int:
    """The count of the most frequent word trigram, or the longest run of one word if that is more."""
    words = words_of(text)
    trigrams = Counter(zip(words, words[1:], words[2:], strict=False))
    longest = run = 0
    for word, previous in zip(words, ["", *words], strict=False):
        run = run + 1 if word == previous else 1
        longest = max(longest, run)
    return max(max(trigrams.values(), default=0), longest)


def lengths(sentence: str, text: str) -> Iterator[str]:
    source_letters, letters = count_letters(sentence), count_letters(text)
    if letters > LONGER * source_letters + FEW:
        yield "longer"
    elif letters + 4 < SHORTER * source_letters:
        yield "shorter"
    elif letters > CERTAIN and ((ENDED.search(sentence) and not ENDED.search(text)) or starts_later(sentence, text)):
        yield "cut_off"


def starts_later(sentence: str, translation: str) -> bool:
    """Whether a translation begins with a lowercase letter, as if its start were missing, and its source does not."""
    first, translated = (next(filter(str.isalpha, text[:BEGINNING]), "") for text in (sentence, translation))
    return bool(first and translated) and not is_small(first) and is_small(translated)


def differing_numbers(sentence: str, text: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether a number in digits has no equal in the other text, or a number in words was replaced by another."""
    source_numbers, translated = numbers(ADDRESS.sub("", sentence), source), numbers(ADDRESS.sub("", text), target)
    source_values, values = {number.value for number in source_numbers}, {number.value for number in translated}
    lost = [number for number in source_numbers if not number.weak and number.value not in values]
    added = [number for number in translated if not number.weak and number.value not in source_values]
    return any(not number.worded for number in (*lost, *added)) or (
        bool(lost and added) and not all(map(is_vague, (*lost, *added)))
    )


def is_vague(number: Number) -> bool:
    """Whether this number word is often translated loosely: both, half, hundreds, thousands."""
    return number.worded and (number.value <= 2 or number.value in ROUND)


def differing_denials(sentence: str, translation: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether only one of the two is negated, and the other has no word that another language expresses by negation."""
    source_negated, translation_negated = negated(sentence, source), negated(translation, target)
    if source_negated == translation_negated:
        return False
    text, pack = (translation, target) if source_negated else (sentence, source)
    hints = load_translation(pack.folder).hints
    return not any(re.match(hints, pack.lower(word)) for word in WORD.findall(text)) if hints else True


def differing_names(sentence: str, text: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether a name of the source is missing in the translation, in any script, with any ending, and the translation
    has another name instead, or fewer. A name that only one of the languages capitalizes does not count."""
    source_names = names_kept(sentence, text, source, target)
    if not lost(source_names):
        return False
    translated_names = names_kept(text, sentence, target, source)
    if lost(source_names, SURELY) and lost(translated_names, SURELY):
        return True
    few = FEWEST * lost(source_names) >= len(source_names)
    return few and (lost(translated_names) > 0 or len(translated_names) < len(source_names))


def names_kept(text: str, other: str, source: LanguagePack, target: LanguagePack) -> list[float]:
    """For each word of names in `text`, its best similarity to a word of `other`; 1 if the name has a translation."""
    words_of_other = [part for word in WORD.findall(other) for part in word.split("-") if part]
    translated, common = places(target, words_of_other), small_words(source.folder)
    name_words = [word for name in names(text, source) if name.sure for word in telling(name)]
    return [
        1.0
        if places(source, [word]) & translated
        else max((alike(word, candidate) for candidate in words_of_other), default=0.0)
        for word in name_words
        if source.lower(word) not in common
    ]


def lost(similarities: Sequence[float], least: float = SAME_NAME) -> int:
    """The number of words of names with a similarity below `least`."""
    return sum(similarity < least for similarity in similarities)


def alike(word: str, other: str) -> float:
    """How likely two words are spellings of one name; words derived from a name may be lowercase."""
    similarity = likeness(word, other)
    return similarity if similarity >= SAME_SMALL or not is_small(other[0]) else 0.0


def telling(name: Name) -> Iterator[str]:
    """The words of a name that stay the same in translation."""
    for word in (part for whole in name.words for part in whole.split("-")):
        if (
            not is_small(word[:1] or "a") and len(sounds(word)) >= 3 and sum(map(str.isupper, word)) == 1
        ):  # abbreviations differ between languages
            yield word


def places(pack: LanguagePack, words: Sequence[str]) -> set[str]:
    """The keys of the place names among `words` that differ between languages; the packs list them."""
    known = load_translation(pack.folder).places
    lowered = {pack.lower(word) for word in words}
    return {key for word in lowered for key, forms in known.items() if word.startswith(forms)}
