"""Ways to hold data out; applied again to what is left, each gives the validation split for choosing settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from workers.evaluation.histories import Histories

FOLDS: Final = 5
HOLDOUT_SHARE: Final = 0.25
TIME_SHARE: Final = 0.2


class Protocol(StrEnum):
    """How data is held out."""

    CV5 = "cv5"
    HOLDOUT = "holdout"
    LEAVE_LAST = "leave-last"
    TIME = "time"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What a model may see, and what it must find.

    Attributes:
        training: the interactions to learn from.
        held_out: the interactions to find; users without one are not measured.
    """

    training: Histories
    held_out: Histories

    @property
    def measured(self) -> NDArray[np.int64]:
        """The users who are measured, int64[k], ascending."""
        return np.unique(self.held_out.users)


def splits(histories: Histories, protocol: Protocol, seed: int) -> Iterator[Split]:
    """The outer splits of a protocol: five for cross-validation, otherwise one.

    * `cv5`: every interaction is held out once, in one of five random folds.
    * `holdout`: a random quarter of each user's interactions.
    * `leave-last`: each user's last interaction.
    * `time`: the latest fifth of all interactions.

    Raises:
        ValidationFailed: nothing could be held out.
    """
    for held_out in _masks(histories, protocol, np.random.default_rng(seed)):
        if not held_out.any() or held_out.all():
            raise ValidationFailed(f"there is too little data for the protocol {protocol.value}")
        yield Split(histories.select(~held_out), histories.select(held_out))


def validation(split: Split, protocol: Protocol, seed: int) -> Split:
    """The split of a training part by the same protocol; for cross-validation one of its folds."""
    return next(splits(split.training, protocol, seed))


def _masks(histories: Histories, protocol: Protocol, random: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    match protocol:
        case Protocol.CV5:
            fold = random.permutation(len(histories)) % FOLDS
            yield from (fold == number for number in range(FOLDS))
        case Protocol.HOLDOUT:
            yield _share_of_each(histories, random)
        case Protocol.LEAVE_LAST:
            yield _last_of_each(histories)
        case Protocol.TIME:
            yield histories.times > np.quantile(histories.times, 1 - TIME_SHARE, method="lower")


def _share_of_each(histories: Histories, random: np.random.Generator) -> NDArray[np.bool_]:
    shuffled = np.lexsort((random.random(len(histories)), histories.users))
    offsets = histories.offsets
    place = np.empty(len(histories), dtype=np.int64)
    place[shuffled] = np.arange(len(histories)) - offsets[histories.users[shuffled]]
    quota = np.rint(np.diff(offsets) * HOLDOUT_SHARE).astype(np.int64)
    return np.asarray(place < quota[histories.users])


def _last_of_each(histories: Histories) -> NDArray[np.bool_]:
    if len(histories) == 0:
        return np.empty(0, dtype=np.bool_)
    is_last = np.append(histories.users[1:] != histories.users[:-1], True)
    # Whoever did one thing only has no history to predict it from.
    several = np.diff(histories.offsets)[histories.users] > 1
    return np.asarray(is_last & several)
