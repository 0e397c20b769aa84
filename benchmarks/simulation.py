"""The figures of `docs/experiments/figures.md` and their pictures, as `personalization simulate experiments` has them.

python -m benchmarks.simulation [--seed N] [--runs N]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import save

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "experiments"
HEAD = """# Figures of experiments

Written by `make simulate`; [experiments.md](../experiments.md#what-is-promised-and-measured) says what is measured.
Intervals are 95 %, of the simulation's own chance; shares are in per cent. Seed {seed}.
"""

Found = Mapping[str, Any]


def measure(seed: int, runs: int | None) -> Found:
    """Run every study, draw them and say what was found."""
    options = ["--seed", str(seed), "--plots", str(FOLDER), "--json", *([] if runs is None else ["--runs", str(runs)])]
    command = [sys.executable, "-m", "cli", "simulate", "experiments", *options]
    found: Found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def page(found: Found) -> str:
    """The page of what was found."""
    sections = [_section(study, [Path(plot).name for plot in found["plots"]]) for study in found["studies"]]
    return "\n".join((HEAD.format(seed=found["seed"]), *sections))


def _section(study: Found, plots: list[str]) -> str:
    own = [plot for plot in plots if plot.removesuffix(".svg").rstrip("0123456789").rstrip("-") == study["study"]]
    pictures = "\n".join(f"![{study['about']}]({plot})\n" for plot in own)
    rows = [_row(finding) for finding in study["findings"]]
    table = "\n".join(("| figure | value | goal | |", "| --- | --- | --- | --- |", *rows))
    return f"## {study['study']}\n\n{study['about']}; {study['runs']:,} runs.\n\n{pictures}\n{table}\n"


def _row(finding: Found) -> str:
    value, low, high = (_number(finding[name], finding) for name in ("value", "low", "high"))
    met = {None: "", True: "met", False: "missed"}[finding["met"]]
    return f"| {finding['figure']} | {value} ({low} to {high}) | {_goal(finding)} | {met} |"


def _goal(finding: Found) -> str:
    goal = finding["goal"] or {"low": None, "high": None}
    low, high = (None if goal[end] is None else _number(goal[end], finding) for end in ("low", "high"))
    if low is None:
        return "" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _number(value: float, finding: Found) -> str:
    return f"{100.0 * value:.2f}" if finding["share"] else f"{value:,.4g}"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int)
    options = parser.parse_args()
    found = measure(options.seed, options.runs)
    save("simulation", {name: value for name, value in found.items() if name != "plots"})
    (FOLDER / "figures.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
