"""The thresholds of a run as one HTML page without scripts: histograms before and after, and what other values do."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from anatili.atomic_files import whole_file
from anatili.recipe import Cut, load_recipe
from anatili.run import Run
from anatili.stats.thresholds import Change, Example, Marks, Mask, Values, fails, limits_of, settings

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:1rem;color:#1b1f23;background:#fff}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem;margin:.2rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.2rem .6rem;border-bottom:1px solid #d0d7de;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left}td.text{text-align:left;min-width:20rem;overflow-wrap:anywhere}
.note{color:#57606a;font-size:.9rem}svg{max-width:100%;height:auto;font:11px system-ui,sans-serif}
.all{fill:#a9b4c0}.kept{fill:#1f6f78}.limit{stroke:#b3541e;stroke-width:2}text{fill:#57606a}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:1.2rem}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}.note,text{color:#9198a1;fill:#9198a1}
th,td{border-color:#30363d}.all{fill:#4b5663}.kept{fill:#4fb3bf}.limit{stroke:#f0883e}}
"""
BINS, WIDTH, HEIGHT, FOOT = 30, 300, 90, 16
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
"""Of the corpus, that the other values would lose."""
SOURCES = 20
"""Sources that get charts of their own, the largest first."""


def write_page(path: Path, run: Run, marks: Marks, changes: Sequence[Change]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(page(run, marks, changes)) + "\n", "utf-8")


def page(run: Run, marks: Marks, changes: Sequence[Change]) -> Iterator[str]:
    title = escape(f"{run.root.name}: documents and thresholds")
    sources = marks.sources()
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    yield (
        f"<p>{len(marks.kept):,} documents in the run's languages, {marks.kept.sum():,} of them in the corpus. Gray "
        "bars are all documents, colored bars those in the corpus; the line is the threshold. Bars are the square root "
        "of the number of documents, so that rare ones can be seen.</p>"
    )
    for change in changes:
        yield from change_section(change)
    yield "<h2>Lost by reason</h2>"
    yield from reason_table(marks, sources)
    yield '<h2>All sources</h2><div class="charts">'
    yield from charts(run, marks, np.ones(len(marks.kept), bool))
    yield "</div>"
    counts = Counter(sources.tolist())
    for source, count in counts.most_common(SOURCES) if len(counts) > 1 else ():
        yield f'<details><summary>{escape(source)}: {count:,} documents</summary><div class="charts">'
        yield from charts(run, marks, sources == source)
        yield "</div></details>"
    yield "</main></body></html>"


def reason_table(marks: Marks, sources: "np.typing.NDArray[np.str_]") -> Iterator[str]:
    """Reason by source."""
    counts = Counter(zip(marks.reasons, sources.tolist(), strict=True))
    names = [name for name, _ in Counter(sources.tolist()).most_common(SOURCES)]
    reasons = [reason for reason, _ in Counter(marks.reasons).most_common()]
    yield '<div class="wide"><table><thead><tr><th>reason</th>'
    yield "".join(f"<th>{escape(name)}</th>" for name in names) + "</tr></thead><tbody>"
    for reason in reasons:
        cells = "".join(f"<td>{counts[reason, name]:,}</td>" for name in names)
        yield f"<tr><td>{escape(reason) or 'in the corpus'}</td>{cells}</tr>"
    yield "</tbody></table></div>"


def charts(run: Run, marks: Marks, chosen: Mask) -> Iterator[str]:
    """A histogram and a table of other values for each threshold, of some documents."""
    limits = limits_of(load_recipe(run.root / "recipe.toml"))
    languages = marks.languages()[chosen]
    for setting in settings():
        values, kept = marks.values(setting)[chosen], marks.kept[chosen]
        own = {code: float(getattr(limit, setting)) for code, limit in limits.items()}
        refused = int(fails(setting, values, np.array([own[code] for code in languages], float)).sum())
        limit = own[next(iter(limits))]
        yield f"<section><h3>{setting} = {plain(limit)}</h3>"
        yield histogram(values, kept, limit)
        others = ", ".join(f"{code} {plain(value)}" for code, value in own.items() if value != limit)
        yield f'<p class="note">refuses {refused:,} of {len(values):,}{escape(f"; {others}") if others else ""}</p>'
        if rows := "".join(other_values(setting, values[kept])):
            yield f"<table><tr><td>value</td><td>would lose</td></tr>{rows}</table>"
        yield "</section>"


