"""`croissant.json`: the data behind a release for machines, in the Croissant format of MLCommons."""

from collections.abc import Mapping, Sequence
from typing import Any

from anatili.release.contents import Content
from anatili.release.data_card import title
from anatili.release.facts import FILE as FACTS
from anatili.release.facts import Facts
from anatili.release.localization import Words

FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PLAIN = (
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
CONTEXT = {
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in PLAIN},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
"""The context that the specification recommends, without the language."""
TEXT, INTEGER, URL = "sc:Text", "sc:Integer", "sc:URL"
SOURCES = {"source": TEXT, "license": TEXT, "language": TEXT, "documents": INTEGER, "bytes": INTEGER}
DOCUMENTS = {
    "id": TEXT,
    "url": TEXT,
    "title": TEXT,
    "source": TEXT,
    "license": TEXT,
    "time": TEXT,
    "opt_out": TEXT,
    "use": TEXT,
    "reason": TEXT,
    "extracted_sha256": TEXT,
    "corpus_sha256": TEXT,
    "duplicate_of": TEXT,
}
CORPUS = {
    "id": TEXT,
    "text": TEXT,
    "title": TEXT,
    "url": TEXT,
    "source": TEXT,
    "time": TEXT,
    "license": TEXT,
    "language": TEXT,
    "script": TEXT,
}


def croissant(facts: Facts, content: Content, folders: Sequence[str], words: Words) -> dict[str, Any]:
    """The description. `content`: of `facts.json`; `folders`: those with Parquet shards, such as `documents`."""
    uses = {use.replace("-", "_"): words.number(count) for use, count in facts.uses.items()}
    row: dict[str, Any] = {
        "@context": {"@language": words.code, **CONTEXT},
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts.name,
        "description": f"{title(facts, words)}. {words('data_intro', **uses)}",
        "license": license_names(facts),
        "url": facts.address or f"urn:anatili:{facts.name}:{facts.release_version}",
        "version": facts.release_version,
        "datePublished": facts.source_date,
        "creator": [{"@type": "sc:Organization", "name": name} for name in makers(facts)],
        "citeAs": f"{', '.join(makers(facts))}: {facts.name} {facts.release_version}",
        "inLanguage": list(facts.languages),
        "isLiveDataset": False,
        "rai:dataCollection": f"Sources by kind: {kinds(facts)}",
        "rai:personalSensitiveInformation": words("personal_text"),
        "rai:dataReleaseMaintenancePlan": words("removal_contact", contact=facts.contact)
        if facts.contact
        else words("removal_no_contact"),
        "distribution": [facts_file(content), *(shards(folder) for folder in folders)],
        "recordSet": [source_records(), *(shard_records(folder) for folder in folders)],
    }
    return row


def makers(facts: Facts) -> tuple[str, ...]:
    return facts.authors or (f"The makers of {facts.name}",)


def license_names(facts: Facts) -> list[str]:
    """The licenses of all training documents."""
    return list(facts.documents_by_license) or ["unknown"]


def kinds(facts: Facts) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in facts.kinds.items()) or "unknown"


def facts_file(content: Content) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": FACTS,
        "name": FACTS,
        "contentUrl": FACTS,
        "encodingFormat": "application/json",
        "contentSize": f"{content.size} B",
        "sha256": content.sha256,
    }


def shards(folder: str) -> dict[str, Any]:
    """The Parquet shards of a folder; their digests are in SHA256SUMS."""
    return {
        "@type": "cr:FileSet",
        "@id": f"{folder}-shards",
        "name": f"{folder}-shards",
        "encodingFormat": "application/x-parquet",
        "includes": f"{folder}/*.parquet",
    }


def source_records() -> dict[str, Any]:
    """The sources of the training documents, with licenses and counts."""
    fields = [
        field("sources", name, kind, {"fileObject": {"@id": FACTS}, "extract": {"jsonPath": f"$.sources[*].{name}"}})
        for name, kind in SOURCES.items()
    ]
    return {"@type": "cr:RecordSet", "@id": "sources", "name": "sources", "field": fields}


def shard_records(folder: str) -> dict[str, Any]:
    """The rows of a folder's shards."""
    columns = DOCUMENTS if folder == "documents" else CORPUS
    fields = [
        field(folder, name, kind, {"fileSet": {"@id": f"{folder}-shards"}, "extract": {"column": name}})
        for name, kind in columns.items()
    ]
    return {"@type": "cr:RecordSet", "@id": folder, "name": folder, "field": fields}


def field(records: str, name: str, kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{records}/{name}", "name": name, "dataType": kind, "source": dict(source)}
