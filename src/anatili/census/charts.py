"""Plots of a census: shares with their intervals, and shares over time."""

from collections import defaultdict
from collections.abc import Sequence
from math import floor, log10
from pathlib import Path
from typing import Any

from anatili.census.count import Point
from anatili.lang import codes, load_pack
from anatili.plot import DARK, finish, start

MAX_LANGUAGES = 25
"""Languages in one plot."""
MAX_CRAWLS = 8
"""Crawls whose names fit below an axis."""


def label(code: str) -> str:
    """The language's own name if there is a pack, else its code."""
    return load_pack(code).own_name if code in codes() else code


def draw_shares(rows: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    """Draw points of shares on a logarithmic scale, on which a bar has no length, with intervals if there are any."""
    plot, figure = start(path)
    axes = figure.subplots()
    shown = [row for row in rows if row["pages"]][:MAX_LANGUAGES][::-1]
    shares = [100 * row["share"] for row in shown]
    errors = None
    if shown and "low" in shown[0]:
        errors = [
            [100 * (r["share"] - min(r["low"], r["share"])) for r in shown],
            [100 * (max(r["high"], r["share"]) - r["share"]) for r in shown],
        ]
    axes.errorbar(shares, [label(row["language"]) for row in shown], xerr=errors, fmt="o", color=DARK, capsize=2)
    axes.margins(y=0.5 / max(1, len(shown)))
    axes.set_xscale("log")
    if shares:
        axes.set_xlim(0.9 * 10 ** floor(log10(min(shares))), 110)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("% of pages (logarithmic)" + ("; lines: 95 % interval" if errors else ""))
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    finish(plot, figure, path)


def time_of(crawl: str) -> float:
    """The year of a crawl such as CC-MAIN-2026-04, with its week as the fraction."""
    year, _, week = crawl.removeprefix("CC-MAIN-").partition("-")
    return int(year) + int(week) / 52 if year.isdigit() and week.isdigit() else 0.0


def draw_trend(points: Sequence[Point], path: Path) -> None:
    """Draw a line per language over the crawls."""
    plot, figure = start(path)
    axes = figure.subplots()
    lines: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        lines[point.language].append(point)
    times = {point.crawl: time_of(point.crawl) for point in points}
    for language, line in lines.items():
        axes.plot([times[p.crawl] for p in line], [100 * p.share for p in line], marker="o", label=label(language))
    if len(times) <= MAX_CRAWLS:
        axes.set_xticks([*times.values()], [crawl.removeprefix("CC-MAIN-") for crawl in times])
        axes.set_xlabel("crawl (year and week)")
    else:  # there is no room for the names of a hundred crawls
        axes.xaxis.set_major_locator(plot.MaxNLocator(integer=True))
        axes.set_xlabel("year of the crawl")
    axes.set_ylim(0, 110 * max((point.share for point in points), default=1) or None)
    axes.set_ylabel("% of pages")
    axes.set_title("Share of Common Crawl, as published")
    axes.legend()
    axes.grid(alpha=0.3)
    finish(plot, figure, path)
