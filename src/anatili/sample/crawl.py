"""Build the sample crawl: each topic in each language as a web page, pages in close languages, and `traps.py`."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from anatili.atomic_files import whole_file
from anatili.sample.pages import number_of, page, render, settings
from anatili.sample.topics import Topic, read_neighbors, read_topics
from anatili.sample.traps import broken_members, trap_pages
from anatili.warc import Page, WarcFile

INFO = {"software": "anatili sample", "isPartOf": "anatili-sample", "description": "Machine-written, CC0-1.0"}


def topic_url(topic: Topic, language: str) -> str:
    hosts = settings()["hosts"]
    return f"https://{hosts[number_of(topic.slug) % len(hosts)]}/{language}/{topic.category}/{topic.slug}.html"


def good_pages() -> Iterator[Page]:
    """The topics and the pages in close languages."""
    for topic in read_topics():
        for language, text_page in topic.pages.items():
            url = topic_url(topic, language)
            yield page(url, render(text_page.title, text_page.text, language, number_of(topic.slug + language)))
    for number, (language, title, text) in enumerate(read_neighbors()):
        url = f"https://korshi.example/{language}/{number}.html"
        yield page(url, render(title, text, settings()["fallback"], number, language=language))


def write_crawl(path: Path) -> Path:
    """Write the WARC: good pages and traps mixed, with damaged records at fixed positions."""
    pages = sorted([*good_pages(), *trap_pages()], key=lambda p: (number_of(p.url), p.url))
    damaged = broken_members()
    with whole_file(path) as temporary, temporary.open("wb") as file:
        for number, captured in enumerate(pages):
            stream = BytesIO()
            warc = WarcFile(stream, INFO if number == 0 else None)
            warc.write(captured)
            warc.close()
            file.write(stream.getvalue())
            if number % 40 == 20 and damaged:
                file.write(damaged.pop(0))
    return path
