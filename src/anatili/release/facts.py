"""The facts of a release: the one source of every card, in every language and for every machine.

They are kept as `facts.json` in the release, and in packages of models, so that all cards can be written again.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import anatili
from anatili import weights
from anatili.atomic_files import write_json
from anatili.document import Kept, read_shard
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.run import MEMORIZED, Record
from anatili.stage import Task
from anatili.text import show_path
from anatili.urls import host_of

FILE = "facts.json"
USES = ("training", "held-out", "lost")
CRAWLED = ("warc", "commoncrawl", "site")
"""Kinds of sources whose documents are pages of the web."""


@dataclass(frozen=True, slots=True)
class SourceCount:
    """Training documents of one source, license and language."""

    source: str
    license: str
    language: str
    documents: int
    bytes: int
    """Of UTF-8 text; 0 if it was not counted."""


@dataclass(frozen=True, slots=True)
class HostCount:
    """Training documents of one web host."""

    host: str
    documents: int
    bytes: int
    licenses: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Everything that the cards say."""

    name: str
    release_version: str
    date: str
    """Of the release, ISO 8601; "" if the recipe does not say."""
    license: str
    authors: tuple[str, ...]
    contact: str
    """"" if the recipe names none."""
    address: str
    """Where the release can be found; "" if the recipe does not say."""
    languages: tuple[str, ...]
    parameters: int
    """0 for a corpus without a model."""
    base: str
    base_license: str
    adapters: bool
    """Whether only adapters of the base were trained."""
    trimmed: bool
    added_tokens: int
    trained_tokens: int
    context: int
    precision: str
    device: str
    conversations: int
    tokens_per_word: Mapping[str, float]
    uses: Mapping[str, int]
    """`training`, `held-out`, `lost` -> documents."""
    sources: tuple[SourceCount, ...]
    hosts: tuple[HostCount, ...]
    """Most documents first."""
    kinds: Mapping[str, str]
    """Source -> its kind in the recipe."""
    first_time: str
    last_time: str
    """When the training documents were fetched or written, as far as they say so."""
    collected: Mapping[str, int]
    decided: Mapping[str, int]
    """Result of `cut` -> documents."""
    metric: str
    scores: tuple[Mapping[str, Any], ...]
    measures: tuple[Mapping[str, Any], ...]
    translation: tuple[Mapping[str, Any], ...] = ()
    """Each direction that was taught, with chrF++ where it was measured."""
    made_with: str = f"anatili {anatili.__version__}"
    notes: Mapping[str, str] = field(default_factory=dict)
    """Language code -> a remark on the training that the other facts cannot express."""
    memorized: Mapping[str, Any] | None = None
    """How much of what the model writes without a prompt occurs in its training text; None if it was not measured."""

    @property
    def documents_by_license(self) -> dict[str, int]:
        """License -> training documents."""
        counts: Counter[str] = Counter()
        for row in self.sources:
            counts[row.license] += row.documents
        return dict(counts.most_common())

    @property
    def bytes(self) -> int:
        """Bytes of training text; 0 if they were not counted for every source."""
        return sum(row.bytes for row in self.sources) if all(row.bytes for row in self.sources) else 0

    @property
    def source_date(self) -> str:
        """The date of the release, else of the newest document: an equal run must give equal files."""
        return self.date or self.last_time[:10] or "1970-01-01"


def facts_of(task: Task, records: Mapping[str, Record], uses: Mapping[str, int]) -> Facts:
    """The facts of the run whose release is built; `uses` counts all documents by use."""
    recipe, trained = task.recipe, records["pretrain"].summary
    scores = json.loads((task.inputs["evaluate"] / "scores.json").read_text("utf-8"))
    base = recipe.tokenizer.base
    return Facts(
        **published(recipe),
        parameters=trained["parameters"],
        base=weights.base_name(base),
        base_license=weights.PACKAGED[base].license if base in weights.PACKAGED else "",
        adapters=bool(base) and recipe.pretrain.method == "lora",
        trimmed=bool(recipe.tokenizer.trim_first),
        added_tokens=recipe.tokenizer.added,
        trained_tokens=trained["trained_tokens"],
        context=recipe.pretrain.context,
        precision=trained["precision"],
        device=trained["device"],
        conversations=records["tune"].summary["conversations"],
        tokens_per_word=records["tokenizer"].summary["tokens_per_word"],
        uses={use: uses.get(use, 0) for use in USES},
        collected=records["collect"].summary["records"],
        decided=records["cut"].summary["documents"],
        metric=scores["metric"],
        scores=tuple(scores["scores"]),
        measures=tuple(scores["measures"]),
        memorized=memorized(task.out.parent, records),
        **corpus_facts(task.inputs["cut"]),
    )