def other_values(setting: str, kept: Values) -> Iterator[str]:
    """Stricter values, at even shares of the documents in the corpus, and how many of these each would lose."""
    if not len(kept):
        return
    shares = np.array(SHARES)
    if setting.startswith("max_"):
        shares = 1 - shares
    quantiles = np.quantile(kept, shares)
    if isinstance(getattr(Cut(), setting), int):
        quantiles = np.rint(quantiles)
    for value in dict.fromkeys(float(f"{value:.3g}") for value in quantiles):
        if lost := int(fails(setting, kept, value).sum()):
            yield f"<tr><td>{plain(value)}</td><td>{lost:,} ({lost / len(kept):.1%})</td></tr>"


def histogram(values: Values, kept: Mask, limit: float) -> str:
    """Bars of all values and of those kept. The axis ends where 99 of 100 values are, the last bar has the rest."""
    if not len(values):
        return ""
    low, high = float(min(values.min(), limit)), float(max(np.quantile(values, 0.99), min(limit, values.max())))
    high = high if high > low else low + 1
    edges = np.linspace(low, high, BINS + 1)
    every, inside = (np.histogram(np.clip(some, low, high), edges)[0] for some in (values, values[kept]))
    scale, step = HEIGHT / np.sqrt(every.max()), WIDTH / BINS
    bars = []
    for counts, name in ((every, "all"), (inside, "kept")):
        for number, count in enumerate(counts.tolist()):
            height = scale * np.sqrt(count)
            if count:
                label = f"{plain(edges[number])} to {plain(edges[number + 1])}: {count:,}"
                bars.append(
                    f'<rect class="{name}" x="{number * step:.1f}" y="{HEIGHT - height:.1f}" width="{step - 1:.1f}" '
                    f'height="{height:.1f}"><title>{label}</title></rect>'
                )
    if low <= limit <= high:
        position = WIDTH * (limit - low) / (high - low)
        bars.append(f'<line class="limit" x1="{position:.1f}" x2="{position:.1f}" y1="0" y2="{HEIGHT}"/>')
    bars.append(f'<text x="0" y="{HEIGHT + FOOT - 3}">{plain(low)}</text>')
    bars.append(f'<text x="{WIDTH}" y="{HEIGHT + FOOT - 3}" text-anchor="end">{plain(high)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" role="img" aria-label="Histogram">{"".join(bars)}</svg>'


def change_section(change: Change) -> Iterator[str]:
    """What another value of a threshold does, with examples."""
    yield f"<h2>What would {change.setting} = {plain(change.new)} do?</h2><p>{escape(sentence(change))}</p>"
    if len(change.by_source) > 1:
        sources = ", ".join(f"{name} {count:,}" for name, count in change.by_source.items())
        yield f"<p>Lost by source: {escape(sources)}</p>"
    for heading, rows in (("Would be lost", change.lost_examples), ("Would come back", change.gained_examples)):
        if rows:
            yield f'<h3>{heading}: examples</h3><div class="wide"><table><tbody>{"".join(map(example_row, rows))}'
            yield "</tbody></table></div>"


def sentence(change: Change) -> str:
    """A change in words."""
    old = ", ".join(dict.fromkeys(plain(value) for value in change.old.values()))
    share = change.lost_words / max(1, change.words)
    return (
        f"{change.setting} = {plain(change.new)} in place of {old} would lose {change.lost:,} of "
        f"{change.documents:,} documents ({share:.1%} of the words) and bring back {change.gained:,}"
    )


def example_row(example: Example) -> str:
    return (
        f"<tr><td>{plain(example.value)}</td><td>{escape(example.source)}</td>"
        f'<td class="text"><b>{escape(example.url)}</b><br>{escape(example.text)}</td></tr>'
    )


def plain(value: float) -> str:
    """A number without needless digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
