"""`CITATION.cff`: how to cite a release, in the Citation File Format 1.2.0."""

from typing import Any

from anatili.licenses import license_of
from anatili.release.facts import Facts

FILE = "CITATION.cff"


def citation(facts: Facts, kind: str = "software") -> str:
    """The file for a `software` (a model) or a `dataset`."""
    import yaml

    authors = facts.authors or (f"The makers of {facts.name}",)
    rows: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this release, please cite it as below.",
        "type": kind,
        "title": facts.name,
        "version": facts.release_version,
        "authors": [{"name": name} for name in authors],
        "keywords": ["language model", *facts.languages],
    }
    if facts.date:
        rows["date-released"] = facts.date
    if facts.address.startswith("https://"):
        rows["url"] = facts.address
    if license_of(facts.license).kind != "unknown" and not facts.license.startswith("LicenseRef-"):
        rows["license"] = facts.license
    text: str = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=120)
    return text
