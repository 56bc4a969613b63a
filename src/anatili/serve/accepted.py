"""The language that a client prefers, by its header Accept-Language (RFC 9110)."""

from collections.abc import Container, Iterator

MOST = 20
"""Languages of a header that are read."""


def accepted_language(header: str, codes: Container[str]) -> str:
    """The language in `codes` that a header prefers, "" for none. Of a tag such as `kk-Cyrl-KZ` only `kk` counts."""
    known = [(-quality, number, code) for number, (code, quality) in enumerate(tags_of(header)) if code in codes]
    return min(known)[2] if known else ""


def tags_of(header: str) -> Iterator[tuple[str, float]]:
    """Language and quality of each tag of a header; those that are refused (quality 0) or not valid are left out."""
    for part in header.split(",", MOST)[:MOST]:
        tag, _, given = part.partition(";")
        name, _, value = given.partition("=")
        try:
            quality = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        code = tag.strip().partition("-")[0].lower()
        if code and 0 < quality <= 1:
            yield code, quality
