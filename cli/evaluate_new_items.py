"""What `personalization evaluate --protocol new-items` says: new items ranked among themselves, by content alone."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from cli.bars import Bar
from cli.dataset import Dataset
from cli.output import print_result, print_table, say, stages
from domain.models.item_terms import with_tags
from workers.evaluation.metrics import Interval, interval, paired_difference
from workers.evaluation.new_items import OURS, NewItemsResult, evaluate_new_items


def measured(dataset: Dataset, seed: int, tags: bool | None) -> dict[str, NewItemsResult]:
    """The result without and with the words that people gave items, as far as there are any.

    Args:
        dataset: what was read.
        seed: of everything by chance.
        tags: with them or without; None for both.
    """
    variants = {"without people's tags": dataset.terms}
    if any(dataset.tags) and tags is not False:
        tagged = zip(dataset.terms, dataset.tags, strict=True)
        variants["with people's tags"] = tuple(with_tags(terms, said) for terms, said in tagged)
    if tags and len(variants) > 1:
        del variants["without people's tags"]
    found = {}
    for name, terms in variants.items():
        with stages(f"Evaluating {name}") as progress:
            found[name] = evaluate_new_items(dataset.histories, terms, seed, progress)
    return found


def show(results: Mapping[str, NewItemsResult], facts: Mapping[str, Any], seconds: float, *, as_json: bool) -> None:
    """Print everything, as one JSON line or as tables."""
    seed = int(facts["seed"])
    if as_json:
        variants = [{"terms": name, **_described(result, seed)} for name, result in results.items()]
        print_result({**facts, "variants": variants, "seconds": round(seconds, 1)})
        return
    for name, result in results.items():
        print_table(
            f"{facts['dataset']}, new items {name}: {result.items:,} of {facts['items']:,} items, ranked for "
            f"{result.users:,} users",
            ("model", "NDCG@10", "95 %", "content less it"),
            list(_rows(result, seed)),
        )
        settings = [(kind, ranked.setting) for kind, ranked in result.ranked.items() if ranked.setting]
        print_table("Settings, chosen on validation", ("model", "setting"), settings)
    say(f"{seconds:.0f} s")


def bars(results: Mapping[str, NewItemsResult], seed: int) -> list[Bar]:
    """The same as a picture."""
    found = (
        (f"{kind} {name}", kind, interval(ranked.values, seed))
        for name, result in results.items()
        for kind, ranked in result.ranked.items()
    )
    return [Bar(title, ndcg.mean, ndcg.low, ndcg.high, marked=kind == OURS) for title, kind, ndcg in found]


def _described(result: NewItemsResult, seed: int) -> dict[str, Any]:
    gaps = {kind: gap for kind, gap in _gaps(result, seed).items() if kind != OURS}
    models = [
        {
            "kind": kind,
            "ndcg_at_10": asdict(interval(ranked.values, seed)),
            "setting": ranked.setting,
            "content_less_this": asdict(gaps[kind]) if kind in gaps else None,
        }
        for kind, ranked in result.ranked.items()
    ]
    better = all(gap.low > 0 for gap in gaps.values())
    return {"users": result.users, "new_items": result.items, "models": models, "content_is_better": better}


def _gaps(result: NewItemsResult, seed: int) -> dict[str, Interval]:
    ours = result.ranked[OURS].values
    return {kind: paired_difference(ours, ranked.values, seed) for kind, ranked in result.ranked.items()}


def _rows(result: NewItemsResult, seed: int) -> Iterator[tuple[str, ...]]:
    gaps = _gaps(result, seed)
    for kind, ranked in sorted(result.ranked.items(), key=lambda entry: -float(entry[1].values.mean())):
        ndcg, gap = interval(ranked.values, seed), gaps[kind]
        less = "" if kind == OURS else f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
        yield kind, f"{ndcg.mean:.4f}", f"{ndcg.low:.4f}-{ndcg.high:.4f}", less
