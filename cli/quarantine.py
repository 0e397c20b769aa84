"""`personalization quarantine`: events that broke learning and were set aside, and how they are let back in."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

from cli.installation import local_settings
from cli.noting import noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result, print_table, say
from cli.servers import prepared
from domain.behavior.waiting import SetAside
from domain.bootstrap import open_worker
from domain.errors import NotFound
from domain.ids import EventId, TenantId
from domain.settings import Settings


@click.group("quarantine")
def command() -> None:
    """Look at events that broke learning, and let them back in.

    An event is set aside after five tries. Let it back in once what was wrong is mended.

    \b
    Examples:
      personalization quarantine list --tenant demo
      personalization quarantine replay --tenant demo
    """


@command.command("list")
@tenant_option
@data_dir_option
@json_option
def list_events(tenant: TenantId, data_dir: Path | None, as_json: bool) -> None:
    """List the events that were set aside, the oldest first, with the reason; a thousand at most.

    \b
    Example:
      personalization quarantine list --tenant demo --json
    """

    async def found(settings: Settings) -> Sequence[SetAside]:
        async with open_worker(settings) as worker:
            return await worker.quarantine.events(tenant)

    with prepared(local_settings(data_dir=data_dir)) as settings:
        events = asyncio.run(found(settings))
    if as_json:
        print_result({"tenant": tenant, "events": [_described(event) for event in events]})
        return
    rows = [tuple(_described(event).values()) for event in events]
    print_table(f"Events of {tenant} that were set aside", ("event", "received", "set aside", "reason"), rows)


@command.command("replay")
@tenant_option
@click.option("--event", "chosen", type=click.UUID, multiple=True, help="Only this event; may be repeated.")
@data_dir_option
@json_option
def replay(tenant: TenantId, chosen: tuple[UUID, ...], data_dir: Path | None, as_json: bool) -> None:
    """Let events back in: workers learn from them as if they had just come, with five more tries.

    \b
    Example:
      personalization quarantine replay --tenant demo --event 0190a7c2-6c1e-7d6b-9a3f-1d2c3b4a5f60
    """

    async def let_in(settings: Settings) -> int:
        async with open_worker(settings) as worker, noted(worker.services, tenant, "replayQuarantine"):
            back = await worker.quarantine.replay(tenant, [EventId(one) for one in chosen] or None)
            if len(set(chosen)) > back:
                raise NotFound("not every such event is set aside; those that were are let back in", field="event")
            return back

    with prepared(local_settings(data_dir=data_dir)) as settings:
        back = asyncio.run(let_in(settings))
    if as_json:
        print_result({"tenant": tenant, "replayed": back})
    else:
        say(f"{back} events are let back in.")


def _described(event: SetAside) -> dict[str, str]:
    return {
        "eventId": str(event.event_id),
        "receivedAt": event.received_at.isoformat(),
        "quarantinedAt": event.quarantined_at.isoformat(),
        "reason": event.reason,
    }
