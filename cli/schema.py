"""`personalization schema`: keeps schema.graphql equal to the code, and the code true to what clients were promised."""

from difflib import unified_diff
from pathlib import Path

import click
from click.core import ParameterSource

from cli.output import writing
from domain.errors import Conflict
from graphql_api.compatibility import breaks, unannounced
from graphql_api.schema import export

RELEASED = Path("schema.released.graphql")
CHANGELOG = Path("CHANGELOG.md")


@click.command("schema")
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is out of date or clients would break.")
@click.option("--release", is_flag=True, help="Promise the schema to clients: write schema.released.graphql.")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("schema.graphql"),
    show_default=True,
    help="Where the schema is kept.",
)
def command(check: bool, release: bool, path: Path) -> None:
    """Write schema.graphql from the code, or check it.

    The check also compares the code with schema.released.graphql, which clients were promised: a breaking change
    fails unless a line of CHANGELOG.md, such as "- Breaking: `Query.metrics` takes days.", announces it.

    \b
    Example:
      personalization schema --check
    """
    if check and release:
        raise click.UsageError("--check writes nothing, so --release cannot be meant beside it")
    if release and click.get_current_context().get_parameter_source("path") is not ParameterSource.DEFAULT:
        raise click.UsageError(f"--release writes {RELEASED} and takes no --file")
    fresh, written = export(), RELEASED if release else path
    if not check:
        with writing(written, "--release" if release else "--file"):
            written.write_text(fresh, encoding="utf-8")
        click.echo(f"wrote {written}")
        return
    kept = _text(path)
    if kept != fresh:
        lines = unified_diff(kept.splitlines(), fresh.splitlines(), f"{path} (kept)", f"{path} (code)", lineterm="")
        click.echo("\n".join(lines))
        raise Conflict(f"{path} does not match the code; run: personalization schema")
    _require_announced(fresh)
    click.echo(f"{path} matches the code")


def _require_announced(fresh: str) -> None:
    promised = _text(RELEASED)
    if not promised:
        raise Conflict(f"{RELEASED} is missing; run: personalization schema --release")
    silent = unannounced(breaks(promised, fresh), _text(CHANGELOG))
    for one in silent:
        click.echo(f"- Breaking: `{one.about}`: {one.what}")
    if silent:
        raise Conflict(f"clients would break; announce it in {CHANGELOG} with the lines above")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
