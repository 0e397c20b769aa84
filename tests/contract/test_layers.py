"""Who may import whom: the rules that import-linter cannot say, and proof that each of its contracts can break."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.source import ROOT, Module, copy_of_packages, modules, plant

STORAGE_LIBRARIES = {"asyncpg", "redis", "tortoise", "valkey"}

Rule = Callable[[Module], bool]


def is_store(module: Module) -> bool:
    return module.path.parts[0] == "domain" and (
        module.path.parts[1] == "storage" or (len(module.path.parts) == 3 and module.path.name == "store.py")
    )


def packages_of(imports: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in imports}


def talks_to_a_database_outside_a_store(module: Module) -> bool:
    return not is_store(module) and bool(packages_of(module.imports()) & STORAGE_LIBRARIES)


def queues_outside_jobs_and_workers(module: Module) -> bool:
    allowed = module.path.parts[0] == "workers" or module.path.parts[:2] == ("domain", "jobs")
    return not allowed and "arq" in packages_of(module.imports())


def thinks_with_a_store(module: Module) -> bool:
    """A service, model or algorithm that knows how its data is kept instead of declaring what it needs."""
    parts = module.path.parts
    in_a_room = parts[0] == "domain" and len(parts) > 2 and parts[1] != "bootstrap"
    return in_a_room and not is_store(module) and any(map(names_a_store, module.imports()))


def names_a_store(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "domain" and (parts[1:2] == ["storage"] or "store" in parts[2:])


def offenders(rule: Rule, root: Path) -> list[str]:
    return [str(module.path) for module in modules(root) if rule(module)]


RULES = [talks_to_a_database_outside_a_store, queues_outside_jobs_and_workers, thinks_with_a_store]

PLANTED: list[tuple[Rule, str, str]] = [
    (talks_to_a_database_outside_a_store, "domain/catalog/service.py", "import asyncpg"),
    (talks_to_a_database_outside_a_store, "domain/bootstrap/services.py", "from redis.asyncio import Redis"),
    (talks_to_a_database_outside_a_store, "graphql_api/loaders.py", "def late():\n    from tortoise import Tortoise"),
    (queues_outside_jobs_and_workers, "domain/realtime/service.py", "from arq import create_pool"),
    (queues_outside_jobs_and_workers, "graphql_api/app.py", "import arq.connections"),
    (thinks_with_a_store, "domain/catalog/service.py", "from domain.catalog.store import PostgresCatalog"),
    (thinks_with_a_store, "domain/catalog/model.py", "from domain.storage.postgres import Database"),
    (thinks_with_a_store, "domain/recommendations/diversity.py", "from domain.catalog import store"),
    (thinks_with_a_store, "domain/recommendations/diversity.py", "from ..profiles import store"),
    (thinks_with_a_store, "domain/recommendations/diversity.py", "from .store import PostgresRecommendations"),
    (thinks_with_a_store, "domain/privacy/service.py", "import domain.storage.tables"),
]


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    assert offenders(rule, ROOT) == []


@pytest.mark.parametrize(("rule", "path", "line"), PLANTED)
def test_a_planted_violation_is_found(rule: Rule, path: str, line: str, tmp_path: Path) -> None:
    plant(tmp_path, path, line)
    assert offenders(rule, tmp_path) == [path]


CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

BREAKS = {
    "Entry points stand on transports and workers, which stand on the domain and never on each other": (
        "graphql_api/planted.py",
        "import workers",
    ),
    "Inside the domain, knowledge points down; only bootstrap sees every room": (
        "domain/catalog/planted.py",
        "import domain.bootstrap",
    ),
    "Only the composition root and the entry points read settings": (
        "domain/catalog/planted.py",
        "import domain.settings",
    ),
    "Serving never loads a training library, not even indirectly": ("domain/ids.py", "import sklearn"),
    "The domain knows no transport": ("domain/ids.py", "import starlette"),
    "No import cycles between siblings": ("domain/errors.py", "import domain.catalog"),
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """The contracts' verdict on the tree at `root`."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def broken(output: str) -> set[str]:
    """Names of the contracts that the report calls broken; long names are wrapped, so spaces are squeezed first."""
    report = " ".join(output.split())
    return {name for name in CONTRACTS if f"{name} BROKEN" in report}


def test_every_contract_has_a_planted_violation() -> None:
    assert set(BREAKS) == set(CONTRACTS)


@pytest.mark.parametrize("name", BREAKS)
def test_a_contract_breaks_on_a_planted_import(name: str, tmp_path: Path) -> None:
    root = copy_of_packages(tmp_path)
    plant(root, *BREAKS[name])
    assert name in broken(lint_imports(root).stdout)


def test_the_contracts_hold(tmp_path: Path) -> None:
    verdict = lint_imports(copy_of_packages(tmp_path))
    assert broken(verdict.stdout) == set()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
