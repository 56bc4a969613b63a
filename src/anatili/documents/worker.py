"""The process that reads files: it gets a job a line, and answers with lines of passages. It may not use much memory,
cannot write files, and is killed if it takes too long (`reader`).

Lines are JSON, because what comes from a process that a hostile file has taken over must be only data.
"""

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from anatili.documents.passages import Source, passages_of
from anatili.files import UnreadableError
from anatili.files.formats import open_file
from anatili.identify import identify
from anatili.lang import load_pack
from anatili.search.analysis import terms
from anatili.search.live_index import row_of

IS_LINUX = sys.platform.startswith("linux")
TOGETHER = 200
"""Passages in one line."""


def limit(memory: int) -> None:
    """Limit this process to `memory` more bytes, and keep it from writing files; not on systems without such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if IS_LINUX else 0
    for kind, most in ((resource.RLIMIT_AS, used + memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is set already, or the system has no such limit
            resource.setrlimit(kind, (most, most))


def memory_used() -> int:
    """Bytes of memory that this process has used at most; 0 on systems that do not say.

    Not `ru_maxrss` on Linux: it begins with the memory of the process that started this one.
    """
    if IS_LINUX:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def answers(job: dict[str, Any], languages: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """What is sent for a job: rows of passages, then what is known about the file, or why it cannot be read."""
    try:
        scanned = [load_pack(language).config.iso639_3 for language in languages]
        file = open_file(Path(job["path"]), job["suffix"], scanned)
        source = Source(job["name"], job["document"], job["prefix"], job["time"])
        passages = passages_of(file, source, languages)
        title, locations, identified = "", dict[str, None](), Counter[str]()
        while some := list(islice(passages, TOGETHER)):
            locations |= dict.fromkeys(passage.location for passage, _ in some)
            identified.update(language for _, language in some)
            title = title or some[0][0].title
            yield {"rows": [row_of(passage) for passage, _ in some]}
        if not identified:
            raise UnreadableError("no_text", "it has no text")
        facts = {"title": title, "passages": identified.total(), "language": identified.most_common(1)[0][0]}
        facts["reason"] = str(file.skipped)
        yield {"done": facts | parts_of(list(locations)), "memory": memory_used()}
    except UnreadableError as error:
        yield {"refused": [error.code, str(error)]}
    except MemoryError:
        yield {"refused": ["too_much_memory", "it needs too much memory to be read"]}
    except Exception as error:  # a parser that fails on a hostile file costs that file only
        yield {"refused": ["damaged", f"it cannot be read, it may be damaged ({type(error).__name__})"]}


def parts_of(locations: list[str]) -> dict[str, Any]:
    """How many pages, slides, sheets or chapters have text; nothing for lines and paragraphs, which nobody counts."""
    kind, _, last = locations[-1].partition(":")
    if kind in ("page", "slide"):
        return {"part": kind, "parts": int(last)}
    names = {location.rpartition("!")[0] if kind == "sheet" else location for location in locations}
    return {"part": kind, "parts": len(names)} if kind in ("sheet", "chapter") else {}


def work(jobs: TextIO, out: TextIO, languages: tuple[str, ...]) -> None:
    for line in jobs:
        for answer in answers(json.loads(line), languages):
            out.write(json.dumps(answer) + "\n")
        out.flush()


def main() -> None:
    """`worker MEMORY LANGUAGE...`: read jobs from standard input until its end."""
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    memory, languages = sys.argv[1], tuple(sys.argv[2:])
    identify("")  # what takes long is loaded before the first job, and before memory is limited
    for language in languages:
        terms(language)["a"]
    limit(int(memory))
    work(sys.stdin, out, languages)


if __name__ == "__main__":
    main()
