"""`bom.cdx.json`: the bill of materials of a model in CycloneDX 1.6, with model card and data components."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from anatili import __version__
from anatili.licenses import UNKNOWN, license_of, table
from anatili.release.contents import Content
from anatili.release.facts import Facts
from anatili.release.localization import Words
from anatili.release.model_card import TASK

FILE = "bom.cdx.json"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/anatili/anatili")
MODEL = "model"


def bom(facts: Facts, contents: Mapping[str, Content], words: Words) -> dict[str, Any]:
    """The bill of materials; the same facts and contents give the same document."""
    sources = dict.fromkeys(row.source for row in facts.sources)
    components = [data_component(facts, name) for name in sources]
    components += [base_component(facts)] if facts.base else []
    components += [file_component(name, content) for name, content in contents.items()]
    identity = f"{facts.name} {facts.release_version} " + " ".join(content.sha256 for content in contents.values())
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": f"{facts.source_date}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "anatili", "version": __version__}]},
            "component": model_component(facts, words, list(sources)),
        },
        "components": components,
        "dependencies": [{"ref": MODEL, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def model_component(facts: Facts, words: Words, sources: list[str]) -> dict[str, Any]:
    """The model itself, with its card."""
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": facts.name,
        "version": facts.release_version,
        "description": words("limits_text"),
        "licenses": licenses(facts.license),
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "self-supervised"},
                "task": TASK,
                "architectureFamily": "transformer",
                "modelArchitecture": f"decoder, {facts.parameters} parameters, context {facts.context}",
                "datasets": [{"ref": f"data-{name}"} for name in sources],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "text"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": list(metrics(facts))},
            "considerations": {"technicalLimitations": [words("limits_text")], "useCases": [TASK]},
        },
    }
    if facts.authors:
        component["authors"] = [{"name": name} for name in facts.authors]
    if facts.address:
        component["externalReferences"] = [{"type": "distribution", "url": facts.address}]
    return component


def metrics(facts: Facts) -> Iterator[dict[str, Any]]:
    """The scores of the released model."""
    rows = [(row, "bits per byte", row["bits_per_byte"]) for row in facts.scores if row["who"] == "tune"]
    rows += [
        (row, row["measure"], row["value"])
        for row in facts.measures
        if row["who"] == "tune" and row["value"] is not None
    ]
    for row, name, value in rows:
        metric: dict[str, Any] = {
            "type": name,
            "value": str(value),
            "slice": f"{row['language']} {row.get('texts', '')}".strip(),
        }
        if row.get("interval"):
            low, high = map(str, row["interval"])
            metric["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
        yield metric


def data_component(facts: Facts, source: str) -> dict[str, Any]:
    """A source of training documents."""
    rows = [row for row in facts.sources if row.source == source]
    documents = sum(row.documents for row in rows)
    names = sorted({row.license for row in rows})
    properties = {f"documents in {row.language} under {row.license}": row.documents for row in rows}
    return {
        "type": "data",
        "bom-ref": f"data-{source}",
        "name": source,
        "licenses": licenses(names[0] if len(names) == 1 else " AND ".join(f"({name})" for name in names)),
        "data": [
            {
                "type": "dataset",
                "name": source,
                "classification": "public",
                "description": f"{documents} training documents, kind {facts.kinds.get(source, UNKNOWN)}",
                "contents": {"properties": [{"name": key, "value": str(value)} for key, value in properties.items()]},
            }
        ],
    }


def base_component(facts: Facts) -> dict[str, Any]:
    """The model from which training started."""
    return {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": facts.base,
        "licenses": [{"license": {"name": facts.base_license or UNKNOWN}}],
    }


def file_component(name: str, content: Content) -> dict[str, Any]:
    """A file of the model."""
    return {
        "type": "file",
        "bom-ref": f"file-{name}",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": content.sha256}],
        "properties": [{"name": "anatili:bytes", "value": str(content.size)}],
    }


def licenses(expression: str) -> list[dict[str, Any]]:
    """A license as CycloneDX writes it: by identifier, as an expression of known ones, or by name."""
    known = license_of(expression)
    if known.kind == UNKNOWN:
        return [{"license": {"name": expression or UNKNOWN}}]
    if expression.lower() not in table():
        return [{"expression": expression}]
    return [{"license": {"name" if known.name.startswith("LicenseRef-") else "id": known.name}}]
