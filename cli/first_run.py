"""What `up` does once and later finds done: tables, demo data, a first model.

Everything that tells how far an earlier run came lies in the database, so a run that was killed is continued, whatever
machine it is continued on. The example user's first receipt dates the demo: the same moment gives the same events, and
events that are there already are not added again. Their consent to stated preferences is recorded last of all; it marks
the demo as complete.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cli.access import DEVELOPER, development_token
from cli.demo.behaviour import DEFAULT_SEED, DEFAULT_USERS, EXAMPLE_USER, demo_behaviour
from cli.demo.catalogue import demo_catalogue
from cli.importing.records import ImportedEvent, RejectedRow
from cli.loading import Loader
from cli.noting import noted
from cli.output import Advance, counting, say, share, waiting
from domain.bootstrap import Services, migrate_database, open_services
from domain.ids import TenantId, UserId
from domain.jobs.model import JobKind, JobState
from domain.privacy.model import ConsentPurpose
from domain.privacy.receipts import ConsentReceipt, Evidence
from domain.settings import Environment, Settings

DEMO_TENANT: Final = TenantId("demo")
DEMO_USERS: Final = DEFAULT_USERS
EVIDENCE: Final = Evidence(policy_version="demo", source="demo data", legal_basis="demo data: made-up people")
COMPLETE: Final = ConsentPurpose.STATED_PREFERENCES
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class FirstRun:
    """The preparation of one installation.

    Attributes:
        settings: with the addresses of servers that answer.
        demo_users: how many demo users to load into an empty database; 0 loads nothing.
    """

    settings: Settings
    demo_users: int

    async def prepare(self) -> None:
        """Migrate, and load the demo data unless it is there. Raises what the database raises."""
        with waiting("Bringing the database to the current schema"):
            await migrate_database(self.settings)
        async with open_services(self.settings) as services:
            await services.catalog.ensure_tenant(DEMO_TENANT, "Demo")
            if self.demo_users and await _lacks_demo(services):
                async with noted(services, DEMO_TENANT, "import", concerned="demo"):
                    await _load_demo(services, self.demo_users)

    async def train(self) -> None:
        """Have the worker train the first model of the demo, unless it has one; without one, popularity serves."""
        if not self.demo_users or not self.settings.ml_enabled:
            return
        async with open_services(self.settings) as services:
            if not await services.models.versions(DEMO_TENANT):
                await _train(services)
                # Nobody waits for what is common to many: it is found beside the first requests.
                await services.jobs.enqueue(DEMO_TENANT, JobKind.WORKFLOWS)

    async def token(self) -> str | None:
        """A token with every scope for whoever develops, noted in the audit log.

        None in production, and where an identity provider issues all tokens.
        """
        given = self.settings
        if given.environment is not Environment.DEVELOPMENT or given.jwt_secret is None or given.jwt_jwks_url:
            return None
        async with (
            open_services(self.settings) as services,
            noted(services, DEMO_TENANT, "issueToken", subject=DEVELOPER, concerned="development"),
        ):
            return development_token(self.settings, DEMO_TENANT)


async def _lacks_demo(services: Services) -> bool:
    receipts = await _receipts(services)
    if any(receipt.purpose is COMPLETE for receipt in receipts):
        return False
    return bool(receipts) or not (await services.catalog.items(DEMO_TENANT, first=1)).items


async def _receipts(services: Services) -> list[ConsentReceipt]:
    """The example user's receipts that this module wrote, oldest first."""
    settings = await services.privacy.settings(DEMO_TENANT, EXAMPLE_USER)
    return [receipt for receipt in reversed(settings.receipts) if receipt.source == EVIDENCE.source]


async def _load_demo(services: Services, users: int) -> None:
    await services.privacy.record_consents_bulk(DEMO_TENANT, [EXAMPLE_USER], evidence=EVIDENCE)
    started_at = (await _receipts(services))[0].recorded_at
    catalogue = demo_catalogue()
    await services.catalog.upsert(DEMO_TENANT, catalogue)
    say(f"Demo catalogue: {len(catalogue)} items")
    people: list[UserId] = []
    loader = Loader(services, DEMO_TENANT, EVIDENCE, reject=_never)
    with counting("Demo users", users) as advance:
        await loader.load(_events(started_at, users, people, advance), advance=lambda _rows: None)
    # The few who agreed and did nothing yet.
    await services.privacy.record_consents_bulk(DEMO_TENANT, people, evidence=EVIDENCE)
    with counting("Demo profiles", len(loader.loaded.people)) as advance:
        await loader.learn(advance)
    await services.privacy.record_consents_bulk(DEMO_TENANT, [EXAMPLE_USER], evidence=EVIDENCE, purposes=[COMPLETE])


def _events(started_at: datetime, users: int, people: list[UserId], advance: Advance) -> Iterator[ImportedEvent]:
    for history in demo_behaviour(DEFAULT_SEED, users, started_at):
        yield from history.events
        people.append(history.user_id)
        advance(1)


def _never(row: RejectedRow) -> None:
    raise AssertionError(f"the demo makes no bad rows: {row}")


async def _train(services: Services) -> None:
    job_id = await services.jobs.enqueue(DEMO_TENANT, JobKind.RETRAIN)
    with share("Training the first model") as progress:
        job = await services.jobs.job(DEMO_TENANT, job_id)
        while not job.finished:
            progress(job.progress)
            await asyncio.sleep(POLL_SECONDS)
            job = await services.jobs.job(DEMO_TENANT, job_id)
        progress(job.progress)
    if job.state is JobState.FAILED:
        say(f"No model was trained ({job.error}); recommendations follow popularity until one is.")
