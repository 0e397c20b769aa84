"""`python -m cli.demo`: prints the figures of the demo without any server."""

import json
import time
from collections import Counter
from dataclasses import asdict

import click

from cli.demo.behaviour import DEFAULT_SEED, DEFAULT_USERS, demo_behaviour
from cli.demo.catalogue import demo_catalogue
from cli.demo.facts import measure
from domain.clock import SystemClock


@click.command()
@click.option("--seed", default=DEFAULT_SEED, show_default=True, type=click.IntRange(min=0))
@click.option("--users", default=DEFAULT_USERS, show_default=True, type=click.IntRange(min=0))
def main(seed: int, users: int) -> None:
    """Generate the demo and print its figures as JSON."""
    started = time.perf_counter()
    facts = measure(demo_behaviour(seed, users, SystemClock().now()))
    seconds = time.perf_counter() - started
    items = Counter(item.kind.value for item in demo_catalogue())
    click.echo(json.dumps({"items": items, **asdict(facts), "generation_seconds": round(seconds, 3)}, indent=2))


if __name__ == "__main__":
    main()
