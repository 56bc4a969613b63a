"""Files of help, manuals, games and dictionaries -> their paragraphs in order; and what of them is prose."""

from __future__ import annotations

import functools
import gzip
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polib
import pycld2
from lxml import etree
from lxml import html as lxml_html

# Ends a run of text. What is neither here nor in LEFT_OUT stands within a line.
BLOCKS = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "chapter",
        "dd",
        "desc",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "item",
        "items",
        "itemizedlist",
        "li",
        "listitem",
        "list",
        "main",
        "menu",
        "note",
        "ol",
        "orderedlist",
        "p",
        "page",
        "para",
        "part",
        "preface",
        "sect1",
        "sect2",
        "sect3",
        "sect4",
        "section",
        "sidebar",
        "simpara",
        "simplesect",
        "step",
        "steps",
        "substeps",
        "term",
        "terms",
        "tip",
        "title",
        "tr",
        "td",
        "th",
        "tree",
        "ul",
        "variablelist",
        "varlistentry",
        "warning",
    )
)
LEFT_OUT = frozenset(
    (
        "aside",
        "button",
        "cmdsynopsis",
        "copyright",
        "credit",
        "footer",
        "form",
        "funcsynopsis",
        "head",
        "info",
        "bookinfo",
        "articleinfo",
        "indexterm",
        "informaltable",
        "legalnotice",
        "literallayout",
        "media",
        "mediaobject",
        "nav",
        "pre",
        "programlisting",
        "refentry",
        "revhistory",
        "screen",
        "screenshot",
        "script",
        "select",
        "style",
        "synopsis",
        "table",
        "textarea",
        "title",
        "svg",
    )
)
LEFT_OUT_CLASSES = re.compile(
    r"\b(toc|navheader|navfooter|navigation|sphinxsidebar|highlight|related|embedded|headerlink|footer|index|copyright|keyword|MAC)\b"
)
JOINED = {"guiseq": " → ", "keycombo": "+", "keyseq": "+", "menuchoice": " → "}
GAP = "\ue000"  # where a reference had no words of its own: the sentence around it is no longer one
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "title", "SH", "SS", "#"}
NAMES = {"kmymoney": "KMyMoney", "kappname": "Kate", "gnucash": "GnuCash", "LMB": "left button", "RMB": "right button"}
ENDS = re.compile(r"[.!?…][\"'»”’)\]]*$")
LETTER = re.compile(r"[^\W\d_]")
CYRILLIC = re.compile(r"[\u0400-\u04ff]")


@dataclass(frozen=True)
class Block:
    """A run of text. Blocks of two languages with one id say the same; without an id, their order and tags tell."""

    tag: str
    text: str
    id: str = ""


# ---------------------------------------------------------------- what is prose


def tidy(text: str) -> str:
    """One line, single spaces, no soft hyphens and no gap before a mark."""
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\ufeff\ud800-\udfff\ufffe\uffff¶]", "", text).replace(
        "\u2010", "-"
    )
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<=\w) ([.,;:!?])(?=\s|$)", r"\1", text)


@functools.lru_cache(maxsize=200_000)
def is_prose(text: str) -> bool:
    """Whether a paragraph reads as sentences: long enough, ended, of words rather than of signs, names and code."""
    words = text.split()
    if (
        GAP in text
        or len(words) < 6
        or len(text) < 40
        or not (ENDS.search(text) or (text[-1] in ",;" and len(words) >= 12))
    ):
        return False
    if not re.match(r"[\"'«“‘(\[]*[^\W_]", text) or text[0].islower():
        return False
    if len(LETTER.findall(text)) < 0.72 * len(text) or re.search(
        r"[{}<>|\\=^~]{2}|\w\(\)\w|©|\(c\)", text, re.IGNORECASE
    ):
        return False
    wordlike = sum(bool(re.fullmatch(r"[\"'«“‘(\[—-]*[^\W\d_]+(?:['’-][^\W\d_]+)*[^\w\s]*", word)) for word in words)
    return wordlike >= 0.75 * len(words)


@functools.lru_cache(maxsize=200_000)
def is_in(language: str, text: str) -> bool:
    """Whether the text is in the language, by its letters and by CLD2, which needs more than a line."""
    letters = LETTER.findall(text)
    cyrillic = len(CYRILLIC.findall(text)) / max(1, len(letters))
    if (cyrillic < 0.6) if language in ("ru", "kk") else (cyrillic > 0.1):
        return False
    _, _, found = pycld2.detect(text, bestEffort=True)
    return any(code == language and share >= 55 for _, code, share, _ in found)


# ---------------------------------------------------------------- readers: a file -> its blocks in order


