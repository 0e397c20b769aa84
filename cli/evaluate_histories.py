"""What `personalization evaluate` says where it is held out what people did: every kind of model beside the hybrid."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from cli.bars import Bar
from cli.dataset import Dataset
from cli.output import print_result, print_table, say, stages
from workers.evaluation.asked import Protocol
from workers.evaluation.grids import POPULARITY
from workers.evaluation.metrics import NDCG, Interval
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


def measured(dataset: Dataset, protocol: Protocol, seed: int, *, context: bool) -> Report:
    """Every kind of model, tuned, and their blend.

    Args:
        dataset: what was read.
        protocol: what is held out.
        seed: of everything by chance.
        context: whether circumstances are looked at.
    """
    with stages("Evaluating") as progress:
        result = evaluate(dataset.histories, protocol, seed, progress, dataset.known(context=context))
    return summarize(result, seed)


def show(report: Report, facts: Mapping[str, Any], seconds: float, *, as_json: bool) -> None:
    """Print everything, as one JSON line or as tables."""
    if as_json:
        print_result({**facts, **described(report), "seconds": round(seconds, 1)})
        return
    _show_models(report, facts)
    _show_slices(report)
    say(f"{seconds:.0f} s")


def bars(report: Report) -> list[Bar]:
    """The same as a picture."""
    found = ((model.kind, model.metrics[NDCG]) for model in report.models)
    return [Bar(kind, ndcg.mean, ndcg.low, ndcg.high, marked=kind == HYBRID) for kind, ndcg in found]


def _show_models(report: Report, facts: Mapping[str, Any]) -> None:
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


def _show_slices(report: Report) -> None:
    columns = ("users", "number", "hybrid", "popularity", "difference")
    print_table("NDCG@10 by length of history", columns, [_slice_row(part) for part in report.slices])
    shortened = [_slice_row(part) for part in report.shortened]
    print_table("Everybody, by how many of their newest actions are known", columns, shortened)
    print_table("NDCG@10 by taste", columns, [_slice_row(part) for part in report.segments])
    kinds = list(dict.fromkeys((HYBRID, SERVED, report.strongest_single, POPULARITY)))
    known = [(part.name, f"{part.wanted:,}", *_recalls(part, kinds)) for part in report.rarity]
    print_table("Recall@20 by how many people took to an item", ("people", "wanted", *kinds), known)
    if report.below_popularity:
        gaps = ", ".join(f"{name} by {-gap:.4f}" for name, gap in report.below_popularity.items())
        click.echo(f"newcomers get less than popularity: {gaps}")
    else:
        click.echo("newcomers (0 to 10 actions) never get less than popularity")


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
