"""`release.spdx3.json`: the bill of materials in SPDX 3.0.1 (JSON-LD), with the AI and dataset profiles."""

from collections.abc import Iterator, Mapping
from typing import Any

from anatili import __version__
from anatili.licenses import UNKNOWN, license_of
from anatili.release.contents import Content
from anatili.release.facts import Facts
from anatili.release.localization import Words
from anatili.release.model_card import TASK, introduction

FILE = "release.spdx3.json"
CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATION = "_:creation"
NAMESPACE = "https://spdx.org/spdxdocs/"
PROFILES = ("core", "software", "simpleLicensing", "ai", "dataset")


def spdx(facts: Facts, contents: Mapping[str, Content], words: Words) -> dict[str, Any]:
    """The document; the same facts and contents give the same document."""
    space = f"{facts.address or NAMESPACE + facts.name}#"
    created = f"{facts.source_date}T00:00:00Z"
    elements = [
        *makers(facts, space),
        model(facts, words, space, created),
        *files(contents, space),
        *datasets(facts, space, created),
        *base(facts, space, created),
        *licenses(facts, space),
    ]
    elements += list(relationships(facts, contents, space))
    document = {
        "type": "SpdxDocument",
        "spdxId": f"{space}document",
        "creationInfo": CREATION,
        "name": facts.name,
        "profileConformance": list(PROFILES),
        "rootElement": [f"{space}model"],
        "element": [element["spdxId"] for element in elements],
    }
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": created,
        "createdBy": [f"{space}maker-0"],
        "createdUsing": [f"{space}tool"],
    }
    return {"@context": CONTEXT, "@graph": [creation, document, *elements]}


def makers(facts: Facts, space: str) -> Iterator[dict[str, Any]]:
    """Who made the release, and with which tool."""
    for number, name in enumerate(facts.authors or (f"The makers of {facts.name}",)):
        yield {"type": "Agent", "spdxId": f"{space}maker-{number}", "creationInfo": CREATION, "name": name}
    yield {"type": "Tool", "spdxId": f"{space}tool", "creationInfo": CREATION, "name": f"anatili {__version__}"}


def package(facts: Facts, space: str, created: str) -> dict[str, Any]:
    """What every package states."""
    return {
        "creationInfo": CREATION,
        "suppliedBy": f"{space}maker-0",
        "releaseTime": created,
        "software_packageVersion": facts.release_version,
        "software_downloadLocation": facts.address or "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertion",
        "software_copyrightText": "NOASSERTION",
    }


def model(facts: Facts, words: Words, space: str, created: str) -> dict[str, Any]:
    """The model as an AI package."""
    rows = {
        f"bits per byte, {row['language']}, {row['texts']}": row["bits_per_byte"]
        for row in facts.scores
        if row["who"] == "tune"
    }
    rows |= {
        f"{row['measure']}, {row['language']}, {row.get('texts', '')}": row["value"]
        for row in facts.measures
        if row["who"] == "tune" and row["value"] is not None
    }
    return package(facts, space, created) | {
        "type": "ai_AIPackage",
        "spdxId": f"{space}model",
        "name": facts.name,
        "summary": introduction(facts, words),
        "software_primaryPurpose": "model",
        "ai_typeOfModel": ["transformer decoder"],
        "ai_domain": [TASK],
        "ai_informationAboutTraining": f"{facts.trained_tokens} tokens, {facts.conversations} conversations",
        "ai_limitation": words("limits_text"),
        "ai_modelDataPreprocessing": [
            "text extraction",
            "language identification",
            "masking of personal data",
            "removal of duplicates",
        ],
        "ai_hyperparameter": entries({"parameters": facts.parameters, "context": facts.context}),
        "ai_metric": entries(rows),
        "ai_useSensitivePersonalInformation": "noAssertion",
        "ai_autonomyType": "no",
    }


def entries(values: Mapping[str, object]) -> list[dict[str, Any]]:
    return [{"type": "DictionaryEntry", "key": key, "value": str(value)} for key, value in values.items()]


