"""The figures of `docs/evaluation/figures.md`, with their pictures, as `personalization evaluate` measures them.

    python -m benchmarks.evaluation --data FOLDER [--protocol NAME ...]

FOLDER is a data set. Each protocol that is named (all if none is) is measured anew; the page is then written from what
is kept of all of them.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, save
from workers.evaluation.asked import Protocol
from workers.evaluation.grids import POPULARITY
from workers.evaluation.runner import HYBRID, SERVED

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "evaluation"
TITLES = {
    Protocol.LEAVE_LAST: "Last item out",
    Protocol.HOLDOUT: "A quarter of each user out",
    Protocol.CV5: "Five folds",
    Protocol.TIME: "The latest fifth out",
}
HEAD = """# Figures

Written by `python -m benchmarks.evaluation`; [evaluation.md](../evaluation.md) says what is measured and how. Intervals
are 95 %. Settings and orders were chosen on validation. Which kinds of model, settings and sources are tried was
decided with earlier figures of this data set in view, so these are kinder than those on data that nobody has looked at.
"""

Found = Mapping[str, Any]


def measure(data: Path, protocol: Protocol) -> None:
    """Run one protocol, draw it and keep what it says."""
    plot = FOLDER / f"{protocol}.svg"
    options = ["--dataset", str(data), "--protocol", str(protocol), "--plot", str(plot), "--json"]
    ran = subprocess.run([sys.executable, "-m", "cli", "evaluate", *options], stdout=subprocess.PIPE, check=True)
    found = json.loads(ran.stdout)
    save(_name(protocol), {**found, "dataset": data.name})


def page() -> str:
    """The page, from what is kept."""
    kept = {protocol: RESULTS / f"{_name(protocol)}.json" for protocol in TITLES}
    parts = [_section(protocol, json.loads(path.read_text())) for protocol, path in kept.items() if path.is_file()]
    return "\n".join((HEAD, *parts))


def _section(protocol: Protocol, found: Found) -> str:
    verdict = "beats it" if found["hybrid_is_better"] else "is not shown to beat it"
    settings = "; ".join(
        f"{model['kind']}: {', then '.join(said)}"
        for model in found["models"]
        if (said := list(filter(None, model["settings"])))
    )
    about = (
        f"{found['dataset']}: {found['interactions']:,} interactions of {found['users']:,} users with "
        f"{found['items']:,} items, seed {found['seed']}.\n"
    )
    strongest = (
        f"The strongest single model is {found['strongest_single']}; the hybrid {verdict}: "
        f"{_difference(found['difference'])}.\n"
    )
    return "\n".join(
        (
            f"## {TITLES[protocol]} (`{protocol}`)\n",
            about,
            f"![NDCG@10 of each model, {protocol}]({protocol}.svg)\n",
            _models(found),
            strongest,
            _slices(found),
            _items(found),
            f"Chosen on validation: {settings}.\n",
        )
    )


def _models(found: Found) -> str:
    rows = [
        (
            model["kind"],
            _interval(model["ndcg_at_10"]),
            *(f"{model[name]['mean']:.4f}" for name in ("recall_at_20", "mrr")),
            f"{model['coverage']:.3f}",
            "" if model["kind"] == HYBRID else _difference(model["hybrid_less_this"]),
        )
        for model in found["models"]
    ]
    return _table(("model", "NDCG@10", "recall@20", "MRR", "coverage", "hybrid less it"), rows)


def _slices(found: Found) -> str:
    named = [(f"history of {part['name']}", part) for part in found["slices"]]
    named += [(part["name"], part) for part in found["segments"]]
    named += [(f"newest {part['name']} known", part) for part in found["shortened"]]
    rows = [
        (
            name,
            f"{part['users']:,}",
            f"{part['hybrid']['mean']:.4f}",
            f"{part['popularity']['mean']:.4f}",
            _difference(part["difference"]),
        )
        for name, part in named
        if part["users"]
    ]
    return _table(("who", "users", "hybrid", "popularity", "difference"), rows)


def _items(found: Found) -> str:
    kinds = list(dict.fromkeys((HYBRID, SERVED, found["strongest_single"], POPULARITY)))
    rows = [
        (part["name"], f"{part['wanted']:,}", *(f"{part['recall'][kind]:.4f}" for kind in kinds))
        for part in found["rarity"]
        if part["wanted"]
    ]
    return _table(("people who took to an item", "to be found", *(f"recall@20, {kind}" for kind in kinds)), rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (headings, ["---"] * len(headings), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _interval(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.4f} ({value['low']:.4f} to {value['high']:.4f})"


def _difference(value: Mapping[str, float]) -> str:
    return f"{value['mean']:+.4f} ({value['low']:+.4f} to {value['high']:+.4f})"


def _name(protocol: Protocol) -> str:
    return f"evaluation_{protocol.replace('-', '_')}"


def main() -> None:
    """Measure what was asked for and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation")
    parser.add_argument("--data", type=Path, required=True, help="a MovieLens folder or another data set")
    parser.add_argument("--protocol", type=Protocol, action="append", choices=list(Protocol))
    options = parser.parse_args()
    for protocol in options.protocol or TITLES:
        measure(options.data, protocol)
    (FOLDER / "figures.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
