"""Licenses of texts: what each one allows, and under which licenses something made from many texts may be given.

Two readings are possible. If a corpus or a model counts as an adaptation of its texts, the licenses of all texts bind
it; that reading is what is computed here. Where the law allows training without permission, they bind the corpus only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatili.problem import Problem
from anatili.text_files import read_toml

FILE = Path(__file__).with_suffix(".toml")
UNKNOWN = "unknown"
KINDS = (
    "public-domain",
    "permissive",
    "share-alike",
    "copyleft",
    "noncommercial",
    "no-derivatives",
    "own-terms",
    UNKNOWN,
)
"""From the fewest conditions to the most."""


@dataclass(frozen=True)
class License:
    """What a license, or an expression of several, allows."""

    name: str
    kind: str
    """One of KINDS."""
    results: frozenset[str]
    """Licenses under which an adaptation may be given."""


@dataclass(frozen=True)
class Obstacle:
    """Documents under a license that does not allow a result under some other."""

    license: str
    kind: str
    documents: int


@dataclass(frozen=True)
class Result:
    """A license for the result, and the documents because of which it is not possible; none if it is."""

    license: str
    obstacles: tuple[Obstacle, ...]

    @property
    def documents(self) -> int:
        """The number of documents that would have to be left out."""
        return sum(obstacle.documents for obstacle in self.obstacles)


@dataclass(frozen=True)
class Report:
    """What may be made of documents under these licenses."""

    licenses: tuple[Obstacle, ...]
    """Every license with its kind and its number of documents, most documents first."""
    results: tuple[Result, ...]
    """Possible licenses first, then those with the fewest documents against them."""

    @property
    def possible(self) -> tuple[str, ...]:
        return tuple(result.license for result in self.results if not result.obstacles)

    def of_kind(self, kind: str) -> int:
        """The number of documents under licenses of this kind."""
        return sum(row.documents for row in self.licenses if row.kind == kind)

    def against(self, name: str) -> tuple[Obstacle, ...]:
        """The documents because of which the result may not be given under the license `name`."""
        return tuple(row for row in self.licenses if name not in license_of(row.license).results)


@cache
def table() -> Mapping[str, License]:
    """SPDX identifier in lower case -> what that license allows."""
    content = read_toml(FILE)
    everything = frozenset(content["results"])
    with_attribution = everything - {"CC0-1.0"}
    groups = {"any": everything, "*": with_attribution}
    return MappingProxyType(
        {
            name.lower(): License(
                name,
                row["kind"],
                groups[row["results"]] if isinstance(row["results"], str) else frozenset(row["results"]),
            )
            for name, row in content["license"].items()
        }
    )


@cache
def hub_name(name: str) -> str:
    """The identifier of a license on the Hugging Face hub; `other` if it has none."""
    row = read_toml(FILE)["license"].get(license_of(name).name)
    return str(row.get("hub", license_of(name).name.lower())) if row else "other"


@cache
def license_of(expression: str) -> License:
    """What an SPDX expression allows: of `A OR B` the better choice, of `A AND B` only what both allow."""
    from license_expression import ExpressionError

    try:
        parsed = grammar().parse(expression.strip() or UNKNOWN)
    except ExpressionError:
        return License(expression, UNKNOWN, frozenset())
    return evaluate(parsed, expression.strip())


def evaluate(parsed: Any, expression: str) -> License:
    """What a parsed expression allows."""
    parts = [evaluate(part, part.render()) for part in getattr(parsed, "args", ()) if hasattr(part, "render")]
    if not parts or hasattr(parsed, "exception_symbol"):
        key = getattr(parsed, "license_symbol", parsed).render()
        return table().get(key.lower(), License(key, UNKNOWN, frozenset()))
    if type(parsed).__name__ == "OR":
        best = min(parts, key=lambda part: KINDS.index(part.kind))
        return License(expression, best.kind, frozenset().union(*(part.results for part in parts)))
    worst = max(parts, key=lambda part: KINDS.index(part.kind))
    return License(expression, worst.kind, frozenset.intersection(*(part.results for part in parts)))


@cache
def grammar() -> Any:
    """The grammar of SPDX expressions; it is only read after it was made."""
    from license_expression import Licensing

    return Licensing()


def report(documents: Mapping[str, int]) -> Report:
    """What may be made of documents, given their number by license."""
    rows = [Obstacle(name or UNKNOWN, license_of(name).kind, count) for name, count in documents.items()]
    rows.sort(key=lambda row: (-row.documents, row.license))
    results = []
    for name in read_toml(FILE)["results"]:
        against = tuple(row for row in rows if name not in license_of(row.license).results)
        results.append(Result(name, against))
    return Report(tuple(rows), tuple(sorted(results, key=lambda result: result.documents)))


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """`names` if each is a known license or a kind of licenses; else a `Problem`."""
    names = tuple(names)
    for name in names:
        if name not in KINDS and license_of(name).kind == UNKNOWN:
            raise Problem(
                f"no license {name!r} is known; name an SPDX identifier such as CC-BY-4.0, or a kind: "
                f"{', '.join(KINDS)}"
            )
    return names


def is_allowed(expression: str, names: Iterable[str]) -> bool:
    """Whether a text under `expression` may be used as one under a license, or of a kind, in `names`; empty: any.

    What is in the public domain also counts as permissive.
    """
    names = tuple(names)
    return not names or fulfills(expression, names)


@cache
def fulfills(expression: str, names: tuple[str, ...]) -> bool:
    """Whether a text under `expression` may be used as one under a license, or of a kind, in `names`."""
    from license_expression import ExpressionError

    try:
        parsed = grammar().parse(expression.strip() or UNKNOWN)
    except ExpressionError:
        return UNKNOWN in names
    return matches(parsed, frozenset(name.lower() for name in names))


def matches(parsed: Any, names: frozenset[str]) -> bool:
    """Whether a parsed expression can be fulfilled with licenses, or kinds of licenses, in `names`."""
    parts = [part for part in getattr(parsed, "args", ()) if hasattr(part, "render")]
    if not parts or hasattr(parsed, "exception_symbol"):
        name = getattr(parsed, "license_symbol", parsed).render()
        kind = license_of(name).kind
        return name.lower() in names or kind in names or (kind == KINDS[0] and KINDS[1] in names)
    choose = any if type(parsed).__name__ == "OR" else all
    return choose(matches(part, names) for part in parts)
