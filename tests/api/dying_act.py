"""A process that is killed between the entry of an act and the act, or between the act and its outcome.

python -m tests.api.dying_act TENANT USER DOOR MOMENT: `before` the act or `after` it, as `kill -9` kills. Settings come
from the environment.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from cli.main import main as command
from domain.auditing.service import AuditLog
from domain.ids import TenantId
from domain.privacy.service import PrivacyService
from domain.rights.service import RightsService
from domain.settings import load_settings
from tests.api.graphql_room import CONSENT, caller, consent
from tests.api.rest_room import RestRoom, application


async def die(*_arguments: Any, **_options: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


async def asked(tenant: TenantId, user: str, door: str) -> None:
    """Withdraw every consent of a person."""
    settings = load_settings()
    async with application(settings) as app:
        if door == "graphql":
            await caller(app, tenant, user).ask(CONSENT, input=consent(user, granted=False))
        async with RestRoom(app, settings, tenant).caller(user) as client:
            said = {"granted": False, "policyVersion": "2026-01"}
            await client.post("/privacy", json={"userId": user, "consent": said})


def main(tenant: str, user: str, door: str, moment: str) -> None:
    if moment == "before":
        PrivacyService.record_consent = RightsService.erase = die  # type: ignore[method-assign]
    else:
        AuditLog._conclude = die  # type: ignore[method-assign]
    if door == "command":
        command(["privacy", "erase", user, "--tenant", tenant, "--yes"])
    asyncio.run(asked(TenantId(tenant), user, door))


if __name__ == "__main__":
    main(*sys.argv[1:])
