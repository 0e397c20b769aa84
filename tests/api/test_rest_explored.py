"""The REST routes explored from their own description: nothing breaks, and every answer is one that it documents."""

import asyncio
from contextlib import suppress

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import FuzzingPhaseData
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette

from graphql_api.auth import Scope
from graphql_api.rest.live import LONGEST_WAIT_SECONDS
from graphql_api.rest.paths import OPENAPI
from tests.api.graphql_room import served
from tests.api.rest_room import RestRoom, token

USER = "user_123"
EXAMPLES = 20
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHECKED = {ParameterLocation.BODY, ParameterLocation.QUERY, ParameterLocation.PATH}


async def test_whatever_is_sent_the_answer_is_documented(room: RestRoom, rest_app: Starlette) -> None:
    await room.agree(USER)
    async with served(rest_app) as address:
        explored = await asyncio.to_thread(explore, f"http://{address}", token(room.tenant, USER, list(Scope)))
    assert explored == 19


def explore(address: str, bearer: str) -> int:
    """Send each operation what its description allows, and what it does not; how many operations there are."""
    count = 0
    for found in schemathesis.openapi.from_url(address + OPENAPI).get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            explored(operation.as_strategy(generation_mode=mode), bearer)
        count += 1
    return count


def breaks_a_rule(case: Case) -> bool:
    """Whether body, query or path are not as described; a bad token alone is replaced by a good one before sending."""
    assert case.meta is not None
    found = case.meta.phase.data
    if not isinstance(found, FuzzingPhaseData) or not case.meta.generation.mode.is_negative:
        return False
    return bool(CHECKED & {found.parameter_location, *(mutation.parameter_location for mutation in found.mutations)})


def explored(strategy: object, bearer: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)  # type: ignore[arg-type]  # a strategy of cases
    def check(case: Case) -> None:
        if isinstance(case.query, dict) and case.query.get("wait") in range(1, LONGEST_WAIT_SECONDS + 1):
            # Half a minute for each would explore nothing.
            case.query["wait"] = 0
        checks = [*CHECKS, negative_data_rejection] if breaks_a_rule(case) else CHECKS
        case.call_and_validate(checks=checks, headers={"Authorization": f"Bearer {bearer}"})

    # Nothing can be wrong with an operation that takes nothing.
    with suppress(Unsatisfiable):
        check()
