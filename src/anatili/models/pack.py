"""Make a packaged model of a run: all that is ours of it, with its card, its scores and a digest of each file."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from anatili import models, weights
from anatili.directions import of_run
from anatili.document import whole_file, write_json
from anatili.gguf.merge import ADAPTER, EMBEDDINGS, MERGES, NEW, ROWS, TEMPLATE, TOKENS, merge
from anatili.problem import Problem
from anatili.recipe import load_recipe
from anatili.run import Run
from anatili.text import show_path

CARDS = ("README.md", "DATA.md")
NOTICE = "NOTICE"


def pack(run: Run, place: Path, quantization: str) -> dict[str, Any]:
    """Write the released model of `run` to folder `place`; what `model.json` then says.

    `Problem` if llama.cpp does not say with it what transformers says with the run's own model.
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
    place.mkdir(parents=True, exist_ok=True)
    if part:
        files = write_part(run.folder("tune"), run.folder("tokenizer"), place)
    else:
        export_gguf(run.folder("tune") / "model", place / f"{recipe.name}.gguf", quantization)
        files = [f"{recipe.name}.gguf"]
    for card in CARDS:
        shutil.copyfile(run.folder("release") / card, place / card)
    given = [*files, *CARDS]
    if base in weights.PACKAGED:  # its terms ask for it, be it a part or whole
        given.append(NOTICE)
        (place / NOTICE).write_text(f"{weights.PACKAGED[base].statement}\n", "utf-8")
    said = {
        "name": recipe.name,
        "parameters": released.summary["parameters"],
        "languages": recipe.languages,
        "licence": recipe.release.licence,
        "base": base if part else "",
        "weights": files[0],
        "made_from": {"release": released.content, "tune": tuned.content},
        "scores": brief(run),
        "translation": [one.row() for one in of_run(run)],
        "parity": parity(run, place, base if part else "", files[0], quantization),
        "files": {name: weights.sha256(place / name) for name in given},
    }
    write_json(place / models.DESCRIPTION, said)
    return said


def write_part(trained: Path, tokenizer: Path, place: Path) -> list[str]:
    """Write what the model in `trained` (its `model` and `adapter`) has beyond its base; names of the files."""
    from anatili.gguf.adapter import export_adapter
    from anatili.train.init import added_rows

    export_adapter(trained / "adapter", trained / "model", place / ADAPTER, with_rows=False)
    for name in (ROWS, TEMPLATE):
        shutil.copyfile(tokenizer / name, place / name)
    added = added_rows(weights.read_rows(tokenizer / ROWS))
    (place / NEW).unlink(missing_ok=True)
    if added:
        write_new(trained / "model", added, place / NEW)
    return [ADAPTER, ROWS, TEMPLATE, *([NEW] if added else [])]


def write_new(model: Path, added: int, target: Path) -> None:
    """Write the last `added` rows of embedding and head in Q8_0 (34 bytes for 32 numbers), their pieces and merges."""
    import gguf

    from anatili.gguf.file import expected, packed, read_config, read_tensors, shape_of
    from anatili.tokenizer.pieces import read_vocabulary

    config = read_config(model)
    shape = shape_of(config, model)
    vocabulary = read_vocabulary(model)
    pieces = vocabulary.pieces[-added:]
    tensors = read_tensors(model)
    with whole_file(target) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.name)
        writer.add_array(TOKENS, pieces)
        if vocabulary.byte_level:
            new = set(pieces)
            writer.add_array(MERGES, [f"{a} {b}" for a, b in vocabulary.merges if a + b in new])
        for name, there in expected(config, shape):
            if there in EMBEDDINGS:
                data, kind = packed(tensors[name][-added:].float().numpy(), gguf.GGMLQuantizationType.Q8_0, gguf)
                writer.add_tensor(there, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def parity(run: Run, place: Path, base: str, file: str, quantization: str) -> dict[str, Any]:
    """How near the package is to the run's model."""
    from anatili.train.parity import compare

    if not base:
        return compare(run.folder("tune") / "model", place / file, quantization)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.gguf"
        merge(weights.packaged_gguf(base), place, run.root.name, whole)
        return compare(run.folder("tune") / "model", whole, "q8_0")


def brief(run: Run) -> list[dict[str, Any]]:
    """The scores of the model after tuning, without their details."""
    found = json.loads((run.folder("evaluate") / "scores.json").read_text("utf-8"))["scores"]
    keys = ("language", "texts", "count", "bits_per_byte", "interval")
    return [{key: row[key] for key in keys} for row in found if row["who"] == "tune"]
