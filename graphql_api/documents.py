"""Trusted documents: operations that the operator knows beforehand, asked for by the hash of their text.

A client that sends `documentId` instead of `query` sends less, and a service that answers nothing else
(`PERSONALIZATION_TRUSTED_DOCUMENTS_ONLY`) runs no operation that nobody has reviewed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson
from graphql import GraphQLError
from strawberry import Schema

from domain.errors import Forbidden, NotFound, ValidationFailed
from graphql_api.limits import DocumentCache

FILE_SETTING: Final = "PERSONALIZATION_TRUSTED_DOCUMENTS_FILE"
_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")


class TrustedDocuments:
    """What a request may ask for by id.

    Args:
        documents: texts by id.
        only: whether everything else is refused.
    """

    def __init__(self, documents: Mapping[str, str] = MappingProxyType({}), *, only: bool = False) -> None:
        self._documents = documents
        self._only = only

    def query_of(self, request: Mapping[str, Any]) -> Any:
        """The text of the operation that `request` asks for; whatever it has as `query` if it names no document.

        Raises:
            Forbidden: it names no document, and nothing else is answered.
            NotFound: there is no such document.
            ValidationFailed: what it names cannot be a document's id, or it brings a query as well.
        """
        document_id, query = request.get("documentId"), request.get("query")
        if document_id is None:
            if self._only:
                raise Forbidden("Only trusted documents are answered here; name one by `documentId`.")
            return query
        if query is not None:
            raise ValidationFailed("A request has either a `query` or a `documentId`.", field="documentId")
        if not isinstance(document_id, str) or _ID.fullmatch(document_id) is None:
            raise ValidationFailed("A document's id is `sha256:` and 64 hexadecimal digits.", field="documentId")
        text = self._documents.get(document_id)
        if text is None:
            raise NotFound("There is no such trusted document.", field="documentId")
        return text


def id_of(text: str) -> str:
    """The id of a document: the hash of its text as it is, byte for byte."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def load_manifest(path: Path, setting: str = FILE_SETTING) -> dict[str, str]:
    """The documents of a manifest, a JSON object of texts by id.

    Raises:
        ValidationFailed: it cannot be read, or a text is not the one that its id stands for; `field` is `setting`.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ValidationFailed(
            f"{path}: no manifest of trusted documents can be read: {error}", field=setting
        ) from None
    if not isinstance(found, dict):
        raise ValidationFailed(f"{path}: a manifest is a JSON object of texts by id", field=setting)
    for document_id, text in found.items():
        if not isinstance(text, str) or document_id != id_of(text):
            raise ValidationFailed(f"{path}: {document_id} is not the id of its text", field=setting)
    return found


def faults(documents: Iterable[tuple[str, str]], schema: Schema, cache: DocumentCache) -> list[str]:
    """What keeps documents, each a name and a text, from being run, one line a fault; it also fills the cache."""
    return [f"{name}: {fault}" for name, text in documents for fault in _faults_of(text, schema, cache)]


def _faults_of(text: str, schema: Schema, cache: DocumentCache) -> list[str]:
    try:
        return [error.message for error in cache.prepared(schema._schema, text).errors]  # noqa: SLF001 - no public way
    except GraphQLError as error:
        return [error.message]
