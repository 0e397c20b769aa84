"""An OpenFeature provider: existing code asks for flags, and has the variations of experiments.

    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext
    from clients.python.openfeature import PersonalizationProvider

    api.set_provider(PersonalizationProvider("https://personalization.example/graphql", token))
    flags = api.get_client()
    colour = flags.get_string_value("buttons:button.colour", "grey", EvaluationContext("user_123"))
    flags.track("signup", EvaluationContext("user_123"))

A flag is an experiment's key: as a text it is the variation's key, as an object all its parameters. With a colon and a
parameter's name behind it, it is that parameter. The targeting key is the user. Asking exposes: ask where the
difference is made. Needs `pip install openfeature-sdk httpx`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import httpx
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

Answer = Mapping[str, Any]
Value = TypeVar("Value")

EXPOSE: Final = """mutation Expose($input: ExposeUserInput!) { exposeUser(input: $input) {
  ... on Assignment { variation parameters takesPart reason policyVersion }
  ... on Problem { code message } } }"""
CONVERT: Final = """mutation Convert($input: RecordConversionInput!) { recordConversion(input: $input) {
  ... on EventsRecorded { accepted } ... on Problem { code message } } }"""
SEPARATOR: Final = ":"
TIMEOUT_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)
_CODES: Final = {"NOT_FOUND": ErrorCode.FLAG_NOT_FOUND, "VALIDATION": ErrorCode.INVALID_CONTEXT}


class PersonalizationProvider(AbstractProvider):
    """Flags from experiments. Whatever goes wrong, the caller has its default, and the reason in the details.

    Args:
        url: of the GraphQL endpoint.
        token: with `events:write`, and `act_as` for others than its own user.
        timeout_seconds: how long a flag may take.
    """

    def __init__(self, url: str, token: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__()
        self._url = url
        options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": timeout_seconds}
        self._http = httpx.Client(**options)
        self._new_client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(**options)

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="personalization")

    def shutdown(self) -> None:
        """Close the connections."""
        self._http.close()

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Record that a goal was reached; nothing for nobody, or a goal that no experiment asks about.

        What cannot be sent is logged: whoever is told of a goal has no use for the error.
        """
        user = None if evaluation_context is None else evaluation_context.targeting_key
        if not user:
            return
        value = None if tracking_event_details is None else tracking_event_details.value
        given = {"userId": user, "goal": tracking_event_name, "value": value}
        try:
            self._http.post(self._url, json={"query": CONVERT, "variables": {"input": given}}).raise_for_status()
        except httpx.HTTPError as error:
            _log.warning("the goal %s was not recorded: %s", tracking_event_name, error)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A parameter that is true or false."""
        return self._details(flag_key, default_value, evaluation_context, _is_boolean)

    async def resolve_boolean_details_async(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A parameter that is true or false."""
        return await self._details_later(flag_key, default_value, evaluation_context, _is_boolean)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A parameter that is a text, or the variation's key."""
        return self._details(flag_key, default_value, evaluation_context, _is_text)

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A parameter that is a text, or the variation's key."""
        return await self._details_later(flag_key, default_value, evaluation_context, _is_text)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A parameter that is a whole number."""
        return self._details(flag_key, default_value, evaluation_context, _is_whole)

    async def resolve_integer_details_async(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A parameter that is a whole number."""
        return await self._details_later(flag_key, default_value, evaluation_context, _is_whole)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A parameter that is a number."""
        return self._details(flag_key, default_value, evaluation_context, _is_number)

    async def resolve_float_details_async(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A parameter that is a number."""
        return await self._details_later(flag_key, default_value, evaluation_context, _is_number)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """All parameters of the variation."""
        return self._details(flag_key, default_value, evaluation_context, _is_object)

    async def resolve_object_details_async(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """All parameters of the variation."""
        return await self._details_later(flag_key, default_value, evaluation_context, _is_object)

    def _details(
        self, flag: str, default: Value, context: EvaluationContext | None, fits: Callable[[Any], bool]
    ) -> FlagResolutionDetails[Value]:
        asked = _asked(flag, context)
        if asked is None:
            return _failed(default, ErrorCode.TARGETING_KEY_MISSING, "a flag needs a user as its targeting key")
        try:
            answer = self._http.post(self._url, json=asked)
        except httpx.HTTPError as error:
            return _failed(default, ErrorCode.GENERAL, str(error))
        return _resolved(flag, default, answer, fits)

    async def _details_later(
        self, flag: str, default: Value, context: EvaluationContext | None, fits: Callable[[Any], bool]
    ) -> FlagResolutionDetails[Value]:
        asked = _asked(flag, context)
        if asked is None:
            return _failed(default, ErrorCode.TARGETING_KEY_MISSING, "a flag needs a user as its targeting key")
        try:
            async with self._new_client() as http:
                sent: Awaitable[httpx.Response] = http.post(self._url, json=asked)
                answer = await sent
        except httpx.HTTPError as error:
            return _failed(default, ErrorCode.GENERAL, str(error))
        return _resolved(flag, default, answer, fits)


def _asked(flag: str, context: EvaluationContext | None) -> dict[str, Any] | None:
    """What is sent; None without a user."""
    user = None if context is None else context.targeting_key
    if not user:
        return None
    given = {"userId": user, "experimentKey": flag.partition(SEPARATOR)[0]}
    return {"query": EXPOSE, "variables": {"input": given}}


def _resolved(
    flag: str, default: Value, answer: httpx.Response, fits: Callable[[Any], bool]
) -> FlagResolutionDetails[Value]:
    said: Answer = answer.json()
    found: Answer = (said.get("data") or {}).get("exposeUser") or {}
    if "variation" not in found:
        errors = said.get("errors") or [{}]
        code = found.get("code") or errors[0].get("extensions", {}).get("code", "")
        message = found.get("message") or errors[0].get("message", "no answer")
        return _failed(default, _CODES.get(code, ErrorCode.GENERAL), message)
    value = _value(flag, found, fits)
    if value is None:
        return FlagResolutionDetails(default, reason=Reason.DEFAULT, variant=found["variation"])
    if not fits(value):
        return _failed(default, ErrorCode.TYPE_MISMATCH, f"{flag} is {value!r}")
    if fits is _is_number:
        # OpenFeature takes a whole number, as JSON may have it, for no float.
        value = float(value)
    told = {"reason": found["reason"], "policyVersion": found["policyVersion"] or ""}
    reason = Reason.SPLIT if found["takesPart"] else Reason.DEFAULT
    return FlagResolutionDetails(cast("Value", value), reason=reason, variant=found["variation"], flag_metadata=told)


def _value(flag: str, found: Answer, fits: Callable[[Any], bool]) -> Any:
    """What the flag is; None where the variation says nothing of it."""
    _, separator, parameter = flag.partition(SEPARATOR)
    if separator:
        return found["parameters"].get(parameter)
    return found["variation"] if fits is _is_text else found["parameters"]


def _failed(default: Value, code: ErrorCode, message: str) -> FlagResolutionDetails[Value]:
    return FlagResolutionDetails(default, error_code=code, error_message=message, reason=Reason.ERROR)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)
