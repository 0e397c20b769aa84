"""A search for marks in bytes, however they are written down, and within what is packed."""

import base64
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus
from uuid import UUID

from redis.asyncio import Redis

from tests.api.canary_filling import CANARY, MARK, NAMED, NUMBER

STREAM: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
"""How zlib and gzip streams begin."""

LARGEST_UNPACKED: Final = 4_000_000


@cache
def forms(*, numbers: bool = True) -> tuple[bytes, ...]:
    """Every way in which the marks may be written down."""
    texts = {MARK, CANARY}
    found = {form for text in texts for form in _forms(text)}
    if numbers:
        found |= {str(NUMBER).encode(), struct.pack("<d", NUMBER), struct.pack(">d", NUMBER)}
        found |= {NAMED.encode(), UUID(NAMED).bytes, UUID(NAMED).hex.encode()}
    return tuple(sorted(found))


def _forms(text: str) -> Iterator[bytes]:
    plain = text.encode()
    yield from (plain, text.upper().encode(), text.title().encode())
    yield from (text.encode("utf-16-le"), text.encode("utf-16-be"))
    yield from (plain.hex().encode(), plain.hex().upper().encode())
    yield from (quote(text, safe="").encode(), quote_plus(text).encode())
    yield from (json.dumps(text)[1:-1].encode(), "".join(f"\\u{ord(letter):04x}" for letter in text).encode())
    for before in range(3):
        # Where a text begins within base64 decides about its letters; those that hold a neighbour's bits are left out.
        whole = base64.b64encode(b"\0" * before + plain)
        inner = whole[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]
        yield from (inner, inner.translate(bytes.maketrans(b"+/", b"-_")))


def is_in(content: bytes, words: Iterable[bytes]) -> bool:
    """Whether one of the words is in the content, or in what is packed in it."""
    wanted = tuple(words)
    return any(word in part for part in _parts(content) for word in wanted)


def _parts(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _parts(archive.read(name))
        return
    for begin in STREAM.finditer(content):
        unpacker = zlib.decompressobj(wbits=47)
        try:
            opened = unpacker.decompress(content[begin.start() :], LARGEST_UNPACKED)
        except zlib.error:
            continue
        yield opened


def files_with(folder: Path, words: Iterable[bytes]) -> set[str]:
    """The files below a folder that hold one of these, links to folders followed, and the paths that name one."""
    wanted = tuple(words)
    places = [folder, *(link.resolve() for link in folder.rglob("data") if link.is_symlink())]
    files = (path for place in places for path in place.rglob("*") if path.is_file())
    return {str(path) for path in files if is_in(bytes(path), wanted) or is_in(path.read_bytes(), wanted)}


async def keys_with(redis_url: str, words: Iterable[bytes]) -> list[bytes]:
    """The keys in Redis whose name or content holds one of these."""
    wanted = tuple(words)
    async with Redis.from_url(redis_url) as redis:
        return [key async for key in redis.scan_iter() if is_in(key + (await redis.dump(key) or b""), wanted)]
