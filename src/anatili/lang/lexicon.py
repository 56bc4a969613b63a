"""Learn the lexicon of a pack, `lexicon.tsv` and `endings.tsv`, from running text."""

from collections.abc import Callable, Sequence
from pathlib import Path

from anatili.lang import load_pack
from anatili.morphology.lexicon import Learned, count_words, learn, save
from anatili.problem import Problem
from anatili.text_files import read_lines


def learn_lexicon(
    code: str,
    texts: Sequence[Path],
    into: Path | None = None,
    *,
    min_count: int = 2,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Path, Learned]:
    """Learn the lemmas and endings of the language `code` from text files, and save them in the folder `into`.

    Without `into` this is the folder of the pack; it is returned with the result. Words that occur fewer than
    `min_count` times are ignored. `tell` gets messages about the progress. `Problem` if the pack has no endings in its
    `morphology.toml`, or if there is too little text.
    """
    pack = load_pack(code)
    if pack.morphology is None:
        raise Problem(f"the pack {code} has no endings: write them into its morphology.toml first")
    lines = (line for path in texts for line in read_lines(path))
    words = count_words(map(pack.normalize, lines), pack.config.letters[pack.main_script], min_count)
    learned = learn(words, pack.morphology, tell)
    folder = into or pack.folder
    names = ", ".join(sorted(path.name for path in texts))
    save(learned, folder, f"Learned by `anatili lang lexicon` from {learned.words:,} words of {names}.")
    return folder, learned
