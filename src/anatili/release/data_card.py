"""The data card: `DATA.md` in English with metadata for the hub, `DATA.CODE.md` in the other languages."""

from collections.abc import Iterable, Iterator, Mapping

from anatili.lang import reference
from anatili.licenses import hub_name
from anatili.release.compatibility import compatibility_lines
from anatili.release.facts import Facts
from anatili.release.localization import Words, table
from anatili.release.model_card import TASK, card_name, removal

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
"""The hub's classes of size: below so many rows."""
HOSTS = 20
"""Hosts that the card names; all are in `facts.json`."""


def data_card(
    facts: Facts,
    words: Words,
    names: Iterable[str],
    *,
    has_documents: bool,
    configs: Mapping[str, Mapping[str, str]],
    stem: str = "DATA",
) -> str:
    """The card in the language of `words`. `configs`: name -> split -> pattern of Parquet files, for `load_dataset`."""
    parts = list(sections(facts, words, has_documents))
    others = [f"[{words.language(code)}]({card_name(stem, code)})" for code in names if code != words.code]
    if others:
        parts.append(f"{words('other_languages')}: {', '.join(others)}.")
    head = f"---\n{front_matter(facts, configs)}---\n\n" if words.code == reference() else ""
    return head + "\n\n".join(parts) + "\n"


def front_matter(facts: Facts, configs: Mapping[str, Mapping[str, str]]) -> str:
    """The metadata for the hub as YAML."""
    import yaml
    from huggingface_hub import DatasetCardData

    licenses = sorted({hub_name(row.license) for row in facts.sources}) or ["unknown"]
    data = DatasetCardData(
        license=licenses if len(licenses) > 1 else licenses[0],
        language=list(facts.languages),
        pretty_name=facts.name,
        size_categories=[size_class(facts.uses["training"])],
        task_categories=[TASK],
        multilinguality="multilingual" if len(facts.languages) > 1 else "monolingual",
        source_datasets=["original"],
    ).to_dict()
    if configs:
        data["configs"] = [
            {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in splits.items()]}
            for name, splits in configs.items()
        ]
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    return text


def size_class(rows: int) -> str:
    return next((name for limit, name in SIZES if rows < limit), "n>1B")


def sections(facts: Facts, words: Words, has_documents: bool) -> Iterator[str]:
    """The card's text, part by part."""
    uses = {use.replace("-", "_"): words.number(count) for use, count in facts.uses.items()}
    yield f"# {title(facts, words)}"
    yield words("data_listed" if has_documents else "data_not_listed") + "\n\n" + words("data_intro", **uses)
    if not facts.parameters:
        yield words("corpus_alone")
    if facts.last_time:
        yield words("data_period", first=facts.first_time[:10], last=facts.last_time[:10])
    yield f"## {words('sources')}"
    yield table(*source_rows(facts, words))
    yield f"## {words('compatibility')}"
    yield "\n".join(f"- {line}" for line in compatibility_lines(facts, words))
    yield f"## {words('hosts')}"
    yield words("hosts_text", count=words.number(len(facts.hosts))) if facts.hosts else words("no_hosts")
    if facts.hosts:
        yield table(*host_rows(facts, words, HOSTS))
    for key, column, counts in (("collected", "records", facts.collected), ("decided", "documents", facts.decided)):
        yield f"## {words(key)}"
        yield table(
            [words("column_result"), words(f"column_{column}")], [[k, words.number(n)] for k, n in counts.items()]
        )
    yield f"## {words('personal')}\n\n{words('personal_text')}"
    yield f"## {words('removal')}\n\n{removal(facts, words)}"


def title(facts: Facts, words: Words) -> str:
    return words("data_title" if facts.parameters else "corpus_title", name=facts.name)


def source_rows(facts: Facts, words: Words) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of sources."""
    columns = ("source", "license", "language", "documents", "bytes")
    rows = [
        [
            row.source,
            row.license,
            row.language,
            words.number(row.documents),
            words.number(row.bytes) if row.bytes else "-",
        ]
        for row in facts.sources
    ]
    return [words(f"column_{name}") for name in columns], rows


def host_rows(facts: Facts, words: Words, limit: int) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of hosts."""
    columns = ("host", "documents", "license")
    rows = [[row.host, words.number(row.documents), ", ".join(row.licenses)] for row in facts.hosts[:limit]]
    return [words(f"column_{name}") for name in columns], rows
