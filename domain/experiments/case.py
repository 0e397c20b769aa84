"""What every kind of analysis has: named inputs that are checked, a result, a method and what it assumes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Result = dict[str, Any]

Level = Annotated[float, Field(gt=0.0, lt=1.0)]
Chance = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=0)]


class Inputs(BaseModel):
    """Inputs without unknown fields, infinities or things that are not numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Case(Inputs, ABC):
    """The inputs of one kind of analysis.

    Attributes:
        kind: its name.
        method: how the result is computed.
        assumptions: what must hold for it to mean what it says.
    """

    kind: ClassVar[str]
    method: ClassVar[str]
    assumptions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def result(self) -> Result:
        """Compute; raises `ValidationFailed` if the inputs mean nothing together."""

    def method_used(self) -> str:
        """The method, where it depends on the inputs."""
        return self.method


def pair(interval: Iterable[float] | None) -> list[float] | None:
    """An interval as JSON has it; None if there is none."""
    return None if interval is None else [float(end) for end in interval]
