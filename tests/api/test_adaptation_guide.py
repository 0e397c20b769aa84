"""The examples of the guide to adaptation, sent as they stand there."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from domain.adaptation import hysteresis, routines, service, shared_ways
from domain.disclosure import FEWEST_PEOPLE
from tests.api.graphql_room import caller
from tests.api.rest_room import RestRoom
from workers import main

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "adaptation.md").read_text(encoding="utf-8")
USER = "user_123"


def block(language: str, word: str) -> str:
    """The only example in a language that holds a word."""
    [found] = [text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if word in text]
    return str(found)


async def test_its_requests_are_answered_as_it_says(room: RestRoom) -> None:
    await room.agree(USER)
    [sent] = re.findall(r"-d '(.*?)'", block("sh", "/ui-settings"))
    chosen = {"userId": USER, "behaviorData": json.loads(block("json", "theme_chosen"))}
    async with room.caller(USER) as client:
        answers = [
            await client.post("/ui-settings", json=json.loads(sent)),
            await client.get(f"/workflow-optimizations/{USER}"),
            await client.post("/learn-preferences", json=chosen),
            await client.post("/session-data", json=json.loads(block("json", "session_123"))),
        ]
    assert [answer.status_code for answer in answers] == [200] * 4
    shown = block("json", '"settings"')
    assert set(re.findall(r'"(\w+)": \{"value"', shown)) <= set(answers[0].json()["settings"])
    stated = await caller(room.app, room.tenant, USER).ask(block("graphql", "updateUiSettings"))
    assert stated["theme"] == {"value": "DARK", "source": "STATED"}


[MINING] = [task for task in main.tasks({}) if task.name == "workflows"]

CONSTANTS = {
    r"led on \*\*(\d+) days\*\*": hysteresis.CHANGE_DAYS,
    r"within \*\*(\d+) days\*\*": hysteresis.WINDOW.days,
    r"is \*\*([\d.]+)\*\* above": hysteresis.MARGIN,
    r"used \*\*([\d.]+)\*\* times": hysteresis.REPLACE_FACTOR,
    r"halves with every (\d+) days": hysteresis.HALF_LIFE_DAYS,
    r"latest ([\d,]+) events": service.LOG_LIMIT,
    r"latest (\d+) sessions": routines.MOST_SESSIONS,
    r"at most ([\d,]+) sessions": shared_ways.MOST_SESSIONS,
    r"that fewer than (\w+) people": FEWEST_PEOPLE,
    r"a day at (\d+) o'clock": MINING.after / timedelta(hours=1),
}


@pytest.mark.parametrize("pattern", CONSTANTS)
def test_its_thresholds_are_those_of_the_code(pattern: str) -> None:
    [said] = re.findall(pattern, " ".join(GUIDE.split()))
    assert float({"five": "5"}.get(said, said).replace(",", "")) == CONSTANTS[pattern]
