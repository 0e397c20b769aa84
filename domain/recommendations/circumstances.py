"""What bears on a list beside the person and the model, and what all of it together makes of the catalogue."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel, ServingParameters
from domain.recommendations.blending import Scores
from domain.recommendations.exploration import Chooser, Exploration
from domain.recommendations.live import LiveSignals, Together
from domain.rules.steering import UNSTEERED, Steering

UNTRAINED: Final = FactorModel(
    algorithm="none",
    item_ids=(),
    item_kinds=np.empty(0, dtype=np.int8),
    factors=np.empty((0, 1), dtype=np.float32),
    popularity=np.empty(0, dtype=np.float32),
    trend=np.empty(0, dtype=np.float32),
    parameters=ServingParameters(
        alpha=1.0,
        regularization=1.0,
        weight_scale=1.0,
        recency_decay=1.0,
        recency_floor=0.0,
        popularity_strength=1.0,
    ),
)
"""A model that knows no item: pages then show the catalogue in its own order."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How well n items suit what a person makes, beside how much they may like them.

    Attributes:
        gain: float32[n], standard deviations that it adds to each score.
    """

    gain: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What bears on a list beside the person and the model.

    Attributes:
        steering: the tenant's rules for this list.
        live: what people took to since the training; None where nothing was counted.
        exploration: the chance in the list; None for none.
        fit: what is peculiar to the kind of list; None for nothing.
    """

    steering: Steering = UNSTEERED
    live: LiveSignals | None = None
    exploration: Exploration | None = None
    fit: Fit | None = None

    @property
    def chooser(self) -> Chooser:
        """How likely each item is drawn."""
        return Chooser.OPTIMISTIC if self.exploration is None else self.exploration.chooser


ORDINARY: Final = Circumstances()


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The catalogue as one request sees it.

    Attributes:
        ranked: float32[n], the scores; -inf for items that were not scored because they are not among the best.
        candidates: int64[k], what may be shown, ascending; all of it down to `floor`, and some below.
        scores: the model's part.
        affinity: float32[n], what preferences say; None for nothing.
        together: what live pairs add.
        floor: the score down to which nothing is missing from the candidates.
        promise_floor: the promise down to which nothing is missing from them for draws.
        situation: float32[n], what the device, place and purpose of the list add; None for nothing.
    """

    ranked: NDArray[np.float32]
    candidates: NDArray[np.int64]
    scores: Scores
    affinity: NDArray[np.float32] | None
    together: Together
    floor: float = -np.inf
    promise_floor: float = -np.inf
    situation: NDArray[np.float32] | None = None
