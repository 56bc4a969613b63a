"""The site of a release: one folder of static pages without scripts, a page for each language with card, scores, data,
hosts, licenses and a form that writes a letter. It can be put on any web server, or opened from a disk."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from anatili.licenses import license_of
from anatili.release.assemble import new_folder
from anatili.release.bars import Bar, chart
from anatili.release.compatibility import compatibility_lines, kind_name
from anatili.release.contents import SIGNATURE
from anatili.release.data_card import host_rows, source_rows
from anatili.release.facts import FILE as FACTS
from anatili.release.facts import Facts, read_facts
from anatili.release.localization import Words, card_languages, words_of
from anatili.release.model_card import (
    introduction,
    license_lines,
    measure_rows,
    score_rows,
    size_label,
    training_lines,
    translation_rows,
)
from anatili.release.render import DESCRIBED, write_text

STYLE = Path(__file__).parent / "templates" / "site.css"
FOLDER = "files"
LONG = 24
"""Characters beyond which the texts of a column are wrapped."""
HOSTS = 1000
"""Hosts in the table of a page; all are in `facts.json`."""
MARKS = re.compile(r"\*\*([^*]{1,300})\*\*|`([^`]{1,200})`|\[([^\]\[]{1,100})\]\(([^()\s]{1,200})\)")
Table = tuple[list[str], list[list[str]]]


def write_site(release: Path, folder: Path) -> list[str]:
    """Write the site of the release in `release`; returns the names of its pages, the first language's first."""
    facts = read_facts(release)
    names = page_languages(facts)
    files = [name for name in (*DESCRIBED, SIGNATURE) if (release / name).is_file()]
    with new_folder(folder):
        (folder / FOLDER).mkdir()
        for name in files:
            shutil.copyfile(release / name, folder / FOLDER / name)
        for code in names:
            write_text(folder / page_name(code, names), page(facts, words_of(code), names, files))
    return [page_name(code, names) for code in names]


def page_languages(facts: Facts) -> tuple[str, ...]:
    """The languages of the site, the model's own first."""
    names = card_languages(facts.languages)
    return tuple(sorted(names, key=lambda code: facts.languages.index(code) if code in facts.languages else 99))


def page_name(code: str, names: Sequence[str]) -> str:
    return "index.html" if code == names[0] else f"{code}.html"


def page(facts: Facts, words: Words, names: Sequence[str], files: Sequence[str]) -> str:
    """A whole page in the language of `words`."""
    parts: dict[str, tuple[str, Iterator[str]]] = {
        "model": ("site_home", model_part(facts, words)),
        "scores": ("scores", score_part(facts, words)),
        "data": ("site_data", data_part(facts, words)),
        "hosts": ("site_hosts", host_part(facts, words)),
        "removal": ("site_removal", removal_part(facts, words)),
        "files": ("site_files", file_part(words, files)),
    }
    links = "".join(f'<li><a href="#{name}">{escape(words(key))}</a></li>' for name, (key, _) in parts.items())
    sections = ((name, "\n".join(lines)) for name, (_, lines) in parts.items())
    body = "\n".join(f'<section id="{name}">\n{lines}\n</section>' for name, lines in sections)
    built = inline(words("site_built", facts=FACTS, made_with=facts.made_with))
    return (
        f'<!DOCTYPE html>\n<html lang="{words.code}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "form-action mailto:; base-uri 'none'\">\n"
        f"<title>{escape(facts.name)}</title>\n<style>\n{STYLE.read_text('utf-8')}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">{escape(words("skip"))}</a>\n<header>\n'
        f'<nav aria-label="{escape(facts.name)}"><ul>{links}</ul></nav>\n{language_links(words, names)}\n</header>\n'
        f'<main id="main">\n{body}\n</main>\n<footer><p>{built}</p></footer>\n</body>\n</html>\n'
    )


def language_links(words: Words, names: Sequence[str]) -> str:
    links = []
    for code in names:
        current = ' aria-current="page"' if code == words.code else ""
        name = escape(words.language(code))
        links.append(f'<li><a href="{page_name(code, names)}" lang="{code}" hreflang="{code}"{current}>{name}</a></li>')
    return f'<nav class="languages" aria-label="{escape(words("language_choice"))}"><ul>{"".join(links)}</ul></nav>'


def inline(text: str) -> str:
    """Text of a card as HTML: **strong**, `code` and [links](address); everything else is plain text."""

    def write(match: re.Match[str]) -> str:
        strong, code, label, address = match.groups()
        if strong or code:
            return f"<strong>{strong}</strong>" if strong else f"<code>{code}</code>"
        return f'<a href="#data">{label}</a>' if address.endswith(".md") else f'<a href="{address}">{label}</a>'

    return MARKS.sub(write, escape(text))


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{inline(text)}</p>' if kind else f"<p>{inline(text)}</p>"


def bullets(lines: Iterator[str]) -> str:
    return "<ul>" + "".join(f"<li>{inline(line)}</li>" for line in lines) + "</ul>"


def html_table(content: Table) -> str:
    """A table that can be scrolled sideways; columns with letters are aligned to the left, long texts are wrapped."""
    head, rows = content
    kinds = [kind_of([row[column] for row in rows]) for column in range(len(head))]

    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{kind}>{escape(value)}</{tag}>" for kind, value in zip(kinds, values, strict=True))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{cells(head, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def kind_of(values: Sequence[str]) -> str:
    """The class of a column's cells, as an attribute."""
    if not any(c.isalpha() for value in values for c in value):
        return ""
    return ' class="text long"' if max(map(len, values)) > LONG else ' class="text"'


def heading(words: Words, key: str) -> str:
    return f"<h2>{escape(words(key))}</h2>"


