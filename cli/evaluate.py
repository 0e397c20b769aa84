"""`personalization evaluate`: how well recommendations would do on data of one's own, beside tuned baselines.

What reads and measures is imported where it is called for: PyTorch and scikit-learn take seconds to load.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.bars import Bar, drawn
from cli.importing.sources import open_dataset
from cli.options import json_option
from cli.output import counting, writing
from cli.rejects import Rejects, rejects_to
from domain.clock import SystemClock
from domain.errors import ValidationFailed
from workers.evaluation.asked import NEW_ITEMS, Protocol

if TYPE_CHECKING:
    from cli.dataset import Dataset


@click.command("evaluate")
@click.option(
    "--dataset",
    "path",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="A MovieLens folder, u.data, a RecBole .inter file, or a CSV, JSONL or Parquet file of behaviour.",
)
@click.option(
    "--protocol",
    type=click.Choice([*map(str, Protocol), NEW_ITEMS]),
    required=True,
    help="What is held out.",
)
@click.option("--tags/--no-tags", default=None, help="New items with or without people's tags.  [default: both]")
@click.option(
    "--context",
    "columns",
    multiple=True,
    metavar="COLUMN",
    help="A column that tells where or what for a row was done, beside device, session, purpose, surface.",
)
@click.option("--no-context", "no_context", is_flag=True, help="Look at no circumstances, hour and weekday included.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of everything by chance.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw NDCG@10 into this SVG file.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write bad rows to this CSV file.")
@json_option
def command(
    path: Path,
    protocol: str,
    tags: bool | None,
    columns: tuple[str, ...],
    no_context: bool,
    seed: int,
    plot: Path | None,
    rejects: Path | None,
    as_json: bool,
) -> None:  # one parameter an option
    """Measure recommendations on a data set.

    Each kind of model is tuned on a part of the training data, as are the weights of the hybrid; the test is seen once.
    No database is needed and nothing is stored. Every item that a user has not touched competes.

    \b
    cv5         each interaction is held out once, in one of five folds
    holdout     a random quarter of each user's interactions
    leave-last  each user's last interaction
    time        the latest fifth of all interactions
    new-items   a random fifth of all items, ranked among itself by what is said of it

    \b
    Example:
      personalization evaluate --dataset ml-latest-small --protocol leave-last
    """
    if tags is not None and protocol != NEW_ITEMS:
        raise ValidationFailed(f"--tags and --no-tags are for the protocol {NEW_ITEMS}", field="--tags")
    started = time.perf_counter()
    with rejects_to(rejects) as reject:
        dataset = _read(path, columns, reject)
        facts = {"dataset": str(path), "protocol": protocol, "seed": seed, **_facts(dataset, reject)}
    if protocol == NEW_ITEMS:
        found = _new_items(dataset, facts, tags, started, as_json=as_json)
    else:
        found = _histories(dataset, facts, not no_context, started, as_json=as_json)
    if plot is not None:
        _draw(plot, f"NDCG@10, {protocol}, {path.name}", found)


def _read(path: Path, columns: Sequence[str], reject: Rejects) -> "Dataset":
    from cli.dataset import read_dataset

    source = open_dataset(path, SystemClock().now(), columns)
    with counting("Rows", source.rows) as advance:
        return read_dataset(source, reject, advance)


def _facts(dataset: "Dataset", reject: Rejects) -> dict[str, Any]:
    return {
        "users": dataset.histories.user_count,
        "items": dataset.histories.item_count,
        "interactions": len(dataset.histories),
        "rows": dataset.rows,
        "rejected": reject.count,
        "dismissed": dataset.dismissed,
    }


def _histories(dataset: "Dataset", facts: dict[str, Any], context: bool, started: float, *, as_json: bool) -> list[Bar]:
    from cli.evaluate_histories import bars, measured, show

    report = measured(dataset, Protocol(facts["protocol"]), facts["seed"], context=context)
    show(report, facts, time.perf_counter() - started, as_json=as_json)
    return bars(report)


def _new_items(
    dataset: "Dataset", facts: dict[str, Any], tags: bool | None, started: float, *, as_json: bool
) -> list[Bar]:
    from cli.evaluate_new_items import bars, measured, show

    results = measured(dataset, facts["seed"], tags)
    show(results, facts, time.perf_counter() - started, as_json=as_json)
    return bars(results, facts["seed"])


def _draw(plot: Path, title: str, shown: Sequence[Bar]) -> None:
    with writing(plot, "--plot"):
        plot.write_text(drawn(title, shown), encoding="utf-8")
