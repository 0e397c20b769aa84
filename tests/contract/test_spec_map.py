"""Every statement of the owner's specification is driven by tests that exist, or says in which topic it will be."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.contract.source import ROOT
from tests.contract.spec_lines import Statement, statements, statements_of

SPECIFICATION = ROOT.parent / "shared" / "spec"
MAP = Path(__file__).with_name("spec.toml")


@dataclass(frozen=True)
class Entry:
    """A statement, the tests that drive it from outside, and the topic that brings what of it is not there yet."""

    statement: Statement
    tests: tuple[str, ...]
    planned: str | None


def entries(loaded: dict[str, Any]) -> list[Entry]:
    return [
        Entry(
            Statement(entry.pop("section"), entry.pop("text")),
            tuple(entry.pop("tests", ())),
            entry.pop("planned", None),
        )
        for entry in (dict(raw) for raw in loaded["statement"])
    ]


LOADED = tomllib.loads(MAP.read_text(encoding="utf-8"))
ENTRIES = entries(LOADED)


def unmapped(said: Iterable[Statement], mapped: Iterable[Entry]) -> list[Statement]:
    """Statements that have no entry of their own."""
    return list((Counter(said) - Counter(entry.statement for entry in mapped)).elements())


def unsaid(said: Iterable[Statement], mapped: Iterable[Entry]) -> list[Statement]:
    """Statements of entries that the specification does not make, or not so often."""
    return list((Counter(entry.statement for entry in mapped) - Counter(said)).elements())


@cache
def names_of_tests(path: Path) -> frozenset[str]:
    """The names of the test functions of a file; none if there is no such file."""
    if not path.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def missing_tests(mapped: Iterable[Entry], root: Path = ROOT) -> list[str]:
    """The named tests that do not exist, found without running them."""
    named = {test for entry in mapped for test in entry.tests}
    return sorted(
        test for test in named if test.partition("::")[2] not in names_of_tests(root / test.partition("::")[0])
    )


def unsettled(mapped: Iterable[Entry], topics: Iterable[str]) -> list[Statement]:
    """Statements with neither a test nor one of the topics that are to come."""
    known = set(topics)
    return [
        entry.statement for entry in mapped if not (entry.tests or entry.planned) or entry.planned not in known | {None}
    ]


@pytest.mark.skipif(
    not SPECIFICATION.is_dir(), reason=f"the specification is not beside this clone, in {SPECIFICATION}"
)
def test_every_statement_of_the_specification_is_mapped_and_no_other() -> None:
    said = statements_of(SPECIFICATION)
    assert unmapped(said, ENTRIES) == []
    assert unsaid(said, ENTRIES) == []


def test_every_entry_names_tests_or_a_topic_to_come() -> None:
    assert unsettled(ENTRIES, LOADED["topics"]) == []
    assert {key for entry in LOADED["statement"] for key in entry} <= {"section", "text", "tests", "planned"}


def test_every_named_test_exists() -> None:
    assert missing_tests(ENTRIES) == []


def test_each_topic_to_come_is_waited_for() -> None:
    assert set(LOADED["topics"]) == {entry.planned for entry in ENTRIES} - {None}


TEXT = """# Product
It does things.
## Features
Like these:
- **First**: one thing
1. **Trouble**
   - Look here
## Configuration
```javascript
const config = {
  part: {
    size: 5,
    kind: 'x'
  }
};
```
## Usage Examples
```javascript
const a = 1;
use(a);
```
| kind | API |
| --- | --- |
"""
SAID = [
    Statement("", "It does things."),
    Statement("Features", "- **First**: one thing"),
    Statement("Features / Trouble", "- Look here"),
    Statement("Configuration / config / part", "size: 5"),
    Statement("Configuration / config / part", "kind: 'x'"),
    Statement("Usage Examples", "const a = 1;\nuse(a);"),
    Statement("Usage Examples", "| kind | API |"),
]
HERE = "tests/contract/test_spec_map.py::test_every_named_test_exists"


def entry(statement: Statement, *tests: str, planned: str | None = None) -> Entry:
    return Entry(statement, tests, planned)


def test_a_text_is_read_into_its_statements() -> None:
    assert list(statements(TEXT)) == SAID


def test_a_planted_statement_without_an_entry_is_found() -> None:
    mapped = [entry(statement, HERE) for statement in SAID]
    assert unmapped(SAID, mapped) == unsaid(SAID, mapped) == []
    planted = Statement("Features", "- **Second**: another thing")
    assert unmapped([*SAID, planted], mapped) == [planted]
    assert unmapped([*SAID, SAID[0]], mapped) == [SAID[0]]


def test_a_planted_entry_that_nobody_asked_for_is_found() -> None:
    mapped = [entry(statement, HERE) for statement in SAID]
    planted = entry(Statement("Features", "- **First**: one Thing"), HERE)
    assert unsaid(SAID, [*mapped, planted]) == [planted.statement]
    assert unsaid(SAID, [*mapped, mapped[0]]) == [mapped[0].statement]


@pytest.mark.parametrize(
    "name",
    [
        "tests/contract/test_spec_map.py::test_that_is_not_there",
        "tests/contract/test_not_there.py::test_every_named_test_exists",
        "tests/contract/test_spec_map.py::entry",
        "tests/contract/test_spec_map.py",
    ],
)
def test_a_planted_name_of_no_test_is_found(name: str) -> None:
    assert missing_tests([entry(SAID[0], HERE)]) == []
    assert missing_tests([entry(SAID[0], HERE, name)]) == [name]


def test_a_planted_entry_without_test_or_topic_is_found() -> None:
    planned = entry(SAID[0], planned="later")
    assert unsettled([planned, entry(SAID[1], HERE)], ["later"]) == []
    assert unsettled([planned], ["never"]) == [SAID[0]]
    assert unsettled([entry(SAID[0])], ["later"]) == [SAID[0]]
