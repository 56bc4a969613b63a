"""What a review is given: transcripts of audits, item files, data files of packs. The kind is known by the content."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anatili.audit.ask import TRANSCRIPTS
from anatili.audit.ask import digest_of as items_digest
from anatili.audit.items import Subject, audited_topics, item_files, read_topic
from anatili.audit.lint import load_topics
from anatili.lang import codes, load_pack
from anatili.problem import Problem
from anatili.review.sampling import Transcripts, items_of
from anatili.text import show_path
from anatili.text_files import read_text, read_toml, unreadable

BUNDLED = "items"
"""The name by which the bundled item files are given."""
LEARNED = ("lexicon.tsv", "endings.tsv")
"""Files of a pack that a program has written."""
ENDINGS = (".toml", ".txt", ".tsv", ".po")
STRINGS = ("question", "answer", "item", "language")


@dataclass
class Sources:
    """What is reviewed."""

    transcripts: list[Transcripts] = field(default_factory=list)
    topics: list[Subject] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def open_sources(names: Sequence[str], items: tuple[Path, ...]) -> Sources:
    """Read everything that is named; `Problem` says what one is not. `items`: item files that the audits used."""
    if not names:
        raise Problem(
            "name what to review: the folder of an audit, an item file (or `items`, the bundled ones), a data file of "
            f"a pack, or a pack ({', '.join(codes())})"
        )
    sources, topic_paths, audits = Sources(), list[Path](), list[Path]()
    for name in names:
        path = Path(name)
        if path.is_dir() and (path / TRANSCRIPTS).is_file():
            audits.append(path / TRANSCRIPTS)
        elif path.is_dir() and (path / "pack.toml").is_file():
            sources.files += data_files(path)
        elif path.is_file() and path.suffix == ".jsonl":
            audits.append(path)
        elif path.is_file() and path.suffix == ".toml" and is_item_file(path):
            topic_paths.append(path)
        elif path.is_file():
            sources.files.append(data_file(path))
        elif name == BUNDLED:
            topic_paths += item_files()
        elif name in codes():
            sources.files += data_files(load_pack(name).folder)
        elif path.is_dir():
            topic_paths += [one for one in sorted(path.glob("*.toml")) if is_item_file(one)] or no_files(path)
        else:
            raise Problem(f"no file {show_path(path)}, and no pack of that name; the packs are {', '.join(codes())}")
    if topic_paths:
        sources.topics = load_topics(tuple(topic_paths))
    sources.transcripts = [read_transcripts(path, items) for path in audits]
    check_models(sources.transcripts)
    return sources


def no_files(path: Path) -> list[Path]:
    raise Problem(
        f"{show_path(path)} has nothing to review: neither {TRANSCRIPTS} of an audit, nor item files, nor a pack"
    )


def is_item_file(path: Path) -> bool:
    return {"topic", "items"} <= read_toml(path).keys()


def data_files(folder: Path) -> list[Path]:
    """The files of a pack that people write."""
    return [path for path in sorted(folder.iterdir()) if path.suffix in ENDINGS and path.name not in LEARNED]


def data_file(path: Path) -> Path:
    """A file to correct; `Problem` if it is none that people write, or empty."""
    if path.suffix not in ENDINGS:
        raise Problem(
            f"{show_path(path)} cannot be reviewed: give transcripts (.jsonl), item files or data files "
            f"({', '.join(ENDINGS)})"
        )
    if not read_text(path).strip():
        raise Problem(f"{show_path(path)} is empty: there is nothing to review")
    if path.suffix == ".toml":
        read_toml(path)
    return path


def check_models(transcripts: Sequence[Transcripts]) -> None:
    """`Problem` if two audits are of models of one name: their answers could not be distinguished."""
    first: dict[str, Path] = {}
    for transcript in transcripts:
        if transcript.model in first:
            raise Problem(
                f"{show_path(first[transcript.model])} and {show_path(transcript.path)} are both audits of "
                f"{transcript.model}: review one of them at a time"
            )
        first[transcript.model] = transcript.path


def read_transcripts(path: Path, items: tuple[Path, ...]) -> Transcripts:
    """The answers of an audit to open questions; `Problem` names the line that cannot be read."""
    rows = read_lines(path)
    if not rows:
        raise Problem(f"{show_path(path)} is empty: give the transcripts of an audit, which `anatili audit` writes")
    _, header = rows[0]
    if header.get("kind") != "audit" or "model" not in header or "items" not in header:
        raise Problem(f"{show_path(path)} does not begin as transcripts of an audit do; `anatili audit` writes them")
    answers = [(number, row) for number, row in rows[1:] if row.get("kind") == "open"]
    if not answers:
        raise Problem(f"{show_path(path)} has no answers to open questions yet: give the command of the audit again")
    topics = audited_topics([read_topic(file) for file in item_files(items)], header)
    if header["items"] != items_digest(topics):
        raise Problem(f"{show_path(path)} was made with other items: give those that the audit was given, with --items")
    known = items_of(topics)
    for number, row in answers:
        wrong = [key for key in STRINGS if not isinstance(row.get(key), str)]
        if wrong or not isinstance(row.get("number"), int):
            raise Problem(f"{show_path(path)}:{number}: `{(*wrong, 'number')[0]}` is missing in this answer")
        if row["item"] not in known or row["language"] not in known[row["item"]].text:
            raise Problem(f"{show_path(path)}:{number}: no item {row['item']!r} in {row['language']!r}; give --items")
    return Transcripts(path, str(header["model"]), [row for _, row in answers], known)


def read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The lines of a file with their numbers. A last line without its end is still being written, and left out."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    rows = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise damaged(path, number) from error
        if not isinstance(row, dict):
            raise damaged(path, number)
        rows.append((number, row))
    return rows


def damaged(path: Path, number: int) -> Problem:
    return Problem(f"{show_path(path)}:{number}: this line is damaged: take it out, and give the audit's command again")
