"""Package the model of a run: everything but its base, with its cards, its scores and a digest of each file."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatili import models, weights
from anatili.atomic_files import whole_file, write_json
from anatili.gguf.merge import ADAPTER, EMBEDDINGS, MERGES, NEW, ROWS, TEMPLATE, TOKENS, merge
from anatili.lang import reference
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.release.assemble import describe_again
from anatili.release.data_card import data_card
from anatili.release.facts import FILE as FACTS
from anatili.release.facts import read_facts, write_facts
from anatili.release.localization import words_of
from anatili.release.model_card import model_card, with_added_parts
from anatili.release.render import write_text
from anatili.run import Run
from anatili.text import file_digest, show_path
from anatili.translate.dictionary import FOLDER as DICTIONARY
from anatili.translation_directions import directions_of_run

NOTICE = "NOTICE"


def pack(run: Run, folder: Path, quantization: str) -> dict[str, Any]:
    """Write the released model of `run` to `folder`; returns the contents of its `model.json`.

    `Problem` if the package in llama.cpp does not say what the run's own model says in transformers.
    """
    from anatili.gguf.file import export_gguf
    from anatili.train.export import check_quantization

    check_quantization(quantization)
    recipe, released = load_recipe(run.root / "recipe.toml"), run.record("release")
    tuned, trained = run.record("tune"), run.record("pretrain")
    if not (released and tuned and trained):
        raise Problem(f"{show_path(run.root)} is not finished; finish it with: anatili run RECIPE")
    base = recipe.tokenizer.base
    part = base in weights.PACKAGED and recipe.pretrain.method == "lora"
    part = part and not recipe.tune.instruct
    folder.mkdir(parents=True, exist_ok=True)
    if part:
        files = write_part(run.folder("tune"), run.folder("tokenizer"), folder)
    else:
        export_gguf(run.folder("tune") / "model", folder / f"{recipe.name}.gguf", quantization)
        files = [f"{recipe.name}.gguf"]
    packaged = [*files, *copy_dictionaries(run, folder), *write_package_cards(run, folder)]
    if base in weights.PACKAGED:  # its terms require it for parts and for whole models
        packaged.append(NOTICE)
        (folder / NOTICE).write_text(f"{weights.PACKAGED[base].statement}\n", "utf-8")
    description = {
        "name": recipe.name,
        "parameters": released.summary["parameters"],
        "languages": recipe.languages,
        "license": recipe.release.license,
        "base": base if part else "",
        "weights": files[0],
        "made_from": {"release": released.content, "tune": tuned.content},
        "scores": short_scores(run),
        "translation": [direction.row() for direction in directions_of_run(run)],
        "parity": parity(run, folder, base if part else "", files[0], quantization),
        "files": {name: file_digest(folder / name) for name in packaged},
    }
    write_json(folder / models.DESCRIPTION, description)
    return description


def copy_dictionaries(run: Run, folder: Path) -> list[str]:
    """Copy the dictionaries for translation of `run`; returns the file names."""
    files = sorted((run.folder("pairs") / DICTIONARY).glob("*.tsv"))
    for file in files:
        (folder / DICTIONARY).mkdir(exist_ok=True)
        shutil.copyfile(file, folder / DICTIONARY / file.name)
    return [f"{DICTIONARY}/{file.name}" for file in files]


def write_package_cards(run: Run, folder: Path) -> list[str]:
    """Write the cards in the reference language and their facts; returns the file names. All cards and descriptions
    can be made from the facts again: `anatili release PACKAGE`."""
    directions = tuple(direction.row() for direction in directions_of_run(run) or ())
    facts = replace(read_facts(run.folder("release")), translation=directions)
    write_facts(folder, facts)
    words = words_of(reference())
    write_text(folder / "README.md", model_card(facts, words, (), {}))
    write_text(folder / "DATA.md", data_card(facts, words, (), has_documents=False, configs={}))
    return ["README.md", "DATA.md", FACTS]


def renew_cards(folder: Path) -> None:
    """Write the cards of a package again from its facts, as the program words them now, with the parts that somebody
    added to them, such as an audit."""
    translation = models.describe(folder).get("translation") or ()
    facts = replace(read_facts(folder), translation=tuple(translation))
    older, words = (folder / "README.md").read_text("utf-8"), words_of(reference())
    write_text(folder / "README.md", with_added_parts(model_card(facts, words, (), {}), older))
    write_text(folder / "DATA.md", data_card(facts, words, (), has_documents=False, configs={}))
    describe_again(folder)


def write_part(trained: Path, tokenizer: Path, folder: Path) -> list[str]:
    """Write what the model in `trained` (its `model` and `adapter`) adds to its base; returns the file names."""
    from anatili.gguf.adapter import export_adapter
    from anatili.train.init import added_rows

    export_adapter(trained / "adapter", trained / "model", folder / ADAPTER, with_rows=False)
    for name in (ROWS, TEMPLATE):
        shutil.copyfile(tokenizer / name, folder / name)
    added = added_rows(weights.read_rows(tokenizer / ROWS))
    (folder / NEW).unlink(missing_ok=True)
    if added:
        write_new(trained / "model", added, folder / NEW)
    return [ADAPTER, ROWS, TEMPLATE, *([NEW] if added else [])]


def write_new(model: Path, added: int, target: Path) -> None:
    """Write the last `added` rows of embedding and head in Q8_0 (34 bytes for 32 numbers), their tokens and merges."""
    import gguf

    from anatili.gguf.file import expected, quantized, read_config, read_tensors, shape_of
    from anatili.tokenizer.vocabulary import read_vocabulary

    config = read_config(model)
    shape = shape_of(config, model)
    vocabulary = read_vocabulary(model)
    tokens = vocabulary.tokens[-added:]
    tensors = read_tensors(model)
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        writer.add_array(TOKENS, tokens)
        if vocabulary.byte_level:
            new = set(tokens)
            writer.add_array(MERGES, [f"{a} {b}" for a, b in vocabulary.merges if a + b in new])
        for name, gguf_name in expected(config, shape):
            if gguf_name in EMBEDDINGS:
                rows = tensors[name][-added:].float().numpy()
                data, tensor_type = quantized(rows, gguf.GGMLQuantizationType.Q8_0, gguf)
                writer.add_tensor(gguf_name, data, raw_dtype=tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def parity(run: Run, folder: Path, base: str, file: str, quantization: str) -> dict[str, Any]:
    """How close the package is to the run's model."""
    from anatili.train.parity import compare

    if not base:
        return compare(run.folder("tune") / "model", folder / file, quantization)
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole.gguf"
        merge(weights.packaged_gguf(base), folder, run.root.name, whole)
        return compare(run.folder("tune") / "model", whole, "q8_0")


def short_scores(run: Run) -> list[dict[str, Any]]:
    """The scores of the tuned model, without their details."""
    scores = json.loads((run.folder("evaluate") / "scores.json").read_text("utf-8"))["scores"]
    keys = ("language", "texts", "count", "bits_per_byte", "interval")
    return [{key: row[key] for key in keys} for row in scores if row["who"] == "tune"]
