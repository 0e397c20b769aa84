"""`personalization documents`: makes and checks the manifest of trusted documents, from `.graphql` files of clients."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import orjson

from cli.options import json_option
from cli.output import print_result, print_table, writing
from domain.errors import Conflict, ValidationFailed
from graphql_api.documents import faults, id_of, load_manifest
from graphql_api.limits import DocumentCache
from graphql_api.schema import build_schema

SUFFIX = "*.graphql"

file_option = click.option(
    "--file",
    "manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("trusted-documents.json"),
    show_default=True,
    help="The manifest.",
)


@click.group("documents")
def command() -> None:
    """Make or check the manifest of trusted GraphQL documents.

    A document is one .graphql file with all the fragments it needs; its id is `sha256:` and what sha256sum prints of
    the file. The service reads the manifest that PERSONALIZATION_TRUSTED_DOCUMENTS_FILE names.

    \b
    Examples:
      personalization documents build queries/ --file trusted-documents.json
      personalization documents check --file trusted-documents.json
    """


@command.command("build")
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@file_option
@json_option
def build(sources: Sequence[Path], manifest: Path, as_json: bool) -> None:
    """Write the manifest of the documents in SOURCES, files or folders.

    Nothing is written unless production would run each of them.

    \b
    Example:
      personalization documents build queries/ --file trusted-documents.json --json
    """
    texts = {str(path): _text(path) for path in _files(sources)}
    if not texts:
        raise ValidationFailed(f"no {SUFFIX} file in {', '.join(map(str, sources))}", field="SOURCES")
    _check(texts)
    ids = {path: id_of(text) for path, text in sorted(texts.items())}
    documents = {ids[path]: text for path, text in sorted(texts.items())}
    with writing(manifest, "--file"):
        manifest.write_bytes(orjson.dumps(documents, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    if as_json:
        print_result({"manifest": str(manifest), "documents": ids})
    else:
        print_table(f"Wrote {manifest}", ("document", "id"), list(ids.items()))


@command.command("check")
@file_option
@json_option
def check(manifest: Path, as_json: bool) -> None:
    """Check that each id stands for its text, and that production would run each document.

    \b
    Example:
      personalization documents check --file trusted-documents.json --json
    """
    documents = load_manifest(manifest, "--file")
    _check(documents)
    if as_json:
        print_result({"manifest": str(manifest), "documents": len(documents)})
    else:
        click.echo(f"{manifest}: {len(documents)} documents, all can be run")


def _files(sources: Sequence[Path]) -> list[Path]:
    return [path for source in sources for path in (sorted(source.rglob(SUFFIX)) if source.is_dir() else [source])]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationFailed(f"{path}: cannot be read as UTF-8: {error}", field="SOURCES") from None


def _check(texts: Mapping[str, str]) -> None:
    """Raise `Conflict` with every fault unless production would run each text."""
    found = faults(texts.items(), build_schema(), DocumentCache(introspection=False))
    if found:
        raise Conflict("documents that cannot be run:\n  " + "\n  ".join(found))
