"""Lines, and figures beside their goals, as SVG: two pictures for which no plotting library is worth its weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import floor, log10
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
PLOT_HEIGHT: Final = 300
LEFT: Final = 64
TOP: Final = 44
RIGHT_ROOM: Final = 20
BELOW: Final = 48
LEGEND_ROW: Final = 20
TICKS: Final = 5

LABEL_WIDTH: Final = 330
VALUE_WIDTH: Final = 170
ROW_HEIGHT: Final = 28

INK: Final = "#24292f"
FAINT: Final = "#d0d7de"
GOAL: Final = "#dafbe1"
MISSED: Final = "#cf222e"
COLOURS: Final = ("#1f6feb", "#bf3989", "#1a7f37", "#9a6700", "#8250df", "#57606a")


@dataclass(frozen=True, slots=True)
class Line:
    """y over x, as many of both."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure with its interval and where it is to lie; a goal's missing end is None.

    Attributes:
        met: whether it lies there.
    """

    label: str
    value: float
    low: float
    high: float
    goal: tuple[float | None, float | None]
    met: bool


def lines_drawn(title: str, x_label: str, lines: Sequence[Line], level: float | None = None) -> str:
    """The text of an SVG file with lines from 0 up, a legend below, and a dashed level to compare them with."""
    right = max(chain.from_iterable(line.x for line in lines))
    highest = max([*chain.from_iterable(line.y for line in lines), level or 0.0, 1e-12])
    step = _step(highest)
    top = step * (floor(highest / step) + 1)
    height = TOP + PLOT_HEIGHT + BELOW + LEGEND_ROW * len(lines)

    def place(x: float, y: float) -> str:
        across = LEFT + (WIDTH - LEFT - RIGHT_ROOM) * x / right
        return f"{across:.1f},{TOP + PLOT_HEIGHT * (1.0 - y / top):.1f}"

    parts = [_grid(step * tick, step * tick / top) for tick in range(round(top / step) + 1)]
    parts += [_tick_below(right * tick / TICKS, tick / TICKS) for tick in range(TICKS + 1)]
    if level is not None:
        y = place(0.0, level).partition(",")[2]
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT_ROOM}" stroke="{INK}" stroke-dasharray="5 4" fill="none"/>')
    middle = (LEFT + WIDTH - RIGHT_ROOM) / 2
    parts.append(f'<text x="{middle}" y="{TOP + PLOT_HEIGHT + 38}" text-anchor="middle">{escape(x_label)}</text>')
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        parts.append(_legend(line.name, colour, TOP + PLOT_HEIGHT + BELOW + LEGEND_ROW * number + 8))
    return _svg(title, height, parts)


def dots_drawn(title: str, dots: Sequence[Dot]) -> str:
    """The text of an SVG file with a figure a row, its interval, and the range of its goal behind it."""
    ends = [end for dot in dots for end in (dot.low, dot.high, *dot.goal) if end is not None]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 0.05
    low, high = low - room, high + room
    across = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / (high - low)
    rows = [_row(dot, TOP + ROW_HEIGHT * place, low, high, across) for place, dot in enumerate(dots)]
    return _svg(title, TOP + ROW_HEIGHT * len(dots) + 10, rows)


def _row(dot: Dot, top: float, low: float, high: float, scale: float) -> str:
    middle, colour = top + ROW_HEIGHT / 2, COLOURS[0] if dot.met else MISSED
    start, end = (
        LABEL_WIDTH + scale * (edge - low)
        for edge in (low if dot.goal[0] is None else dot.goal[0], high if dot.goal[1] is None else dot.goal[1])
    )
    at, left, right = (LABEL_WIDTH + scale * (edge - low) for edge in (dot.value, dot.low, dot.high))
    said = f"{dot.value:.4f} ({dot.low:.4f} to {dot.high:.4f})"
    size = f'y="{top + 3:.1f}" width="{end - start:.1f}" height="{ROW_HEIGHT - 6}"'
    return "\n".join(
        (
            f'<text x="12" y="{middle + 4:.1f}">{escape(dot.label)}</text>',
            f'<rect x="{start:.1f}" {size} fill="{GOAL}"/>',
            f'<path d="M{left:.1f} {middle:.1f}H{right:.1f}" stroke="{colour}" stroke-width="2" fill="none"/>',
            f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="4" fill="{colour}"/>',
            f'<text x="{WIDTH - 12}" y="{middle + 4:.1f}" text-anchor="end">{said}</text>',
        )
    )


def _step(highest: float) -> float:
    """A round distance between ticks, of which five or so make `highest`."""
    size = 10.0 ** floor(log10(highest / TICKS))
    return next(size * factor for factor in (1.0, 2.0, 5.0, 10.0) if size * factor * TICKS >= highest)


def _grid(value: float, share: float) -> str:
    y = TOP + PLOT_HEIGHT * (1.0 - share)
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT_ROOM}" stroke="{FAINT}" fill="none"/>'
    return f'{line}<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>'


def _tick_below(value: float, share: float) -> str:
    x = LEFT + (WIDTH - LEFT - RIGHT_ROOM) * share
    return f'<text x="{x:.1f}" y="{TOP + PLOT_HEIGHT + 18}" text-anchor="middle">{value:,.6g}</text>'


def _legend(name: str, colour: str, y: float) -> str:
    swatch = f'<path d="M{LEFT} {y}h24" stroke="{colour}" stroke-width="2"/>'
    return f'{swatch}<text x="{LEFT + 32}" y="{y + 4}">{escape(name)}</text>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    look = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {look}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="12" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        )
    )
