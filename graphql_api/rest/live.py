"""Live updates over REST: what the service still holds, the next one as soon as it comes, or a stream of events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Literal

import orjson
from pydantic import Field, JsonValue
from starlette.responses import Response

from domain.errors import DomainError, ValidationFailed
from domain.realtime.model import Cursor, ResyncReason, ResyncRequired, UpdateKind
from graphql_api.auth import Scope, refusal
from graphql_api.events import EVENT_STREAM, PreferredEvents, plain_event_stream
from graphql_api.following import Following, Happening, bus_of
from graphql_api.rest.fields import AnswerPart
from graphql_api.rest.operation import USER_ID, Call, NoBody, Operation, QueryParameter
from graphql_api.rest.problems import refused

LONGEST_WAIT_SECONDS: Final = 30
MOST_UPDATES: Final = 256
HEARTBEAT_SECONDS: Final = 15.0
RESYNC: Final = "resync_required"


class UpdateAnswer(AnswerPart):
    """One change that a person can see, or the word that some before it may be missing."""

    kind: UpdateKind | Literal["resync_required"] = Field(
        description="What it is about; after `resync_required`, fetch anew what is known."
    )
    cursor: str = Field(description="Where to go on from, as `after`.")
    version: int | None = Field(description="The person's version; versions have no holes.")
    body: dict[str, JsonValue] = Field(description="What it says.")
    reason: ResyncReason | None = Field(description="Why updates may be missing.")

    @classmethod
    def of(cls, told: Happening) -> "UpdateAnswer":
        """The update as clients see it."""
        if isinstance(told, ResyncRequired):
            return cls(
                kind=RESYNC, cursor=str(told.cursor or Cursor(0)), version=told.version, body={}, reason=told.reason
            )
        body = orjson.loads(told.body) if told.body else {}
        return cls(kind=told.kind, cursor=str(told.cursor), version=told.version, body=body, reason=None)


class RealtimeUpdatesAnswer(AnswerPart):
    """The updates after a cursor, in order."""

    updates: list[UpdateAnswer]
    cursor: str = Field(description="Where to go on from: of the last update that is told, if one is.")


async def realtime_updates(call: Call, _body: NoBody) -> RealtimeUpdatesAnswer | Response:
    """A person's updates: those that are held, the next one, or all as they come."""
    tenant, user = call.reach(call.request.path_params["userId"])
    following, bus = Following(call.services, tenant, user), bus_of(call.services)
    after, wait, limit = _after(call), _number(call, "wait", LONGEST_WAIT_SECONDS, 0), _limit(call)
    subject = await following.subject()
    if _wants_stream(call):
        stream = _events(following, following.updates(subject, after))
        return plain_event_stream(call.principal, call.services, stream)
    # What comes between the two looks is after this.
    start = after or await bus.position(tenant, subject.subject_id)
    told: list[Happening] = [*await bus.recent(tenant, subject.subject_id, after, limit)]
    if not told and wait:
        told = await _next(following.updates(subject, start), min(float(wait), _left(call)))
        if _left(call) <= 0:
            raise refusal()
    for update in told:
        await following.require_allowed(update)
    answers = [UpdateAnswer.of(update) for update in told]
    return RealtimeUpdatesAnswer(updates=answers, cursor=answers[-1].cursor if answers else str(start))


def _left(call: Call) -> float:
    """For how many seconds the caller's token still holds; without one nothing was answered in the first place."""
    ends = None if call.principal is None else call.principal.expires_at
    return 0.0 if ends is None else (ends - call.services.clock.now()).total_seconds()


async def _next(updates: AsyncGenerator[Happening, None], seconds: float) -> list[Happening]:
    """The next update, none if there is none in time."""
    async with aclosing(updates):
        try:
            async with asyncio.timeout(seconds):
                return [await anext(updates)]
        except (TimeoutError, StopAsyncIteration):
            return []


async def _events(following: Following, updates: AsyncGenerator[Happening, None]) -> AsyncGenerator[str, None]:
    """Updates as server-sent events, with a comment where nothing happens for long; a refusal ends it."""
    # The first piece goes out at once, so that a client knows that it listens.
    yield ":\n\n"
    async with aclosing(updates):
        waiting = asyncio.ensure_future(anext(updates))
        try:
            while True:
                done, _ = await asyncio.wait((waiting,), timeout=HEARTBEAT_SECONDS)
                if not done:
                    yield ":\n\n"
                    continue
                update = waiting.result()
                await following.require_allowed(update)
                yield _event(update)
                waiting = asyncio.ensure_future(anext(updates))
        except StopAsyncIteration:
            return
        except DomainError as error:
            yield f"event: error\ndata: {bytes(refused(error).body).decode()}\n\n"
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


def _event(update: Happening) -> str:
    answer = UpdateAnswer.of(update)
    return f"id: {answer.cursor}\nevent: {answer.kind}\ndata: {answer.model_dump_json(by_alias=True)}\n\n"


def _wants_stream(call: Call) -> bool:
    return call.request.method == "GET" and PreferredEvents().accepts(call.request.headers.get("accept", ""))


def _after(call: Call) -> Cursor | None:
    """Where to go on: after the last event that a stream told, if it broke off, or as the parameter says."""
    text = call.request.headers.get("last-event-id") or call.request.query_params.get("after")
    return None if text is None else Cursor.parse(text)


def _limit(call: Call) -> int:
    limit = _number(call, "limit", MOST_UPDATES, MOST_UPDATES)
    if limit == 0:
        raise ValidationFailed(f"must be a whole number from 1 to {MOST_UPDATES}", field="limit")
    return limit


def _number(call: Call, name: str, most: int, default: int) -> int:
    text = call.request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise ValidationFailed(f"must be a whole number up to {most}", field=name)
    return int(text)


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="realtimeUpdates",
        method="GET",
        path="/realtime-updates/{userId}",
        summary="Get real-time updates",
        description="A person's updates after a cursor, in order and without silent gaps. They are held for five "
        "minutes, at most 256 of them; what is gone is told as `resync_required`. With `wait`, an answer without any "
        "comes only when the time is over, and none after the token has run out: that is a 401. "
        f"`Accept: {EVENT_STREAM}` gets them as server-sent events, as they come, "
        "until the token or the stream's lifetime ends.",
        body=NoBody,
        answer=RealtimeUpdatesAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Subscription.realtimeUpdates",
        handle=realtime_updates,
        parameters=USER_ID,
        query=(
            QueryParameter(
                "after",
                "The last cursor received; absent for all that are held, in a stream for those from now on.",
                {"type": "string"},
            ),
            QueryParameter(
                "wait",
                "How many seconds to wait for an update.",
                {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_SECONDS, "default": 0},
            ),
            QueryParameter(
                "limit",
                "At most so many updates.",
                {"type": "integer", "minimum": 1, "maximum": MOST_UPDATES, "default": MOST_UPDATES},
            ),
        ),
        streams=EVENT_STREAM,
        statuses={200: "The updates."},
    ),
)
