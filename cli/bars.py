"""Bars with intervals as an SVG: one kind of picture, for which no plotting library is worth its weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
LABEL_WIDTH: Final = 130
VALUE_WIDTH: Final = 200
TITLE_HEIGHT: Final = 44
ROW_HEIGHT: Final = 30
BAR_HEIGHT: Final = 18
INK: Final = "#24292f"
PLAIN: Final = "#9fb3c8"
MARKED: Final = "#1f6feb"


@dataclass(frozen=True, slots=True)
class Bar:
    """A value of at least 0 with its interval.

    Attributes:
        label: what it is of.
        value: how long the bar is.
        low: where the interval begins.
        high: where it ends.
        marked: whether it stands out.
    """

    label: str
    value: float
    low: float
    high: float
    marked: bool = False


def drawn(title: str, bars: Sequence[Bar]) -> str:
    """The text of an SVG file with a bar a row.

    Args:
        title: one line above.
        bars: at least one.
    """
    height = TITLE_HEIGHT + ROW_HEIGHT * len(bars) + 10
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / max(max(bar.high for bar in bars), 1e-9)
    rows = [_row(bar, TITLE_HEIGHT + ROW_HEIGHT * place, scale) for place, bar in enumerate(bars)]
    look = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {look}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="12" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
            *rows,
            "</svg>\n",
        )
    )


def _row(bar: Bar, top: float, scale: float) -> str:
    middle = top + BAR_HEIGHT / 2
    length, colour = scale * bar.value, MARKED if bar.marked else PLAIN
    low, high = (LABEL_WIDTH + scale * end for end in (bar.low, bar.high))
    whisker = f"M{low:.1f} {middle - 4:.1f}v8M{low:.1f} {middle:.1f}H{high:.1f}M{high:.1f} {middle - 4:.1f}v8"
    return "\n".join(
        (
            f'<text x="{LABEL_WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{top:.1f}" width="{length:.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>',
            f'<path d="{whisker}" stroke="{INK}" fill="none"/>',
            f'<text x="{high + 8:.1f}" y="{middle + 4:.1f}">{bar.value:.4f} ({bar.low:.4f} to {bar.high:.4f})</text>',
        )
    )
