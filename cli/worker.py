"""`personalization worker`: one worker process, as a container or `up` runs it."""

import click
from workers.main import run


@click.command("worker")
def command() -> None:
    """Run one worker process.

    It learns from event batches, trains models, delivers live updates that an API process left behind, and picks up
    the jobs of workers that died. Any number may run at once.

    \b
    Example:
      personalization worker
    """
    run()
