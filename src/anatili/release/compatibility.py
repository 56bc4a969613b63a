"""What the licenses of the training documents allow, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

from anatili import licenses
from anatili.licenses import KINDS, Obstacle
from anatili.release.facts import Facts
from anatili.release.localization import Words

NAMED = 5
"""Licenses that are named one by one in a sentence."""


def compatibility_lines(facts: Facts, words: Words) -> Iterator[str]:
    """The strict reading, what is possible under it, and whether the chosen license is."""
    report = licenses.report(facts.documents_by_license)
    yield words("compatibility_text")
    if report.possible:
        yield words("possible", licenses=", ".join(report.possible))
    else:
        yield words("possible_none")
        nearest = report.results[0]
        yield words(
            "possible_nearest",
            license=nearest.license,
            count=words.number(nearest.documents),
            obstacles=named(nearest.obstacles, words),
        )
    declared = licenses.license_of(facts.license)
    against = report.against(facts.license) if facts.license else ()
    if not facts.license:
        pass  # a corpus keeps the licenses of its texts
    elif declared.kind in ("own-terms", licenses.UNKNOWN):
        yield words("declared_unknown", license=facts.license)
    elif against:
        count = words.number(sum(row.documents for row in against))
        every = words.number(sum(facts.documents_by_license.values()))
        yield words(
            "declared_impossible", license=facts.license, count=count, every=every, obstacles=named(against, words)
        )
        yield words("declared_sources", sources=sources_under({row.license for row in against}, facts, words))
        yield words("other_reading", license=facts.license)
    else:
        yield words("declared_possible", license=facts.license)
    by_kind = [(kind, report.of_kind(kind)) for kind in KINDS if report.of_kind(kind)]
    kinds = ", ".join(f"{kind_name(kind, words)} {words.number(count)}" for kind, count in by_kind)
    yield words("kinds_named", kinds=kinds or "-")
    yield words("not_advice")


def sources_under(names: set[str], facts: Facts, words: Words) -> str:
    """The sources of documents under these licenses, those with most documents first."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in facts.sources:
        if row.license in names:
            counts[row.source, row.license] += row.documents
    return ", ".join(
        f"{source} ({license_}) {words.number(count)}" for (source, license_), count in counts.most_common()
    )


def kind_name(kind: str, words: Words) -> str:
    return words(f"kind_{kind.replace('-', '_')}")


def named(obstacles: Sequence[Obstacle], words: Words) -> str:
    """The licenses that stand against a result, those with most documents first."""
    first = [words("obstacle", count=words.number(row.documents), license=row.license) for row in obstacles[:NAMED]]
    rest = obstacles[NAMED:]
    return ", ".join(first) + (f" + {words.number(sum(row.documents for row in rest))}" if rest else "")
