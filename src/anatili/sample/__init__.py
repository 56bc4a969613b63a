"""The bundled sample: a small crawl of our own (CC0) for the first run, the tests, the search and the SFT examples.

`topics/` has one file per topic in four languages, `neighbors/` has pages in close languages, and `pages.toml` has the
words and hosts of the page templates. The WARC is built from them on demand, with the same bytes each time.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

PLACE = "sample:"
"""The path that names the sample in a recipe."""
FOLDER = Path(__file__).parent


@cache
def digest() -> str:
    """SHA-256 of everything that the sample is built from: its files, and `pack.toml` of the main language."""
    from anatili.lang import load_pack
    from anatili.sample.traps import settings as trap_settings

    sha256 = hashlib.sha256(load_pack(trap_settings()["languages"][0]).files["pack.toml"].encode())
    for path in sorted(p for p in FOLDER.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        sha256.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return sha256.hexdigest()


def build(folder: Path) -> Path:
    """Write the sample crawl as `sample.warc.gz` into `folder`; returns its path."""
    from anatili.sample.crawl import write_crawl

    return write_crawl(folder / "sample.warc.gz")


def conversations() -> list[dict[str, Any]]:
    """A question and its answer for each topic and language, with the address of their page."""
    from anatili.sample.crawl import topic_url
    from anatili.sample.topics import read_topics

    return [
        {
            "messages": [
                {"role": "user", "content": page.question},
                {"role": "assistant", "content": page.answer},
            ],
            "language": language,
            "source": topic_url(topic, language),
        }
        for topic in read_topics()
        for language, page in topic.pages.items()
    ]


def further(*, held_out: bool = False) -> list[dict[str, Any]]:
    """The other questions of the topics, in the form of `conversations`. A question without an answer has none here.

    Those of held-out topics are for evaluation and never for training.
    """
    from anatili.sample.crawl import topic_url
    from anatili.sample.topics import read_topics

    return [
        {
            "messages": [
                {"role": "user", "content": question},
                *([{"role": "assistant", "content": answer}] if answer else []),
            ],
            "language": language,
            "source": topic_url(topic, language),
        }
        for topic in read_topics()
        if topic.held_out == held_out
        for language, page in topic.pages.items()
        for question, answer in (*page.pairs[1:], *((question, "") for question in page.unanswered))
    ]


def passages() -> dict[str, tuple[str, str, str]]:
    """Address -> language, title and text of the page, for each topic and language."""
    from anatili.sample.crawl import topic_url
    from anatili.sample.topics import read_topics

    return {
        topic_url(topic, language): (language, page.title, page.text)
        for topic in read_topics()
        for language, page in topic.pages.items()
    }


def parallel() -> list[dict[str, tuple[str, ...]]]:
    """For each topic: language -> address, title, then questions and answers alternately, parallel in all languages.

    Only questions for training are included.
    """
    from anatili.sample.crawl import topic_url
    from anatili.sample.topics import read_topics

    return [
        {
            code: (
                topic_url(topic, code),
                page.title,
                *(text for pair in page.pairs[: 1 if topic.held_out else None] for text in pair),
            )
            for code, page in topic.pages.items()
        }
        for topic in read_topics()
    ]


def sentences(*, held_out: bool = False) -> list[dict[str, str]]:
    """Parallel sentences: language -> sentence. Every twentieth is held out: for evaluation, never for training."""
    from anatili.sample.topics import read_sentences

    return [row for number, row in enumerate(read_sentences()) if (number % 20 == 19) == held_out]


def refusals() -> list[dict[str, tuple[str, str]]]:
    """Harmful requests and refusals: language -> request, answer."""
    import tomllib

    entries = tomllib.loads((FOLDER / "refusals.toml").read_text("utf-8"))["refusal"]
    return [{key: (value[0], value[1]) for key, value in entry.items() if key != "kind"} for entry in entries]
