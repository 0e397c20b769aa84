"""What is done at a terminal goes into the audit log as well, under who is logged in on the machine."""

import getpass

from domain.bootstrap import Services
from domain.ids import TenantId, UserId

DOOR = "command"


def operator() -> str:
    """Who works at this terminal, for the record."""
    try:
        return f"{getpass.getuser()} on the command line"
    except (KeyError, OSError):
        return "the command line"


async def note(
    services: Services, tenant: TenantId, action: str, *, subject: str | None = None, concerned: str | None = None
) -> None:
    """Write that something was done.

    Args:
        services: of the command.
        tenant: where it was done.
        action: the GraphQL field that does the same.
        subject: the external id of the person whom it was about.
        concerned: what it was about otherwise.
    """
    actor = UserId(operator())
    await services.audit.note(tenant, actor, action, door=DOOR, subject=subject, concerned=concerned)
