"""Whatever tells of many people is in the table of docs/privacy.md, read from the schema, the routes and the commands.

A field, route, metric or command that is new is either put into that table, with what it tells by its differences, or
named here among those that tell of nobody or of one person alone.
"""

import re
from pathlib import Path

import click
import pytest
from graphql import GraphQLObjectType, get_named_type

from cli.main import COMMANDS, main
from graphql_api.auth import Scope
from graphql_api.rest.operations import OPERATIONS
from graphql_api.schema import build_schema

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## What is told of many"
NUMBERS = frozenset({"Int", "Float", "JSON"})

OF_ONE_PERSON = {
    "Assignment", "ClickMetrics", "Counterfactual", "DensitySetting", "EngagementMetrics", "EventsRecorded",
    "FacetValueNode", "FitAspect", "GenerationRecorded", "IdentityMerged", "LayoutSetting", "OnboardingSetting",
    "PanelsSetting", "PersonalizationMetrics", "PrivacyRequest", "Profile", "ProfileSegment", "Rate",
    "RealtimeUpdate", "SatisfactionMetrics", "SessionUpdated", "SettingEvidence", "ShortcutsSetting",
    "StyleRecommendation", "ThemeSetting", "ToolsSetting", "UserAccount", "WhyNot", "WorkflowOptimizations",
}  # fmt: skip
"""Types whose numbers are about the person who is named in the question."""

OF_NOBODY = {
    "AnalysisIntegrated", "AssignmentPolicy", "CatalogItem", "Experiment", "ExperimentForecast", "Finding",
    "ImportedItems", "ItemAnalysis", "RefusedRow", "Rule", "RuleItems", "Rules", "UnavailableProblem",
    "UpsertedCatalogItems", "Variation",
}  # fmt: skip
"""Types whose numbers are about items, plans and rules."""

COMMANDS_OF_NOBODY = {
    "up", "api", "worker", "migrate", "assign", "analyze", "simulate experiments", "evaluate", "token", "schema",
    "documents build", "documents check", "keys rotate", "verify-receipt", "privacy map", "privacy scrub",
    "models promote", "models rollback", "analyst", "keys new",
}  # fmt: skip
COMMANDS_OF_ONE_PERSON = {"privacy export", "privacy erase", "privacy receipt"}
TELLING_ROUTES = {
    "recommendations", "templateRecommendations", "styleRecommendations", "featureRecommendations",
    "workflowOptimizations", "generationParams",
}  # fmt: skip
OTHER_ROUTES = {
    "learnPreferences", "trackInteraction", "feedback", "sessionData", "profile", "updateProfile", "uiSettings",
    "integrateVideoGeneration", "integrateContentAnalysis", "realtimeUpdates", "metrics", "privacy", "health",
}  # fmt: skip


def section() -> str:
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    return text.partition(SECTION)[2].partition("\n## ")[0]


def rows() -> list[list[str]]:
    lines = [line for line in section().splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def documented() -> set[str]:
    """Everything that the first column of the table names."""
    return {name for row in rows() for name in re.findall(r"`([^`]+)`", row[0])}


def types_with_numbers() -> dict[str, set[str]]:
    kept = {}
    for name, kind in build_schema()._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            numbers = {field for field, told in kind.fields.items() if get_named_type(told.type).name in NUMBERS}
            if numbers:
                kept[name] = numbers
    return kept


def commands() -> set[str]:
    found = set()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        parts = command.commands if isinstance(command, click.Group) else {"": None}
        found |= {f"{name} {part}".strip() for part in parts}
    return found


def test_every_type_with_numbers_is_about_one_person_or_nobody_or_in_the_table() -> None:
    types = types_with_numbers()
    told = {name.partition(".")[0] for name in documented() if name.partition(".")[0] in types}
    assert set(types) == told | OF_ONE_PERSON | OF_NOBODY
    assert not told & (OF_ONE_PERSON | OF_NOBODY)


@pytest.mark.parametrize("name", sorted({n for n in types_with_numbers() if n not in OF_ONE_PERSON | OF_NOBODY}))
def test_every_number_of_many_is_named(name: str) -> None:
    """A further number of a type that tells of many is named as `Type.field`; there is no `Type` alone."""
    named = {entry.partition(".")[2] for entry in documented() if entry.startswith(f"{name}.")}
    assert named == types_with_numbers()[name]


def test_every_route_is_one_of_the_same_answers_or_tells_of_nobody_else() -> None:
    assert {operation.name for operation in OPERATIONS} == TELLING_ROUTES | OTHER_ROUTES
    assert {f"REST {name}" for name in TELLING_ROUTES} <= documented()


def test_every_command_that_tells_of_many_is_in_the_table() -> None:
    told = {name.removeprefix("personalization ") for name in documented() if name.startswith("personalization ")}
    assert commands() == told | COMMANDS_OF_NOBODY | COMMANDS_OF_ONE_PERSON
    assert not told & (COMMANDS_OF_NOBODY | COMMANDS_OF_ONE_PERSON)


def test_every_metric_is_in_the_table() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("domain", "graphql_api", "workers")
        for path in (ROOT / folder).rglob("*.py")
    )
    families = set(re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(personalization_\w+)"', source))
    assert len(families) > 20
    named = {name for name in documented() if name.startswith("personalization_")}
    assert {family for family in families if not any(family.startswith(name.rstrip("*")) for name in named)} == set()


def test_every_view_of_analysts_is_in_the_table() -> None:
    migrations = (ROOT / "domain" / "storage" / "migrations" / "sql").glob("*.sql")
    views = {view for path in migrations for view in re.findall(r"CREATE VIEW (analytics\.\w+)", path.read_text())}
    assert len(views) > 10
    assert {name for name in documented() if name.startswith("analytics.")} == views


def test_each_row_says_who_may_read_what_hides_and_what_differences_tell() -> None:
    for row in rows():
        assert len(row) == 4, row
        assert all(row), row
        scopes = re.findall(r"`([a-z_]+:[a-z]+)`", row[1])
        assert all(scope in set(Scope) for scope in scopes), row
