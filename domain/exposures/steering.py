"""What experiments change for one person in one area of the service, and which of them that person was shown."""

from collections.abc import Sequence
from typing import Any, Final

from domain.experiments.model import Test
from domain.exposures.model import Assigned


class Steering:
    """The parameters of an area as a person's variations have them.

    Only what is asked for is shown: an experiment whose parameters nobody asked for has not been seen by the person,
    and is not noted. Where two experiments change one parameter, the first by key that the person takes part in has it,
    and the other is not seen; so experiments of one exclusion group may try the same parameter.

    Args:
        assigned: what the person has in each experiment of the area; in the order of their keys.
    """

    def __init__(self, assigned: Sequence[Assigned] = ()) -> None:
        self._assigned = assigned
        self._shown: dict[str, Assigned] = {}

    def get(self, name: str) -> Any:
        """The value that a parameter has for the person; None for the usual one."""
        changing = [one for one in self._assigned if _changes(one.test, name)]
        if not changing:
            return None
        shown = next((one for one in changing if one.has_variation), changing[0])
        self._shown.setdefault(shown.test.key, shown)
        return shown.parameters.get(name)

    @property
    def shown(self) -> list[Assigned]:
        """What the person was shown."""
        return list(self._shown.values())


def _changes(test: Test, name: str) -> bool:
    return any(name in variation.parameters for variation in test.plan.variations)


UNSTEERED: Final = Steering()
"""For whoever takes part in nothing."""
