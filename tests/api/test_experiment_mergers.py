"""What becomes of the figures of an experiment that is over when people go, or turn out to be one."""

from typing import Any

from tests.api.experiment_room import act, counted, expose, results, started
from tests.api.graphql_room import Graph
from tests.api.rest_room import RestRoom
from tests.api.test_experiments import admin, people, worker

__all__ = ["admin", "worker"]


async def test_ids_that_become_one_after_the_end_are_not_counted_as_erased(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    names = await people(room, 8)
    for name in names[:7]:
        await expose(admin, name)
    await counted(worker)
    await act(admin, "stop", experiment)
    await counted(worker)
    merge = "mutation M($input: MergeIdentityInput!) { mergeIdentity(input: $input) { __typename } }"
    await admin.ask(merge, input={"userId": names[0], "anonymousId": names[1]})
    await admin.ask(merge, input={"userId": names[2], "anonymousId": names[7]})
    await counted(worker)
    [closed] = await results(admin, experiment, live=False)
    assert (sum(closed["phases"][0]["units"]), closed["erasedUnits"], closed["mergedUnits"]) == (7, 0, 1)
