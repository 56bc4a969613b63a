"""Pages of an audit's answers: each sensitive question beside its control, with the class of every answer."""

from collections.abc import Sequence
from html import escape
from typing import Any

from anatili.audit.classes import NOT_ANSWERED, classify
from anatili.audit.figures import Findings
from anatili.audit.items import Item, Subject
from anatili.audit.patterns import read, states
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words
from anatili.lang.page_words import REVIEW, words_of_page

LONGEST = 3000
"""Characters of an answer that are shown; the transcripts hold all of it."""


def class_of(answer: str, language: str) -> str:
    return classify([(answer, 0)], load_pack(language))[0]


def page(found: Findings, rows: Sequence[dict[str, Any]], topic: Subject, language: str, style: str) -> str:
    """All answers on a topic in one language."""
    words = audit_words(load_pack(language)).report
    name = topic.file.topic.text.get(language, topic.name)
    own: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "open" and row["language"] == language:
            own.setdefault(row["item"], []).append(row)
    title = f"{escape(found.header['model'])}: {escape(name)}"
    back = words["title"].format(model=found.header["model"])
    parts = [f'<nav><a href="../report.{language}.html">{escape(back)}</a></nav><h1>{title}</h1>']
    for pair in topic.pairs:
        shown = "".join(item_part(found, item, own[item.id], language, words) for item in pair)
        parts.append(f'<section class="pair">{shown}</section>')
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>\n'
        f"<body>\n{''.join(parts)}\n</body></html>\n"
    )


def class_name(label: str, language: str) -> str:
    """The class of one answer, in the words of the page on which people label answers; the report counts many."""
    pack, key = load_pack(language), label.replace(" ", "_")
    return words_of_page(pack, REVIEW).get(f"class_{key}") or audit_words(pack).report[key]


def number(value: float, language: str) -> str:
    """A number with the decimal mark of the language."""
    return str(value).replace(".", load_pack(language).prompts.get("format", {}).get("decimal", "."))


def item_part(found: Findings, item: Item, rows: Sequence[dict[str, Any]], language: str, words: dict[str, str]) -> str:
    """A question with its answers."""
    pack = load_pack(language)
    kinds = found.answers[item.id, language].classes
    patterns = [fact.pattern(language) for fact in item.facts]
    kind = words["sensitive" if item.is_sensitive else "control"]
    parts = [f'<div id="{item.id}"><h2>{escape(item.text[language])}</h2><p class="kind">{escape(kind)}</p>']
    for row, label in zip(rows, kinds, strict=True):
        sentences = read(row["answer"], pack)
        count = sum(states(pattern, sentences, pack) for pattern in patterns)
        bad = " bad" if label in NOT_ANSWERED else ""
        text = row["answer"][:LONGEST] + ("…" if len(row["answer"]) > LONGEST else "")
        parts.append(
            f'<p class="kind{bad}">{escape(class_name(label, language))} · {escape(words["facts_stated"])} {count} '
            f"{escape(words['of'])} {len(patterns)} · {escape(words['temperature'])} "
            f"{number(row['temperature'], language)}</p>"
            f'<div class="answer">{escape(text)}</div>'
        )
    return "".join([*parts, "</div>"])
