"""A model that only translates, opened with the languages it knows: from its folder, or as it was pulled."""

from collections.abc import Callable, Mapping
from itertools import permutations
from pathlib import Path

from anatili.directions import Directions, of_converted
from anatili.engine.seq2seq import Seq2SeqEngine
from anatili.lang import LanguagePack, codes, load_pack
from anatili.models.registry import Pulled
from anatili.problem import Problem
from anatili.weights import cache_folder, is_converted, one_at_a_time


def ways(engine: Seq2SeqEngine, first: Mapping[str, LanguagePack]) -> tuple[dict[str, LanguagePack], Directions]:
    """The packs of all languages that a model knows, those of `first` before others, and between which it goes."""
    known = {code: load_pack(code) for code in (*first, *codes())}
    pairs = [pair for pair in permutations(known, 2) if engine.goes(*(known[code] for code in pair))]
    if not pairs:
        raise Problem(
            f"{engine.name} has no tokens for two languages that have a pack. A model that goes from one language into "
            "another and has no tokens for them must say so by its name: NAME-FROM-TO"
        )
    met = {code for pair in pairs for code in pair}
    return {code: pack for code, pack in known.items() if code in met}, of_converted(engine.folder, pairs)


def open_pulled(found: Pulled, tell: Callable[[str], None]) -> Seq2SeqEngine:
    """The engine of a model that was pulled; one that is not converted is, once, and kept in the cache."""
    folder = Path(found.folder)
    if is_converted(folder):
        return Seq2SeqEngine(folder, found.name)
    name = found.name.replace("/", "--")
    target = cache_folder() / "converted" / f"{name}-{found.commit[:12]}"
    with one_at_a_time(target):
        if not target.exists():
            from anatili.train.converted import convert

            tell(f"converting {found.name} to 8 bits, once; it takes as much memory as its file is large …")
            convert(folder, target)
    return Seq2SeqEngine(target, found.name)
