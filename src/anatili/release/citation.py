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
        "keywords": ["language model" if kind == "software" else "text corpus", *facts.languages],
    }
    if facts.date:
        rows["date-released"] = facts.date
    if facts.address.startswith("https://"):
        rows["url"] = facts.address
    # The license of the weights does not cover texts; of several the format would mean: any one of them.
    texts = list(facts.documents_by_license)
    named = facts.license if kind == "software" else texts[0] if len(texts) == 1 else ""
    if license_of(named).kind != "unknown" and not named.startswith("LicenseRef-"):
        rows["license"] = named
    text: str = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=120)
    return text
