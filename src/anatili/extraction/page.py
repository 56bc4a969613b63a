"""Page extraction: charset, main text, and the owner's opt-out signals. Nothing here depends on stages.

Every step is bounded in time and memory, whatever the page contains: patterns are linear, and a page with deeper
nesting or more tags than browsers accept is treated as plain text.
"""

import codecs
import gzip
import html
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from anatili import text
from anatili.extraction import InLanguage
from anatili.extraction.links import linked_share
from anatili.extraction.signals import both_signals, refusals
from anatili.problem import Problem

DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=[\"']([\w.:-]+)", re.I
)
GZIP = b"\x1f\x8b"
ALIASES = {
    "kz-1048": "kz1048",
    "strk1048-2002": "kz1048",
    "rk1048": "kz1048",
    "x-kz1048": "kz1048",
    "win-1251": "cp1251",
    "cp-1251": "cp1251",
    "unicode": "utf-16",
}
TAG = re.compile(r"</?[a-zA-Z][\w-]{0,30}")
MARKUP = re.compile(r"<[^<>]{0,5000}>")
CLOSES_ITSELF = re.compile(
    "area|base|body|br|col|colgroup|dd|dt|embed|head|hr|html|img|input|li|link|meta|optgroup|option|p|param|rp|rt|source|"
    "tbody|td|tfoot|th|thead|tr|track|wbr|"
    "animate\\w*|circle|ellipse|fe[A-Z]\\w*|image|line|path|polygon|polyline|rect|stop|use",
    re.I,
)
"""Elements that have no end tag or need none, including those of drawings: they do not nest."""
MAX_CHARACTERS, MAX_TAGS, MAX_DEPTH = 3_000_000, 60_000, 4000
"""Longer pages, and pages with more tags, go through the quick extractor. Pages with deeper nesting only have their
tags removed: the extractors would take minutes for them (200,000 nested elements). Elements that are never closed count
as nested. The limits are sizes, not times, so that a busy machine yields the same text."""
DEEP = 250
"""Nesting at which the parser of the careful extractor may give up."""
# Without re.I, which would look at every character before it.
TITLE, TITLE_END = re.compile("<[tT][iI][tT][lL][eE]"), re.compile("</[tT][iI][tT][lL][eE]")
Mode = Literal["careful", "fast", "quick"]


@dataclass(frozen=True)
class Extracted:
    """The content of a page."""

    text: str
    """The main text; "" if the page has none."""
    title: str
    """The text of its title element, "" without one."""
    charset: str
    """The codec by which its bytes were decoded, as Python names it."""
    opt_out: str
    """Signals by which its owner refuses use for training, separated by "; "; "" without any."""
    translated: str = ""
    """Signals that it was machine-translated."""
    linked: float = 0.0
    """Share of the words of `text` that are links on the page."""


def extract(page: str | bytes | Path, *, charset: str = "", mode: Mode = "careful") -> Extracted:
    """The main text of a page with its title: HTML as text, as bytes, or in a file; gzipped bytes are unpacked.

    `charset`: what HTTP would declare, "" if nothing. `mode`: `careful` (trafilatura), `fast` (our own classifier of
    blocks, a quarter of the time) or `quick` (resiliparse, a tenth of it); docs/results.md has the F1 of each.
    `Problem` if the file cannot be read, if gzipped bytes are cut short, and for another mode.
    """
    if mode not in (modes := get_args(Mode)):
        raise Problem(f"no mode {mode!r}; there are {', '.join(modes)}")
    if isinstance(page, str):
        return extract_page(page.encode(), charset="utf-8", mode=mode)
    try:
        payload = page.read_bytes() if isinstance(page, Path) else page
    except OSError as error:
        raise Problem(f"cannot read {text.show_path(Path(str(page)))}: {error.strerror}") from error
    if payload.startswith(GZIP):
        try:
            payload = gzip.decompress(payload)
        except (OSError, EOFError, zlib.error) as error:
            name = text.show_path(page) if isinstance(page, Path) else "the page"
            raise Problem(f"{name} is not a complete gzip file: {error}") from error
    return extract_page(payload, charset=charset, mode=mode)


def extract_page(
    payload: bytes,
    *,
    charset: str = "",
    headers: dict[str, str] | None = None,
    mode: Mode = "careful",
    is_text: bool = False,
    url: str = "",
    in_language: InLanguage | None = None,
) -> Extracted:
    """The main text of a page without navigation, comments and advertisements. `charset` is the one from HTTP.

    `in_language`: says of texts whether they are in the wanted language; mode `fast` loses no passage in it altogether.
    """
    decoded, used = decode(payload, charset)
    if is_text:
        return Extracted(text.clean(decoded).strip(), "", used, refusals([], headers or {}))
    title = title_of(decoded[:100_000])
    body = text.clean(main_text(decoded, mode, title, in_language)).strip()
    first, _, rest = body.partition("\n")
    body = rest.strip() if first.strip() == title else body  # drop a heading that repeats the title
    opt_out, translated = both_signals(decoded, headers or {}, url)
    return Extracted(
        text=body,
        title=title,
        charset=used,
        opt_out=opt_out,
        translated=translated,
        linked=linked_share(decoded[:MAX_CHARACTERS], body),
    )


