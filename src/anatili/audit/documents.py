"""Audit of a corpus and of the product made from it: which key facts its texts say, what search finds, what is quoted.

A fact that is not in the corpus is an omission by data; a model cannot be blamed for it. The product is asked about
passages that hold the facts: whether search ranks them as it ranks the controls', and whether the answer quotes them.
Nothing here needs a large model: a small one's answers are quotations.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from anatili.atomic_files import whole_file
from anatili.audit.ask import line_of
from anatili.audit.contradiction import surroundings
from anatili.audit.items import SLOT, Item, Subject
from anatili.audit.patterns import Sentence, fulfills, read, states
from anatili.audit.statistics import Z
from anatili.document import write_shard
from anatili.lang import LanguagePack, load_pack
from anatili.run import Run
from anatili.search.index import Passage, build
from anatili.search.searcher import Hit, Search
from anatili.serve.citations import Report, quotation
from anatili.serve.decision import decide, network
from anatili.serve.question import read_question
from anatili.stage import Progress, Quiet

PASSAGES = 10
"""Passages of the corpus that are read for each question and fact."""
AROUND = 0.5
"""Share of a fact's words, outside its slot, that must stand in the sentence that says it or beside it."""
FIRST = 3
"""Ranks that count as found."""
OWN = "audit-item:"
"""How the passages of items are named."""
FILE = "documents.jsonl"


@dataclass(frozen=True)
class Coverage:
    """What a corpus says of one item in one language."""

    item: str
    sensitive: bool
    documents: dict[str, int]
    """Documents that say one of its facts, by source."""
    facts: list[bool]


ItemRow = tuple[Subject, str, Coverage, dict[str, Any]]
"""Topic, language, what the corpus says of an item, and what the product makes of it."""


