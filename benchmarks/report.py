"""How figures are told: one table to read, one JSON file to compare with, each figure beside its floor."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        what: what was measured.
        unit: of `ours` and `floor`.
        ours: the service's figure.
        floor: the same work done barely, in the same run; None where there is none.
        note: what a reader must know to compare.
    """

    what: str
    unit: str
    ours: float
    floor: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the floor."""
        return self.ours / self.floor if self.floor else None


def publish(name: str, title: str, figures: Sequence[Figure]) -> None:
    """Print the figures as a table and write them to `benchmarks/results/<name>.json`."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in ("what", "floor", "ours", "ratio", "note"):
        table.add_column(column)
    for figure in figures:
        table.add_row(
            figure.what,
            _amount(figure.floor, figure.unit),
            _amount(figure.ours, figure.unit),
            _times(figure),
            figure.note,
        )
    Console(highlight=False).print(table)
    save(name, as_json(figures))


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """The figures as commands print and files keep them."""
    return {"figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures]}


def save(name: str, found: Mapping[str, Any]) -> None:
    """Write what was found to `benchmarks/results/<name>.json`, with when and where."""
    measured = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        **found,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n")


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def _times(figure: Figure) -> str:
    return "" if figure.ratio is None else f"{figure.ratio:.2f}x"
