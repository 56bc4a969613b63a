"""Find the files that the sources of a recipe name. This module is light, because every start of a run uses it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from anatili import sample
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Recipe, Source
from anatili.text import file_digest, show_path
from anatili.text_files import read_lines
from anatili.urls import split_url

ENDINGS = {
    "html": (".html", ".htm", ".xhtml", ".html.gz"),
    "warc": (".warc", ".warc.gz", ".warc.zst", ".warc.wet.gz", ".wet", ".wet.gz"),
    "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz"),
    "parquet": (".parquet",),
    "text": (".txt", ".txt.gz", ".txt.zst"),
    "files": (".pdf", ".docx", ".epub", ".pptx"),
}

LIST = "@"
"""Begins the path of a file that lists files."""


def find_files(source: Source, base: Path) -> list[Path]:
    """The files of `source`, sorted by name; `Problem` if there are none."""
    if source.path.startswith(LIST):
        return listed_files(source, base)
    path = base / Path(source.path).expanduser()
    try:
        if path.is_file():
            return [path]
        folder, pattern = (path, "**/*") if path.is_dir() else (path.parent, path.name)
        files = sorted(p for p in folder.glob(pattern) if p.is_file() and p.name.lower().endswith(ENDINGS[source.kind]))
    except OSError as error:
        raise Problem(f"source {source.name!r}: cannot read {show_path(path)}: {error.strerror}") from error
    if not files:
        endings = ", ".join(ENDINGS[source.kind])
        raise Problem(
            f"source {source.name!r}: no file at {show_path(path)} ({source.kind} files end in {endings}); "
            "correct `path` in the recipe, or put the files there"
        )
    return files


def listed_files(source: Source, base: Path) -> list[Path]:
    """The files that the list of a source names, in its order; `Problem` if one is missing."""
    lines = read_lines(base / Path(source.path.removeprefix(LIST)).expanduser())
    files = [base / line for line in lines if line.strip()]
    if missing := [file for file in files if not file.is_file()]:
        raise Problem(f"source {source.name!r}: no file {show_path(missing[0])}, which {source.path[1:]} lists")
    return files


def is_remote(source: Source) -> bool:
    """Whether the source is an address rather than a path."""
    return "://" in source.path


def far_name(address: str) -> str:
    """The name of the file at an address; its rows are called by it, as those of a file on the disk are."""
    path = split_url(address).path if address.startswith(("http://", "https://")) else address
    name = path.rpartition("/")[2]
    return name if name.strip(".") else "file"


def site_roots(source: Source, base: Path) -> list[str]:
    """Scheme and host of each site of a source of kind `site`: from a file with one address per line, from `pack:`, or
    one address."""
    if source.path == "pack:":
        lines = [line for code in source.sift for line in load_pack(code).words.get("seeds.txt", ())]
    elif is_remote(source):
        lines = [source.path]
    else:
        file = base / source.path
        if not file.is_file():
            raise Problem(f"source {source.name!r}: no list of sites at {show_path(file)} (one address per line)")
        lines = [line.split("#")[0].strip() for line in read_lines(file)]
    roots = list(dict.fromkeys(root_of(line.split()[0]) for line in lines if line))
    if not roots:
        raise Problem(f"source {source.name!r} names no sites; `pack:` uses seeds.txt of the languages in `sift`")
    return roots


def root_of(line: str) -> str:
    """Scheme and host of an address; https if only a host is given."""
    parts = split_url(line if "://" in line else f"https://{line}")
    if not parts.netloc:
        raise Problem(f"{line!r} in a list of sites is not a web address; write it as https://example.org")
    if "@" in parts.netloc:
        raise Problem(f"{parts.hostname}: sites behind a password are not collected; write its address without one")
    return f"{parts.scheme}://{parts.netloc}"


def remote_inventory(source: Source, base: Path) -> dict[str, int | str]:
    """What identifies the input of a remote source: a crawl never changes, so its name is enough."""
    if source.kind == "site" and not is_remote(source):
        return dict.fromkeys(site_roots(source, base), "site")
    return {"at": source.path, "crawls": ", ".join(source.crawls)}


def contributions_of(source: Source, base: Path) -> dict[str, int | str]:
    """By what a run notices that the accepted contributions have changed."""
    from anatili.collect.contributions import commons_of
    from anatili.commons.export import identity

    with commons_of(source, base) as database:
        return identity(database, source.language)


def digests_of(lists: Sequence[str], base: Path) -> dict[str, int | str]:
    """Block list -> digest of its file; `Problem` if there is none."""
    for name in lists:
        if not (base / name).is_file():
            raise Problem(f"[collect] block_lists: no file {show_path(base / name)}; correct the path or remove it")
    return {name: file_digest(base / name) for name in lists}


def short_names(source: Source, files: Sequence[Path]) -> list[str]:
    """By what a run remembers the files of a source: by their names, where these differ."""
    if source.path.startswith(LIST):
        return [show_path(file) for file in files]
    names = [show_path(file.name) for file in files]
    if len(set(names)) == len(names):
        return names
    folder = os.path.commonpath([file.parent for file in files])
    return [show_path(file.relative_to(folder)) for file in files]


def inventory(recipe: Recipe, base: Path) -> dict[str, dict[str, int | str]]:
    """Source -> file name -> bytes, by which a run notices that its input has changed."""
    sources = recipe.collect.sources
    if not sources:
        raise Problem("the recipe names no sources: add [[collect.sources]] with name and path (see recipes/tiny.toml)")
    files: dict[str, dict[str, int | str]] = {}
    if lists := recipe.collect.block_lists:
        files["[collect] block_lists"] = digests_of(lists, base)
    for source in sources:
        if source.name in files:
            raise Problem(f"two sources are named {source.name!r}; give each its own name")
        if source.path == sample.PLACE:
            files[source.name] = {"sample": sample.digest()}
        elif source.kind == "commons":
            files[source.name] = contributions_of(source, base)
        elif is_remote(source) or source.kind in ("site", "commoncrawl"):
            files[source.name] = remote_inventory(source, base)
        else:
            named = find_files(source, base)
            files[source.name] = {
                name: path.stat().st_size for name, path in zip(short_names(source, named), named, strict=True)
            }
        for code in source.sift:
            config = load_pack(code).config
            files[source.name][f"gate {code}"] = json.dumps(config.gate, ensure_ascii=False)
            if source.kind == "commoncrawl":
                files[source.name][f"iso639_3 {code}"] = config.iso639_3
    return files