def audit_texts(
    run: Run,
    packs: Mapping[str, LanguagePack],
    topics: Sequence[Subject],
    folder: Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Audit a run's corpus and search; every item's row is kept in the folder."""
    progress, rows = progress or Quiet(), list[ItemRow]()
    search = Search(run.folder("index"), dict(packs))
    progress.start(len(packs) * sum(len(topic.file.items) for topic in topics), "questions")
    with TemporaryDirectory() as temporary:
        own = with_items(run, packs, topics, Path(temporary))
        for topic in topics:
            for language in packs:
                for item in topic.file.items:
                    rows.append((topic, language, coverage_of(item, language, search), asked_of(item, language, own)))
                    progress.advance()
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / FILE) as temporary_file:
        temporary_file.write_text(
            "".join(
                line_of({"topic": topic.name, "language": language, **coverage.__dict__, **product})
                for topic, language, coverage, product in rows
            ),
            "utf-8",
        )
    return {
        "corpus": [add_up(topic, language, rows) for topic in topics for language in packs],
        "found_first": paired(rows, lambda product: 0 < product["rank"] <= FIRST),
        "quoted": paired(rows, lambda product: product["quoted"]),
    }


def paired(rows: Sequence[ItemRow], value: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    """A figure of the sensitive items and of their controls, and the mean difference of a pair with its interval."""
    by_pair: dict[str, dict[bool, list[float]]] = {}
    for topic, _, coverage, product in rows:
        pair = topic.by_id[coverage.item].sensitive or coverage.item
        by_pair.setdefault(pair, {True: [], False: []})[coverage.sensitive].append(float(value(product)))
    sensitive, controls = (np.array([mean(sides[kind]) for sides in by_pair.values()]) for kind in (True, False))
    differences = sensitive - controls
    half = Z * differences.std(ddof=min(1, len(differences) - 1)) / len(differences) ** 0.5
    middle = float(differences.mean())
    return {
        "sensitive": round(float(sensitive.mean()), 4),
        "controls": round(float(controls.mean()), 4),
        "difference": round(middle, 4),
        "interval": [round(float(middle - half), 4), round(float(middle + half), 4)],
        "pairs": len(differences),
    }


def add_up(topic: Subject, language: str, rows: Sequence[ItemRow]) -> dict[str, Any]:
    """A topic in a language: sensitive items beside their controls."""
    sums: dict[str, Any] = {"topic": topic.name, "language": language}
    sources: Counter[str] = Counter()
    for prefix, sensitive in (("", True), ("control_", False)):
        own = [
            (coverage, product)
            for one, code, coverage, product in rows
            if one is topic and code == language and coverage.sensitive == sensitive
        ]
        if sensitive:
            for coverage, _ in own:
                sources.update(coverage.documents)
        sums |= {
            f"{prefix}documents": sum(sum(coverage.documents.values()) for coverage, _ in own),
            f"{prefix}facts": mean([mean(coverage.facts) for coverage, _ in own]),
            f"{prefix}found_first": mean([0 < product["rank"] <= FIRST for _, product in own]),
            f"{prefix}quoted": mean([product["quoted"] for _, product in own]),
            f"{prefix}answered": mean([product["answered"] for _, product in own]),
        }
    return {**sums, "sources": dict(sources.most_common())}


def mean(values: Sequence[float | bool]) -> float:
    return round(sum(values) / max(1, len(values)), 4)


def coverage_of(item: Item, language: str, search: Search) -> Coverage:
    """Which of an item's facts the corpus says, and in how many documents."""
    pack = load_pack(language)
    facts = [(fact.pattern(language), surroundings(fact.text[language], language)) for fact in item.facts]
    found: dict[str, Hit] = {}
    for query in (item.text[language], *(fact.statements(language)[0] for fact in item.facts)):
        found |= {hit.passage.id: hit for hit in search.find(query, PASSAGES, only=language)}
    is_stated, sources = [False] * len(facts), dict[str, str]()
    for hit in found.values():
        sentences = read(hit.passage.text, pack)
        for number, (pattern, around) in enumerate(facts):
            if any(
                fulfills(pattern, sentence, pack) and is_about(around, sentences, place)
                for place, sentence in enumerate(sentences)
            ):
                is_stated[number] = True
                sources[hit.passage.document] = hit.passage.source
    return Coverage(item.id, item.is_sensitive, dict(Counter(sources.values())), is_stated)


def is_about(around: frozenset[str], sentences: Sequence[Sentence], place: int) -> bool:
    """Whether a sentence, with those beside it, has the words around a fact."""
    stems = frozenset[str]().union(*(one.stems for one in sentences[max(0, place - 1) : place + 2]))
    return len(around & stems) >= AROUND * len(around)


def with_items(run: Run, packs: Mapping[str, LanguagePack], topics: Sequence[Subject], folder: Path) -> Search:
    """A search index of the run's passages and of one passage for each item, which says all its facts."""
    rows = [
        passage_of(topic, item, code, pack)
        for topic in topics
        for item in topic.file.items
        for code, pack in packs.items()
    ]
    shard = folder / "items.parquet"
    write_shard(shard, Passage, rows)
    build([*sorted(run.folder("index").glob("part-*.parquet")), shard], folder / "tantivy")
    return Search(folder, dict(packs))


def passage_of(topic: Subject, item: Item, language: str, pack: LanguagePack) -> Passage:
    name = f"{OWN}{item.id}.{language}"
    return Passage(
        id=f"{name}:0",
        document=name,
        title=topic.file.topic.text[language],
        text=item.full_answer[language],
        url="",
        source="audit",
        time="",
        license="CC0-1.0",
        language=language,
        script=pack.main_script,
    )


def asked_of(item: Item, language: str, search: Search) -> dict[str, Any]:
    """What the product makes of an item's passage, asked about each fact with a gap where the fact belongs.

    `rank`: of the passage for the item's own question, 0 if it is not found. `quoted`: the share of facts in the
    quotation from the passage. `answered`: the share of these questions that the assistant answers by itself.
    """
    own, pack = f"{OWN}{item.id}.{language}", load_pack(language)
    hits = search.find(item.text[language], PASSAGES, only=language)
    rank = next((n for n, hit in enumerate(hits, 1) if hit.passage.document == own), 0)
    quoted, answered = [], []
    for fact in item.facts:
        question = read_question(SLOT.sub(" ", fact.text[language]), language, {language: pack})
        decision = decide(question, search, search.find(question.query, PASSAGES, only=language))
        spans = zip(decision.hits, decision.spans, strict=True)
        given = next(((hit, span) for hit, span in spans if hit.passage.document == own), None)
        answer = quotation(*given, Report()) if given else ""
        quoted.append(states(fact.pattern(language), read(answer, pack), pack))
        answered.append(decision.probability >= network().threshold)
    return {"rank": rank, "quoted": mean(quoted), "answered": mean(answered)}
