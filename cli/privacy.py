"""`personalization privacy`: what is kept, and the rights of the people whom it is about."""

import click

from cli.options import json_option
from cli.output import print_result, print_table
from domain.privacy.article30 import as_document, described
from domain.privacy.inventory import DATA_MAP


@click.group("privacy")
def command() -> None:
    """Show what is kept of people, and serve their rights.

    \b
    Examples:
      personalization privacy map --article-30
    """


@command.command("map")
@click.option("--article-30", "article_30", is_flag=True, help="Print the record of processing activities (Markdown).")
@json_option
def show_map(article_30: bool, as_json: bool) -> None:
    """List everything that is kept: why, on what legal basis, for how long, and what an erasure does with it.

    \b
    Example:
      personalization privacy map --article-30 > article-30.md
    """
    if article_30:
        click.echo(as_document(DATA_MAP), nl=False)
    elif as_json:
        print_result({"entries": described(DATA_MAP)})
    else:
        rows = [(e.store.value, e.name, e.purpose, e.keeping.value, e.erasure.value) for e in DATA_MAP.entries]
        print_table("What is kept", ("store", "name", "why", "for how long", "on erasure"), rows)
