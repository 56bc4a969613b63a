"""Running text in English, Russian, Turkish and Kazakh out of the packages of ordinary registries, under open licenses.

    python recipes/get_prose.py OUT [--only NAME ...]

`prose/sources.toml` lists the packages. OUT gets LANG.NAME.txt (a paragraph a line, documents
parted by a blank line), L1-L2.NAME.tsv (paragraphs that translate each other) and SOURCES.tsv (what a file is made of).
Needs apt-get, pip and npm for what it fetches, and the Python packages lxml, polib and pycld2.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prose.readers import HEADINGS, READERS, Block, is_in, is_prose

PARALLEL = (("en", "ru"), ("en", "tr"), ("en", "kk"), ("kk", "ru"), ("kk", "tr"), ("ru", "tr"))


@dataclass(frozen=True)
class Source:
    """One entry of prose/sources.toml."""

    name: str
    registry: str
    packages: list[str]
    license: str
    about: str
    reader: str
    files: dict[str, str]
    limit_mb: float = 1000.0
    documents: bool = True


@dataclass
class Seen:
    """Paragraphs that a language already has, over all sources: each is kept once."""

    hashes: dict[str, set[bytes]] = field(default_factory=dict)

    def new(self, language: str, text: str) -> bool:
        """Whether the paragraph, its digits and case aside, was not there yet; now it is."""
        digest = hashlib.blake2b(re.sub(r"\W|\d", "", text.casefold()).encode(), digest_size=12).digest()
        known = self.hashes.setdefault(language, set())
        before = len(known)
        known.add(digest)
        return len(known) > before


# ---------------------------------------------------------------- pairs


def sections(blocks: list[Block]) -> list[list[Block]]:
    """The blocks between headings."""
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if block.tag in HEADINGS:
            parts.append([])
        else:
            parts[-1].append(block)
    return parts


def pairs(first: list[Block], second: list[Block]) -> Iterator[tuple[str, str]]:
    """Paragraphs that say the same: of one id, else of one place in sections that are built alike."""
    known = {block.id: block.text for block in second if block.id}
    if known:
        yield from ((block.text, known[block.id]) for block in first if block.id in known)
        return
    one, two = sections(first), sections(second)
    alike = abs(len(one) - len(two)) <= 1  # translators of manual pages add a section about themselves at the end
    for left, right in zip(one, two, strict=False) if alike else ():
        if [block.tag for block in left] == [block.tag for block in right]:
            yield from ((a.text, b.text) for a, b in zip(left, right, strict=True))


def is_pair(languages: tuple[str, str], texts: tuple[str, str]) -> bool:
    """Whether two paragraphs can translate each other: prose, alike in length, with the same numbers."""
    if not all(is_prose(text) for text in texts) or not 0.5 < len(texts[0]) / len(texts[1]) < 2:
        return False
    numbers = [sorted(re.findall(r"\d+", text)) for text in texts]
    return numbers[0] == numbers[1] and all(is_in(*both) for both in zip(languages, texts, strict=True))


# ---------------------------------------------------------------- fetching


def command(*words: str, folder: Path) -> str:
    """What a command prints; its last words as the error where it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=1200)
    if done.returncode:
        raise OSError(f"{' '.join(words[:3])} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def fetch(source: Source, folder: Path) -> str:
    """Unpack a source's packages into the folder; returns their names with versions."""
    if source.registry == "debian-lists":
        return fetch_lists(source, folder)
    loads = folder.parent / f"{folder.name}.packages"
    loads.mkdir()
    if source.registry == "debian":
        command("apt-get", "download", *source.packages, folder=loads)
        for file in sorted(loads.glob("*.deb")):
            command("dpkg-deb", "-x", str(file), str(folder), folder=loads)
        return " ".join("=".join(file.name.replace("%3a", ":").split("_")[:2]) for file in sorted(loads.glob("*.deb")))
    for package in source.packages:
        if source.registry == "pypi":
            command(
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--no-binary",
                ":all:",
                package,
                folder=loads,
            )
        else:
            command("npm", "pack", "--silent", package.replace("==", "@"), folder=loads)
    for file in itertools.chain(loads.glob("*.tar.gz"), loads.glob("*.tgz")):
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
    return " ".join(source.packages)


def fetch_lists(source: Source, folder: Path) -> str:
    """Debian's translated descriptions, as `apt-get update` brings them; the machine's own lists stay as they are."""
    (folder / "lists/partial").mkdir(parents=True)
    languages = ",".join(source.files)
    command(
        "apt-get",
        "update",
        "-o",
        f"Dir::State::lists={folder}/lists",
        "-o",
        f"Acquire::Languages={languages}",
        folder=folder,
    )
    for file in (folder / "lists").glob("*_main_i18n_Translation-*"):
        text = command("/usr/lib/apt/apt-helper", "cat-file", str(file), folder=folder)
        (folder / file.name.removesuffix(".lz4")).write_text(text, encoding="utf-8")
    return " ".join(source.packages)


# ---------------------------------------------------------------- the whole


def key_of(path: Path, pattern: str, root: Path, language: str) -> str:
    """The name that a page shares with its translations: what the pattern's wildcards stand for, less the language."""
    start = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0] if re.search(r"[*?\[]", pattern) else pattern
    return path.relative_to(root / start).as_posix().replace(f".{language}.", ".")


