"""The OpenFeature provider against a real server: code that knows flags alone has the variations of experiments."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from clients.python.openfeature import PersonalizationProvider
from graphql_api.auth import Scope
from tests.api.experiment_room import counted, judging, results, started
from tests.api.graphql_room import Graph, caller, served
from tests.api.rest_room import RestRoom, token

ANNA = EvaluationContext("anna")
PARAMETERS = {"colour": "green", "columns": 3, "ratio": 0.5, "rounded": True}


@pytest.fixture
async def admin(room: RestRoom) -> Graph:
    await room.agree("anna")
    return caller(room.app, room.tenant, "operator", Scope)


@pytest.fixture
async def flags(room: RestRoom) -> AsyncIterator[OpenFeatureClient]:
    async with served(room.app) as address:
        provider = PersonalizationProvider(f"http://{address}/graphql", token(room.tenant, "service", Scope))
        api.set_provider(provider, "tests")
        yield api.get_client("tests")
        await asyncio.to_thread(api.shutdown)


def tried(**changes: Any) -> dict[str, Any]:
    variations = [{"key": "control"}, {"key": "tried", "parameters": PARAMETERS}]
    return {"variations": variations, "weights": [0.001, 0.999], **changes}


async def test_flags_are_variations_and_asking_exposes(flags: OpenFeatureClient, admin: Graph, room: RestRoom) -> None:
    experiment = await started(admin, **tried())
    for ask, flag, default, value in (
        (flags.get_string_details, "buttons", "none", "tried"),
        (flags.get_string_details, "buttons:colour", "grey", "green"),
        (flags.get_integer_details, "buttons:columns", 1, 3),
        (flags.get_float_details, "buttons:ratio", 0.0, 0.5),
        (flags.get_float_details, "buttons:columns", 0.0, 3.0),
        (flags.get_boolean_details, "buttons:rounded", False, True),
        (flags.get_object_details, "buttons", {}, PARAMETERS),
    ):
        details: Any = await asyncio.to_thread(ask, flag, default, ANNA)
        assert (details.value, details.reason, details.variant) == (value, Reason.SPLIT, "tried")
    assert await flags.get_string_value_async("buttons:colour", "grey", ANNA) == "green"
    event = TrackingEventDetails(value=12.5)
    await asyncio.to_thread(flags.track, "paid", ANNA, event)
    async with judging(room) as worker:
        await counted(worker)
    [live] = await results(admin, experiment)
    assert live["phases"][0]["units"] == [0, 1]


async def test_whatever_goes_wrong_the_default_is_there(flags: OpenFeatureClient, admin: Graph) -> None:
    await started(admin, **tried())
    for flag, context, code in (
        ("absent:colour", ANNA, ErrorCode.FLAG_NOT_FOUND),
        ("buttons:columns", ANNA, ErrorCode.TYPE_MISMATCH),
        ("buttons:colour", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("buttons:colour", EvaluationContext("a\nb"), ErrorCode.INVALID_CONTEXT),
    ):
        details = await asyncio.to_thread(flags.get_string_details, flag, "grey", context)
        assert (details.value, details.error_code) == ("grey", code)
    unsaid = await asyncio.to_thread(flags.get_string_details, "buttons:unsaid", "grey", ANNA)
    assert (unsaid.value, unsaid.reason, unsaid.error_code) == ("grey", Reason.DEFAULT, None)
    stranger = await asyncio.to_thread(flags.get_string_details, "buttons", "none", EvaluationContext("nobody"))
    assert (stranger.value, stranger.reason) == ("control", Reason.DEFAULT)


async def test_without_a_service_the_default_is_there(caplog: pytest.LogCaptureFixture) -> None:
    provider = PersonalizationProvider("http://127.0.0.1:9/graphql", "none", timeout_seconds=0.5)
    details = await asyncio.to_thread(provider.resolve_string_details, "buttons", "none", ANNA)
    assert (details.value, details.error_code) == ("none", ErrorCode.GENERAL)
    await asyncio.to_thread(provider.track, "paid", ANNA)
    assert "the goal paid was not recorded" in caplog.text
    provider.shutdown()
