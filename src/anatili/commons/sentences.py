"""Sentences for translators: from passages of the search under open licenses, those that nobody has translated."""

import random
from typing import Any, Protocol

from sqlalchemy import select

from anatili.commons.contribution import PAIRS, REJECTED, WITHDRAWN
from anatili.commons.schema import lines
from anatili.commons.store import Commons
from anatili.text import sentences, words

OPEN_LICENSES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "PDDL-1.0", "MIT", "Apache-2.0")
"""Licenses that let a translation be given on with the license of the original."""
WORDS = range(4, 31)
"""Words of a sentence that somebody may be asked to translate."""
OFFERED, DRAWN = 10, 400


class Passages(Protocol):
    """What is needed of a search index."""

    def beginnings(self, language: str, limit: int) -> list[Any]: ...


def offered(commons: Commons, search: Passages | None, source: str, target: str) -> list[dict[str, str]]:
    """Up to ten sentences in a language, in random order, each with its passage and license."""
    if search is None or source == target:
        return []
    pack = commons.pack_of(source)
    passages = [each for each in search.beginnings(source, DRAWN) if each.license in OPEN_LICENSES]
    random.shuffle(passages)
    chosen: dict[str, dict[str, str]] = {}
    for passage in passages[: 4 * OFFERED]:
        fitting = [text for text in sentences(passage.text, pack.abbreviations) if len(words(text)) in WORDS]
        if fitting:
            text = random.choice(fitting)
            chosen[text] = {
                "text": text,
                "passage": passage.id,
                "title": passage.title,
                "url": passage.url,
                "license": passage.license,
            }
    known = select(lines.c.source).where(
        lines.c.source.in_(list(chosen)),
        lines.c.kind.in_(PAIRS),
        lines.c.language == target,
        lines.c.state.not_in((WITHDRAWN, REJECTED)),
    )
    with commons.database.read() as connection:
        done = set(connection.execute(known).scalars())
    return [row for text, row in chosen.items() if text not in done][:OFFERED]
