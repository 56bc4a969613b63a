"""`extract`: a page's bytes become a text with its title, charset and opt-out signals."""

import codecs
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from anatili import text
from anatili.document import Document, Lost, add_up, read_shard, write_shard
from anatili.recipe import Extract
from anatili.stage import Task
from anatili.warc import Page, read_info, read_pages

DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=[\"']([\w.:-]+)", re.I
)
META = re.compile(r"<meta\b[^>]{0,2000}>", re.I)
ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.I | re.S)
MAX_PAGE = 2_000_000_000
"""Pages were measured by `collect`; what it kept is read whole."""
ALIASES = {
    "kz-1048": "kz1048",
    "strk1048-2002": "kz1048",
    "rk1048": "kz1048",
    "x-kz1048": "kz1048",
    "win-1251": "cp1251",
    "cp-1251": "cp1251",
    "unicode": "utf-16",
}
OPT_OUT_HEADER = "x-anatili-opt-out"
"""Header by which `collect` hands on what the site as a whole refuses, each signal with its date."""
NO_TRAINING = ("noai", "noimageai", "notrain")


@dataclass(frozen=True)
class Extracted:
    """What a page says. `text` is "" if it holds none."""

    text: str
    title: str
    charset: str
    opt_out: str


def run(task: Task) -> dict[str, Any]:
    """Extract each shard of `collect`; the summary counts pages by what became of them."""
    shards = [*task.inputs["collect"].glob("part-*.warc.gz"), *task.inputs["collect"].glob("part-*.parquet")]
    counts = task.map_shards(extract_shard, shards, settings=task.settings)
    lost = add_up(sorted(task.out.glob("lost/*.parquet")))
    return {"documents": counts.get("rows", 0), "lost": {k: v for k, v in lost.items() if v}}


def extract_shard(source: Path, target: Path, settings: Extract) -> None:
    """Documents of one shard into `target`; pages without text into `lost/`, written first."""
    lost: list[Lost] = []
    rows = list(from_warc(source, settings, lost) if source.name.endswith(".warc.gz") else from_corpus(source, lost))
    write_shard(target.parent / "lost" / target.name, Lost, lost, Counter(row.reason for row in lost))
    write_shard(target, Document, rows)


def from_warc(shard: Path, settings: Extract, lost: list[Lost]) -> Iterator[Document]:
    info = read_info(shard)
    for page in read_pages(shard, MAX_PAGE):
        assert isinstance(page, Page), page
        # The record's own id tells two captures of one address in one second apart.
        identity = text.short_hash(info["source"], page.url, page.time, page.record_id)
        try:
            found = extract_page(page.payload, charset=page.charset, headers=page.headers, mode=settings.mode,
                                 is_text=page.is_text or page.mime == "text/plain")  # fmt: skip
        except Exception as error:  # whatever a parser does with a hostile page, it costs that page only
            logging.getLogger(__name__).warning("%s: %s", page.url, error)
            lost.append(Lost(identity, page.url, "parser failed", f"{type(error).__name__}: {error}"[:200]))
            continue
        if len(found.text) < max(1, settings.min_characters):
            lost.append(Lost(identity, page.url, "no text", f"{len(found.text)} characters"))
            continue
        yield Document(
            id=identity,
            text=found.text,
            title=found.title,
            url=page.url,
            source=info["source"],
            time=page.time,
            licence=info["licence"],
            opt_out=dated(found.opt_out, page.time[:10]),
            charset=found.charset,
        )


def dated(signals: str, day: str) -> str:
    """The signals, each with the day on which it was read: that of the page where it does not say another."""
    return "; ".join(f"{one} @ {day}" if day and " @ " not in one else one for one in signals.split("; ") if one)


def from_corpus(shard: Path, lost: list[Lost]) -> Iterator[Document]:
    for row in read_shard(shard, Document):
        body = text.clean(row.text).strip()
        if body:
            values = {name: getattr(row, name) for name in Document.__slots__}
            yield Document(**{**values, "text": body})
        else:
            lost.append(Lost(row.id, row.url, "no text", "only invisible characters"))


def extract_page(
    payload: bytes,
    *,
    charset: str = "",
    headers: dict[str, str] | None = None,
    mode: Literal["careful", "quick"] = "careful",
    is_text: bool = False,
) -> Extracted:
    """The main text of a page without navigation, comments and advertisements; `charset` is what HTTP declares."""
    decoded, used = decode(payload, charset)
    if is_text:
        return Extracted(text.clean(decoded).strip(), "", used, signals("", headers or {}))
    body = text.clean((careful if mode == "careful" else quick)(decoded)).strip()
    found = TITLE.search(decoded[:100_000])
    title = text.clean(_unescape(found.group(1))).strip() if found else ""
    first, _, rest = body.partition("\n")
    return Extracted(
        text=rest.strip() if first.strip() == title else body,  # a heading that repeats the title is said once
        title=title,
        charset=used,
        opt_out=signals(decoded, headers or {}),
    )


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
    """`payload` as text and the charset used: byte-order mark, valid UTF-8, what is declared, then a guess.

    Valid UTF-8 goes before the declaration because long non-ASCII text in another charset is never valid UTF-8 by
    chance. KZ-1048 must be taken from the declaration: detectors call it KOI8-R or windows-1251.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if payload.startswith(mark):
            return payload.decode(name, "replace"), name
    wide = guess_utf16(payload)
    if wide:
        return payload.decode(wide, "replace"), wide
    try:
        return payload.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    meta = DECLARED.search(payload[:4096])
    declared = [charset, next(filter(None, meta.groups())).decode("ascii") if meta else ""]
    for name in filter(None, declared):
        codec = ALIASES.get(name.lower(), name.lower())
        try:
            if codecs.lookup(codec).name not in ("utf-8", "ascii"):
                return payload.decode(codec, "replace"), codecs.lookup(codec).name
        except (LookupError, UnicodeError, ValueError):
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(payload[:100_000]).best()
    codec = best.encoding if best else "utf-8"
    return payload.decode(codec, "replace"), codec


def guess_utf16(payload: bytes) -> str:
    """The codec of UTF-16 without a byte-order mark, told by zero bytes around the tags' ASCII letters."""
    head = payload[:400]
    if head[1::2].count(0) > len(head) // 4 > 2:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) // 4 > 2 else ""


def signals(page: str, headers: dict[str, str]) -> str:
    """By which signals the owner of a page refuses use for training: HTTP headers and meta tags, parted by "; "."""
    found = []
    robots = headers.get("x-robots-tag", "").lower()
    found += [f"X-Robots-Tag: {word}" for word in NO_TRAINING if re.search(rf"\b{word}\b", robots)]
    found += filter(None, headers.get(OPT_OUT_HEADER, "").split("; "))
    if headers.get("tdm-reservation", "").strip() == "1":
        found.append("tdm-reservation: 1")
    for tag in META.findall(page[:200_000]):
        said = {key.lower(): (a or b or c) for key, a, b, c in ATTRIBUTE.findall(tag)}
        name, content = said.get("name", "").lower(), said.get("content", "").lower()
        if name == "tdm-reservation" and content.strip() == "1":
            found.append("meta tdm-reservation: 1")
        if name in ("robots", "ccbot", "gptbot", "google-extended", "anatili"):
            found += [f"meta {name}: {word}" for word in NO_TRAINING if re.search(rf"\b{word}\b", content)]
    return "; ".join(dict.fromkeys(found))


def _unescape(title: str) -> str:
    import html

    return " ".join(html.unescape(title).split())
