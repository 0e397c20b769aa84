"""The archive that a person gets: one JSON file, its schema, and a CSV file for each table, in a zip.

Everything comes from the data map, so that a new column is exported because it is declared. Beside the data stands what
Article 15(1) wants told: why each table is kept, on what legal basis and for how long.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.ids import TenantId, UserId
from domain.privacy.data_map import DataMap, Entry

FORMAT: Final = "personalization-export/1"
DATA_FILE, SCHEMA_FILE = "data.json", "schema.json"

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table; every value is one of JSON's."""


def document(data_map: DataMap, tenant: TenantId, user_id: UserId, rows: Rows, at: datetime) -> dict[str, Any]:
    """The JSON file.

    Args:
        data_map: which tables there are.
        tenant: whose user.
        user_id: the id by which the product knows the person.
        rows: what is kept.
        at: when it was read.
    """
    return {
        "format": FORMAT,
        "tenant": tenant,
        "userId": user_id,
        "exportedAt": at.isoformat(),
        "tables": {entry.name: _described(entry) | {"rows": list(rows[entry.name])} for entry in data_map.exported()},
    }


def schema(data_map: DataMap) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file."""
    text, moment = {"type": "string"}, {"type": "string", "format": "date-time"}
    tables = {entry.name: _table_schema(entry) for entry in data_map.exported()}
    properties = {
        "format": {"const": FORMAT},
        "tenant": text,
        "userId": text,
        "exportedAt": moment,
        "tables": _closed(tables),
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FORMAT, **_closed(properties)}


def zipped(data_map: DataMap, told: Mapping[str, Any]) -> bytes:
    """The archive's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DATA_FILE, json.dumps(told, ensure_ascii=False, indent=1))
        archive.writestr(SCHEMA_FILE, json.dumps(schema(data_map), indent=1))
        for entry in data_map.exported():
            archive.writestr(f"csv/{entry.name}.csv", _csv(entry, told["tables"][entry.name]["rows"]))
    return buffer.getvalue()


def _described(entry: Entry) -> dict[str, Any]:
    return {"purpose": entry.purpose, "legalBasis": entry.basis.value, "retention": entry.keeping.value}


def _table_schema(entry: Entry) -> dict[str, Any]:
    # What stands in a column is whatever its table holds; sealed ones hold any JSON.
    row = _closed({column.name: {"title": column.category.value} for column in entry.told})
    rows = {"type": "array", "items": row}
    return _closed({name: {"const": value} for name, value in _described(entry).items()} | {"rows": rows})


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _csv(entry: Entry, rows: Sequence[Mapping[str, Any]]) -> str:
    names = [column.name for column in entry.told]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """A value as one cell; what a spreadsheet would take for a formula begins with an apostrophe (OWASP)."""
    if value is None:
        return ""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{told}" if told[:1] in {"=", "+", "-", "@", "\t", "\r"} and isinstance(value, str) else told
