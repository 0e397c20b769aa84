"""What stands where, and on what it is built, as the owner asked."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.contract.source import ROOT

TOP_LEVEL = ("graphql_api", "domain", "workers", "tests", "schema.graphql", "pyproject.toml", "docker-compose.yml")
PACKAGES = {
    "strawberry-graphql": "strawberry", "starlette": "starlette", "uvicorn": "uvicorn", "websockets": "websockets",
    "tortoise-orm": "tortoise", "asyncpg": "asyncpg", "redis": "redis", "implicit": "implicit",
    "scikit-learn": "sklearn", "torch": "torch", "arq": "arq", "pytest-asyncio": "pytest_asyncio",
}  # fmt: skip
LOCK = {
    line.partition("==")[0].lower(): line.partition("==")[2]
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if "==" in line
}


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_top_level_is_as_documented(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_each_documented_package_is_required_and_locked(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [
        *project["dependencies"],
        *(line for lines in project["optional-dependencies"].values() for line in lines),
    ]
    assert [line for line in required if line.startswith(package)] != []
    assert package in LOCK


@pytest.mark.parametrize(("package", "marker"), [("async-timeout", 'python_full_version < "3.11.3"')])
def test_what_only_some_interpreters_need_is_locked_for_them(package: str, marker: str) -> None:
    assert LOCK[package].partition("; ")[2] == marker


def test_hooks_need_no_network_and_run_what_the_project_has_installed() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    for hook in hooks:
        program = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert Path(sys.executable).with_name(program).is_file()


def test_serving_loads_no_library_of_training_and_of_statistics_before_it_is_asked() -> None:
    probe = "import sys; import graphql_api.app; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "sklearn", "implicit", "scipy"} & set(shown.stdout.split()) == set()


def test_what_is_read_at_run_time_is_packaged() -> None:
    """An installed package brings the files beside the modules that open them."""
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    patterns = [ROOT / package.replace(".", "/") / glob for package, globs in packaged.items() for glob in globs]
    known = {path for pattern in patterns for path in pattern.parent.glob(pattern.name)}
    packages = ("cli", "domain", "graphql_api", "workers")
    beside = {path for name in packages for path in (ROOT / name).rglob("*") if path.is_file()}
    data = {path for path in beside if path.suffix != ".py" and "__pycache__" not in path.parts}
    assert data - known == set()
