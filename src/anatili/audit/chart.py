"""A picture of an audit without scripts: a point and an interval for each topic and language."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

WIDTH, ROW, LEFT, RIGHT, TOP = 360, 15, 88, 20, 22
"""Units of the picture, which is scaled to the page; a phone shows them at about their size."""
LONGEST = 50
"""Letters of a line of a topic's name."""
TICKS = (-0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Point:
    """One language of a topic."""

    label: str
    effect: float
    low: float
    high: float
    testable: bool
    flagged: bool
    link: str


def place(value: float) -> float:
    """The horizontal position of a difference; what is outside the axis is drawn at its end."""
    low, high = TICKS[0], TICKS[-1]
    inside = min(max(value, low), high)
    return round(LEFT + (inside - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)


def draw(title: str, groups: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """An SVG with a group of rows for each topic."""
    names = [wrap(name, LONGEST) for name, _ in groups]
    height = TOP + 4 + sum(ROW * (len(points) + len(own)) + 6 for own, (_, points) in zip(names, groups, strict=True))
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for tick in TICKS:
        x = place(tick)
        parts.append(
            f'<line class="{"zero" if tick == 0 else "grid"}" x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height}"/>'
        )
        parts.append(f'<text class="tick" x="{x}" y="{TOP - 10}" text-anchor="middle">{tick:.0%}</text>')
    y = TOP + ROW - 4
    for own, (_, points) in zip(names, groups, strict=True):
        parts += [f'<text class="topic" x="2" y="{y + ROW * n}">{escape(line)}</text>' for n, line in enumerate(own)]
        y += ROW * (len(own) - 1)
        for point in points:
            y += ROW
            parts += draw_point(point, y)
        y += ROW + 6
    return "".join([*parts, "</svg>"])


def draw_point(point: Point, y: int) -> list[str]:
    """A row: the language's name, the interval, and the point that links to the answers."""
    x, middle = place(point.effect), y - 4
    label = f'<text x="10" y="{y}">{escape(point.label)}</text>'
    if not point.testable:
        cross = f"M{place(0) - 4} {middle - 4}l8 8m0 -8l-8 8"
        return [label, f'<path class="unknown" d="{cross}"/>']
    line = f'<line class="interval" x1="{place(point.low)}" y1="{middle}" x2="{place(point.high)}" y2="{middle}"/>'
    mark = f'<circle class="{"flagged" if point.flagged else "point"}" cx="{x}" cy="{middle}" r="4"/>'
    tip = f"<title>{escape(point.label)}: {point.effect:+.0%} ({point.low:+.0%} – {point.high:+.0%})</title>"
    return [label, line, f'<a href="{escape(point.link)}">{tip}{mark}</a>' if point.link else mark]
