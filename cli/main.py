"""The command `personalization`: a command's module is loaded only when it is called, so `--help` is instant."""

import os
from importlib import import_module
from typing import Any

import click

from cli.failure import failure_of
from domain.errors import DomainError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("cli.up", "Start everything on this machine: database, cache, demo data, model, API, worker."),
    "api": ("cli.api", "Run one API process."),
    "worker": ("cli.worker", "Run one worker process."),
    "migrate": ("cli.migrate", "Bring the database to the current schema, or back."),
    "import": ("cli.import_command", "Load a catalogue and behaviour from files."),
    "train": (
        "cli.train",
        "Train a tenant's model, compare it with the one that serves, and publish it unless it is worse.",
    ),
    "evaluate": ("cli.evaluate", "Measure recommendations on a data set."),
    "assign": ("cli.assign", "Say who gets which variation of an experiment."),
    "analyze": ("cli.analyze", "Compute what came of an experiment from numbers that you have."),
    "simulate": ("cli.simulate", "Measure what the statistics promise where the truth is known."),
    "models": ("cli.models", "Look at a tenant's trained models, and choose which one serves."),
    "doctor": ("cli.doctor", "Find out why recommendations, experiments or speed are not what they should be."),
    "quarantine": ("cli.quarantine", "Look at events that broke learning, and let them back in."),
    "keys": ("cli.keys", "Look after the key that wraps people's keys."),
    "verify-receipt": ("cli.verify_receipt", "Check signed receipts of erasures, without a service or a network."),
    "privacy": ("cli.privacy", "Show what is kept of people, and serve their rights."),
    "audit-log": ("cli.audit_log", "Check that nobody changed what was noted of who did what."),
    "analyst": (
        "cli.analyst",
        "Give a tenant's analysts a login, and print the database address for psql or a BI tool.",
    ),
    "token": ("cli.token", "Issue an access token for development and tests."),
    "schema": ("cli.schema", "Write schema.graphql from the code, or check it."),
    "documents": ("cli.documents", "Make or check the manifest of trusted GraphQL documents."),
}
"""Name -> module with the click command `command`, and the one line that the list of commands shows."""


class LazyCommands(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        # Read once, when NumPy is loaded. More threads wait for each other in a small system longer than it takes.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected failure becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except DomainError as error:
            raise failure_of(error) from error


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="personalization-service")
def main() -> None:
    """Self-hosted personalization: learned recommendations, live updates, provable privacy.

    `personalization COMMAND --help` explains a command and gives an example. Settings come from environment variables
    named PERSONALIZATION_*; an unknown one is an error.
    """
