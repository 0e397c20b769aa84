"""Experiments off the request path: sums every minute, an evaluation every hour, tenant by tenant."""

import structlog

from domain.errors import DomainError
from domain.ids import TenantId
from domain.jobs.store import PostgresJobStore
from domain.outcomes.service import OutcomeService

log = structlog.get_logger(__name__)


class ExperimentWatch:
    """Counts and evaluates the experiments of every tenant.

    Args:
        outcomes: counts and evaluates.
        tenants: knows the tenants.
    """

    def __init__(self, outcomes: OutcomeService, tenants: PostgresJobStore) -> None:
        self._outcomes = outcomes
        self._tenants = tenants

    async def look(self) -> None:
        """Bring the sums up to date, and evaluate what is due; what fails for one tenant keeps it from no other."""
        for tenant in await self._tenants.tenants():
            try:
                await self._of(tenant)
            except DomainError as error:
                log.warning("experiments_not_judged", tenant=tenant, code=error.code, reason=error.message)
            except Exception:
                log.exception("experiments_broke", tenant=tenant)

    async def _of(self, tenant: TenantId) -> None:
        counted = await self._outcomes.count(tenant)
        judged = await self._outcomes.evaluate_due(tenant)
        if counted or judged:
            log.info("experiments_judged", tenant=tenant, people=counted, experiments=judged)
