"""Write all cards and machine-readable descriptions of a release from its facts."""

from collections.abc import Mapping
from pathlib import Path

from anatili.atomic_files import whole_file, write_json
from anatili.lang import reference
from anatili.release import bom, citation, croissant, eu_summary, spdx
from anatili.release.contents import SUMS, Content, content_of
from anatili.release.data_card import data_card
from anatili.release.facts import FILE as FACTS
from anatili.release.facts import Facts, write_facts
from anatili.release.localization import card_languages, words_of
from anatili.release.model_card import card_name, model_card

DOCUMENTS = "documents"
CORPUS = {"train": "corpus/train", "held_out": "corpus/held_out"}
"""Split -> folder with the texts."""
DESCRIBED = {
    FACTS: "file_facts",
    croissant.FILE: "file_croissant",
    bom.FILE: "file_bom",
    spdx.FILE: "file_spdx",
    eu_summary.FILE: "file_eu",
    citation.FILE: "file_citation",
    SUMS: "file_sums",
}
"""Files of a release -> key of their description."""


def write_cards(folder: Path, facts: Facts, weights: Mapping[str, Content]) -> None:
    """Write every card of a release of a model. `weights`: the model's own files."""
    names = card_languages(facts.languages)
    has_documents = (folder / DOCUMENTS).is_dir()
    english = words_of(reference())
    write_croissant(folder, facts)
    write_json(folder / bom.FILE, bom.bom(facts, weights, english))
    write_json(folder / spdx.FILE, spdx.spdx(facts, weights, english))
    write_text(folder / eu_summary.FILE, eu_summary.eu_summary(facts))
    write_text(folder / citation.FILE, citation.citation(facts, "software"))
    configs = {DOCUMENTS: {"train": f"{DOCUMENTS}/*.parquet"}} if has_documents else {}
    for code in names:
        words = words_of(code)
        write_text(folder / card_name("README", code), model_card(facts, words, names, DESCRIBED))
        text = data_card(facts, words, names, has_documents=has_documents, configs=configs)
        write_text(folder / card_name("DATA", code), text)


def write_corpus_cards(folder: Path, facts: Facts) -> None:
    """Write every card of a release of a corpus: `README.md` is its data card, with the splits for `load_dataset`."""
    names = card_languages(facts.languages)
    write_croissant(folder, facts)
    write_text(folder / citation.FILE, citation.citation(facts, "dataset"))
    configs = {
        "corpus": {split: f"{path}/*.parquet" for split, path in CORPUS.items()},
        DOCUMENTS: {"train": f"{DOCUMENTS}/*.parquet"},
    }
    for code in names:
        text = data_card(facts, words_of(code), names, has_documents=True, configs=configs, stem="README")
        write_text(folder / card_name("README", code), text)


def write_croissant(folder: Path, facts: Facts) -> None:
    """Write the facts, and the description of the data with the digest of the facts."""
    write_facts(folder, facts)
    folders = [name for name in (DOCUMENTS, *CORPUS.values()) if (folder / name).is_dir()]
    content = content_of(folder, FACTS)[FACTS]
    write_json(folder / croissant.FILE, croissant.croissant(facts, content, folders, words_of(reference())))


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, "utf-8")
