"""`personalization schema`: keeps schema.graphql, which clients and reviewers read, equal to the code."""

from difflib import unified_diff
from pathlib import Path

import click

from domain.errors import Conflict
from graphql_api.schema import export


@click.command("schema")
@click.option("--check", is_flag=True, help="Write nothing; fail and show the difference if the file is out of date.")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("schema.graphql"),
    show_default=True,
    help="Where the schema is kept.",
)
def command(check: bool, path: Path) -> None:
    """Write schema.graphql from the code, or check it.

    \b
    Example:
      personalization schema --check
    """
    fresh = export()
    if not check:
        path.write_text(fresh, encoding="utf-8")
        click.echo(f"wrote {path}")
        return
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    if kept != fresh:
        lines = unified_diff(kept.splitlines(), fresh.splitlines(), f"{path} (kept)", f"{path} (code)", lineterm="")
        click.echo("\n".join(lines))
        raise Conflict(f"{path} does not match the code; run: personalization schema")
    click.echo(f"{path} matches the code")
