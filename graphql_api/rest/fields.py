"""The building blocks of payloads: strict, bounded, and described once for validation and for the OpenAPI document."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MAX_TEXT = 512
MAX_NUMBER = 2**53 - 1
"""Numbers beyond it lose digits in JSON."""

_PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"
_NOT_BLANK = r"^[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$"


class RequestPart(BaseModel):
    """A part of a request: camelCase, no unknown keys, no value taken for one of another type."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class AnswerPart(BaseModel):
    """A part of an answer: camelCase, every key always there."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, json_schema_serialization_defaults_required=True
    )


def _scalar(value: Any) -> str | float | bool:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    raise PydanticCustomError("scalar", "Input should be text, a number within ±(2^53 - 1), or true or false")


Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_PRINTABLE)]
"""Up to 512 characters without control characters."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=_NOT_BLANK)]
"""A text that says something."""

ItemIdText = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NOT_BLANK)]
UserIdText = Annotated[
    str, Field(min_length=1, max_length=256, description="The id by which your product knows the person.")
]
Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Moment = Annotated[AwareDatetime, Field(description="When it happened, with a time zone; now if absent.")]
Scalar = Annotated[
    str | float | bool,
    PlainValidator(_scalar),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_TEXT, "pattern": _PRINTABLE},
                {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
                {"type": "boolean"},
            ]
        }
    ),
]