def model_part(facts: Facts, words: Words) -> Iterator[str]:
    yield f"<h1>{escape(facts.name)}</h1>"
    yield paragraph(introduction(facts, words), "lead")
    yield paragraph(words(size_label(facts.parameters)))
    yield heading(words, "limits")
    yield paragraph(words("limits_text"))
    yield heading(words, "training")
    yield bullets(training_lines(facts, words))
    yield heading(words, "license")
    yield "".join(paragraph(line) for line in license_lines(facts, words))


def score_part(facts: Facts, words: Words) -> Iterator[str]:
    yield heading(words, "scores")
    if not (facts.scores or facts.measures):
        yield paragraph(words("no_scores"))
    if facts.scores:
        yield paragraph(words("scores_text"))
        yield chart(score_bars(facts, words), words("site_plot_scores"))
        yield html_table(score_rows(facts, words))
    if facts.measures:
        yield paragraph(words("measures_text"))
        yield html_table(measure_rows(facts, words))
    if facts.translation:
        yield heading(words, "translation")
        yield paragraph(words("translation_text"))
        yield html_table(translation_rows(facts, words))


def score_bars(facts: Facts, words: Words) -> list[Bar]:
    """The released model beside the baselines, without the state before fine-tuning."""
    return [
        Bar(
            f"{row['language']}, {row['texts']}: {row['who']}",
            row["bits_per_byte"],
            words.decimal(row["bits_per_byte"], 2),
            row["who"] == "tune",
            (row["interval"][0], row["interval"][1]) if row.get("interval") else None,
        )
        for row in facts.scores
        if row["who"] != "pretrain"
    ]


def data_part(facts: Facts, words: Words) -> Iterator[str]:
    uses = {use.replace("-", "_"): words.number(count) for use, count in facts.uses.items()}
    yield heading(words, "site_data")
    yield paragraph(words("data_intro", **uses))
    if facts.last_time:
        yield paragraph(words("data_period", first=facts.first_time[:10], last=facts.last_time[:10]))
    counts: Counter[str] = Counter()
    for row in facts.sources:
        counts[row.language] += row.documents
    total = max(1, counts.total())
    yield f"<h3>{escape(words('site_census'))}</h3>"
    rows = [
        [words.language(code), words.number(n), f"{words.decimal(100 * n / total, 1)} %"]
        for code, n in counts.most_common()
    ]
    yield html_table(([words("column_language"), words("column_documents"), words("site_share")], rows))
    yield f"<h3>{escape(words('sources'))}</h3>"
    yield html_table(source_rows(facts, words))
    for key, column, results in (("collected", "records", facts.collected), ("decided", "documents", facts.decided)):
        yield f"<h3>{escape(words(key))}</h3>"
        head = [words("column_result"), words(f"column_{column}")]
        yield html_table((head, [[name, words.number(count)] for name, count in results.items()]))
    yield f"<h3>{escape(words('personal'))}</h3>"
    yield paragraph(words("personal_text"))


def host_part(facts: Facts, words: Words) -> Iterator[str]:
    yield heading(words, "site_hosts")
    by_license = facts.documents_by_license
    bars = [Bar(name, count, words.number(count)) for name, count in by_license.items()]
    yield chart(bars, words("site_plot_sources"))
    rows = [[name, kind_name(license_of(name).kind, words), words.number(count)] for name, count in by_license.items()]
    yield html_table(([words("column_license"), words("column_kind"), words("column_documents")], rows))
    yield f"<h3>{escape(words('compatibility'))}</h3>"
    yield bullets(compatibility_lines(facts, words))
    yield f"<h3>{escape(words('hosts'))}</h3>"
    yield paragraph(words("hosts_text", count=words.number(len(facts.hosts))) if facts.hosts else words("no_hosts"))
    if facts.hosts:
        yield html_table(host_rows(facts, words, HOSTS))


def mail_address(contact: str) -> str:
    """The first mail address in a contact; "" if there is none."""
    parts = (word.strip("<>()[],;") for word in contact.split())
    return next((part for part in parts if "@" in part[1:-1]), "")


def removal_part(facts: Facts, words: Words) -> Iterator[str]:
    """How to have a text removed; a form if the contact is a mail address."""
    yield heading(words, "removal")
    if not facts.contact:
        yield paragraph(words("removal_no_contact"))
        return
    mail = mail_address(facts.contact)
    yield paragraph(words("removal_contact", contact=facts.contact))
    if not mail:
        return
    subject = quote(words("form_subject", name=facts.name))
    yield f'<form action="mailto:{escape(mail)}?subject={subject}" method="post" enctype="text/plain">'
    for name, kind in (("url", "input"), ("text", "textarea"), ("reason", "input"), ("name", "input")):
        label = escape(words(f"form_{name}"))
        required = " required" if name == "url" else ""
        box = f'<input name="{name}"{required}>' if kind == "input" else f'<textarea name="{name}"></textarea>'
        yield f"<label>{label}{box}</label>"
    yield f'<p class="note">{inline(words("form_about", contact=mail))}</p>'
    yield f"<button>{escape(words('form_send'))}</button></form>"


def file_part(words: Words, files: Sequence[str]) -> Iterator[str]:
    yield heading(words, "files")
    named = [name for name in files if name in DESCRIBED]
    rows = (f'<a href="{FOLDER}/{name}">{name}</a>: {inline(words(DESCRIBED[name]))}' for name in named)
    yield "<ul>" + "".join(f"<li>{row}</li>" for row in rows) + "</ul>"
    yield heading(words, "check")
    yield paragraph(words("check_text"))
    yield heading(words, "reproduce")
    yield paragraph(words("reproduce_text"))
