"""Mines, off the request path, the ways of working that many people of a tenant share."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from domain.adaptation.shared_ways import CommonMiner, CommonWays
from domain.behavior.model import TrainingRow
from domain.catalog.service import CatalogService
from domain.clock import Clock
from domain.ids import TenantId
from domain.jobs.model import Job
from domain.jobs.service import Report

LOOKED_BACK = timedelta(days=180)

log = structlog.get_logger(__name__)


class WorkflowRows(Protocol):
    """Where the rows come from."""

    def people(self, tenant: TenantId, since: datetime) -> AsyncGenerator[list[TrainingRow], None]:
        """Everything of one person after the other, of whoever agreed to training, in order of time."""
        ...


class CommonWaysTable(Protocol):
    """Where what was found goes."""

    async def replace(self, tenant: TenantId, common: CommonWays, mined_at: datetime) -> None:
        """Put it in the place of what was found before."""
        ...


class WorkflowMining:
    """Finds what is common to a tenant."""

    def __init__(self, rows: WorkflowRows, catalog: CatalogService, table: CommonWaysTable, clock: Clock) -> None:
        self._rows = rows
        self._catalog = catalog
        self._table = table
        self._clock = clock

    async def run(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Mine one tenant; answers with how many ways of working, companions and people there are."""
        now = self._clock.now()
        miner = CommonMiner(await self._catalog.snapshot(job.tenant))
        async with aclosing(self._rows.people(job.tenant, now - LOOKED_BACK)) as people:
            async for rows in people:
                miner.add(rows)
                if miner.full:
                    break
        report(0.5)
        common = await asyncio.to_thread(miner.found, now)
        await self._table.replace(job.tenant, common, now)
        log.info("workflows_mined", tenant=job.tenant, ways=len(common.ways), people=common.people)
        return {"ways": len(common.ways), "companions": len(common.companions), "people": common.people}
