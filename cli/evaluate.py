"""`personalization evaluate`: how well recommendations would do on data of one's own, beside tuned baselines."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from cli.bars import Bar, drawn
from cli.dataset import Dataset, read_dataset
from cli.evaluate_new_items import bars, measured, show
from cli.importing.sources import open_dataset
from cli.options import json_option
from cli.output import counting, print_result, print_table, say, stages
from cli.rejects import Rejects, rejects_to
from domain.clock import SystemClock
from workers.evaluation.grids import POPULARITY
from workers.evaluation.metrics import NDCG, Interval
from workers.evaluation.new_items import NEW_ITEMS
from workers.evaluation.protocols import Protocol
from workers.evaluation.report import ItemReport, ModelReport, Report, SliceReport, described, summarize
from workers.evaluation.runner import HYBRID, SERVED, evaluate

RANKING: Final[Mapping[str, str]] = {
    "recall@10": "recall_at_10",
    "recall@20": "recall_at_20",
    "MRR": "mrr",
}
"""Heading -> metric."""

BREADTH: Final[Mapping[str, str]] = {
    "hit rate": "hit_rate_at_10",
    "novelty": "novelty_at_10",
    "diversity": "diversity_at_10",
    "miscalibration": "miscalibration_at_10",
}
"""Heading -> metric; the last two are there only where items are described."""


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
    type=click.Choice([*(protocol.value for protocol in Protocol), NEW_ITEMS]),
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
    started = time.perf_counter()
    with rejects_to(rejects) as reject:
        dataset = _read(path, columns, reject)
        facts = {"dataset": str(path), "protocol": protocol, "seed": seed, **_facts(dataset, reject)}
        if protocol == NEW_ITEMS:
            _new_items(dataset, facts, tags, plot, as_json=as_json)
            return
        with stages("Evaluating") as progress:
            known = dataset.known(context=not no_context)
            result = evaluate(dataset.histories, Protocol(protocol), seed, progress, known)
        report = summarize(result, seed)
    _draw(plot, protocol, path, _bars(report))
    _tell(report, facts, time.perf_counter() - started, as_json=as_json)


def _read(path: Path, columns: Sequence[str], reject: Rejects) -> Dataset:
    source = open_dataset(path, SystemClock().now(), columns)
    with counting("Rows", source.rows) as advance:
        return read_dataset(source, reject, advance)


def _tell(report: Report, facts: Mapping[str, Any], seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_result({**facts, **described(report), "seconds": round(seconds, 1)})
    else:
        _show(report, facts, seconds)


def _new_items(
    dataset: Dataset, facts: Mapping[str, Any], tags: bool | None, plot: Path | None, *, as_json: bool
) -> None:
    started, seed = time.perf_counter(), int(facts["seed"])
    results = measured(dataset, seed, tags)
    _draw(plot, NEW_ITEMS, Path(facts["dataset"]), bars(results, seed))
    show(results, facts, time.perf_counter() - started, as_json=as_json)


def _draw(plot: Path | None, protocol: str, path: Path, shown: Sequence[Bar]) -> None:
    if plot is not None:
        plot.write_text(drawn(f"NDCG@10, {protocol}, {path.name}", list(shown)), encoding="utf-8")


def _facts(dataset: Dataset, reject: Rejects) -> dict[str, Any]:
    return {
        "users": dataset.histories.user_count,
        "items": dataset.histories.item_count,
        "interactions": len(dataset.histories),
        "rows": dataset.rows,
        "rejected": reject.count,
        "dismissed": dataset.dismissed,
    }


def _show(report: Report, facts: Mapping[str, Any], seconds: float) -> None:
    print_table(
        f"{facts['dataset']}, {facts['protocol']}: {facts['interactions']:,} interactions of {facts['users']:,} users "
        f"with {facts['items']:,} items; {facts['rejected']:,} bad rows",
        ("model", "NDCG@10", "95 %", *RANKING),
        [(model.kind, *_ndcg(model), *_means(model, RANKING)) for model in report.models],
    )
    breadth = {heading: name for heading, name in BREADTH.items() if name in report.models[0].metrics}
    rows = [(model.kind, f"{model.coverage:.3f}", *_means(model, breadth)) for model in report.models]
    print_table("What the lists are like", ("model", "coverage", *breadth), rows)
    settings = [(model.kind, setting) for model in report.models for setting in model.settings if setting]
    print_table("Settings, chosen on validation", ("model", "setting"), settings)
    differences = [(model.kind, _difference(model.difference)) for model in report.models if model.kind != HYBRID]
    print_table("NDCG@10 of the hybrid less that of each model, paired", ("model", "difference"), differences)
    verdict = "beats" if report.hybrid_is_better else "is not shown to beat"
    click.echo(f"the hybrid {verdict} the strongest single model, {report.strongest_single}\n")
    columns = ("users", "number", "hybrid", "popularity", "difference")
    print_table("NDCG@10 by length of history", columns, [_slice_row(part) for part in report.slices])
    shortened = [_slice_row(part) for part in report.shortened]
    print_table("Everybody, by how many of their newest actions are known", columns, shortened)
    print_table("NDCG@10 by taste", columns, [_slice_row(part) for part in report.segments])
    kinds = [kind for kind in (HYBRID, SERVED, report.strongest_single, POPULARITY) if kind in report.rarity[-1].recall]
    known = [(part.name, f"{part.wanted:,}", *_recalls(part, kinds)) for part in report.rarity]
    print_table("Recall@20 by how many people took to an item", ("people", "wanted", *kinds), known)
    if report.below_popularity:
        gaps = ", ".join(f"{name} by {-gap:.4f}" for name, gap in report.below_popularity.items())
        click.echo(f"newcomers get less than popularity: {gaps}")
    else:
        click.echo("newcomers (0 to 10 actions) never get less than popularity")
    say(f"{seconds:.0f} s")


def _ndcg(model: ModelReport) -> tuple[str, str]:
    ndcg = model.metrics[NDCG]
    return (f"{ndcg.mean:.4f}", f"{ndcg.low:.4f}-{ndcg.high:.4f}")


def _means(model: ModelReport, headings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{model.metrics[name].mean:.4f}" for name in headings.values())


def _recalls(part: ItemReport, kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{part.recall[kind]:.4f}" if kind in part.recall else "" for kind in kinds)


def _slice_row(part: SliceReport) -> tuple[str, ...]:
    if part.hybrid is None or part.popularity is None or part.difference is None:
        return (part.name, "0", "", "", "")
    means = (f"{part.hybrid.mean:.4f}", f"{part.popularity.mean:.4f}")
    return (part.name, f"{part.users:,}", *means, _difference(part.difference))


def _difference(difference: Interval) -> str:
    return f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"


def _bars(report: Report) -> list[Bar]:
    found = ((model.kind, model.metrics[NDCG]) for model in report.models)
    return [Bar(kind, ndcg.mean, ndcg.low, ndcg.high, marked=kind == HYBRID) for kind, ndcg in found]
