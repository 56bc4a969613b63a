"""Bar charts as SVG inside a page: no script, no library, in the colors of the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, SIDE, NAME, ROW = 400, 70, 18, 38
"""Units of the whole chart, of the numbers at the end of the bars, of a name above its bar, and of both together. On a
phone a unit is a little less than a pixel, so that letters stay readable."""
LONGEST = 48
"""Characters of a name that fit."""


@dataclass(frozen=True)
class Bar:
    """A row of a chart."""

    name: str
    value: float
    shown: str
    """The value in words."""
    is_own: bool = True
    """Whether it is what the chart is about, not something to compare it with."""
    interval: tuple[float, float] | None = None


def chart(bars: Sequence[Bar], description: str) -> str:
    """The chart as an SVG element that a screen reader names by `description`."""
    most = max((max(bar.value, *(bar.interval or ())) if bar.interval else bar.value for bar in bars), default=0) or 1
    scale = (WIDTH - SIDE) / most
    rows = "".join(part for number, bar in enumerate(bars) for part in row(bar, number * ROW, scale))
    height = ROW * len(bars) + 4
    return f'<svg role="img" viewBox="0 0 {WIDTH} {height}"><title>{escape(description)}</title>{rows}</svg>'


def row(bar: Bar, top: int, scale: float) -> Iterator[str]:
    """A name, a bar, its interval and its value."""
    name = bar.name if len(bar.name) <= LONGEST else bar.name[: LONGEST - 1] + "…"
    length = bar.value * scale
    end = max(length, bar.interval[1] * scale) if bar.interval else length
    yield f'<text x="0" y="{top + NAME - 4}">{escape(name)}</text>'
    kind = "own" if bar.is_own else "peer"
    yield f'<rect class="{kind}" x="0" y="{top + NAME}" width="{length:.1f}" height="{ROW - NAME - 4}"/>'
    middle = top + (NAME + ROW) / 2 - 2
    if bar.interval:
        low, high = (each * scale for each in bar.interval)
        yield f'<line class="ends" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{end + 6:.1f}" y="{middle + 5}">{escape(bar.shown)}</text>'
