"""`personalization assign`: who gets which variation of an experiment, by the hash that clients use."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import click
import orjson

from cli.options import json_option
from cli.output import print_result
from domain.errors import ValidationFailed
from domain.experiments.assignment import Assignment, assign
from domain.experiments.bucketing import sound_weights
from domain.experiments.definition import Experiment, parse_experiment


@click.command("assign")
@click.argument("definition", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--users", type=click.File(encoding="utf-8"), default="-", help="One id a line.  [default: stdin]")
@click.option("--attributes", is_flag=True, help="Each line of the users is a JSON object of attributes.")
@click.option("--seed", help="Seed of the hash, without DEFINITION.")
@click.option("--weights", default="0.5,0.5", show_default=True, help="Share of each variation, without DEFINITION.")
@click.option("--coverage", type=float, default=1.0, show_default=True, help="Share that takes part, 0 to 1.")
@json_option
def command(
    definition: Path | None,
    users: TextIO,
    attributes: bool,
    seed: str | None,
    weights: str,
    coverage: float,
    as_json: bool,
) -> None:
    """Say who gets which variation of an experiment.

    DEFINITION is the JSON of an experiment; without it, --seed, --weights and --coverage are the experiment. Prints
    user, n (where the user lies between 0 and 1) and variation (from 0, the control; -1 takes no part), as CSV or JSON.

    \b
    Examples:
      personalization assign --seed checkout-1 --weights 0.5,0.5 --coverage 1 < users.txt
      personalization assign checkout.json --users people.jsonl --attributes --json
    """
    experiment = _experiment(definition, seed, weights, coverage)
    rows = _people(users, experiment.hash_attribute, attributes)
    assignments = (assign(experiment, person) for person in rows)
    if as_json:
        print_result({"experiment": experiment.key, "assignments": [_shown(one) for one in assignments]})
        return
    click.echo("user,n,variation")
    for one in assignments:
        click.echo(_line(one))


def _experiment(definition: Path | None, seed: str | None, weights: str, coverage: float) -> Experiment:
    given = click.get_current_context().get_parameter_source
    if definition is None:
        return _from_options(seed, weights, coverage)
    for name in ("seed", "weights", "coverage"):
        if given(name) is not click.core.ParameterSource.DEFAULT:
            raise ValidationFailed(f"the definition says the {name}", field=f"--{name}")
    try:
        return parse_experiment(definition.read_bytes())
    except OSError as error:
        raise ValidationFailed(f"{definition}: {error.strerror}", field="DEFINITION") from None


def _from_options(seed: str | None, weights: str, coverage: float) -> Experiment:
    if not seed:
        raise ValidationFailed("give the definition of an experiment, or the seed of one", field="--seed")
    if not 0.0 <= coverage <= 1.0:
        raise ValidationFailed("a coverage is 0 to 1", field="--coverage")
    try:
        shares = [float(weight) for weight in weights.split(",")]
    except ValueError:
        raise ValidationFailed("weights are numbers with commas between them", field="--weights") from None
    if sound_weights(shares, len(shares)) != shares:
        raise ValidationFailed("weights are not negative and 1 in sum", field="--weights")
    written = {"key": seed, "variations": list(range(len(shares))), "weights": shares, "coverage": coverage}
    return parse_experiment(orjson.dumps(written))


def _people(users: TextIO, hash_attribute: str, attributes: bool) -> Iterator[Mapping[str, Any]]:
    try:
        for number, line in enumerate(users, start=1):
            text = line.rstrip("\r\n")
            if text:
                yield _attributes(text, number) if attributes else {hash_attribute: text}
    except UnicodeDecodeError:
        raise ValidationFailed("the users are not UTF-8", field="--users") from None


def _attributes(text: str, number: int) -> Mapping[str, Any]:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        raise ValidationFailed(f"line {number} is no JSON object", field="--users")
    return read


def _shown(one: Assignment) -> dict[str, object]:
    return {"user": one.unit, "n": one.bucket, "variation": one.variation, "reason": one.reason.value}


def _line(one: Assignment) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow((one.unit, one.bucket, one.variation))
    return text.getvalue()
