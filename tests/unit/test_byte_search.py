"""The search that proves erasures finds a mark however it is written down."""

import base64
import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.api.byte_search import files_with, forms, is_in
from tests.api.canary_filling import CANARY, NAMED, NUMBER


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", content)
    return held.getvalue()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda said: said,
    "utf-16": lambda said: said.decode().encode("utf-16-le"),
    "hex": lambda said: said.hex().encode(),
    "url": lambda said: quote(said.decode(), safe="").encode(),
    "json": lambda said: json.dumps(said.decode()).encode(),
    "escaped": lambda said: "".join(f"\\u{byte:04x}" for byte in said).encode(),
    "zlib": zlib.compress,
    "gzip within": lambda said: b"before" + gzip.compress(said) + b"behind",
    "zip": zipped,
    "zip in zip": lambda said: zipped(zipped(said)),
    **{f"base64 at {n}": (lambda said, n=n: base64.b64encode(b"x" * n + said + b"y")) for n in range(3)},  # type: ignore[misc]
}


@pytest.mark.parametrize("way", WAYS)
def test_a_mark_is_found_in_every_form(way: str, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    kept = tmp_path / "some" / "file"
    kept.write_bytes(b"\0" * 100 + WAYS[way](CANARY.encode()) if "zip" not in way else WAYS[way](CANARY.encode()))
    assert files_with(tmp_path, forms()) == {str(kept)}


def test_numbers_and_ids_are_found_and_nothing_else(tmp_path: Path) -> None:
    for written in (struct.pack("<d", NUMBER), str(NUMBER).encode(), UUID(NAMED).bytes, NAMED.encode()):
        assert is_in(b"before" + written, forms())
    (tmp_path / "file").write_bytes(b"zq7 canary, canary@example.com, 717171, " + bytes(range(256)) * 50)
    assert files_with(tmp_path, forms()) == set()
