"""Which files the sources of a recipe name. Light, because it is asked at each start of a run."""

import json
from pathlib import Path

from anatili import sample
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Collect, Source
from anatili.text import show_path

ENDINGS = {
    "warc": (".warc", ".warc.gz", ".warc.zst", ".warc.wet.gz", ".wet", ".wet.gz"),
    "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz"),
    "parquet": (".parquet",),
    "text": (".txt", ".txt.gz", ".txt.zst"),
}


def find_files(source: Source, base: Path) -> list[Path]:
    """The files of `source` in order of name; `Problem` if there are none."""
    path = base / Path(source.path).expanduser()
    try:
        if path.is_file():
            return [path]
        folder, pattern = (path, "**/*") if path.is_dir() else (path.parent, path.name)
        found = sorted(p for p in folder.glob(pattern) if p.is_file() and p.name.endswith(ENDINGS[source.kind]))
    except OSError as error:
        raise Problem(f"source {source.name!r}: cannot read {show_path(path)}: {error.strerror}") from error
    if not found:
        endings = ", ".join(ENDINGS[source.kind])
        raise Problem(
            f"source {source.name!r}: no file at {show_path(path)} ({source.kind} files end in {endings}); "
            "correct `path` in the recipe, or put the files there"
        )
    return found


def inventory(settings: Collect, base: Path) -> dict[str, dict[str, int | str]]:
    """Source -> file name -> bytes: by this a run notices that its input has changed."""
    if not settings.sources:
        raise Problem("the recipe names no source: add [[collect.sources]] with name and path (see recipes/tiny.toml)")
    found: dict[str, dict[str, int | str]] = {}
    for source in settings.sources:
        if source.name in found:
            raise Problem(f"two sources are called {source.name!r}; give each a name of its own")
        if source.path == sample.PLACE:
            found[source.name] = {"sample": sample.digest()}
        else:
            found[source.name] = {show_path(p.name): p.stat().st_size for p in find_files(source, base)}
        for code in source.sift:
            found[source.name][f"gate {code}"] = json.dumps(load_pack(code).said.gate, ensure_ascii=False)
    return found
