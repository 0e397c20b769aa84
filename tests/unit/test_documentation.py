"""What the documents say about the code, compared with the code."""

import re
from enum import Enum
from pathlib import Path

import pytest
from click import Context, Group, Option

from cli.main import COMMANDS, main
from domain.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "node_modules" not in path.parts]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *GUIDES]


def settings_table() -> str:
    """Every setting as the README lists it."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(lines)


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def test_the_readme_lists_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    listed = re.search(r"<!-- settings: begin -->\n(.*)\n<!-- settings: end -->", text, re.DOTALL)
    assert listed is not None
    assert listed[1] == settings_table()


def test_the_guide_names_every_command_and_option() -> None:
    text = (ROOT / "docs" / "index.md").read_text()
    context = Context(main)
    for name in COMMANDS:
        assert f"`personalization {name}" in text
        command = main.get_command(context, name)
        assert command is not None
        commands = [command, *command.commands.values()] if isinstance(command, Group) else [command]
        options = {option.opts[-1] for c in commands for option in c.params if isinstance(option, Option)}
        assert {option for option in options if f"`{option}" not in text} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
