"""What can be seen to be wrong with a translation without a second one: told with the sentence that it is about.

`empty`, `copied`, another `script` or `language`, `untranslated` words, a machine's `answer` in place of a translation,
`repeats`, much `longer` or `shorter`, `cut_off`; `numbers`, `addresses`, `names` or `negation` that differ; `unrelated`
to what was said. Each is a sign, not a proof: `bench/doubts.py` has how many planted errors they tell, and how many
right translations they doubt.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.lang.facts import Name, Number, names, negated, numbers
from anatili.lang.spelling import likeness, sounds
from anatili.lang.translation import load_translation, small_words
from anatili.meaning import related
from anatili.text import WORD, count_letters, is_small, script_of
from anatili.translate.cut import KEPT, kept

TELLING, CERTAIN = 6, 20
"""Letters from which on a translation's script, and its language, can be told."""
LONGER, SHORTER = 2.2, 0.45
"""Letters of a translation to those of its source: between these are 99 of 100 lines that people translated."""
SURE = 0.85
"""Confidence from which on a translation is said to be in another language: names alone are taken for many."""
FEW = 40
"""Letters that any translation may have more or less."""
ENDED = re.compile(r"[.!?…:;]['\"»”’)\]]*\s*$")
BEGINNING = 40
"""Letters among which a sentence begins."""
SAME_NAME, SAME_SMALL = 0.58, 0.8
"""Likeness of spellings from which on they are taken for one name: with a capital, and without."""
SURELY = 0.5
"""Likeness below which a name is surely another one."""
FEWEST = 4
"""One lost word in so many words of names is told; of more, one may well be translated."""
ROUND = frozenset({10, 100, 1000, 10**4, 10**5, 10**6, 10**9, 10**12})
ALIKE = 0.85
"""Share of the words of a prompt's sentence from which on a translation is that sentence."""


