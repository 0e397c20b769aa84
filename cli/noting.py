"""What is done at a terminal goes into the audit log as well, under who is logged in on the machine."""

import getpass
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from domain.auditing.service import Deed, Doing
from domain.bootstrap import Services
from domain.ids import TenantId, UserId

DOOR = "command"


def operator() -> str:
    """Who works at this terminal, for the record."""
    try:
        return f"{getpass.getuser()} on the command line"
    except (KeyError, OSError):
        return "the command line"


def named_in_log(services: Services, tenant: TenantId) -> str:
    """The operator as the audit log names them, for what other records say of who did something."""
    return services.audit.pseudonym(tenant, operator()).hex()


@asynccontextmanager
async def noted(
    services: Services, tenant: TenantId, action: str, *, subject: str | None = None, concerned: str | None = None
) -> AsyncIterator[Doing]:
    """Note what the block does, before it and with its outcome after.

    Args:
        services: of the command.
        tenant: where it is done.
        action: the GraphQL field that does the same, or a name of the same kind.
        subject: the external id of the person whom it is about.
        concerned: what it is about otherwise.

    Raises:
        NotFound: there is no such tenant; nothing was done.
        Unavailable: the log cannot be written; nothing was done.
    """
    deed = Deed(action, DOOR, subject, concerned)
    async with services.audit.doing(tenant, UserId(operator()), deed) as doing:
        yield doing


@asynccontextmanager
async def noted_everywhere(
    services: Services, tenants: Iterable[TenantId], action: str, concerned: str | None = None
) -> AsyncIterator[None]:
    """Note for every tenant what the block does to all of them; raises as `noted`."""
    async with AsyncExitStack() as stack:
        for tenant in tenants:
            await stack.enter_async_context(noted(services, tenant, action, concerned=concerned))
        yield
