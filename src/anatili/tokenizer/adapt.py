"""The vocabulary of a base model made to fit: trimmed to our languages, extended in the main language's scripts."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.document import whole_file, write_json
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Recipe, Tokenizer
from anatili.tokenizer.extend import extend
from anatili.tokenizer.pieces import Vocabulary, read_vocabulary
from anatili.tokenizer.trim import opened, trim

TURN = "<start_of_turn>"
"""How Gemma opens a turn; its base models know the sign."""


def inventory(recipe: Recipe, near: Path) -> dict[str, Any]:
    """What the base and the pack's script are, so that a run notices others; nothing where there is no base."""
    base = recipe.tokenizer.base
    return {**weights.facts(base, near), "script": load_pack(recipe.language).main_script} if base else {}


def adapt(settings: Tokenizer, folder: Path, texts: dict[str, list[str]], pack: LanguagePack, out: Path) -> int:
    """Write the fitted tokenizer of the base in `folder`, and `rows.npz`: which old rows each new one starts from.

    `texts` are by language; returns the number of pieces.
    """
    base = read_vocabulary(folder)
    scripts = {pack.main_script}
    fitted = base
    if settings.trim_first:
        everything = (text for some in texts.values() for text in some)
        fitted = trim(base, everything, scripts=scripts, first=settings.trim_first, least=2)
    kept = len(fitted.pieces)
    if settings.added:
        fitted = extend(fitted, texts[pack.code], settings.added, scripts, settings.min_count)
    with whole_file(out / "tokenizer.json") as temporary:
        temporary.write_text(fitted.dump(), "utf-8")
    weights.write_rows(out / "rows.npz", rows_of(base, fitted, kept))
    write_config(folder, out)
    return len(fitted.pieces)


def rows_of(base: Vocabulary, fitted: Vocabulary, kept: int) -> list[list[int]]:
    """For each piece of `fitted` the ids in `base` whose embeddings' mean it starts from: an old one's is its own."""
    tokenizer = opened(base)
    rows = [[base.ids[piece]] for piece in fitted.pieces[:kept]]
    for piece in fitted.pieces[kept:]:
        text = fitted.text(piece)
        assert text is not None
        rows.append(list(tokenizer.encode(text, add_special_tokens=False).ids))
    return rows


def write_config(folder: Path, out: Path) -> None:
    """The base's own tokenizer settings, and a chat template if it brings none."""
    said = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    for name in ("is_local", "local_files_only", "added_tokens_decoder"):
        said.pop(name, None)
    # One end token closes texts and turns: engines then need not know of a second.
    said["pad_token"] = said.get("pad_token") or said["eos_token"]
    write_json(out / "tokenizer_config.json", said)
    own = folder / "chat_template.jinja"
    if own.is_file():
        shutil.copyfile(own, out / own.name)
        return
    opening = f"{TURN}{{{{ 'model' if message['role'] == 'assistant' else message['role'] }}}}"
    last = f"{TURN}model"
    if TURN not in (folder / "tokenizer.json").read_text("utf-8"):
        opening, last = "<|{{ message['role'] }}|>", "<|assistant|>"
    with whole_file(out / own.name) as temporary:
        temporary.write_text(
            f"{{{{ bos_token }}}}{{% for message in messages %}}{opening}\n"
            f"{{{{ message['content'] }}}}{{{{ eos_token }}}}\n"
            f"{{% endfor %}}{{% if add_generation_prompt %}}{last}\n{{% endif %}}",
            "utf-8",
        )


def by_language(documents: Iterable[Any]) -> dict[str, list[str]]:
    """Texts of documents, by language."""
    texts: dict[str, list[str]] = {}
    for document in documents:
        texts.setdefault(document.language, []).append(document.text)
    return texts
