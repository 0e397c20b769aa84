"""Finishes what people asked for: a job looks at everything that waits for its tenant."""

from collections.abc import Mapping
from typing import Any

from domain.jobs.model import Job
from domain.jobs.service import Report
from domain.rights.service import RightsService


class PrivacyWork:
    """Finishes the requests of a tenant.

    Args:
        rights: who takes the steps.
    """

    def __init__(self, rights: RightsService) -> None:
        self._rights = rights

    async def run(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Finish every request that is due; answers how many were."""
        return {"finished": await self._rights.run_waiting(job.tenant, report)}
