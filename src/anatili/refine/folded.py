"""Texts typed on a keyboard that lacked some letters of their language."""

from dataclasses import dataclass
from functools import cache

from anatili.lang import LanguagePack, load_pack

FOLDED = 0.03
"""Share of folded stop words from which a text counts as typed without its letters. Of passages of four sentences of
NTREX it finds 96.8 % of Kazakh so typed; 0.4 % of Russian and Bulgarian, none of Kyrgyz, Tatar, Bashkir, Mongolian."""
FOLDED_CONFIDENCE = 0.9
"""Confidence of the language of such a text: which of the close ones it is, is less sure than letters make it."""
SHORT = 20
"""Words under which nothing is said of that: single sentences of Kyrgyz would be taken for it (4 %)."""
FEW_OWN = 0.002
"""Share of a language's own letters up to which a text counts as having none of them."""


@dataclass(frozen=True)
class Folded:
    """In which language a text is typed without its own letters, "" if in none, and the share of its stop words."""

    language: str
    share: float


def typed_without(words: list[str], body: str, packs: dict[str, LanguagePack]) -> Folded:
    """Whether `body` is in one of the languages, typed without the letters that its keyboard lacked."""
    best = Folded("", 0.0)
    for code, pack in packs.items():
        if not pack.said.keyboard or len(words) < SHORT:
            continue
        own = sum(body.count(letter) + body.count(letter.upper()) for letter in pack.said.keyboard)
        if own > FEW_OWN * len(body):
            continue
        marked = folded_words(code, tuple(packs))
        share = sum(word in marked for word in words) / len(words)
        if share > best.share:
            best = Folded(code, share)
    return best if best.share >= FOLDED else Folded("", 0.0)


@cache
def folded_words(code: str, codes: tuple[str, ...]) -> frozenset[str]:
    """The stop words of a pack that have letters of its own, without these, where no other language has the word."""
    pack = load_pack(code)
    table = str.maketrans(pack.said.keyboard)
    others = {word for other in codes if other != code for word in load_pack(other).stopwords}
    folded = {word.translate(table) for word in pack.stopwords if word.translate(table) != word}
    return frozenset(word for word in folded - others - pack.stopwords if len(word) > 2)
