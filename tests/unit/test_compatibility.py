"""Breaking changes of the schema, and the lines of the changelog that announce them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from graphql_api.compatibility import Break, breaks, unannounced

PROMISED = """type Query { metrics(days: Int): String lists: String! kind: Kind }
enum Kind { STYLE TEMPLATE } input Wish { text: String } union Found = Query
type Old { text: String } type Kept { count: Int }"""


@pytest.mark.parametrize(
    ("was", "becomes", "about"),
    [
        ("metrics(days: Int): String ", "", "Query.metrics"),
        ("lists: String!", "lists: Int!", "Query.lists"),
        ("metrics(days: Int)", "metrics(days: Int!)", "Query.metrics"),
        ("metrics(days: Int)", "metrics(days: Int, until: Int!)", "Query.metrics"),
        ("STYLE TEMPLATE", "STYLE", "Kind.TEMPLATE"),
        ("text: String }", "text: String, more: Int! }", "Wish.more"),
        ("type Old { text: String }", "", "Old"),
    ],
)
def test_what_clients_cannot_live_with_is_found(was: str, becomes: str, about: str) -> None:
    [found] = breaks(PROMISED, PROMISED.replace(was, becomes, 1))
    assert found.about == about


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("lists: String!", "lists: String! more: Int"),
        ("metrics(days: Int)", "metrics(days: Int, until: Int)"),
        ("text: String }", "text: String, more: Int }"),
    ],
)
def test_additions_break_nothing(was: str, becomes: str) -> None:
    assert breaks(PROMISED, PROMISED.replace(was, becomes, 1)) == []


def test_a_line_of_the_unreleased_part_announces_a_break() -> None:
    found = [Break("Query.metrics", "Field Query.metrics was removed."), Break("Old", "Old was removed.")]
    before = "## [Unreleased]\n\n### Changed\n\n- Breaking: `Query.metrics` is\n  gone, and so is `Old`.\n"
    assert unannounced(found, before + "\n## [1.0.0]\n") == []
    assert (
        unannounced(found, "## [Unreleased]\n\n- `Old` is gone.\n\n## [1.0.0]\n- Breaking: `Query.metrics`\n") == found
    )


def schema(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


def test_the_command_refuses_what_nobody_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n")
    assert schema().exit_code == 0
    assert "schema.released.graphql is missing" in schema("--check").stderr
    assert schema("--check", "--release").exit_code == 2
    assert schema("--release").exit_code == 0
    assert schema("--check").exit_code == 0
    promised = tmp_path / "schema.released.graphql"
    promised.write_text(promised.read_text() + "\ntype Forgotten {\n  text: String\n}\n")
    refused = schema("--check")
    assert refused.exit_code == 1
    assert "- Breaking: `Forgotten`" in refused.stdout
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n- Breaking: `Forgotten` is gone.\n")
    assert schema("--check").exit_code == 0