def documents(source: Source, root: Path, language: str) -> dict[str, list[Block]]:
    """All documents of a language in a source, by name."""
    read, pattern = READERS[source.reader], source.files[language]
    found: dict[str, list[Block]] = {}
    for path in sorted(path for path in root.glob(pattern) if path.is_file() and not path.is_symlink()):
        for number, blocks in enumerate(read(path, language)):
            name = (
                blocks[0].id.partition(".")[0]
                if source.reader == "descriptions"
                else f"{key_of(path, pattern, root, language)}#{number}"
            )
            found.setdefault(name, blocks)
    return found


def kept(source: Source, language: str, found: Iterable[list[Block]], seen: Seen) -> Iterator[list[str]]:
    """Each document's new paragraphs of prose, up to the source's limit; documents of a few words left out."""
    left = source.limit_mb * 1e6
    for blocks in found:
        texts = [block.text for block in blocks if is_prose(block.text) and is_in(language, block.text)]
        alike = Counter[str]()
        for text in texts:  # lists of one sentence with other names in it
            alike[" ".join(text.split()[:3])] += 1
        texts = [text for text in texts if alike[" ".join(text.split()[:3])] <= 4 and seen.new(language, text)]
        if sum(len(text.split()) for text in texts) >= 25:
            left -= sum(len(text.encode()) for text in texts)
            if left < 0:
                return
            yield texts


def gather(source: Source, root: Path, out: Path, seen: Seen) -> list[tuple[str, int]]:
    """Write a source's files; returns their names and how many documents or pairs each has."""
    found = {language: documents(source, root, language) for language in source.files}
    written = []
    for language, pages in found.items() if source.documents else ():
        texts = ["\n".join(page) + "\n" for page in kept(source, language, pages.values(), seen)]
        if texts:
            name = f"{language}.{source.name}.txt"
            (out / name).write_text("\n".join(texts), encoding="utf-8")
            written.append((name, len(texts)))
    for languages in PARALLEL:
        if not set(languages) <= set(found):
            continue
        first, second = (found[language] for language in languages)
        both = dict.fromkeys(
            p for key in first if key in second for p in pairs(first[key], second[key]) if is_pair(languages, p)
        )
        if both:
            name = f"{'-'.join(languages)}.{source.name}.tsv"
            (out / name).write_text("".join(f"{a}\t{b}\n" for a, b in both), encoding="utf-8")
            written.append((name, len(both)))
    return written


def main() -> int:
    """Carry out what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these sources; the files of others stay")
    choice = parser.parse_args()
    table = tomllib.loads((Path(__file__).parent / "prose/sources.toml").read_text("utf-8"))["source"]
    sources = [Source(**entry) for entry in table if not choice.only or entry["name"] in choice.only]
    if choice.only and (unknown := set(choice.only) - {source.name for source in sources}):
        parser.error(f"no source is called {', '.join(sorted(unknown))}")
    choice.out.mkdir(parents=True, exist_ok=True)
    seen, failed = Seen(), 0
    listing = choice.out / "SOURCES.tsv"
    rows = dict(line.split("\t", 1) for line in listing.read_text("utf-8").splitlines()) if listing.exists() else {}
    for path in choice.out.glob("*.txt"):
        if path.stem.partition(".")[2] not in {source.name for source in sources}:
            for text in path.read_text("utf-8").splitlines():
                seen.new(path.name.partition(".")[0], text)
    rows = {"file": "packages\tlicense\tdocuments or pairs\tbytes"} | rows
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="prose-") as folder:
            root = Path(folder) / source.name
            root.mkdir()
            try:
                packages = fetch(source, root)
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"{source.name}: left out: {error}", file=sys.stderr)
                failed += 1
                continue
            for old in [path for end in ("txt", "tsv") for path in choice.out.glob(f"*.{source.name}.{end}")]:
                old.unlink()
                rows.pop(old.name, None)
            for name, count in gather(source, root, choice.out, seen):
                size = (choice.out / name).stat().st_size
                rows[name] = f"{packages}\t{source.license}\t{count}\t{size}"
                print(f"{name}: {count} documents or pairs, {size / 1e6:.2f} MB", flush=True)
        listing.write_text("".join(f"{name}\t{row}\n" for name, row in rows.items()), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
