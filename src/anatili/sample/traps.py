"""Traps: what a crawl contains and a corpus must not: copies, mixed scripts, old charsets, spam, personal data,
broken records.

All are made from the sample's own texts. The address names the kind of trap (`/trap/<kind>/`), so that tests and people
can see what happened to each.
"""

import gzip
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from anatili.lang import load_pack
from anatili.sample.pages import number_of, render
from anatili.sample.pages import page as page_of
from anatili.sample.pages import settings as page_settings
from anatili.sample.topics import TopicPage, read_topics
from anatili.warc import Page, WarcFile


@cache
def settings() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "traps.toml").read_text("utf-8"))


def address(kind: str, number: int) -> str:
    return f"https://tuzaq.example/trap/{kind}/{number}.html"


def page(url: str, html: str, **more: Any) -> Page:
    """A captured trap, fetched in March after the good pages, so that the good one of two copies came first."""
    return replace(captured := page_of(url, html, **more), time=captured.time.replace("-02-", "-03-"))


def texts(language: str, first: int, count: int) -> list[TopicPage]:
    """Pages of `count` topics from number `first` on, in one language."""
    topics = [topic for topic in read_topics() if language in topic.pages]
    return [topics[(first + i) % len(topics)].pages[language] for i in range(count)]


def trap_pages() -> Iterator[Page]:
    """All traps that are complete records."""
    yield from copies()
    yield from wrong_languages()
    yield from alphabets()
    yield from charsets()
    yield from low_quality()
    yield from opt_outs()
    yield from other_responses()


def copies() -> Iterator[Page]:
    """Exact copies at another address, and near copies with an added sentence."""
    main, *_ = settings()["languages"]
    for number, text in enumerate(texts(main, 0, 3)):
        yield page(address("exact", number), render(text.title, text.text, main, number))
    for number, text in enumerate(texts(main, 3, 6)):
        changed = f"{text.text}\n\n{settings()['copied']}"
        yield page(address("near", number), render(text.title, changed, main, number + 1))


def wrong_languages() -> Iterator[Page]:
    """A menu in one language around an article in another, both ways, and a page that declares the wrong language."""
    main, second, third = settings()["languages"][:3]
    for number, text in enumerate(texts(second, 10, 3)):
        html = render(text.title, text.text + f"\n\n{settings()['second_language_only']} {number}.", main, number)
        yield page(address("foreign-article", number), html)
    for number, text in enumerate(texts(main, 14, 3)):
        html = render(text.title, text.text + f"\n\n{settings()['main_language_only']} {number}.", second, number)
        yield page(address("foreign-menu", number), html)
    wrong = texts(third, 20, 1)[0]
    yield page(address("declared", 0), render(wrong.title, wrong.text, third, 1, language=main))


def alphabets() -> Iterator[Page]:
    """Look-alike letters inside words, and the language in its other scripts."""
    main = settings()["languages"][0]
    pack = load_pack(main)
    lookalikes = {meant: typed for typed, meant in pack.config.lookalikes.items()}
    for number, text in enumerate(texts(main, 24, 2)):
        chosen = {letter: lookalikes[letter] for letter in settings()["lookalikes"]}
        mixed = " ".join(
            "".join(chosen.get(c, c) for c in word) if number_of(word) % 4 == 0 and len(word) > 4 else word
            for word in text.text.split(" ")
        )
        yield page(address("lookalikes", number), render(text.title, mixed, main, number))
    for scheme in pack.config.transliteration:
        for number, text in enumerate(texts(main, 28, 2)):
            title, body = pack.transliterate(text.title, scheme), pack.transliterate(text.text, scheme)
            html = render(title, body, page_settings()["fallback"], number)
            yield page(address(scheme.lower(), number), html)


def charsets() -> Iterator[Page]:
    """Articles in charsets other than UTF-8, declared by header or only in the page, and letters as entities."""
    main = settings()["languages"][0]
    chosen = texts(main, 32, len(settings()["charsets"]) + 2)
    for number, (text, charset) in enumerate(zip(chosen, settings()["charsets"], strict=False)):
        meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset["declared"]}">\n'
        body = unicodedata.normalize("NFD", text.text) if charset.get("decomposed") else text.text
        html = render(
            text.title, f"{body}\n\n{settings()['copied_charset']} {charset['codec']}.", main, number, head=meta
        )
        captured = page(address(f"charset-{charset['declared'].lower()}", number), html, charset=charset["codec"])
        yield replace(captured, charset=charset["declared"] if charset["in_header"] else "")
    text = chosen[-1]
    entities = "".join(c if c.isascii() else f"&#{ord(c)};" for c in render(text.title, text.text, main, 1))
    yield page(address("entities", 0), entities)


def low_quality() -> Iterator[Page]:
    """Spam, a list without sentences, a page with personal data, and a short page."""
    main = settings()["languages"][0]
    for number, trap in enumerate(settings()["page"]):
        body = " ".join([trap["text"].strip()] * trap.get("times", 1))
        yield page(address(trap["kind"], number), render(trap["title"], body, main, number))


def opt_outs() -> Iterator[Page]:
    """Pages whose owner opts out of training, by header and by meta tag."""
    main = settings()["languages"][0]
    for number, signal in enumerate(settings()["opt_out"]):
        text = texts(main, 45 + number, 1)[0]
        body = f"{text.text}\n\n{settings()['refused']}"
        html = render(text.title, body, main, number, head=signal.get("meta", "") + "\n")
        yield page(address("opt-out", number), html, headers=signal.get("headers"))


def other_responses() -> Iterator[Page]:
    """Responses that are not pages: errors, pictures, empty bodies, a decompression bomb."""
    time = "2026-02-01T00:00:00Z"
    bomb = gzip.compress(b"<p>" + b"0" * 30_000_000, mtime=0)
    for number, (status, mime, payload, headers) in enumerate(
        (
            (404, "text/html", b"<h1>Not found</h1>", {}),
            (301, "text/html", b"", {"location": "https://habar.example/"}),
            (200, "text/html", b"", {}),
            (200, "image/png", b"\x89PNG\r\n\x1a\n" + bytes(200), {}),
            (200, "text/html", b"%PDF-1.7\n" + bytes(range(256)) * 4, {}),
            (200, "text/html", b"<html><title>-</title><nav><a href='/'>-</a></nav></html>", {}),
            (200, "text/html", bomb, {"content-encoding": "gzip"}),
        )
    ):
        yield Page(address("no-page", number), time, payload, status=status, mime=mime, headers=headers)


def broken_members() -> list[bytes]:
    """Damaged records, as from broken disks and transfers: one with a flipped byte and one that ends too early."""
    main = settings()["languages"][0]
    records = []
    for number, text in enumerate(texts(main, 50, 2)):
        stream = BytesIO()
        warc = WarcFile(stream)
        warc.write(page(address("broken", number), render(text.title, text.text, main, number)))
        warc.close()
        records.append(stream.getvalue())
    flipped = bytearray(records[0])
    flipped[len(flipped) // 2] ^= 0xFF
    return [bytes(flipped), records[1][: len(records[1]) // 2]]
