"""Folded texts: typed on a keyboard that lacks some letters of their language."""

from dataclasses import dataclass
from functools import cache

from anatili.lang import LanguagePack, load_pack

FOLDED = 0.03
"""Least share of folded stop words in a folded text. In passages of four sentences from NTREX this finds 96.8 % of
folded Kazakh, and wrongly 0.4 % of Russian and Bulgarian and no Kyrgyz, Tatar, Bashkir or Mongolian."""
FOLDED_CONFIDENCE = 0.9
"""Confidence in the language of a folded text: without its special letters, close languages are harder to tell."""
SHORT = 20
"""Texts of fewer words are not checked: single sentences in Kyrgyz would be mistaken for folded Kazakh (4 %)."""
FEW_OWN, SOME_OWN = 0.002, 0.025
"""Highest share of special letters in a text that counts as typed without them; the second where the identifier is not
sure of another language: some words may be spelled properly. Asked of all, 18 of 238 Kyrgyz passages would be folded
Kazakh."""


@dataclass(frozen=True)
class Folded:
    """The language of a folded text, "" if it is not folded, and the share of its folded stop words."""

    language: str
    share: float


def typed_without(words: list[str], body: str, packs: dict[str, LanguagePack], few: float = FEW_OWN) -> Folded:
    """Whether `body` is in one of the languages, typed without its special letters but for the share `few`."""
    best = Folded("", 0.0)
    for code, pack in packs.items():
        if not pack.config.keyboard or len(words) < SHORT:
            continue
        own_letters = sum(body.count(letter) + body.count(letter.upper()) for letter in pack.config.keyboard)
        if own_letters > few * len(body):
            continue
        folded_stopwords = folded_words(code, tuple(packs))
        share = sum(word in folded_stopwords for word in words) / len(words)
        if share > best.share:
            best = Folded(code, share)
    return best if best.share >= FOLDED else Folded("", 0.0)


@cache
def folded_words(code: str, codes: tuple[str, ...]) -> frozenset[str]:
    """The folded forms of a pack's stop words with special letters, unless another language has the word."""
    pack = load_pack(code)
    table = str.maketrans(pack.config.keyboard)
    foreign = {word for other in codes if other != code for word in load_pack(other).stopwords}
    folded = {word.translate(table) for word in pack.stopwords if word.translate(table) != word}
    return frozenset(word for word in folded - foreign - pack.stopwords if len(word) > 2)
