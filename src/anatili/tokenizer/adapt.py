"""Adapt the vocabulary of a base model: trim it to the recipe's languages, extend it in the main language's script."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anatili import weights
from anatili.atomic_files import whole_file, write_json
from anatili.lang import LanguagePack, load_pack
from anatili.recipe import Recipe, Tokenizer
from anatili.tokenizer.extend import extend
from anatili.tokenizer.trim import as_tokenizer, trim
from anatili.tokenizer.vocabulary import BpeVocabulary, read_vocabulary

TURN_START = "<start_of_turn>"
"""The token that opens a turn in Gemma's chat template; its base models have it too."""


def inventory(recipe: Recipe, recipe_folder: Path) -> dict[str, Any]:
    """The base's weights, the pack's script and all letters, so that a run notices a change; empty without a base."""
    base = recipe.tokenizer.base
    if not base:
        return {}
    letters = "".join(sorted(letters_of(recipe.languages)))
    return {**weights.facts(base, recipe_folder), "script": load_pack(recipe.language).main_script, "letters": letters}


def letters_of(languages: Iterable[str]) -> set[str]:
    """The lower-case letters of languages in all their scripts."""
    return {letter for code in languages for alphabet in load_pack(code).config.letters.values() for letter in alphabet}


def adapt(settings: Tokenizer, folder: Path, texts: dict[str, list[str]], pack: LanguagePack, out: Path) -> int:
    """Write the adapted tokenizer of the base in `folder`, and `rows.npz`: the old rows that each row starts from.

    `texts` are by language; returns the number of tokens.
    """
    base = read_vocabulary(folder)
    scripts = {pack.main_script}
    adapted = base
    if settings.trim_first:
        all_texts = (text for language_texts in texts.values() for text in language_texts)
        letters = letters_of(texts)
        adapted = trim(base, all_texts, scripts=scripts, letters=letters, first=settings.trim_first, min_count=2)
    trimmed_size = len(adapted.tokens)
    if settings.added:
        adapted = extend(adapted, texts[pack.code], settings.added, scripts, settings.min_count)
    with whole_file(out / "tokenizer.json") as temporary:
        temporary.write_text(adapted.dump(), "utf-8")
    weights.write_rows(out / "rows.npz", starting_rows(base, adapted, trimmed_size))
    write_config(folder, out)
    return len(adapted.tokens)


def starting_rows(base: BpeVocabulary, adapted: BpeVocabulary, trimmed_size: int) -> list[list[int]]:
    """For each token of `adapted`, the ids in `base` whose mean embedding it starts from; for an old token its own."""
    tokenizer = as_tokenizer(base)
    rows = [[base.ids[token]] for token in adapted.tokens[:trimmed_size]]
    for token in adapted.tokens[trimmed_size:]:
        text = adapted.text(token)
        assert text is not None
        rows.append(list(tokenizer.encode(text, add_special_tokens=False).ids))
    return rows


def write_config(folder: Path, out: Path) -> None:
    """Write the base's own tokenizer settings, and a chat template if it has none."""
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    for name in ("is_local", "local_files_only", "added_tokens_decoder"):
        config.pop(name, None)
    # A single end token closes texts and turns, so that engines need only one.
    config["pad_token"] = config.get("pad_token") or config["eos_token"]
    write_json(out / "tokenizer_config.json", config)
    template = folder / "chat_template.jinja"
    if template.is_file():
        shutil.copyfile(template, out / template.name)
        return
    opening = f"{TURN_START}{{{{ 'model' if message['role'] == 'assistant' else message['role'] }}}}"
    last = f"{TURN_START}model"
    if TURN_START not in (folder / "tokenizer.json").read_text("utf-8"):
        opening, last = "<|{{ message['role'] }}|>", "<|assistant|>"
    with whole_file(out / template.name) as temporary:
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
