"""A comparison as one HTML page without scripts, and as a picture."""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.evaluate.summary import percent, summary
from anatili.evaluate.task_data import Row
from anatili.plot import DARK, LIGHT, WARM, can_draw, finish, start

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1b1f23;background:#fff}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.3rem .6rem;border-bottom:1px solid #d0d7de;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #57606a}
caption{text-align:left;color:#57606a}img{max-width:100%;height:auto}.sure{font-weight:700}
code{font-size:.85em;overflow-wrap:anywhere}.note{color:#57606a;font-size:.9rem}
@media(max-width:32rem){table{font-size:.85rem}th,td{padding:.3rem .35rem;white-space:normal}}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}caption,.note{color:#9198a1}
th,td{border-color:#30363d}img{background:#fff}}
"""
WIDTH = 5.2
"""Inches of a picture: so that its letters can be read on a phone, too."""
PER_CHART = 12
"""Tasks in a picture at most."""


def write_page(path: Path, rows: Sequence[Row], picture: Path | None) -> None:
    """The whole page; the picture is inside it."""
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(page(rows, picture)) + "\n", "utf-8")


def page(rows: Sequence[Row], picture: Path | None) -> Iterator[str]:
    models = list(dict.fromkeys(model["model"] for row in rows for model in row["models"]))
    title = escape(f"{', '.join(models)} compared")
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
    yield f"<h1>{title}</h1><h2>In short</h2>"
    yield from (f"<p>{unbroken(sentence)}</p>" for sentence in summary(rows))
    if picture is not None:
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        yield '<img alt="Scores of the models with their intervals, also in the tables below" '
        yield f'src="data:image/png;base64,{data}">'
    for row in rows:
        yield from task_section(row)
    yield "<h2>How to read this</h2>"
    yield (
        '<p class="note">An interval holds the true value in 95 of 100 repetitions with other items of the same kind; '
        "items that share a passage count together. A difference is tested on the same items of both models (p, "
        "exact McNemar test), and p is raised for the number of tests (Holm). About 1,000 independent items are needed "
        "to see a difference of 3 points in four of five cases. All figures are in <code>leaderboard.jsonl</code>.</p>"
    )
    yield "</main></body></html>"


def task_section(row: Row) -> Iterator[str]:
    yield f"<h2>{escape(row['measure'])}</h2>"
    facts = [f"{row['count']:,} items", f"figure: {row['metric']}"]
    facts += [f"guessing: {percent(row['chance'])}"] if row["chance"] else []
    facts += [f"always the most frequent letter: {percent(row['majority'])}"] if row["majority"] else []
    facts += [f"{row['left_out']} items left out that not all models have"] if row["left_out"] else []
    yield f'<p class="note">{unbroken("; ".join(facts))}. {escape(row["key"])}</p>'
    has_range = any("mean" in model for model in row["models"])
    head = ["model", "score", "95 % interval", *(["mean, lowest, highest over wordings"] if has_range else [])]
    yield from table(head, (model_cells(model, has_range) for model in row["models"]))
    yield from notes(row)
    if row["pairs"]:
        head = ["difference", "points", "95 % interval", "p", "p (Holm)"]
        yield from table(head, (pair_cells(pair) for pair in row["pairs"]))
    yield from subject_table(row)
    yield "<details><summary>Digests</summary>"
    for model in row["models"]:
        digests = ", ".join(f"{name} {value[:16]}" for name, value in model["digests"].items())
        yield f"<p><code>{escape(model['model'])}: {escape(digests) or 'none kept'}</code></p>"
    yield "</details>"


def model_cells(model: Row, has_range: bool) -> list[str]:
    cells = [model["model"], percent(model["value"]), ends(model["interval"])]
    if has_range:
        cells.append(", ".join(percent(model[name]) for name in ("mean", "min", "max")) if "mean" in model else "-")
    return cells


def pair_cells(pair: Row) -> list[str]:
    name = f"{pair['second']} less {pair['first']}" + (" (turns with the wording)" if pair.get("order_turns") else "")
    interval = pair["interval"]
    return [name, f"{100 * pair['difference']:+.1f}", signed(interval), p_text(pair["p"]), p_text(pair["p_holm"])]


def notes(row: Row) -> Iterator[str]:
    """What a reader must know beside the figures."""
    for model in row["models"]:
        sentences = list(model.get("notes", ()))
        if "seen" in model:
            seen, unseen = model["seen"], model["unseen"]
            sentences.append(
                f"{seen['count']} items occur in the training corpus (score "
                f"{'-' if seen['value'] is None else percent(seen['value'])}), {unseen['count']} do not "
                f"(score {'-' if unseen['value'] is None else percent(unseen['value'])})"
            )
        if "begin_token" in model:
            sentences.append(f"begin token: {model['begin_token'] or 'none'}")
        for name in ("unanswered", "wrong_language"):
            if model.get(name):
                sentences.append(f"{name.replace('_', ' ')}: {model[name]}")
        if sentences:
            yield f'<p class="note">{escape(model["model"])}: {escape("; ".join(sentences))}.</p>'


def subject_table(row: Row) -> Iterator[str]:
    subjects = list(dict.fromkeys(name for model in row["models"] for name in model["subjects"]))
    if not subjects:
        return
    pairs = {(pair["first"], pair["second"]): pair.get("subjects", {}) for pair in row["pairs"]}
    is_two = len(row["models"]) == 2
    head = ["subject", "items", *(model["model"] for model in row["models"]), *(["p (Holm)"] if is_two else [])]
    lines = []
    for name in subjects:
        parts = [model["subjects"].get(name) for model in row["models"]]
        count = next(part["count"] for part in parts if part)
        line = [name or "(none)", str(count)]
        line += [f"{percent(part['value'])} ({ends(part['interval'])})" if part else "-" for part in parts]
        if is_two:
            (tests,) = pairs.values()
            line.append(p_text(tests[name]["p_holm"]) if name in tests else "-")
        lines.append(line)
    yield from table(head, lines)


def table(head: Sequence[str], lines: Any) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f'<th scope="col">{escape(name)}</th>' for name in head) + "</tr></thead><tbody>"
    for line in lines:
        yield "<tr>" + "".join(f"<td>{unbroken(cell)}</td>" for cell in line) + "</tr>"
    yield "</tbody></table></div>"


def unbroken(text: str) -> str:
    """Text as HTML in which a narrow screen leaves numbers and their signs together."""
    return escape(text.replace(" %", "\u00a0%").replace("< .", "<\u00a0."))


def ends(interval: Sequence[float] | None) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else "-"


def signed(interval: Sequence[float] | None) -> str:
    return f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}" if interval else "-"


def p_text(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"


def draw(path: Path, rows: Sequence[Row]) -> bool:
    """Points with intervals by task and model, chance as a line; False without matplotlib."""
    if not can_draw():
        return False
    shown = list(rows)[:PER_CHART]
    models = list(dict.fromkeys(model["model"] for row in shown for model in row["models"]))
    colors = [DARK, WARM, LIGHT, "#555555", "#8a6fb0", "#4d8b31"]
    plot, figure = start(path, (WIDTH, 1.6 + len(shown) * (0.35 + 0.25 * len(models))))
    axes = figure.subplots()
    for number, row in enumerate(shown):
        for model in row["models"]:
            series = models.index(model["model"])
            color, marker = colors[series % len(colors)], "os^Dv<"[series % len(colors)]
            at = number + (series - (len(models) - 1) / 2) * 0.7 / len(models)
            low, high = model["interval"]
            value = model["value"]
            axes.errorbar(
                100 * value,
                at,
                xerr=[[100 * max(0, value - low)], [100 * max(0, high - value)]],
                fmt=marker,
                color=color,
                capsize=3,
                label=model["model"] if number == 0 else None,
            )
        if row["chance"]:
            axes.plot(
                [100 * row["chance"]] * 2,
                [number - 0.45, number + 0.45],
                color="#777777",
                linestyle="--",
                label="guessing" if number == 0 else None,
            )
    axes.set_yticks(range(len(shown)), [f"{row['measure']}\nn = {row['count']:,}" for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set(xlabel="score in percent, with 95 % interval", xlim=(0, 100))
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(3, len(models) + 1), frameon=False)
    finish(plot, figure, path)
    return True