def doubts(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> Iterator[str]:
    """What can be seen to be wrong with the translation `said` of a sentence, the gravest first."""
    if not count_letters(said):
        yield "empty"
        return
    if is_answer(said, source, target):
        yield "answer"
        return
    strange = list(strangeness(sentence, said, source, target))
    yield from strange
    if repeats(said) > max(2, repeats(sentence)):
        yield "repeats"
    yield from lengths(sentence, said)
    if kept(sentence) != kept(said):
        yield "addresses"
    if differing_numbers(sentence, said, source, target):
        yield "numbers"
    if {"copied", "script", "language"} & set(strange):
        return  # the rest would be told of any text in another language
    if differing_denials(sentence, said, source, target):
        yield "negation"
    if differing_names(sentence, said, source, target):
        yield "names"
    if not related(sentence, said):
        yield "unrelated"


def is_answer(said: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether the model answered, or repeated its task, instead of translating."""
    mine = Counter(word.lower() for word in WORD.findall(said))
    return any((mine & words).total() >= ALIKE * max(words.total(), mine.total()) for words in
               (*set_sentences(source.code, source), *set_sentences(target.code, target)))  # fmt: skip


def set_sentences(code: str, pack: LanguagePack) -> Sequence[Counter[str]]:
    """The words of what models are taught to say when they have no answer."""
    texts = [text for key, text in pack.prompts.items() if isinstance(text, str) and not key.startswith("notice")]
    asking = pack.prompts.get("translate", {}).values()
    return [Counter(word.lower() for word in WORD.findall(text)) for text in (*texts, *asking) if text]


def strangeness(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> Iterator[str]:
    """Another script or language than was asked for, in all of a translation or in a part of it."""
    if count_letters(said) < TELLING:
        return
    if words_of(said) == words_of(sentence):
        yield "copied"
    elif script_of(said) not in target.said.letters:
        yield "script"
    elif is_mixed(sentence, said, source, target):
        yield "untranslated"
    elif count_letters(said) >= CERTAIN:
        found = identify(said)
        if found.language != target.code and found.confidence > SURE:
            yield "language"


def words_of(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def is_mixed(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether words of the source were left as they are: small words in its letters, or a row of its words."""
    mine, theirs = WORD.findall(said), set(WORD.findall(sentence))
    letters = "".join(target.said.letters.values())
    foreign = [word for word in mine if word in theirs and word[0].islower()
               and any(letter not in letters for letter in word.lower())]  # fmt: skip
    if len(foreign) >= 2 or (foreign and len(mine) <= 8):
        return True
    row = longest = 0
    for word in mine:
        row = row + 1 if word in theirs and word[0].islower() else 0
        longest = max(longest, row)
    return longest >= 3


def repeats(text: str) -> int:
    """How often the commonest three words in a row stand in a text; the longest row of one word counts as well."""
    said = words_of(text)
    rows = Counter(zip(said, said[1:], said[2:], strict=False))
    longest = row = 0
    for one, before in zip(said, ["", *said], strict=False):
        row = row + 1 if one == before else 1
        longest = max(longest, row)
    return max(max(rows.values(), default=0), longest)


def lengths(sentence: str, said: str) -> Iterator[str]:
    here, there = count_letters(sentence), count_letters(said)
    if there > LONGER * here + FEW:
        yield "longer"
    elif there + 4 < SHORTER * here:
        yield "shorter"
    elif there > CERTAIN and ((ENDED.search(sentence) and not ENDED.search(said)) or starts_later(sentence, said)):
        yield "cut_off"


def starts_later(sentence: str, said: str) -> bool:
    """Whether a translation begins with a small letter, as its middle would, and its source does not."""
    first, there = (next(filter(str.isalpha, text[:BEGINNING]), "") for text in (sentence, said))
    return bool(first and there) and not is_small(first) and is_small(there)


def differing_numbers(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether a number in digits has no equal in the other, or one in words has another there in its place."""
    here, there = numbers(KEPT.sub("", sentence), source), numbers(KEPT.sub("", said), target)
    mine, theirs = {one.value for one in here}, {one.value for one in there}
    lost = [one for one in here if not one.weak and one.value not in theirs]
    added = [one for one in there if not one.weak and one.value not in mine]
    return any(not one.worded for one in (*lost, *added)) or (
        bool(lost and added) and not all(map(is_vague, (*lost, *added))))  # fmt: skip


def is_vague(number: Number) -> bool:
    """Whether this is a word that translations often have another one for: both, half, hundreds, thousands."""
    return number.worded and (number.value <= 2 or number.value in ROUND)


def differing_denials(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether one denies, and the other neither does nor has a word for what is said with a denial elsewhere."""
    here, there = negated(sentence, source), negated(said, target)
    if here == there:
        return False
    text, pack = (said, target) if here else (sentence, source)
    hints = load_translation(pack.folder).hints
    return not any(re.match(hints, pack.lower(word)) for word in WORD.findall(text)) if hints else True


def differing_names(sentence: str, said: str, source: LanguagePack, target: LanguagePack) -> bool:
    """Whether a name of the source is not in the translation, in whatever letters and with whatever endings, and that
    has another name in its place, or fewer. A name that one language alone has capitals for tells nothing."""
    mine = names_kept(sentence, said, source, target)
    if not lost(mine):
        return False
    theirs = names_kept(said, sentence, target, source)
    if lost(mine, SURELY) and lost(theirs, SURELY):
        return True
    few = FEWEST * lost(mine) >= len(mine)
    return few and (lost(theirs) > 0 or len(theirs) < len(mine))


def names_kept(text: str, other: str, here: LanguagePack, there: LanguagePack) -> list[float]:
    """For each word of names in `text` how like it is what in `other` is most so; 1 where a name has a translation."""
    theirs = [part for word in WORD.findall(other) for part in word.split("-") if part]
    known, common = places(there, theirs), small_words(here.folder)
    words = [word for name in names(text, here) if name.sure for word in telling(name)]
    return [1.0 if places(here, [word]) & known else max((alike(word, one) for one in theirs), default=0.0)
            for word in words if here.lower(word) not in common]  # fmt: skip


def lost(words: Sequence[float], least: float = SAME_NAME) -> int:
    """How many words of names have nothing that is so like them."""
    return sum(one < least for one in words)


def alike(word: str, other: str) -> float:
    """How far two words can be spellings of one name; what is made of a name may begin with a small letter."""
    found = likeness(word, other)
    return found if found >= SAME_SMALL or not is_small(other[0]) else 0.0


def telling(name: Name) -> Iterator[str]:
    """The words of a name that stay when it is translated."""
    for word in (part for whole in name.words for part in whole.split("-")):
        if (
            not is_small(word[:1] or "a") and len(sounds(word)) >= 3 and sum(map(str.isupper, word)) == 1
        ):  # abbreviations are others in each language
            yield word


def places(pack: LanguagePack, words: Sequence[str]) -> set[str]:
    """The names among `words` that are other words in each language, by their key in the packs."""
    known = load_translation(pack.folder).places
    small = {pack.lower(word) for word in words}
    return {key for word in small for key, forms in known.items() if word.startswith(forms)}
