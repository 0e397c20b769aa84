"""`personalization analyze`: what came of an experiment, from numbers that an analyst already has."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import click
import orjson

from cli.output import print_result, print_table
from domain.errors import ValidationFailed
from domain.experiments.analysis import Analyst

DIGITS = 6


@click.command("analyze")
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option(
    "--json/--table",
    "as_json",
    default=None,
    help="One JSON line for each line of FILE, or tables.  [default: tables on a terminal, else JSON]",
)
def command(file: TextIO, as_json: bool | None) -> None:
    """Compute what came of an experiment from numbers that you have.

    Each line of FILE (standard input) is a JSON object: a kind and its inputs. The answer names the method and what it
    assumes. An unknown kind or field ends the run.

    \b
    Examples:
      personalization analyze cases.jsonl --table
      echo '{"kind": "two_proportion", "control": {"x": 120, "n": 1000}, "treatment": {"x": 150, "n": 1000}}' |
        personalization analyze --json
    """
    lines = not sys.stdout.isatty() if as_json is None else as_json
    for answer in _answers(file):
        if lines:
            print_result(answer)
        else:
            _print_table(answer)


def _answers(file: TextIO) -> Iterator[Mapping[str, Any]]:
    analyst = Analyst()
    try:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _answer(analyst, line, number)
    except UnicodeDecodeError:
        raise ValidationFailed("the file is not UTF-8", field="FILE") from None


def _answer(analyst: Analyst, line: str, number: int) -> Mapping[str, Any]:
    try:
        question = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"line {number}: {error}", field="FILE") from None
    if not isinstance(question, dict):
        raise ValidationFailed(f"line {number} is no JSON object", field="FILE")
    try:
        return analyst.answer(question)
    except ValidationFailed as error:
        raise ValidationFailed(f"line {number}: {error.message}", field=error.field) from None


def _print_table(answer: Mapping[str, Any]) -> None:
    apart = ("id", "kind", "method", "assumptions")
    title = f"{answer['id']}: {answer['kind']}" if "id" in answer else str(answer["kind"])
    rows = [row for name, value in answer.items() if name not in apart for row in _rows(name, value)]
    print_table(f"{title} ({answer['method']})", ("result", "value"), rows)
    for assumption in answer["assumptions"]:
        click.echo(f"  assumes: {assumption}")


def _rows(name: str, value: Any) -> Iterator[Sequence[str]]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _rows(f"{name}.{inner}", one)
    else:
        yield name, _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return "-" if value is None else str(value)
