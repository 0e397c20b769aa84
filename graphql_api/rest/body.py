"""Reading a JSON body: of the right type, within the limit, as strictly as its model says."""

from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from graphql_api.middleware import MAX_BODY_BYTES, BodyTooLarge

MEDIA_TYPE = "application/json"

Body = TypeVar("Body", bound=BaseModel)


class Unreadable(Exception):
    """The body never came to be looked at.

    Attributes:
        status: of the answer.
        message: one sentence for a person.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def read_body(request: Request, model: type[Body]) -> Body:
    """The body as `model`.

    Raises:
        Unreadable: it is of another media type, too long, or its sender went away.
        pydantic.ValidationError: it is no JSON, or not what `model` takes.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Unreadable(415, f"The body must be {MEDIA_TYPE}.")
    return model.model_validate_json(await _content(request))


async def _content(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
        raise _too_long()
    try:
        return await request.body()
    except BodyTooLarge:
        raise _too_long() from None
    except ClientDisconnect:
        raise Unreadable(400, "The request ended before its body did.") from None


def _too_long() -> Unreadable:
    return Unreadable(413, f"The body has more than {MAX_BODY_BYTES} bytes.")
