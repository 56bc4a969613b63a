"""Put together the folder that is published: of a finished run, of its corpus, or of a packaged model."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from anatili import licenses
from anatili.atomic_files import write_json
from anatili.document import Kept, read_shard, write_shard
from anatili.problem import Problem
from anatili.release.build import describe_corpus
from anatili.release.contents import content_of, write_sums
from anatili.release.facts import Facts, corpus_facts, read_facts
from anatili.release.model_card import with_added_parts
from anatili.release.render import CORPUS, DOCUMENTS, write_cards, write_corpus_cards, write_text
from anatili.release.sign import sign
from anatili.run import Run
from anatili.text import file_digest, show_path

PACKAGE, CARD = "model.json", "README.md"
WEIGHTS = (".gguf", ".npz", ".jinja")
"""Endings of the files of a packaged model."""
OWN = ("record.json", ".identity")
"""Files of a stage's folder that mean nothing elsewhere."""
CUT = {"train": "", "held_out": "held-out"}
"""Split -> folder in the output of `cut`."""


@dataclass(frozen=True)
class Assembled:
    """What was put into the folder."""

    files: int
    bytes: int
    signer: str
    """Fingerprint of the key; "" if it was not signed."""


def assemble_model(source: Path, folder: Path, key: Path | None) -> Assembled:
    """Copy the release of a run (its stage's folder) or a packaged model to `folder`, write its digests, sign them."""
    with new_folder(folder):
        copy_model(source, folder)
        return finish(folder, key)


def copy_model(source: Path, folder: Path) -> None:
    """Copy a release or a package, the cards of a package written again from its facts."""
    if (source / PACKAGE).is_file():
        described = json.loads((source / PACKAGE).read_text("utf-8"))
        facts = replace(read_facts(source), translation=tuple(described.get("translation") or ()))
        shutil.copytree(source, folder, dirs_exist_ok=True)
        older = (folder / CARD).read_text("utf-8") if (folder / CARD).is_file() else ""
        write_cards(folder, facts, {n: c for n, c in content_of(folder).items() if n.endswith(WEIGHTS)})
        write_text(folder / CARD, with_added_parts((folder / CARD).read_text("utf-8"), older))
        describe_again(folder)
    else:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*OWN))


def describe_again(folder: Path) -> None:
    """Correct the digests in `model.json` after the cards were written again."""
    description = json.loads((folder / PACKAGE).read_text("utf-8"))
    description["files"] = {name: file_digest(folder / name) for name in description["files"]}
    write_json(folder / PACKAGE, description)


def assemble_corpus(run: Run, folder: Path, key: Path | None, only: Sequence[str]) -> Assembled:
    """Write the corpus of `run` with its cards to `folder`. `only`: licenses or kinds of licenses; empty: all."""
    licenses.check_names(only)
    with new_folder(folder):
        copy_corpus(run, folder, only)
        return finish(folder, key)


def copy_corpus(run: Run, folder: Path, only: Sequence[str]) -> None:
    """Write the texts with their list and their cards."""
    facts = copy_list(run, folder) if is_of_corpus(run) else describe_corpus(run, folder)
    counts: Counter[str] = Counter()
    for split, part in CUT.items():
        for shard in sorted((run.folder("cut") / part).glob("part-*.parquet")):
            rows = [row for row in read_shard(shard, Kept) if licenses.is_allowed(row.license, only)]
            write_shard(folder / CORPUS[split] / shard.name, Kept, rows)
            counts[split] += len(rows)
    if not counts["train"]:
        there = ", ".join(facts.documents_by_license) or "not recorded"
        raise Problem(f"no training document is under {', '.join(only)}; the licenses are {there}")
    if only:
        uses = {
            "training": counts["train"],
            "held-out": counts["held_out"],
            "lost": sum(facts.uses.values()) - counts.total(),
        }
        facts = replace(facts, uses=uses, **corpus_facts(folder / CORPUS["train"]))
    write_corpus_cards(folder, facts)


def is_of_corpus(run: Run) -> bool:
    """Whether the run has a release that was made from its corpus as it is now."""
    release, cut = run.record("release"), run.record("cut")
    return bool(release and cut and release.identity["inputs"].get("cut") == cut.content)


def copy_list(run: Run, folder: Path) -> Facts:
    """Copy the list of documents and the manifest of the run's release, and return its facts."""
    release = run.folder("release")
    shutil.copytree(release / DOCUMENTS, folder / DOCUMENTS)
    for name in ("manifest.json", "provenance.json"):
        shutil.copyfile(release / name, folder / name)
    return read_facts(release)


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """An empty folder to write to, removed again on any error; `Problem` if there is something in it already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Problem(f"{show_path(folder)} is not empty; name a new folder, or remove that one first")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def finish(folder: Path, key: Path | None) -> Assembled:
    """Write the digests of everything in `folder`, and sign them."""
    write_sums(folder, {})
    signer = sign(folder, key) if key else ""
    sizes = list(sizes_of(folder))
    return Assembled(len(sizes), sum(sizes), signer)


def sizes_of(folder: Path) -> Iterator[int]:
    return (path.stat().st_size for path in folder.rglob("*") if path.is_file())
