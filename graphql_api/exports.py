"""Exports: asking for everything that is kept, a link that works once, and the download behind it."""

from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.bootstrap import Services
from domain.errors import DomainError
from domain.exports.service import SignInAgain
from graphql_api.admission import caller_of
from graphql_api.auth import Scope, refusal
from graphql_api.behavior import uuid_of
from graphql_api.context import Info
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.rest.problems import refused
from graphql_api.rights import PrivacyRequestNode

PATH: Final = "/exports"


@strawberry.input(description="Whose data.")
class RequestExportInput:
    """The input of `requestExport`."""

    user_id: str = strawberry.field(description="Whose data is to be exported.")


@strawberry.input(description="Which export.")
class IssueExportLinkInput:
    """The input of `issueExportLink`."""

    user_id: str = strawberry.field(description="Whose export it is.")
    request_id: strawberry.ID = strawberry.field(description="The finished request.")


@strawberry.type(description="Where an export can be fetched once, with a token of a recent sign-in of the same user.")
class ExportLink:
    """A link."""

    path: str = strawberry.field(description="To be asked for by GET on this service, with the `Authorization` header.")
    expires_at: datetime = strawberry.field(description="Until when.")


RequestExportPayload: TypeAlias = Annotated[
    PrivacyRequestNode | AnyProblem,
    strawberry.union("RequestExportPayload", description="The request to follow, or why there is none."),
]
IssueExportLinkPayload: TypeAlias = Annotated[
    ExportLink | AnyProblem,
    strawberry.union("IssueExportLinkPayload", description="The link, or why there is none."),
]


@strawberry.type
class ExportMutation:
    """Asking for data."""

    @strawberry.mutation(
        description="Ask for everything that is kept of a person; asking again while it is made answers with "
        "the same request."
    )
    @answering_problems
    async def request_export(
        self,
        info: Info,
        input: Annotated[RequestExportInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> RequestExportPayload:
        """A request that a worker finishes."""
        tenant, user = info.context.reach(input.user_id, Scope.PRIVACY_WRITE)
        return PrivacyRequestNode.of(await info.context.services.rights.request_export(tenant, user))

    @strawberry.mutation(
        description="A link to a finished export: it works once, for ten minutes, and ends an earlier one."
    )
    @answering_problems
    async def issue_export_link(
        self,
        info: Info,
        input: Annotated[IssueExportLinkInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> IssueExportLinkPayload:
        """A secret address."""
        tenant, user = info.context.reach(input.user_id, Scope.PRIVACY_WRITE)
        wanted = uuid_of(input.request_id, "requestId") or UUID(int=0)
        link = await info.context.services.exports.issue_link(tenant, user, wanted)
        return ExportLink(path=f"{PATH}/{link.secret}", expires_at=link.expires_at)


async def _download(request: Request) -> Response:
    """The archive behind a link, once, for the user whose token of a recent sign-in is sent along."""
    services: Services = request.app.state.services
    try:
        caller = await caller_of(request, required=True)
        if caller is None:
            raise refusal()
        caller.require(Scope.PRIVACY_WRITE)
        secret, exports = request.path_params["secret"], services.exports
        archive = await exports.fetch(caller.tenant, caller.user_id, secret, caller.signed_in_at)
    except SignInAgain as error:
        answer = refused(error)
        # RFC 9470: what a client must get a new token for.
        answer.headers["WWW-Authenticate"] = (
            f'Bearer error="insufficient_user_authentication", max_age={error.within_seconds}'
        )
        return answer
    except DomainError as error:
        return refused(error)
    headers = {"Content-Disposition": 'attachment; filename="export.zip"', "Cache-Control": "no-store"}
    return Response(archive, media_type="application/zip", headers=headers)


DOWNLOAD: Final = Route(PATH + "/{secret}", _download, methods=["GET"], name="export")
# A HEAD would use the link up and bring nothing; the framework takes it wherever it takes a GET.
DOWNLOAD.methods = {"GET"}
