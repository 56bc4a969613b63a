"""Open a translation-only model, pulled or in a folder, with the languages that it knows."""

from collections.abc import Callable, Mapping
from itertools import permutations
from pathlib import Path

from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.lang import LanguagePack, codes, load_pack
from anatili.models.registry import Pulled
from anatili.problem import Problem
from anatili.translation_directions import Directions, directions_of_converted
from anatili.weights import cache_folder, is_converted, one_at_a_time


def ways(engine: Seq2SeqEngine, first: Mapping[str, LanguagePack]) -> tuple[dict[str, LanguagePack], Directions]:
    """The packs of all languages that a model knows, those of `first` first, and its translation directions."""
    packs = {code: load_pack(code) for code in (*first, *codes())}
    pairs = [pair for pair in permutations(packs, 2) if engine.can_translate(*(packs[code] for code in pair))]
    if not pairs:
        raise Problem(
            f"{engine.name} has no language tokens for two languages that have a pack. A model for a single direction, "
            "without such tokens, must name it: NAME-FROM-TO"
        )
    used = {code for pair in pairs for code in pair}
    return {code: pack for code, pack in packs.items() if code in used}, directions_of_converted(engine.folder, pairs)


def open_pulled(pulled: Pulled, tell: Callable[[str], None]) -> Seq2SeqEngine:
    """The engine of a pulled model, which is converted first if needed, only once, into the cache."""
    folder = Path(pulled.folder)
    if is_converted(folder):
        return Seq2SeqEngine(folder, pulled.name)
    name = pulled.name.replace("/", "--")
    target = cache_folder() / "converted" / f"{name}-{pulled.commit[:12]}"
    with one_at_a_time(target):
        if not target.exists():
            from anatili.train.converted import convert

            tell(f"converting {pulled.name} to 8 bits (only once; needs as much memory as the size of its file) …")
            convert(folder, target)
    return Seq2SeqEngine(target, pulled.name)
