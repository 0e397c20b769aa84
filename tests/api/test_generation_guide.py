"""docs/generation.md: its example is executed and answers as shown, its table is the one of the code."""

import json
import re
from typing import Any

from domain.generation.parameters import PARAMETERS, Choice, Parameter, camel
from tests.api.command import ROOT
from tests.api.rest_room import RestRoom

GUIDE = (ROOT / "docs" / "generation.md").read_text(encoding="utf-8")
CALL = re.compile(r"```sh\ncurl -s \$API/api/personalization(/\S+) .*? -d '(.*?)'\n```\n\n```json\n(.*?)```", re.DOTALL)
USER = "user_123"


def assert_within(shown: Any, answer: Any, place: str = "") -> None:
    """Fail unless `answer` has everything that the guide shows of it."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_within(value, answer[name], f"{place}.{name}")
    else:
        assert answer == shown, place


async def test_the_example_answers_as_shown(room: RestRoom) -> None:
    calls = CALL.findall(GUIDE)
    assert len(calls) == GUIDE.count("```sh") == 5
    await room.agree(USER)
    async with room.caller(USER) as client:
        for path, body, shown in calls:
            answer = await client.post(path, json=json.loads(body))
            assert answer.status_code == 200, answer.text
            assert_within(json.loads(shown), answer.json(), path)


def row(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        values = ", ".join(f"`{value}`" for value in parameter.values) or "any text of up to 128 characters"
    else:
        values = f"{parameter.low:g} to {parameter.high:g}"
    same = " and ".join(sorted(parameter.follows))
    return f"| `{camel(parameter.name)}` | {values} | {parameter.unit} | {f'the same {same}' if same else 'any'} |"


def test_the_guide_lists_every_parameter() -> None:
    listed = re.search(r"<!-- parameters: begin -->\n(.*)\n<!-- parameters: end -->", GUIDE, re.DOTALL)
    assert listed is not None
    heading = ["| name | values | unit | learned from videos for |", "| --- | --- | --- | --- |"]
    assert listed[1].splitlines() == [*heading, *map(row, PARAMETERS.values())]
