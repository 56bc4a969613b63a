"""The public summary of training content that Article 53(1)(d) of the EU's AI Act asks for, filled from the facts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

from anatili.lang import reference
from anatili.release.facts import CRAWLED, Facts, SourceCount
from anatili.release.localization import Words, cell, table, words_of
from anatili.release.model_card import removal

TEMPLATE = Path(__file__).parent / "templates" / "eu_summary.md"
FILE = "training-summary-eu.md"
SIZES = ((10**9, "Less than 1 billion tokens"), (10**13, "1 billion to 10 trillion tokens"))
"""Ranges of the template's section 1.3: below so many tokens."""
MOST = "More than 10 trillion tokens"
TOP_SHARE, TOP_MOST = 0.05, 1000
"""Domains to list, of all: for small and medium enterprises 5 % or 1,000, whichever is lower (section 2.3)."""
ALL_BELOW = 200
"""With fewer hosts than this, all are listed."""
NAMED = 12
"""Sources that a sentence names."""
UNSTATED = "**[provider]**"


def eu_summary(facts: Facts) -> str:
    """The summary as Markdown, in English."""
    words = words_of(reference())
    crawled = [row for row in facts.sources if facts.kinds.get(row.source) in CRAWLED]
    given = [row for row in facts.sources if facts.kinds.get(row.source) not in CRAWLED]
    values = general(facts, words) | {
        "datasets_used": yes(given),
        "datasets": datasets(given, words) if given else "",
        "crawled_used": yes(crawled),
        "crawled": crawling(facts, crawled, words) if crawled else "",
        "synthetic_used": "No" if not facts.base else "Not by this project",
        "synthetic": synthetic(facts, words),
        "other_used": "No",
        "other": "",
        "opt_outs": opt_outs(facts, words),
        "removal": removal(facts, words),
        "blocked": words.number(facts.decided.get("lost: blocked words", 0)),
        "decided": "; ".join(f"{key} {words.number(count)}" for key, count in facts.decided.items()),
    }
    return Template(TEMPLATE.read_text("utf-8")).substitute(values)


def general(facts: Facts, words: Words) -> dict[str, str]:
    """The answers of section 1."""
    counts: Counter[str] = Counter()
    for row in facts.sources:
        counts[row.language] += row.documents
    total = max(1, sum(counts.values()))
    shares = ", ".join(f"{words.language(code)} ({code}) {count / total:.1%}" for code, count in counts.most_common())
    authors = ", ".join(facts.authors)
    size = (
        f"{words.number(facts.trained_tokens)} tokens seen in training"
        if facts.trained_tokens
        else "tokens not recorded"
    )
    size += f"; {words.number(facts.bytes)} bytes of text" if facts.bytes else ""
    return {
        "name": facts.name,
        "version": facts.release_version,
        "update": facts.date or UNSTATED,
        "provider": cell("; ".join(filter(None, (authors, facts.contact, facts.address))) or UNSTATED),
        "dependencies": f"{facts.base} ({facts.base_license})" if facts.base else "None: trained from scratch",
        "placed": facts.date or UNSTATED,
        "size_range": size_range(facts.trained_tokens) if facts.trained_tokens else UNSTATED,
        "size_detail": size,
        "content": cell(f"Web pages and corpora: {source_list(facts.sources)}"),
        "latest": month(facts.last_time) or UNSTATED,
        "languages": f"By documents: {shares}",
        "characteristics": f"Texts chosen for {', '.join(words.language(code) for code in facts.languages)}",
    }


def size_range(tokens: int) -> str:
    return next((name for limit, name in SIZES if tokens < limit), MOST)


def source_list(rows: Sequence[SourceCount]) -> str:
    """The sources by name, the first of many."""
    names = sorted({row.source for row in rows})
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more, see section 2" if rest > 0 else "")


def yes(rows: Sequence[SourceCount]) -> str:
    return "Yes" if rows else "No"


def datasets(rows: Sequence[SourceCount], words: Words) -> str:
    """The table of datasets, a row for each source and license."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts[row.source, row.license] += row.documents
    return table(["dataset", "license", "documents"], [[*key, words.number(n)] for key, n in counts.items()])


def crawling(facts: Facts, rows: Sequence[SourceCount], words: Words) -> str:
    """The table of section 2.3, and the domains."""
    own = any(facts.kinds[row.source] == "site" for row in rows)
    period = f"{month(facts.first_time)} to {month(facts.last_time)}" if facts.last_time else UNSTATED
    pages = f"Pages of {words.number(len(facts.hosts))} hosts, from: {source_list(rows)}"
    answers = {
        "Crawler name(s) or identifier(s)": f"{'anatili; ' if own else ''}for WARC files, the crawler named in them",
        "Purposes of the crawler(s)": "To collect text in the languages above",
        "General description of crawler behaviour": "anatili obeys robots.txt, waits between requests to a host, does "
        "not log in, does not solve captchas and does not pass paywalls",
        "Period of data collection": period,
        "Comprehensive description of the type of content and online sources crawled": pages,
        "Type of modality covered": "Text",
    }
    return f"{table(['field', 'answer'], list(answers.items()))}\n\n{domains(facts, words)}"


def month(time: str) -> str:
    """`MM/YYYY` of an ISO 8601 time, as the template asks; "" if there is none."""
    return f"{time[5:7]}/{time[:4]}" if time else ""


def domains(facts: Facts, words: Words) -> str:
    """The most important hosts, by bytes of text, as many as the template asks of a small provider."""
    by_size = sorted(facts.hosts, key=lambda row: (-row.bytes, row.host))
    count = len(by_size) if len(by_size) < ALL_BELOW else min(TOP_MOST, max(1, round(TOP_SHARE * len(by_size))))
    rows = [[row.host, words.number(row.documents), words.number(row.bytes)] for row in by_size[:count]]
    head = f"The {words.number(count)} largest of {words.number(len(by_size))} hosts; all are in `facts.json`:"
    return f"{head}\n\n{table(['domain', 'documents', 'bytes'], rows)}"


def synthetic(facts: Facts, words: Words) -> str:
    """What is known of generated text."""
    lines = []
    if facts.base:
        lines.append(f"Whether {facts.base} was trained on synthetic data is for its provider to say.")
    if facts.conversations:
        lines.append(
            f"The {words.number(facts.conversations)} conversations of fine-tuning were made by the rules of the stage "
            "`tune`, without an AI model, except those in files of instructions that the recipe names."
        )
    return " ".join(lines)


def opt_outs(facts: Facts, words: Words) -> str:
    count = facts.decided.get("lost: opted out", 0)
    return f"{words.number(count)} documents were left out because of such a signal."
