"""The project's own source as syntax trees, so that its rules can be checked without importing it."""

import ast
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cli", "domain", "graphql_api", "workers")


@dataclass(frozen=True)
class Module:
    """One file of source: its path from the root, its text and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name under which it is imported."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def imports(self) -> set[str]:
        """Dotted names of everything imported, relative imports resolved; `from a import b` gives `a` and `a.b`."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                names |= {origin} | {f"{origin}.{alias.name}" for alias in node.names}
        return names

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.path.parent.parts[: len(self.path.parent.parts) - node.level + 1]
        return ".".join([*package, *([node.module] if node.module else [])])


def modules(root: Path = ROOT, folders: tuple[str, ...] = PACKAGES) -> list[Module]:
    """The modules below `folders` of the tree at `root`, generated migrations aside."""
    return [
        Module(path.relative_to(root), text := path.read_text(encoding="utf-8"), ast.parse(text))
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def copy_of_packages(target: Path) -> Path:
    """A copy of the packages and of pyproject.toml below `target`, to plant violations in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def plant(root: Path, path: str, line: str) -> None:
    """Write `line` at the end of the module at `path` below `root`; a module that is not there is created."""
    module = root / path
    module.parent.mkdir(parents=True, exist_ok=True)
    with module.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
