"""`personalization doctor`: walks the troubleshooting list and says what is wrong and how to mend it."""

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from cli.installation import local_settings
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.diagnosis.model import Finding, Verdict
from domain.errors import NotFound
from domain.ids import TenantId

SIGNS: Final = {
    Verdict.FINE: click.style("fine ", fg="green"),
    Verdict.DOUBTFUL: click.style("look ", fg="yellow"),
    Verdict.WRONG: click.style("wrong", fg="red", bold=True),
}


@click.command("doctor")
@tenant_option
@data_dir_option
@json_option
@click.pass_context
def command(context: click.Context, tenant: TenantId, data_dir: Path | None, as_json: bool) -> None:
    """Find out why recommendations, experiments or speed are not what they should be.

    Looks at what is tracked, models, caching, experiments and their results, connections, Redis and batches, and says
    for each what to do if it is not as it should be. Ends with status 1 if something is wrong.

    \b
    Examples:
      personalization doctor --tenant demo
      personalization doctor --tenant demo --json | jq '.findings[] | select(.verdict == "wrong")'
    """
    with prepared(local_settings(data_dir=data_dir)) as settings:

        async def examined() -> list[Finding]:
            async with open_services(settings) as services:
                if tenant not in await services.job_store.tenants():
                    raise NotFound("There is no such tenant.", field="--tenant")
                return await services.diagnosis.findings(tenant)

        findings = asyncio.run(examined())
    healthy = all(finding.verdict is not Verdict.WRONG for finding in findings)
    if as_json:
        print_result({"tenant": tenant, "healthy": healthy, "findings": [_told(finding) for finding in findings]})
    else:
        _show(findings)
    context.exit(0 if healthy else 1)


def _told(finding: Finding) -> dict[str, str | None]:
    return {
        "complaint": finding.check.complaint.value,
        "check": finding.check.value,
        "verdict": finding.verdict.value,
        "found": finding.found,
        "remedy": finding.remedy or None,
    }


def _show(findings: list[Finding]) -> None:
    for complaint, group in groupby(findings, key=lambda finding: finding.check.complaint):
        click.echo(click.style(complaint.value, bold=True))
        for finding in group:
            click.echo(f"  {SIGNS[finding.verdict]}  {finding.check.value}: {finding.found}")
            if finding.remedy:
                click.echo(f"         -> {finding.remedy}")
