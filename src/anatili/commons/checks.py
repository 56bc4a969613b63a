"""What the refinery notices about a line: personal data, which is refused, and marks, which a moderator looks at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anatili.commons.contribution import Contribution
from anatili.document import Document, Duplicate
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.recipe import Cut, Dedup
from anatili.refine.cut import thresholds, why_not
from anatili.refine.dedup import SEQUENCE, band_keys, comparable_text, sign
from anatili.refine.mark import look_at, personal_patterns
from anatili.refine.personal import find_personal
from anatili.text import number_of, words

IDENTIFIED = 20
"""Words from which the language of a line is identified. Of shorter ones the contributor's word counts."""
DEDUP = Dedup()
OF_PAGES = {"min_words": 0, "min_stopwords": 0.0, "min_confidence": 0.0, "min_order": -100.0, "max_unended": 1.0}
"""Thresholds of `cut` that are meant for whole pages, as they are for lines."""
OF_SHORT = {"max_switched": 1.0, "min_quality": -1.0, "max_odd": 1.0, "max_surprisal": 100.0}
"""In a sentence a single word can be too much: a name, or one that another language has too."""


@dataclass(frozen=True)
class Stretch:
    """Personal data in a field of a line; `start` and `end` count characters."""

    field: str
    kind: str
    start: int
    end: int


class PersonalDataError(Problem):
    """A line that is refused because it has personal data."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        kinds = ", ".join(dict.fromkeys(stretch.kind for stretch in stretches))
        super().__init__(f"the line has personal data ({kinds}), which is not kept; take it out and send it again")
        self.stretches = tuple(stretches)


@dataclass(frozen=True)
class Checked:
    """What is stored of the checks: marks, and by what the line is compared with others."""

    marks: tuple[str, ...]
    folded: int
    hashes: bytes
    keys: tuple[int, ...]
    """A number for each band of hashes; lines with a number in common may be near duplicates."""


def refuse_personal(line: Contribution, packs: dict[str, LanguagePack]) -> None:
    """`PersonalDataError` if any field holds personal data by the finder of the packs."""
    own = {line.language: packs[line.language], **packs}
    patterns = personal_patterns(own)
    stretches = [
        Stretch(field, finding.kind, finding.start, finding.end)
        for field in ("text", "source", "draft", "title", "origin")
        for finding in find_personal(getattr(line, field), patterns)
    ]
    if stretches:
        raise PersonalDataError(stretches)


def check(line: Contribution, packs: dict[str, LanguagePack]) -> Checked:
    """Look at a line as `mark` and `cut` look at a document."""
    is_short = len(words(line.text)) < IDENTIFIED
    document = Document(
        id=line.id,
        text=line.text,
        title=line.title,
        url="",
        source="commons",
        time="",
        license="",
        opt_out="",
        charset="utf-8",
        language=line.language if is_short else "",
    )
    mark = look_at(document, packs, 25)
    limits = {
        line.language: thresholds(Cut(), packs[line.language]).model_copy(
            update=OF_PAGES | (OF_SHORT if is_short else {})
        )
    }
    reason, _ = why_not(document, mark, Duplicate(line.id, "", "", 0.0, ()), limits)
    signature = sign(document, DEDUP.bands * DEDUP.rows, comparable_text(document, mark, packs))
    hashes = np.frombuffer(signature.hashes, np.uint32).reshape(1, DEDUP.bands, DEDUP.rows)
    is_long = signature.words > SEQUENCE  # of a shorter line, only a copy would be near
    keys = [number_of(f"{band} {band_keys(hashes[:, band])[0]}") for band in range(DEDUP.bands)] if is_long else []
    return Checked((reason,) if reason else (), number_of(line.folded()), signature.hashes, tuple(keys))


def is_near(one: bytes, other: bytes) -> bool:
    """Whether two lines count as near duplicates by their hashes, by the default of `dedup`."""
    first, second = np.frombuffer(one, np.uint32), np.frombuffer(other, np.uint32)
    return bool(len(first) == len(second) and (first == second).mean() >= DEDUP.min_likeness)