def files(contents: Mapping[str, Content], space: str) -> Iterator[dict[str, Any]]:
    """The files of the model."""
    for number, (name, content) in enumerate(contents.items()):
        yield {
            "type": "software_File",
            "spdxId": f"{space}file-{number}",
            "creationInfo": CREATION,
            "name": name,
            "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": content.sha256}],
        }


def names_of_sources(facts: Facts) -> list[str]:
    return list(dict.fromkeys(row.source for row in facts.sources))


def datasets(facts: Facts, space: str, created: str) -> Iterator[dict[str, Any]]:
    """The sources of training documents."""
    for number, source in enumerate(names_of_sources(facts)):
        rows = [row for row in facts.sources if row.source == source]
        yield package(facts, space, created) | {
            "type": "dataset_DatasetPackage",
            "spdxId": f"{space}data-{number}",
            "name": source,
            "originatedBy": [f"{space}maker-0"],
            "builtTime": created,
            "software_primaryPurpose": "data",
            "dataset_datasetType": ["text"],
            "dataset_datasetSize": sum(row.bytes for row in rows),
            "dataset_dataCollectionProcess": f"source of kind {facts.kinds.get(source, UNKNOWN)} in the recipe",
            "dataset_intendedUse": "training of a language model",
            "dataset_hasSensitivePersonalInformation": "noAssertion",
            "dataset_anonymizationMethodUsed": ["masking of personal data by rules"],
        }


def base(facts: Facts, space: str, created: str) -> Iterator[dict[str, Any]]:
    """The model from which training started."""
    if facts.base:
        yield package(facts, space, created) | {
            "type": "ai_AIPackage",
            "spdxId": f"{space}base",
            "name": facts.base,
            "software_primaryPurpose": "model",
            "software_packageVersion": "as packaged",
            "ai_typeOfModel": ["transformer decoder"],
        }


def expressions(facts: Facts) -> list[str]:
    """The licenses of the model, of all sources and of the base, each once."""
    names = [facts.license, *(row.license for row in facts.sources)]
    names += ["LicenseRef-base"] if facts.base else []
    return list(dict.fromkeys(expression(name) for name in names))


def expression(name: str) -> str:
    """`name` if SPDX can read it, else NOASSERTION."""
    return name if license_of(name).kind != UNKNOWN or name.startswith("LicenseRef-") else "NOASSERTION"


def licenses(facts: Facts, space: str) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(expressions(facts)):
        yield {
            "type": "simplelicensing_LicenseExpression",
            "spdxId": f"{space}license-{number}",
            "creationInfo": CREATION,
            "simplelicensing_licenseExpression": name,
        }


def relationships(facts: Facts, contents: Mapping[str, Content], space: str) -> Iterator[dict[str, Any]]:
    """What was trained on what, which files belong to the model, and all licenses."""
    names = {name: f"{space}license-{number}" for number, name in enumerate(expressions(facts))}
    rows: list[tuple[str, str, list[str]]] = []
    sources = names_of_sources(facts)
    if sources:
        rows.append((f"{space}model", "trainedOn", [f"{space}data-{number}" for number in range(len(sources))]))
    if contents:
        rows.append((f"{space}model", "contains", [f"{space}file-{number}" for number in range(len(contents))]))
    if facts.base:
        rows.append((f"{space}model", "descendantOf", [f"{space}base"]))
    given = [(f"{space}model", [expression(facts.license)])]
    given += [
        (f"{space}data-{number}", [expression(row.license) for row in facts.sources if row.source == source])
        for number, source in enumerate(sources)
    ]
    given += [(f"{space}base", ["LicenseRef-base"])] if facts.base else []
    for element, found in given:
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            rows.append((element, kind, [names[name] for name in dict.fromkeys(found)]))
    for number, (start, kind, ends) in enumerate(rows):
        yield {
            "type": "Relationship",
            "spdxId": f"{space}relationship-{number}",
            "creationInfo": CREATION,
            "from": start,
            "relationshipType": kind,
            "to": ends,
        }
