"""What a data set knows beside who took to what, and when."""

from dataclasses import dataclass

from workers.evaluation.circumstances import Circumstance
from workers.evaluation.features import Features


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What models may look at.

    Attributes:
        features: what items are about; None where nothing is said of any.
        circumstances: what is known of each moment.
    """

    features: Features | None = None
    circumstances: tuple[Circumstance, ...] = ()
