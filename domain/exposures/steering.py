"""What experiments change for one person in one area of the service, and which of them that person was shown."""

from collections.abc import Callable, Sequence
from typing import Any

from domain.exposures.model import Assigned


class Steering:
    """The parameters of an area as a person's variations have them.

    Only what is asked for is shown: an experiment whose parameters nobody asked for has not been seen by the person,
    and is not noted. Where two experiments change one parameter, the first by key has it, and the other is not seen.

    Args:
        assigned: what the person has in each experiment of the area; in the order of their keys.
    """

    def __init__(self, assigned: Sequence[Assigned] = ()) -> None:
        self._assigned = assigned
        self._shown: dict[str, Assigned] = {}

    def get(self, name: str) -> Any:
        """The value that a parameter has for the person; None for the usual one."""
        for one in self._assigned:
            if any(name in variation.parameters for variation in one.test.plan.variations):
                self._shown.setdefault(one.test.key, one)
                return one.parameters.get(name)
        return None

    def named(self, accepts: Callable[[str], bool]) -> dict[str, Any]:
        """Every parameter whose name `accepts`, with its value for the person; without those that stay as usual."""
        names = {
            name
            for one in self._assigned
            for variation in one.test.plan.variations
            for name in variation.parameters
            if accepts(name)
        }
        found = {name: self.get(name) for name in sorted(names)}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def shown(self) -> list[Assigned]:
        """What the person was shown."""
        return list(self._shown.values())


UNSTEERED = Steering()
"""For whoever takes part in nothing."""
