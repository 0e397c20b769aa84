"""What an experiment may change about a list; everything else is as the model and the settings have it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.experiments.levers import BLEND, DIVERSITY, EXPLORATION_POLICY, EXPLORATION_SHARE, MODEL_VERSION
from domain.ids import ModelVersion
from domain.recommendations.exploration import Chooser


@dataclass(frozen=True, slots=True)
class Tuning:
    """The parameters of one list; None for the usual one.

    Attributes:
        model_version: the model that scores.
        blend: source -> weight, whatever the length of the history.
        diversity: weight of novelty within the page, 0 to 1.
        exploration_share: the part of the list that chance fills.
        chooser: how chance chooses.
    """

    model_version: ModelVersion | None = None
    blend: tuple[tuple[str, float], ...] | None = None
    diversity: float | None = None
    exploration_share: float | None = None
    chooser: Chooser | None = None


USUAL: Final = Tuning()


def tuning_of(get: Callable[[str], Any]) -> Tuning:
    """The tuning of a person's list.

    Args:
        get: the value that a person's variations give a parameter; None for the usual one.
    """
    version, policy = get(MODEL_VERSION), get(EXPLORATION_POLICY)
    weights: Mapping[str, float] | None = get(BLEND)
    return Tuning(
        model_version=None if version is None else ModelVersion(version),
        blend=None if weights is None else tuple(sorted(weights.items())),
        diversity=get(DIVERSITY),
        exploration_share=get(EXPLORATION_SHARE),
        chooser=None if policy is None else Chooser(policy),
    )
