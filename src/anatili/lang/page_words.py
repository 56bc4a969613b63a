"""Words of pages and cards that not every pack has: `review.toml`, `commons.toml` and `release.toml`."""

from anatili.lang import LanguagePack, load_pack, read_toml, reference
from anatili.problem import Problem
from anatili.text import show_path

REVIEW, COMMONS, RELEASE = "review.toml", "commons.toml", "release.toml"
"""The page on which people label answers and correct items and packs; the pages on which they give lines and vote; the
cards and the site of a release."""


def words_of_page(pack: LanguagePack, file: str) -> dict[str, str]:
    """The words of a file in a language, completed from the reference language; {} if the pack has none."""
    own = own_words(pack, file)
    return own_words(load_pack(reference()), file) | own if own else {}


def own_words(pack: LanguagePack, file: str) -> dict[str, str]:
    """What the pack itself has; `Problem` if a value is not text or a key is not one of the reference language's."""
    words = read_toml(pack.folder / file)
    known = read_toml(load_pack(reference()).folder / file)
    for key, value in words.items():
        if not isinstance(value, str):
            raise Problem(f"{show_path(pack.folder / file)}: {key}: write text in quotes")
        if key not in known:
            raise Problem(f"{show_path(pack.folder / file)}: {key}: unknown key")
    return words