def facts_of_corpus(recipe: Recipe, records: Mapping[str, Record], uses: Mapping[str, int], cut: Path) -> Facts:
    """The facts of a corpus without a model: all that a model would have is 0 or empty."""
    return Facts(
        **published(recipe) | {"license": ""},
        parameters=0,
        base="",
        base_license="",
        adapters=False,
        trimmed=False,
        added_tokens=0,
        trained_tokens=0,
        context=0,
        precision="",
        device="",
        conversations=0,
        tokens_per_word={},
        uses={use: uses.get(use, 0) for use in USES},
        collected=records["collect"].summary["records"],
        decided=records["cut"].summary["documents"],
        metric="",
        scores=(),
        measures=(),
        **corpus_facts(cut),
    )


def memorized(root: Path, records: Mapping[str, Record]) -> Mapping[str, Any] | None:
    """What `anatili trace memory` measured in the run at `root`, if it is about this corpus and this model."""
    try:
        measured: dict[str, Any] = json.loads((root / MEMORIZED).read_text("utf-8"))
        about = measured.pop("about")
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return measured if about == {name: records[name].content for name in ("cut", "tune")} else None


def published(recipe: Recipe) -> dict[str, Any]:
    """What the recipe itself says about the release."""
    settings = recipe.release
    return {
        "name": recipe.name,
        "release_version": settings.version,
        "date": settings.date,
        "license": settings.license,
        "authors": tuple(settings.authors),
        "contact": settings.contact,
        "address": settings.address,
        "languages": tuple(recipe.languages),
        "kinds": {source.name: source.kind for source in recipe.collect.sources},
    }


def corpus_facts(cut: Path) -> dict[str, Any]:
    """Counts over all training documents, by source and by host, and the range of their times."""
    sources: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    hosts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    licenses: dict[str, set[str]] = defaultdict(set)
    times: list[str] = []
    for shard in sorted(cut.glob("part-*.parquet")):
        for row in read_shard(shard, Kept):
            size = len(row.text.encode())
            for counts in (sources[row.source, row.license, row.language], hosts[host_of(row.url)]):
                counts[0] += 1
                counts[1] += size
            licenses[host_of(row.url)].add(row.license)
            if row.time:
                times = [min([row.time, *times[:1]]), max([row.time, *times[1:]])]
    hosts.pop("", None)
    by_size = sorted(hosts.items(), key=lambda item: (-item[1][0], item[0]))
    return {
        "sources": tuple(SourceCount(*key, *counts) for key, counts in sorted(sources.items())),
        "hosts": tuple(
            HostCount(host, counts[0], counts[1], tuple(sorted(licenses[host]))) for host, counts in by_size
        ),
        "first_time": times[0] if times else "",
        "last_time": times[1] if times else "",
    }


def write_facts(folder: Path, facts: Facts) -> None:
    write_json(folder / FILE, asdict(facts))


def read_facts(folder: Path) -> Facts:
    """The facts in `folder`; `Problem` if it is no release or package with facts."""
    path = folder / FILE
    if not path.is_file():
        raise Problem(
            f"no {FILE} in {show_path(folder)}: name the release folder of a run, or the folder of a packaged model"
        )
    try:
        row = json.loads(path.read_text("utf-8"))
        row["sources"] = tuple(SourceCount(**source) for source in row["sources"])
        row["hosts"] = tuple(HostCount(**(host | {"licenses": tuple(host["licenses"])})) for host in row["hosts"])
        names = {each.name for each in fields(Facts)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in row.items() if name in names
        }
        return Facts(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise Problem(f"{show_path(path)} is damaged ({error}); write the release again") from error
