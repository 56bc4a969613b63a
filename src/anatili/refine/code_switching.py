"""Code-switching: words of other languages within a text."""

from functools import cache

from anatili.lang import LanguagePack, load_pack


def switched_share(words: list[str], language: str, packs: dict[str, LanguagePack]) -> float:
    """Share of `words` that are stop words of another language of the recipe but not of `language`."""
    foreign = foreign_stopwords(language, tuple(packs))
    return sum(map(foreign.__contains__, words)) / max(1, len(words)) if foreign else 0.0


@cache
def foreign_stopwords(language: str, codes: tuple[str, ...]) -> frozenset[str]:
    """Stop words of at least two letters from the other packs that are not stop words of `language`."""
    own = load_pack(language).stopwords if language in codes else frozenset()
    words = {word for code in codes if code != language for word in load_pack(code).stopwords}
    return frozenset(word for word in words - own if len(word) > 1)
