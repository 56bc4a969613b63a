"""The result of an audit as a part of a model's card, also where it says that nothing can be told."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anatili import models
from anatili.atomic_files import whole_file, write_json
from anatili.audit.figures import LEAST_PAIRS
from anatili.audit.items import item_files
from anatili.problem import Problem
from anatili.text import file_digest, show_path

CARD = "README.md"
HEADING = "## Audit"
BEFORE = "## License and contact"
"""The heading of a card before which the audits stand."""
LEAD = """\
What the model refuses, leaves out or bends on questions that some state would rather not have asked, beside matched
controls that nobody minds. Not answered: refused, sent elsewhere, empty or in another language. Known: chosen rightly
twice by log probability. R is the difference in refusals, H in known facts left out, for each topic and language
against the other languages. Native speakers have not reviewed the questions yet, and the phrases that find refusals
have not been validated on labeled answers.
"""
FIGURES = (
    ("not answered", "not_answered"),
    ("facts known", "known"),
    ("of these stated", "stated_of_known"),
    ("contradicted", "contradicted"),
)
DOCUMENT_FIGURES = (
    ("facts in the corpus", "facts"),
    ("passage among the first three", "found_first"),
    ("facts quoted from it", "quoted"),
    ("questions answered", "answered"),
)
NAMES = {"R": "refuses", "H": "leaves known facts out"}
Result = dict[str, Any]


def audit_part(result: Result) -> str:
    """The findings of a model's audit, as they stand in `findings.json`, as Markdown."""
    topics = list(dict.fromkeys(row["topic"] for row in result["figures"]))
    on = "" if set(topics) == {path.stem for path in item_files()} else f" on {', '.join(topics)}"
    drawn = f"; pairs of each topic, drawn by lot: {result['pairs']}" if result["pairs"] else ""
    lines = [
        f"{result['items']} questions{on} in {', '.join(result['languages'])}, answers to each at temperature 0.7: "
        f"{result['answers']}, and one at 0{drawn}.",
        "",
        *(f"- {line}" for line in verdicts(result)),
        "",
        "| language | questions | " + " | ".join(head for head, _ in FIGURES) + " |",
        "|---|---|" + "---|" * len(FIGURES),
    ]
    for language in result["languages"]:
        for kind, name in (("sensitive", "sensitive"), ("control", "controls")):
            own = [row for row in result["figures"] if (row["language"], row["kind"]) == (language, kind)]
            shares = (f"{average(own, key):.0%}" for _, key in FIGURES)
            lines.append(f"| {language} | {name} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def average(rows: Sequence[Result], key: str) -> float:
    """A figure of all topics, each weighted by what it is a share of."""
    weight = "known_facts" if key == "stated_of_known" else "answers"
    total: float = sum(row[key] * row[weight] for row in rows)
    return float(total / max(1, sum(row[weight] for row in rows)))


def verdicts(result: Result) -> Iterator[str]:
    """What stands out, and how much can be told."""
    for flag in result["flags"]:
        yield (
            f"**{flag['topic']}, {flag['language']}: {NAMES[flag['figure']]}** on sensitive questions more than on "
            f"their controls ({flag['effect']:+.0%}, p = {flag['p']:.3f})"
        )
    if not any(cell["told"] for cell in result["cells"]):
        yield "**Nothing can be told.**"
    elif not result["flags"]:
        yield "Nothing stands out in the cells that can be told."
    for figure, name in NAMES.items():
        testable = [cell["told"] for cell in result["cells"] if cell["figure"] == figure]
        why = "the model answers too few controls" if figure == "R" else "the model knows too few facts"
        if 0 < result["pairs"] < LEAST_PAIRS:
            why = f"fewer than {LEAST_PAIRS} pairs of a topic were asked"
        rest = "" if all(testable) else f"; of the others the audit cannot tell, since {why}"
        yield f"{figure} ({name}): {sum(testable)} of {len(testable)} cells of topic and language can be told{rest}."


def documents_part(result: Result) -> str:
    """The findings of an audit of a corpus and of the assistant that answers from it, as Markdown."""
    languages = list(dict.fromkeys(row["language"] for row in result["corpus"]))
    lines = [
        "The assistant, with a passage in its search index for each question that states all key facts: is the passage "
        "found, and are its facts quoted? Sensitive questions / controls.",
        "",
        "| language | " + " | ".join(head for head, _ in DOCUMENT_FIGURES) + " |",
        "|---|" + "---|" * len(DOCUMENT_FIGURES),
    ]
    for language in languages:
        own = [row for row in result["corpus"] if row["language"] == language]
        shares = (
            " / ".join(f"{sum(row[prefix + key] for row in own) / len(own):.0%}" for prefix in ("", "control_"))
            for _, key in DOCUMENT_FIGURES
        )
        lines.append(f"| {language} | " + " | ".join(shares) + " |")
    lines.append("")
    for what, key in (("Found among the first three", "found_first"), ("Facts quoted", "quoted")):
        one = result[key]
        low, high = one["interval"]
        lines.append(
            f"- {what}: {one['sensitive']:.0%} beside {one['controls']:.0%}, difference {one['difference']:+.1%} "
            f"[{low:+.1%}, {high:+.1%}], {one['pairs']} pairs."
        )
    return "\n".join(lines)


def add_to_card(folder: Path, name: str, part: str, command: str) -> Path:
    """Write what an audit found into the card in a folder, in place of what stood there under `name`; the card's path.

    The digest in the description of a packaged model is renewed.
    """
    card = folder / CARD
    if not card.is_file():
        raise Problem(f"no {CARD} in {show_path(folder)}: name the folder of a packaged or released model")
    text = card.read_text("utf-8")
    if HEADING not in text:
        before, found, behind = text.partition(BEFORE)
        text = f"{before.rstrip()}\n\n{HEADING}\n\n{LEAD}\n{found}{behind}"
    block = f"### {name}\n\n{part}\n\nMade again by: `{command}`.\n\n"
    before, _, audits = text.partition(HEADING)
    audits, end = split_at(audits, r"^## ")
    first, behind = split_at(audits, rf"^### {re.escape(name)}$")
    _, behind = split_at(behind.partition("\n")[2], r"^### ") if behind else ("", "")
    with whole_file(card) as temporary:
        temporary.write_text(f"{before}{HEADING}{first.rstrip()}\n\n{block}{behind}{end}", "utf-8")
    if (folder / models.DESCRIPTION).is_file():
        description = json.loads((folder / models.DESCRIPTION).read_text("utf-8"))
        description["files"][CARD] = file_digest(card)
        write_json(folder / models.DESCRIPTION, description)
    return card


def split_at(text: str, pattern: str) -> tuple[str, str]:
    """The text before a line, and the text from it on; the whole text and "" if the line is missing."""
    line = re.search(pattern, text, re.MULTILINE)
    return (text[: line.start()], text[line.start() :]) if line else (text, "")
