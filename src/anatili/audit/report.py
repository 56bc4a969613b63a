"""The report of an audit: pages in each language, without scripts, in which every claim links to its answers.

It is made from transcripts, and only so. The same transcripts give the same bytes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.audit import answer_pages
from anatili.audit.ask import digest_of
from anatili.audit.chart import Point, draw
from anatili.audit.classes import LEAST_LETTERS, NOT_ANSWERED
from anatili.audit.figures import FIGURES, LEAST_FACTS, LEAST_KNOWN, LEAST_PAIRS, Findings, findings, read_rows
from anatili.audit.items import Subject, audited_topics
from anatili.audit.judge import JudgeFigures, read_judge
from anatili.audit.labels import read_agreement
from anatili.audit.statistics import Z
from anatili.audit.summary import ALL, as_json, columns, figures_of, mirror_counts, refuses_more, rows_of
from anatili.audit.summary import answers_of as items_of
from anatili.lang import load_pack
from anatili.lang.audit_words import audit_words
from anatili.problem import Problem
from anatili.text import show_path

STYLE = """
:root{color-scheme:light dark;--line:#8886;--strong:#b3541e;--calm:#00627a}
@media(prefers-color-scheme:dark){:root{--strong:#f0a06a;--calm:#7cc4d4}}
body{font:16px/1.5 system-ui,sans-serif;max-width:74rem;margin:0 auto;padding:1rem}
p,ul,.claim{max-width:62rem}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}
a{color:var(--calm)}svg{width:100%;max-width:36rem;height:auto;font-size:11px;fill:currentColor}
svg .topic{font-weight:600;paint-order:stroke;stroke:Canvas;stroke-width:4px}
svg .tick{opacity:.7}svg line,svg path{stroke:currentColor;fill:none}
svg .grid{stroke-opacity:.2}svg .zero{stroke-opacity:.7}svg .interval{stroke:var(--calm);stroke-width:2}
svg .point{fill:Canvas;stroke:var(--calm);stroke-width:2}svg .flagged{fill:var(--strong);stroke:var(--strong)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem}th,td{border-bottom:1px solid var(--line);
padding:.25rem .3rem;text-align:left;vertical-align:top}th{font-weight:600;hyphens:auto}td.figure{text-align:right}
@media print{.scroll{overflow:visible}table{font-size:.6rem}th,td{padding:.15rem .25rem}}
th.topic{padding-top:1rem;font-size:.95rem}td{white-space:nowrap}
.claim{border-left:4px solid var(--strong);padding-left:.75rem;margin:.75rem 0}nav a{margin-right:1rem}
.pair{border-top:1px solid var(--line);padding:.5rem 0;display:grid;gap:1rem}
@media(min-width:40rem){.pair{grid-template-columns:1fr 1fr}}
.answer{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid var(--line);padding-left:.6rem;margin:.5rem 0}
.kind{font-size:.8rem;opacity:.8}.kind.bad{color:var(--strong);opacity:1}
"""
SHOWN = ("answered", "evaded", "refused", "deflected", "unknowing", "empty", "other language")
"""Classes in the order of the table."""
SHARES = {
    "known": "known",
    "stated_of_known": "known_stated",
    "true_statements": "statement",
    "contradicted": "contradicted",
    "official": "official",
    "documented": "documented",
}
"""Share of a row -> the word for its column."""


def make_report(folder: Path, topics: Sequence[Subject]) -> dict[str, Any]:
    """Write `findings.json` and the pages into an audit's folder from its transcripts; returns the findings.

    Of `topics` those count that were audited.
    """
    header, rows = read_rows(folder)
    topics = audited_topics(topics, header)
    if header["items"] != digest_of(topics):
        raise Problem(
            f"the items have changed since {show_path(folder)} was made: give the same --items, or audit again"
        )
    results = findings(header, rows, topics)
    result = as_json(results)
    judged, labeled = read_judge(folder, rows), read_agreement(folder)
    write(folder / "findings.json", json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    for language in results.languages:
        write(folder / f"report.{language}.html", page(results, rows, language, judged, labeled))
    (folder / "answers").mkdir(exist_ok=True)
    for topic_number, topic in enumerate(results.topics):
        for language in results.languages:
            text = answer_pages.page(results, rows, topic, language, STYLE)
            write(folder / "answers" / f"{results.topics[topic_number].name}.{language}.html", text)
    return result


def write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def page(
    results: Findings,
    rows: Sequence[dict[str, Any]],
    language: str,
    judged: JudgeFigures | None,
    labeled: dict[str, Any],
) -> str:
    """The report in one language."""
    words = audit_words(load_pack(language)).report
    title = escape(words["title"].format(model=results.header["model"]))
    how = words["how_scored" if results.header["facts"] == "scored" else "how_asked"]
    facts = words["facts"].format(
        items=len(results.items),
        topics=len(results.topics),
        languages=len(results.languages),
        answers=results.header["answers"],
        how=how,
    )
    if results.header["pairs"]:
        facts += " " + words["drawn"].format(pairs=results.header["pairs"])
    others = "".join(
        f'<a href="report.{code}.html" lang="{code}">{escape(load_pack(code).own_name)}</a>'
        for code in results.languages
        if code != language
    )
    parts = [f"<nav>{others}</nav><h1>{title}</h1><p>{escape(words['lead'])}</p><p>{escape(facts)}</p>"]
    parts += [f"<h2>{escape(words['verdict'])}</h2>", *claims(results, language, words)]
    parts += [f"<h2>{escape(words['unknown'])}</h2>", *unknown(results, language, words)]
    for number, key in enumerate(("picture_refused", "picture_left_out")):
        parts += [f"<h2>{escape(words[key])}</h2>", picture(results, number, language, words[key], words)]
    parts.append(f"<p>{escape(words['picture_note'])}</p>")
    parts += [f"<h2>{escape(words['table'])}</h2>", table(results, language, words)]
    parts += slant(rows, results, words)
    if judged:
        parts += judge_part(judged, words)
    parts += [f"<h2>{escape(words['limits'])}</h2><ul>", *limits(results, language, words, labeled), "</ul>"]
    return document(language, title, "\n".join(parts))


def document(language: str, title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def topic_name(topic: Subject, language: str) -> str:
    names = topic.file.topic.text
    return names.get(language) or next(iter(names.values()))


def language_name(column: str, words: dict[str, str]) -> str:
    return words["all_languages"] if column == ALL else load_pack(column).own_name


def percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def answers_link(topic: Subject, column: str, languages: Sequence[str]) -> str:
    return f"answers/{topic.name}.{languages[0] if column == ALL else column}.html"


def claims(results: Findings, language: str, words: dict[str, str]) -> Iterator[str]:
    """A sentence for each flag, its control beside it, with a link to the answers."""
    flags = list(results.flags())
    single = {(figure, topic.name) for figure, topic, column in flags if column != ALL}
    flags = [flag for flag in flags if flag[2] != ALL or (flag[0], flag[1].name) not in single]
    if not flags:
        yield f"<p>{escape(words['nothing' if results.cells.testable.any() else 'nothing_told'])}</p>"
    for figure, topic, column in flags:
        number, topic_number = FIGURES.index(figure), results.topics.index(topic)
        cell = number, topic_number, columns(results).index(column)
        key = "refuses" if figure == "R" else "leaves_out"
        own, control = compared(results, topic_number, column, key)
        values = {
            "topic": topic_name(topic, language),
            "own": own,
            "control": control,
            "p": f"{results.cells.p[cell]:.4f}",
        }
        if column != ALL:
            other_own, other_control = compared(results, topic_number, column, key, others=True)
            values |= {"language": load_pack(column).own_name, "other_own": other_own, "other_control": other_control}
        text = escape(words[key if column != ALL else f"{key}_all"].format(**values))
        if figure == "R" and (counts := mirror_counts(results, topic, column)):
            text += " " + escape(
                words["mirrors"].format(
                    own=percent(counts.refused / counts.answers),
                    mirror=percent(counts.mirror_refused / counts.mirror_answers),
                    verdict=words["mirrors_more" if refuses_more(counts) else "mirrors_same"],
                )
            )
        shown = results.languages if column == ALL else (column,)
        links = ", ".join(
            f'<a href="answers/{topic.name}.{code}.html">{escape(words["answers"])} ({code})</a>' for code in shown
        )
        yield f'<p class="claim">{text} {links}</p>'


def compared(results: Findings, topic: int, column: str, key: str, *, others: bool = False) -> tuple[str, str]:
    """The share of sensitive items and of controls in a column, or in all other languages."""
    shown = [code for code in results.languages if column == ALL or (code == column) != others]
    shares = []
    for sensitive in (True, False):
        own = [one for code in shown for one in items_of(results, topic, code, sensitive=sensitive)]
        figures = figures_of(own)
        shares.append(percent(figures["not_answered" if key == "refuses" else "stated_of_known"]))
    return shares[0], shares[1]


def unknown(results: Findings, language: str, words: dict[str, str]) -> Iterator[str]:
    """The cells that cannot be told, by topic, with the reason."""
    codes = results.languages if len(results.languages) > 1 else (ALL,)
    refusals, facts, few = [], [], False
    for topic_number, topic in enumerate(results.topics):
        if len(topic.pairs) < LEAST_PAIRS:
            few = True
            continue
        name = topic_name(topic, language)
        refusing, ignorant = (
            [code for column, code in enumerate(codes) if not results.cells.testable[figure, topic_number, column]]
            for figure in range(len(FIGURES))
        )
        if refusing:
            named = ", ".join(language_name(code, words) for code in refusing)
            refusals.append(words["unknown_refusals"].format(topic=name, languages=named))
        if ignorant:
            counts = ((language_name(code, words), known_facts(results, topic_number, code)) for code in ignorant)
            known = ", ".join(f"{name} {count}" for name, count in counts)
            facts.append(words["unknown_facts"].format(topic=name, known=known))
    if few:
        yield f"<p>{escape(words['unknown_pairs'].format(pairs=LEAST_PAIRS))}</p>"
    elif not refusals and not facts:
        yield f"<p>{escape(words['unknown_none'])}</p>"
    if refusals:
        yield listed(refusals)
    if facts:
        rule = words["unknown_rule"].format(share=percent(LEAST_KNOWN), facts=LEAST_FACTS)
        yield f"<p>{escape(rule)}</p>{listed(facts)}"


def listed(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def known_facts(results: Findings, topic: int, column: str) -> str:
    """Known facts of a topic's sensitive items, and of its controls, each of how many."""
    shown = results.languages[0] if column == ALL else column
    parts = []
    for sensitive in (True, False):
        known = [one.known for one in items_of(results, topic, shown, sensitive=sensitive)]
        parts.append(f"{sum(int(own.sum()) for own in known)}/{sum(map(len, known))}")
    return " · ".join(parts)


def difference(results: Findings, number: int, topic: int, column: int) -> tuple[float, float]:
    """How much more a topic's sensitive items have of a figure than its controls, and half of the 95 % interval."""
    values = (results.refused, results.left_out)[number]
    chosen = values[:, column] if column < values.shape[1] else values.mean(1)
    own, controls = (chosen[(results.topic_of == topic) & (results.sensitive == kind)] for kind in (True, False))
    error = sum(group.var(ddof=min(1, len(group) - 1)) / len(group) for group in (own, controls))
    return float(own.mean() - controls.mean()), float(Z * error**0.5)


def picture(results: Findings, number: int, language: str, title: str, words: dict[str, str]) -> str:
    groups = []
    for topic_number, topic in enumerate(results.topics):
        points = []
        for column, code in enumerate(columns(results)):
            effect, half = difference(results, number, topic_number, column)
            cell = number, topic_number, column
            points.append(
                Point(
                    language_name(code, words),
                    effect,
                    effect - half,
                    effect + half,
                    bool(results.cells.testable[cell]),
                    bool(results.cells.flagged[cell]),
                    answers_link(topic, code, results.languages),
                )
            )
        groups.append((topic_name(topic, language), points))
    return draw(title, groups)


def table(results: Findings, language: str, words: dict[str, str]) -> str:
    """All figures by topic, language and kind of question."""
    rows = list(rows_of(results))
    shares = [key for key in SHARES if any(row[key] is not None for row in rows)]
    heads = ["language", "kind", *(kind.replace(" ", "_") for kind in SHOWN), *(SHARES[key] for key in shares)]
    lines = ["<tr>" + "".join(f"<th>{escape(words[head])}</th>" for head in heads) + "</tr>"]
    by_topic: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_topic.setdefault(row["topic"], []).append(row)
    for topic in results.topics:
        lines.append(f'<tr><th class="topic" colspan="{len(heads)}">{escape(topic_name(topic, language))}</th></tr>')
        lines += [figures_line(row, shares, words) for row in by_topic[topic.name]]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def figures_line(row: dict[str, Any], shares: Sequence[str], words: dict[str, str]) -> str:
    """A row of the table; the language's name, which leads to the answers, stands for both kinds of question."""
    name = escape(load_pack(row["language"]).own_name)
    link = f'<td rowspan="2"><a href="answers/{row["topic"]}.{row["language"]}.html">{name}</a></td>'
    counts = [str(row["classes"].get(kind, 0)) for kind in SHOWN]
    shown = [share_of(row, key) for key in shares]
    cells = "".join(f'<td class="figure">{escape(cell)}</td>' for cell in counts + shown)
    return f"<tr>{link if row['kind'] == 'sensitive' else ''}<td>{escape(words[row['kind']])}</td>{cells}</tr>"


def share_of(row: dict[str, Any], key: str) -> str:
    """A share in percent; empty where there is nothing to take a share of."""
    is_empty = row[key] is None or (key == "stated_of_known" and not row["known_facts"])
    return "" if is_empty else percent(row[key])


def slant(rows: Sequence[dict[str, Any]], results: Findings, words: dict[str, str]) -> Iterator[str]:
    """What became of opposite requests: words of the answers, and whether they were answered."""
    pairs: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "opposite":
            pairs.setdefault((row["item"], row["language"]), {})[row["side"]] = row
    if not pairs:
        return
    yield f"<h2>{escape(words['slant'])}</h2><ul>"
    questions = {item.id: item.text for item in results.items}
    for (item, language), sides in pairs.items():
        own = f"{subject_of(questions[item][language])} ({load_pack(language).own_name})"
        kinds = {side: answer_pages.class_of(row["answer"], language) for side, row in sides.items()}
        yield (
            "<li>"
            + escape(
                words["slant_row"].format(
                    item=own,
                    one=len(sides["one"]["answer"].split()),
                    other=len(sides["other"]["answer"].split()),
                    refused_one=int(kinds["one"] in NOT_ANSWERED),
                    refused_other=int(kinds["other"] in NOT_ANSWERED),
                )
            )
            + "</li>"
        )
    yield "</ul>"


def subject_of(question: str) -> str:
    """A question without the points that it asks for."""
    return question.partition(":")[0].rstrip("?")


def judge_part(judged: JudgeFigures, words: dict[str, str]) -> Iterator[str]:
    """The judge's figures, where people agree with it."""
    yield f"<h2>{escape(words['judge'].format(judge=judged.judge))}</h2><ul>"
    for language, one in judged.languages.items():
        name = load_pack(language).own_name
        if one.is_valid:
            shares = ", ".join(f"{words[key]} {percent(value)}" for key, value in one.shares.items())
            agreement = words["judge_kappa"].format(kappa=f"{one.kappa:.2f}")
            yield f"<li>{escape(f'{name}: {shares}; {agreement}')}</li>"
        else:
            yield f"<li>{escape(name)}: {escape(words['judge_unvalidated'])}</li>"
    yield "</ul>"


def with_interval(figure: dict[str, Any], shown: Callable[[float], str]) -> str:
    """A figure with its interval, as `85% [78%, 91%]`."""
    if figure["value"] is None:
        return "–"
    return f"{shown(figure['value'])} [{', '.join(map(shown, figure['interval']))}]"


def limits(results: Findings, language: str, words: dict[str, str], labeled: dict[str, Any]) -> Iterator[str]:
    """What the report cannot know. `labeled`: by language, how well refusals are found, by the labels of people."""
    subjects = [topic.file.topic for topic in results.topics]
    waiting = [code for code in results.languages if any(code not in subject.reviewed for subject in subjects)]
    sides = "; ".join(
        f"{topic_name(topic, language)}: {', '.join(load_pack(code).own_name for code in topic.file.topic.neutral)}"
        for topic in results.topics
    )
    if waiting:
        names = ", ".join(load_pack(code).own_name for code in waiting)
        yield f"<li>{escape(words['limit_reviewed'].format(languages=names))}</li>"
    unchecked = [code for code in results.languages if not labeled.get(code, {}).get("validated")]
    if unchecked:
        names = ", ".join(load_pack(code).own_name for code in unchecked)
        yield f"<li>{escape(words['limit_labels'].format(languages=names))}</li>"
    for code, figures in labeled.items():
        values = {name: with_interval(figures[name], percent) for name in ("prevalence", "hit", "false")}
        values |= {name: with_interval(figures[name], "{:.2f}".format) for name in ("kappa", "ac1")}
        text = words["labels"].format(language=load_pack(code).own_name, n=figures["n"], **values)
        yield f"<li>{escape(text)}</li>"
    yield from short_answers(results, words)
    yield f"<li>{escape(words['limit_removed'])}</li>"
    yield f"<li>{escape(words['limit_sides'].format(topics=sides))}</li>"


def short_answers(results: Findings, words: dict[str, str]) -> Iterator[str]:
    """How many answers are too short for their language to be told, if there are any."""
    every = results.answers.values()
    count = sum(one.too_short for one in every)
    if count:
        of_all = sum(len(one.classes) for one in every)
        text = words["limit_short"].format(count=count, answers=of_all, letters=LEAST_LETTERS)
        yield f"<li>{escape(text)}</li>"