def read_markup(path: Path, language: str) -> Iterator[list[Block]]:
    """HTML, Mallard and DocBook: paragraphs, items and definitions; code, tables and menus left out."""
    data = path.read_bytes()
    if path.suffix in (".page", ".docbook", ".xml"):
        text = re.sub(
            r"&(?!amp;|lt;|gt;|quot;|apos;|#)([\w.-]+);", lambda m: entity(m[1]), data.decode("utf-8", "replace")
        )
        root = etree.fromstring(text.encode(), etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    else:
        root = (
            lxml_html.document_fromstring(data, parser=lxml_html.HTMLParser(encoding="utf-8")) if data.strip() else None
        )
    if root is not None:
        yield markup_blocks(root)


def entity(name: str) -> str:
    """What an entity that only KDE's own DTD knows most likely says: &kate; is Kate, &Ctrl; is Ctrl."""
    known = NAMES.get(name, html.unescape(f"&{name};"))
    return known if known != f"&{name};" else name.upper() if len(name) <= 3 else name[0].upper() + name[1:]


def markup_blocks(root: Any) -> list[Block]:
    """The runs of text of a tree."""
    blocks: list[Block] = []
    run: list[str] = []

    def flush(tag: str, key: str) -> None:
        if text := tidy("".join(run)):
            blocks.append(Block(tag, text, key))
        run.clear()

    def walk(element: Any, tag: str, key: str) -> None:
        name = re.split("[}:]", element.tag)[-1].lower() if isinstance(element.tag, str) else "#comment"
        dropped = name == "#comment" or (name != "body" and bool(LEFT_OUT_CLASSES.search(element.get("class") or "")))
        if name in HEADINGS and not dropped:
            flush(tag, key)
            blocks.append(Block(name, ""))  # its words are no sentence; its place helps to pair sections
        elif dropped or name in LEFT_OUT:
            if name in LEFT_OUT or name in BLOCKS:
                flush(tag, key)
        elif name in JOINED:
            parts = [part for part in element if isinstance(part.tag, str) and not part.tag.endswith("shortcut")]
            run.append(JOINED[name].join(tidy("".join(part.itertext())) for part in parts))
        elif name == "xref" or (name == "link" and not "".join(element.itertext()).strip()):
            run.append(GAP)
        elif name in BLOCKS:
            flush(tag, key)
            own = element.get("id") or ""
            inner = own if own.startswith("par_id") else ""
            children(element, name, inner)
            flush(name, inner)
        else:
            children(element, tag, key)
        run.append(element.tail or "")

    def children(element: Any, tag: str, key: str) -> None:
        run.append(element.text or "")
        for child in element:
            walk(child, tag, key)

    walk(root, "p", "")
    flush("p", "")
    return blocks


ROFF_ENDS = {"PP", "P", "LP", "sp", "TP", "IP", "HP", "RS", "RE", "SH", "SS", "TH", "TQ", "br", "in"}
ROFF_SIGNS = {
    "aq": "'",
    "dq": '"',
    "lq": "“",
    "rq": "”",
    "oq": "‘",
    "cq": "’",
    "em": "—",
    "en": "–",
    "ha": "^",
    "ti": "~",
    "co": "©",
}


def read_manual(path: Path, language: str) -> Iterator[list[Block]]:
    """A manual page in the man macros: its paragraphs. Pages in mdoc and mere pointers to another page give nothing."""
    lines = gzip.decompress(path.read_bytes()).decode("utf-8", "replace").splitlines()
    if any(line.startswith((".Dd", ".so ")) for line in lines):
        return
    blocks: list[Block] = []
    run: list[str] = []
    skip_to: tuple[str, ...] = ()
    tag_next = False
    for line in lines:
        name, _, rest = line[1:].strip().partition(" ") if line[:1] in (".", "'") else ("", "", line)
        if skip_to:
            skip_to = () if name in skip_to or (line == ".." and ".." in skip_to) else skip_to
        elif line.startswith((".\\", "'\\")):
            continue
        elif name in ("ig", "de"):
            skip_to = ("..", ".")
        elif name in ("nf", "EX", "TS"):
            skip_to = ("fi", "EE", "TE")
        elif name in ROFF_ENDS or not line.strip():
            if text := tidy(roff("\n".join(run))):
                blocks.append(Block("p", text))
            run.clear()
            tag_next = name in ("TP", "TQ")
            if name in ("SH", "SS"):
                blocks.append(Block(name, ""))
        elif not name or name in ("B", "I", "BR", "RB", "IR", "RI", "BI", "IB", "SM", "SB"):
            words = re.findall(r'"((?:[^"]|"")*)"|(\S+)', rest) if name else []
            run.append((" " if name in ("B", "I", "SM", "SB") else "").join(a or b for a, b in words) if name else rest)
            if tag_next:
                run.clear()
                tag_next = False
    if text := tidy(roff("\n".join(run))):
        blocks.append(Block("p", text))
    yield blocks


def roff(text: str) -> str:
    """The characters that roff's escapes stand for."""
    text = re.sub(r'\\".*', "", text)
    text = re.sub(r"\\f(?:\[\w*\]|\(\w\w|\w)|\\s[+-]?\d|\\[&%:|/^,c)]|\\\n", "", text)
    text = re.sub(r"\\\((\w\w)|\\\[(\w+)\]", lambda m: ROFF_SIGNS.get(m[1] or m[2], ""), text)
    return re.sub(r"\\([-' .`~])", r"\1", text).replace("\\e", "\\")


def read_markdown(path: Path, language: str) -> Iterator[list[Block]]:
    """Paragraphs and items of a Markdown page, links and marks taken off; code and boxes' titles left out."""
    text = re.sub(r"(?ms)^ *(`{3,}|~{3,}).*?^ *\1\s*$", "\n\n", path.read_text("utf-8"))
    text = re.sub(r"<[^>]+>|\{[^}\n]*\}|!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)", "", text)
    blocks = []
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[*+-]|\d+\.) )|\n(?=#)", text):
        part = re.sub(r"^\s*(?:[*+-]|\d+\.) |^\s*(?:!!!|///|\?\?\?).*$", "", part, flags=re.MULTILINE)
        if part.lstrip().startswith("#"):
            blocks.append(Block("#", ""))
        elif part.strip() and "|--" not in part:
            blocks.append(Block("p", tidy(re.sub(r"[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]", "", part))))
    yield blocks


def read_scenes(path: Path, language: str) -> Iterator[list[Block]]:
    """A scene of Wesnoth: its strings in order, in the language's own words where its catalog has them."""
    text = path.read_text("utf-8", "replace")
    home = next(folder for folder in path.parents if (folder / "locale").is_dir())
    domain, blocks = "wesnoth", []
    for found in re.finditer(r'#textdomain (\S+)|(?<![\w"])_\s*"((?:[^"]|"")*)"', text):
        if found[1]:
            domain = found[1]
            continue
        said = found[2].replace('""', '"')
        words = said if language == "en" else catalog(home / f"locale/{language}/LC_MESSAGES/{domain}.mo").get(said, "")
        words = re.sub(r"<[^>]+>|^\w+\^", "", words)
        if "$" not in words:
            blocks.append(Block("p", tidy(words), said))
    yield blocks


CATALOGS: dict[Path, dict[str, str]] = {}


def catalog(path: Path) -> dict[str, str]:
    """A compiled catalog's translations; an empty one where there is no such file."""
    if path not in CATALOGS:
        CATALOGS[path] = {e.msgid: e.msgstr for e in polib.mofile(str(path))} if path.is_file() else {}
    return CATALOGS[path]


def read_catalog(path: Path, language: str) -> Iterator[list[Block]]:
    """A program's compiled catalog: its messages, in no order. The English ones are another language's keys."""
    both = ((said, said if language == "en" else words) for said, words in catalog(path).items())
    yield [
        Block("p", tidy(words), said)
        for said, words in both
        if said and not re.search(r"[%{<]|\w[_~]|[_~&]\w", said + words)
    ]


def read_missions(path: Path, language: str) -> Iterator[list[Block]]:
    """Endless Sky: each mission's text in order, a document a mission."""
    for mission in re.split(r"(?m)^(?=\w)", path.read_text("utf-8", "replace")):
        yield [
            Block("p", tidy(re.sub(r"<[^>]*>", "it", said)))
            for said in re.findall(r"`([^`\n]*)`", mission)
            if "&" not in said
        ]


def read_entries(path: Path, language: str) -> Iterator[list[Block]]:
    """A dictionary whose entries begin at the margin: each entry's paragraphs."""
    for entry in re.split(r"(?m)^(?=\S)", gzip.decompress(path.read_bytes()).decode("utf-8")):
        yield [Block("p", tidy(re.sub(r"[{}]|^\[.*?\]", "", part.strip()))) for part in re.split(r"\n\s*\n", entry)]


def read_descriptions(path: Path, language: str) -> Iterator[list[Block]]:
    """Debian's descriptions of packages: each one's paragraphs after the headline; lists left out."""
    for record in path.read_text("utf-8").split("\n\n"):
        digest = re.search(r"(?m)^Description-md5: (\w+)", record)
        body = re.search(r"(?ms)^Description-[a-z]{2}: [^\n]*\n(.*)", record)
        if digest and body:
            parts = re.split(r"(?m)^ \.$", body[1])
            yield [
                Block("p", "" if re.search(r"(?m)^  |^ [*-]", part) else tidy(part), f"{digest[1]}.{i}.{len(parts)}")
                for i, part in enumerate(parts)
            ]


READERS: dict[str, Callable[[Path, str], Iterator[list[Block]]]] = {
    "catalog": read_catalog,
    "descriptions": read_descriptions,
    "entries": read_entries,
    "manual": read_manual,
    "markdown": read_markdown,
    "markup": read_markup,
    "missions": read_missions,
    "scenes": read_scenes,
}
