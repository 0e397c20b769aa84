"""Model files on disk, named by their checksum, so that each is downloaded once and mapped by every process."""

import contextlib
import hashlib
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from domain.errors import Unavailable
from domain.models.artifact import Artifact, read
from domain.models.layout import CorruptArtifact

logger = logging.getLogger(__name__)

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class ArtifactCache:
    """A folder of verified artifacts. Its methods block on the disk: call them from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, sha256: str) -> Artifact | None:
        """The artifact, mapped; None if it is not here. A file that fails its checks is dropped."""
        path = self._path(sha256)
        if not path.exists():
            return None
        try:
            return read(path, sha256)
        except CorruptArtifact:
            logger.exception("a cached model file failed its checks and is fetched again", extra={"sha256": sha256})
            path.unlink(missing_ok=True)
            return None

    def keep(self, sha256: str, content: bytes) -> Artifact:
        """Put the artifact's bytes on disk, whole or not at all, and map them.

        Raises:
            CorruptArtifact: the bytes are not those of `sha256`, or are damaged.
            Unavailable: the disk refuses them.
        """
        if hashlib.sha256(content).hexdigest() != sha256:
            raise CorruptArtifact("a stored model does not have the checksum of its version")
        path = self._path(sha256)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_whole(path, content)
        except OSError as error:
            raise Unavailable("a model cannot be put on disk") from error
        return read(path, sha256)

    def drop(self, sha256: str) -> None:
        """Remove an artifact; a process that still maps it keeps its pages until it lets go."""
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if _DIGEST.fullmatch(sha256) is None:
            raise CorruptArtifact("a model's checksum is not a SHA-256 digest")
        return self._folder / f"{sha256}.safetensors"


def _write_whole(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:8]}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable; not every file system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
