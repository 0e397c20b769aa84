"""How a command fails: one line that names the code, and an exit status that a script can act on."""

from typing import IO, Any, Final

import click

from domain.errors import DomainError, ValidationFailed

BAD_INPUT_STATUS: Final = 2
FAILURE_STATUS: Final = 1


class Failure(click.ClickException):
    """An expected failure."""

    exit_code = FAILURE_STATUS

    def __init__(self, error: DomainError) -> None:
        super().__init__(error.message)
        self._error = error

    def show(self, file: IO[Any] | None = None) -> None:
        """Write `CODE: message (field)` to standard error."""
        label = click.style(self._error.code, fg="red", bold=True)
        click.echo(f"{label}: {self._error.sentence}", file=file, err=True)


class BadInput(Failure):
    """What was asked for means nothing."""

    exit_code = BAD_INPUT_STATUS


def failure_of(error: DomainError) -> Failure:
    """How a command ends because of `error`."""
    return BadInput(error) if isinstance(error, ValidationFailed) else Failure(error)
