"""`personalization worker`: one worker process, as a container or `up` runs it."""

import sys

import click

from workers.main import is_alive, run


@click.command("worker")
@click.option("--check", is_flag=True, help="Run nothing; exit with 0 if this host's worker is alive, else with 1.")
def command(check: bool) -> None:
    """Run one worker process.

    It learns from event batches, trains models, delivers live updates that an API process left behind, and picks up
    the jobs of workers that died. Any number may run at once.

    \b
    Example:
      personalization worker
    """
    if check:
        sys.exit(0 if is_alive() else 1)
    run()