def main_text(page: str, mode: Mode, title: str = "", in_language: InLanguage | None = None) -> str:
    """The main text, by the extractor that suits the page's size and nesting. `title`: the page's, where known."""
    is_tame = len(page) <= MAX_CHARACTERS
    if mode == "fast" and is_tame:
        from anatili.extraction.main_text import main_text as fast

        parts = page.split("<")  # the count of tags as well
        if len(parts) <= MAX_TAGS + 1:
            extracted = fast(page, title, in_language, parts)
            return extracted or (without_tags(page) if depth(page) > MAX_DEPTH else "")
    is_tame = is_tame and page.count("<") <= MAX_TAGS
    nested = depth(page)
    if nested > MAX_DEPTH:
        return without_tags(page)
    extracted = careful(page) if mode == "careful" and is_tame else quick(page)
    # The parser behind `careful` gives up on very deeply nested pages; the one behind `quick` does not.
    return extracted or (quick(page) if nested > DEEP and mode == "careful" else "")


def title_of(head: str) -> str:
    """The text of the first title element."""
    opening = TITLE.search(head)
    start = opening.start() if opening else -1
    begin = head.find(">", start) + 1
    ending = TITLE_END.search(head, begin)
    end = ending.start() if ending else -1
    return text.clean(_unescape(head[begin:end])).strip() if 0 <= start < begin <= end else ""


class Steps(dict[str, int]):
    """Maps the start of a tag, such as `</div`, to the change in depth; computed when first looked up."""

    def __missing__(self, tag: str) -> int:
        step = 0 if CLOSES_ITSELF.fullmatch(tag.lstrip("</")) else -1 if tag.startswith("</") else 1
        if len(self) < 10_000:
            self[tag] = step
        return step


STEPS = Steps()


def depth(page: str) -> int:
    """The greatest nesting depth of elements that must be closed."""
    current = deepest = 0
    for tag in TAG.findall(page):
        current += STEPS[tag]
        if current > deepest:
            deepest = current
        elif current < 0:
            current = 0
    return deepest


def without_tags(page: str) -> str:
    """All text of a page, with tags as line ends, without scripts and styles."""
    parts, skipping = [], ""
    position = 0
    for match in MARKUP.finditer(page):
        if not skipping:
            parts.append(page[position : match.start()])
        position = match.end()
        name = match.group()[1:8].lower()
        if skipping and name.startswith("/" + skipping):
            skipping = ""
        elif not skipping:
            skipping = next((element for element in ("script", "style") if name.startswith(element)), "")
    if not skipping:
        parts.append(page[position:])
    lines = (" ".join(html.unescape(part).split()) for part in parts)
    return "\n".join(line for line in lines if line)


def careful(page: str) -> str:
    """Main text by trafilatura: F1 .962 on article-extraction-benchmark."""
    import trafilatura

    # No `deduplicate`: it depends on the pages seen before (adbar/trafilatura#778) and loses text.
    return trafilatura.extract(page, fast=True, include_comments=False, include_tables=True) or ""


def quick(page: str) -> str:
    """Main text by resiliparse: F1 .916, about 8 times faster."""
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(page, main_content=True, alt_texts=False, links=False))


def decode(payload: bytes, charset: str = "") -> tuple[str, str]:
    """Decode `payload`; returns the text and the charset: byte-order mark, valid UTF-8, declared charset, then a guess.

    Valid UTF-8 takes precedence over the declaration, because long non-ASCII text in another charset is never valid
    UTF-8 by chance. KZ-1048 must be declared: detectors call it KOI8-R or windows-1251.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if payload.startswith(mark):
            return payload.decode(name, "replace"), name
    utf16 = guess_utf16(payload)
    if utf16:
        return payload.decode(utf16, "replace"), utf16
    try:
        return payload.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    meta = DECLARED.search(payload[:4096])
    declared = [charset, next(filter(None, meta.groups())).decode("ascii") if meta else ""]
    for name in filter(None, declared):
        codec = ALIASES.get(name.lower(), name.lower())
        try:
            if codecs.lookup(codec).name == "cp1251" and is_kz1048(payload):
                codec = "kz1048"
            if codecs.lookup(codec).name not in ("utf-8", "ascii"):
                return payload.decode(codec, "replace"), codecs.lookup(codec).name
        except (LookupError, UnicodeError, ValueError):
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(payload[:100_000]).best()
    codec = best.encoding if best else "utf-8"
    return payload.decode(codec, "replace"), codec


# Bytes that differ between KZ-1048 and windows-1251, grouped by their meaning in windows-1251: letters of Ukrainian, of
# Belarusian, of Macedonian and Serbian. No windows-1251 text has letters of two groups; Kazakh in KZ-1048 has қ and ғ.
FOREIGN_1251 = (b"\xa5\xaa\xaf\xb4\xba\xbf", b"\xa1\xa2", b"\x8d\x8e\x9d\x9e\xa3\xbc\xbd\xbe")


def is_kz1048(payload: bytes) -> bool:
    """Whether a page that declares windows-1251 is really in KZ-1048, as many are."""
    counts = [sum(payload.count(byte) for byte in group) for group in FOREIGN_1251]
    return sum(count > 1 for count in counts) > 1


def guess_utf16(payload: bytes) -> str:
    """The codec of UTF-16 without a byte-order mark, by the zero bytes around ASCII letters; "" if it is not UTF-16."""
    head = payload[:400]
    if head[1::2].count(0) > len(head) // 4 > 2:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) // 4 > 2 else ""


def _unescape(title: str) -> str:

    return " ".join(html.unescape(title).split())
