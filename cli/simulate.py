"""`personalization simulate`: what the statistics promise, measured where the truth is known."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli.charts import Dot, Line, dots_drawn, lines_drawn
from cli.options import json_option
from cli.output import print_result, print_table, share, writing
from domain.errors import ValidationFailed
from domain.experiments.simulation.studies import STUDIES, run_study
from domain.experiments.simulation.study import Finding, Goal, Outcome, require_runs

COLUMNS = ("figure", "value", "95 % interval", "goal", "")


@click.group("simulate")
def command() -> None:
    """Measure what the statistics promise where the truth is known.

    \b
    Examples:
      personalization simulate experiments
      personalization simulate experiments --only coverage --runs 2000 --seed 7 --json
    """


@command.command("experiments")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides all chance.")
@click.option("--runs", type=int, help="Experiments to draw for each figure.  [default: each study's own number]")
@click.option("--only", multiple=True, metavar="STUDY", help=f"One study; may be repeated: {', '.join(STUDIES)}.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Write an SVG of each study there.")
@json_option
def experiments(seed: int, runs: int | None, only: tuple[str, ...], plots: Path | None, as_json: bool) -> None:
    """Draw experiments whose truth is known, and print each figure beside its goal.

    Intervals are those of the simulation's own chance. The same seed and runs give the same figures.

    \b
    Examples:
      personalization simulate experiments --plots pictures
      personalization simulate experiments --only peeking --only coverage --json
    """
    names = list(dict.fromkeys(only)) or list(STUDIES)
    _check(names, seed, runs, plots)
    outcomes = {name: _outcome(name, seed, runs) for name in names}
    drawn = [] if plots is None else _draw(plots, outcomes)
    if as_json:
        studies = [_shown(name, runs, outcome) for name, outcome in outcomes.items()]
        print_result({"seed": seed, "studies": studies, "plots": drawn})
        return
    for name, outcome in outcomes.items():
        count = STUDIES[name].runs if runs is None else runs
        title = f"{name}: {STUDIES[name].about} ({count:,} runs, seed {seed})"
        print_table(title, COLUMNS, [_row(finding) for finding in outcome.findings])


def _check(names: Sequence[str], seed: int, runs: int | None, plots: Path | None) -> None:
    """Refuse what cannot be run, or kept, before anything runs."""
    for name in names:
        if name not in STUDIES:
            raise ValidationFailed(f"there is no study {name}; there are {', '.join(STUDIES)}", field="--only")
    if seed < 0:
        raise ValidationFailed("a seed is not negative", field="--seed")
    if runs is not None:
        require_runs(runs)
    if plots is not None:
        with writing(plots, "--plots"):
            plots.mkdir(parents=True, exist_ok=True)


def _outcome(name: str, seed: int, runs: int | None) -> Outcome:
    with share(name) as tell:
        done = [0.0]

        def advance(more: float) -> None:
            done[0] += more
            tell(done[0])

        return run_study(name, seed, runs, advance)


def _shown(name: str, runs: int | None, outcome: Outcome) -> Mapping[str, Any]:
    findings = [
        {
            "figure": finding.name,
            "value": finding.value,
            "low": finding.interval.low,
            "high": finding.interval.high,
            "goal": None if finding.goal is None else {"low": finding.goal.low, "high": finding.goal.high},
            "met": finding.met,
            "share": finding.share,
        }
        for finding in outcome.findings
    ]
    study = STUDIES[name]
    return {"study": name, "about": study.about, "runs": study.runs if runs is None else runs, "findings": findings}


def _row(finding: Finding) -> tuple[str, ...]:
    value = _number(finding.value, finding) + (" %" if finding.share else "")
    low, high = (_number(one, finding) for one in finding.interval)
    met = {None: "", True: "met", False: "missed"}[finding.met]
    return finding.name, value, f"{low} to {high}", _goal(finding), met


def _number(value: float, finding: Finding) -> str:
    return f"{100.0 * value:.2f}" if finding.share else f"{value:,.4g}"


def _goal(finding: Finding) -> str:
    goal = finding.goal or Goal()
    if goal.low is None:
        return "" if goal.high is None else f"at most {_number(goal.high, finding)}"
    if goal.high is None:
        return f"at least {_number(goal.low, finding)}"
    return f"{_number(goal.low, finding)} to {_number(goal.high, finding)}"


def _draw(folder: Path, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Write the pictures; returns their paths."""
    drawn = []
    with writing(folder, "--plots"):
        for name, outcome in outcomes.items():
            for file, svg in _pictures(name, outcome):
                (folder / file).write_text(svg, encoding="utf-8")
                drawn.append(str(folder / file))
    return drawn


def _pictures(name: str, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """The study's curves; where it has none, its figures beside their goals."""
    for number, picture in enumerate(outcome.pictures):
        lines = [Line(curve.name, curve.x, curve.y) for curve in picture.curves]
        file = f"{name}{f'-{number + 1}' if number else ''}.svg"
        yield file, lines_drawn(picture.title, picture.x_label, lines, picture.level)
    dots = [
        Dot(one.name, one.value, *one.interval, (one.goal.low, one.goal.high), bool(one.met))
        for one in outcome.findings
        if one.goal is not None and one.share
    ]
    if dots and not outcome.pictures:
        yield f"{name}.svg", dots_drawn(STUDIES[name].about, dots)
