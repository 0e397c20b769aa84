"""Expected failures as one tree with stable codes; anything outside this tree is a bug and is masked."""

import re
from typing import ClassVar, Final


class DomainError(Exception):
    """A failure that a caller can understand and act on.

    Attributes:
        code: stable identifier, the same on every transport.
        message: one sentence for a person; holds no secret and no internal id.
        field: dotted path of the input that caused it, if one did.
        retry_after_seconds: when trying again may help, if it may.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, field: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds

    @property
    def sentence(self) -> str:
        """The message, and the field in brackets where the message does not name it."""
        named = self.field is None or re.search(rf"(?<!\w){re.escape(self.field)}(?!\w)", self.message)
        return self.message if named else f"{self.message} ({self.field})"


class Unauthenticated(DomainError):
    """The caller did not prove who they are."""

    code = "UNAUTHENTICATED"


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"


class NotFound(DomainError):
    """What was asked for does not exist for this caller."""

    code = "NOT_FOUND"


class ConsentRequired(DomainError):
    """The person concerned has not agreed to this use; nothing was stored."""

    code = "CONSENT_REQUIRED"


class ValidationFailed(DomainError):
    """The input does not mean anything valid; `field` names the part."""

    code = "VALIDATION"


class Conflict(DomainError):
    """The input contradicts what is already there."""

    code = "CONFLICT"


class RateLimited(DomainError):
    """Too many calls; `retry_after_seconds` says when to come back."""

    code = "RATE_LIMITED"


class QueryTooComplex(DomainError):
    """The query costs more than a single call may."""

    code = "QUERY_TOO_COMPLEX"


class Unavailable(DomainError):
    """A part that this call needs is down at the moment."""

    code = "UNAVAILABLE"


KINDS: Final[tuple[type[DomainError], ...]] = (
    Unauthenticated,
    Forbidden,
    NotFound,
    ConsentRequired,
    ValidationFailed,
    Conflict,
    RateLimited,
    QueryTooComplex,
    Unavailable,
)


def error_noted(text: str) -> DomainError:
    """The error that was noted as `CODE: sentence`; `Unavailable` with the whole text if it begins with no code."""
    code, parted, sentence = text.partition(": ")
    kind = next((kind for kind in KINDS if kind.code == code), None)
    return kind(sentence) if kind is not None and parted else Unavailable(text)
