"""Ways to hold data out; applied again to what is left, each gives the validation split for choosing settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from workers.evaluation.asked import Protocol
from workers.evaluation.histories import Histories, Past

FOLDS: Final = 5
HOLDOUT_SHARE: Final = 0.25
TIME_SHARE: Final = 0.2
LAST_IN_VALIDATION: Final = 3
"""So many last actions of each user are to be found one by one in validation: one alone is little to choose by."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One list to make.

    Attributes:
        user: for whom.
        past: what is known of them.
        wanted: int64[w], the items to find, at least one.
    """

    user: int
    past: Past
    wanted: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What a model may see, and what it must find.

    Attributes:
        training: the interactions to learn from.
        held_out: the interactions to find; users without one are not measured.
        protocol: how they were held out.
    """

    training: Histories
    held_out: Histories
    protocol: Protocol

    @property
    def measured(self) -> NDArray[np.int64]:
        """The users who are measured, int64[k], ascending."""
        return np.unique(self.held_out.users)

    def cases(self, most: int | None = None) -> list[Case]:
        """The lists to make, by user.

        What was held out as somebody's last actions is to be found one by one, each after those before it; otherwise
        one list has to hold all of it. A list is asked for right after the last action that is known, but at the end of
        training where everything later is held out. The circumstances of a list are those of the one action that is to
        be found; they are not known where it has to hold several.

        Args:
            most: at most so many, evenly spread; None for all.
        """
        if self.protocol is Protocol.LEAVE_LAST:
            steps = np.arange(len(self.held_out)) - self.held_out.offsets[self.held_out.users]
            return [self._step(int(place), int(steps[place])) for place in spread(len(steps), most)]
        at = float(self.training.times.max()) if self.protocol is Protocol.TIME else None
        users = self.measured
        return [self._whole(int(users[place]), at) for place in spread(len(users), most)]

    def _whole(self, user: int, at: float | None) -> Case:
        return Case(user, self.training.past(user, at), self.held_out.of(user))

    def _step(self, place: int, step: int) -> Case:
        user = int(self.held_out.users[place])
        known, before = self.training.past(user), slice(place - step, place)
        items = np.concatenate((known.items, self.held_out.items[before]))
        times = np.concatenate((known.times, self.held_out.times[before]))
        at = float(times[-1]) if len(times) else known.at
        codes = np.concatenate((known.codes, self.held_out.codes[before]))
        past = Past(items, times, at, codes, self.held_out.codes[place])
        return Case(user, past, self.held_out.items[place : place + 1])


def spread(count: int, most: int | None) -> NDArray[np.int64]:
    """At most `most` of the numbers below `count`, evenly spread."""
    if most is None or count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.int64)


def splits(histories: Histories, protocol: Protocol, seed: int) -> Iterator[Split]:
    """The outer splits of a protocol: five for cross-validation, otherwise one.

    * `cv5`: every interaction is held out once, in one of five random folds.
    * `holdout`: a random quarter of each user's interactions.
    * `leave-last`: each user's last interaction.
    * `time`: the latest fifth of all interactions.

    Raises:
        ValidationFailed: nothing could be held out.
    """
    for held_out in _masks(histories, protocol, np.random.default_rng(seed), last=1):
        yield _split(histories, held_out, protocol)


def validation(split: Split, protocol: Protocol, seed: int) -> Split:
    """The split of a training part by the same protocol; for cross-validation one of its folds.

    Where a test asks for one action of each user, this asks for the last three.

    Raises:
        ValidationFailed: nothing could be held out.
    """
    masks = _masks(split.training, protocol, np.random.default_rng(seed), last=LAST_IN_VALIDATION)
    return _split(split.training, next(masks), protocol)


def _split(histories: Histories, held_out: NDArray[np.bool_], protocol: Protocol) -> Split:
    if not held_out.any() or held_out.all():
        raise ValidationFailed(f"there is too little data for the protocol {protocol.value}")
    return Split(histories.select(~held_out), histories.select(held_out), protocol)


def _masks(
    histories: Histories, protocol: Protocol, random: np.random.Generator, last: int
) -> Iterator[NDArray[np.bool_]]:
    match protocol:
        case Protocol.CV5:
            fold = random.permutation(len(histories)) % FOLDS
            yield from (fold == number for number in range(FOLDS))
        case Protocol.HOLDOUT:
            yield _share_of_each(histories, random)
        case Protocol.LEAVE_LAST:
            yield _last_of_each(histories, last)
        case Protocol.TIME:
            yield histories.times > np.quantile(histories.times, 1 - TIME_SHARE, method="lower")


def _share_of_each(histories: Histories, random: np.random.Generator) -> NDArray[np.bool_]:
    shuffled = np.lexsort((random.random(len(histories)), histories.users))
    offsets = histories.offsets
    place = np.empty(len(histories), dtype=np.int64)
    place[shuffled] = np.arange(len(histories)) - offsets[histories.users[shuffled]]
    quota = np.rint(np.diff(offsets) * HOLDOUT_SHARE).astype(np.int64)
    return np.asarray(place < quota[histories.users])


def _last_of_each(histories: Histories, last: int) -> NDArray[np.bool_]:
    """Each user's last interactions, at most `last`; what is earliest stays, for nothing foretells it."""
    offsets = histories.offsets
    place = np.arange(len(histories)) - offsets[histories.users]
    left = offsets[histories.users + 1] - np.arange(len(histories))
    return np.asarray((left <= last) & (place > 0))
