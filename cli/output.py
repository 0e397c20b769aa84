"""What commands print: results on standard output, everything said along the way on standard error.

A program that reads `--json` therefore reads exactly one line, and a person sees the rest.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.errors import ValidationFailed

FILE_WIDTH: Final = 1000

Advance = Callable[[float], None]
"""Told how much more is done."""

# What is printed holds other people's words: a bracket or a colon in them is no markup and no emoji.
console = Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(text: str, style: str | None = None) -> None:
    """A line for the person who waits, as it stands; `style` is rich's, such as `bold`."""
    console.print(text, style=style, soft_wrap=True)


def print_result(result: Mapping[str, object]) -> None:
    """The result as one JSON line on standard output."""
    click.echo(json.dumps(result, default=str, ensure_ascii=False, separators=(",", ":")))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The result as a table on standard output."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    # What is no terminal has no width, and nothing is to be cut off in a file.
    width = None if sys.stdout.isatty() else FILE_WIDTH
    shown = Console(highlight=False, markup=False, emoji=False, width=width)
    shown.print(title, soft_wrap=True)
    shown.print(table)


@contextmanager
def writing(place: Path, option: str) -> Iterator[None]:
    """Writes what `option` names: that it cannot be written is one line, too. Raises `ValidationFailed`."""
    try:
        yield
    except OSError as error:
        raise ValidationFailed(f"{place}: {error.strerror}", field=option) from None


@contextmanager
def counting(what: str, total: float | None) -> Iterator[Advance]:
    """A bar with a count on standard error while the block runs; `total` None when it is not known."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


@contextmanager
def share(what: str) -> Iterator[Callable[[float], None]]:
    """A bar for work whose share done (0 to 1) is told from time to time."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def stages(what: str) -> Iterator[Callable[[str, float], None]]:
    """As `share`, for work in stages: told which one is under way, too."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda stage, done: progress.update(task, description=stage, completed=done)
        progress.update(task, description=what, completed=1.0)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign of life while something of unknown length happens; the line stays with the time it took."""
    with Progress(
        SpinnerColumn(finished_text="·"), TextColumn("{task.description}"), TimeElapsedColumn(), console=console
    ) as progress:
        task = progress.add_task(what, total=1.0)
        yield
        progress.update(task, completed=1.0)
