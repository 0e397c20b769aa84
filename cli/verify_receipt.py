"""`personalization verify-receipt`: is a receipt as it was signed, and do several make one chain?"""

from pathlib import Path
from typing import Final

import click

from cli.options import json_option
from cli.output import print_result, print_table
from domain.receipts.signing import require_chained

COLUMNS: Final = ("store", "name", "level", "count", "until", "detail")


@click.command("verify-receipt")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--public-key", metavar="HEX", help="Whose signature it must be; else the key that the receipt names.")
@json_option
def command(files: tuple[Path, ...], public_key: str | None, as_json: bool) -> None:
    """Check signed receipts of erasures, without a service or a network.

    Several are checked as one chain, whatever their order: each must name the one before it, and none have the number
    of another. Exit status 2 if a byte was changed, a receipt is missing between two others, or the chain forks.

    \b
    Example:
      personalization verify-receipt receipt.json
    """
    receipts = require_chained([path.read_bytes() for path in files], public_key)
    if as_json:
        print_result({"valid": True, "receipts": receipts})
        return
    for receipt in receipts:
        rows = [[entry.get(column, "") for column in COLUMNS] for entry in receipt["reached"]]
        title = f"Valid: receipt {receipt['number']} of {receipt['tenant']}, {receipt['kind']}, {receipt['finishedAt']}"
        print_table(title, COLUMNS, rows)
