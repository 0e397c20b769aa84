"""Finishes what people asked for: a job looks at everything that waits for its tenant."""

from collections.abc import Mapping
from typing import Any, Final

from domain.auditing.service import AuditLog, Deed
from domain.ids import UserId
from domain.jobs.model import Job
from domain.jobs.service import Report
from domain.rights.service import RightsService

WORKER: Final = UserId("the worker")
"""Who does what nobody asks for, in the audit log."""

DOOR: Final = "worker"


class PrivacyWork:
    """Finishes the requests of a tenant.

    Args:
        rights: who takes the steps.
        audit: where finished requests are noted.
    """

    def __init__(self, rights: RightsService, audit: AuditLog) -> None:
        self._rights = rights
        self._audit = audit

    async def run(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Finish every request that is due; answers how many were."""
        async with self._audit.doing(job.tenant, WORKER, Deed("finishPrivacyRequests", DOOR)) as doing:
            finished = await self._rights.run_waiting(job.tenant, report)
            doing.concerned = f"finished:{finished}"
        return {"finished": finished}
