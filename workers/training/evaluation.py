"""How good a training is, measured on what it did not see: each user's last items, among all untouched ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer, Scores
from domain.recommendations.factors import Observations
from domain.recommendations.refinement import CANDIDATES, Refinement
from domain.recommendations.retrieval import top
from workers.training.interactions import Interactions

CUTOFF: Final = 10
LENGTHS: Final = (0, 1, 3, 10)
"""Newest actions that newcomers are measured with."""

SHARE_HELD_OUT: Final = 5
"""At most one of so many of a user's items is held out."""

_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class HoldOut:
    """A split by time within users.

    Attributes:
        training: every pair but those held out.
        users: int64[k], whose item each target is, ascending.
        targets: int64[k], an item that the user took to, of those that training did not see.
        complete: everything.
        places: int64[k], each target's place in `complete`.
    """

    training: Interactions
    users: NDArray[np.int64]
    targets: NDArray[np.int64]
    complete: Interactions
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.users)

    def halves(self) -> tuple["HoldOut", "HoldOut"]:
        """Every other user, and the rest: one half to choose settings on, the other to measure them."""
        odd = np.unique(self.users, return_inverse=True)[1] % 2 == 1
        return self.select(~odd), self.select(odd)

    def thirds(self) -> tuple["HoldOut", "HoldOut"]:
        """Two of three users, and the third."""
        third = np.unique(self.users, return_inverse=True)[1] % 3 == 2
        return self.select(~third), self.select(third)

    def latest(self) -> "HoldOut":
        """The last target of each user alone."""
        return self.select(np.append(self.users[1:] != self.users[:-1], True)) if len(self) else self

    def select(self, mask: NDArray[np.bool_]) -> "HoldOut":
        """The targets in `mask`, bool[k]."""
        return HoldOut(self.training, self.users[mask], self.targets[mask], self.complete, self.places[mask])

    def observations(self, number: int) -> Observations:
        """What the user of a target did before it, the newest first."""
        return observations_of(self.complete, int(self.users[number]), before=int(self.places[number]))

    def moment(self, number: int) -> float:
        """When the user took to a target, in seconds since the epoch."""
        return float(self.complete.last_at[self.places[number]]) / _MICROSECONDS


def leave_last(interactions: Interactions, limit: int, seed: int, depth: int = 1) -> HoldOut:
    """Hold out the last liked items of at most `limit` users with at least two; of equal times the last row counts.

    Args:
        interactions: canonical.
        limit: users.
        seed: of who is held out where there are more.
        depth: items of each user at most; never more than a fifth of what they liked, and always one.
    """
    liked = np.flatnonzero(interactions.weights > 0)
    by_time = liked[np.lexsort((liked, interactions.last_at[liked], interactions.users[liked]))]
    users = interactions.users[by_time]
    counts = np.bincount(users, minlength=interactions.user_count)
    ends = np.cumsum(counts)
    from_end = ends[users] - 1 - np.arange(len(users)) if len(users) else users
    allowed = np.clip(counts // SHARE_HELD_OUT, 1, depth)
    held = (from_end < allowed[users]) & (counts[users] >= 2)
    people = np.flatnonzero(counts >= 2)
    if len(people) > limit:
        chosen = np.zeros(interactions.user_count, dtype=np.bool_)
        chosen[np.random.default_rng(seed).choice(people, limit, replace=False)] = True
        held &= chosen[users]
    candidates = by_time[held]
    kept = np.ones(len(interactions), dtype=np.bool_)
    kept[candidates] = False
    return HoldOut(
        interactions.select(kept),
        interactions.users[candidates],
        interactions.items[candidates],
        interactions,
        candidates,
    )


def measure(model: FactorModel, hold_out: HoldOut) -> Mapping[str, float]:
    """NDCG and recall at 10 of ways to rank, beside each other on the same users.

    `blend` is what is served, `linear` the same without the network, `factors` the folded-in factors alone, and
    `popularity` what needs no model. `blend_history_1` is the blend where only the newest action is known.

    Args:
        model: trained on `hold_out.training`.
        hold_out: what to predict; the last target of each user counts.
    """
    ranking, latest = Ranking(model), hold_out.latest()
    ranks: dict[str, list[int]] = {}
    for number, target in enumerate(latest.targets.tolist()):
        observations, at = latest.observations(number), latest.moment(number)
        for name, rank in ranking.ranks(observations, target, at).items():
            ranks.setdefault(name, []).append(rank)
        for length in LENGTHS:
            known = newest(observations, length)
            rank = ranking.ranks(known, target, at, observations.rows)["blend"]
            ranks.setdefault(f"blend_history_{length}", []).append(rank)
    return _metrics(ranks)


class Ranking:
    """Where one model puts an item."""

    def __init__(self, model: FactorModel) -> None:
        self._scorer = Scorer(model, complete=True)
        self._refinement = Refinement(model)

    def ranks(
        self, observations: Observations, target: int, at: float, seen: NDArray[np.int64] | None = None
    ) -> dict[str, int]:
        """The place of `target` from 0 among unseen items, by each way to rank.

        Args:
            observations: what is known of the user.
            target: a row of the model.
            at: seconds since the epoch.
            seen: int64[s], items that do not compete; those of the observations if None.
        """
        scores = self._scorer.scores(observations)
        seen = observations.rows if seen is None else seen
        factors = next((part.raw for part in scores.parts if part.source == "factors"), self._scorer.popularity)
        return {
            "blend": _rank(self._served(scores, observations, seen, at), target, seen),
            "linear": _rank(scores.blended, target, seen),
            "factors": _rank(factors, target, seen),
            "popularity": _rank(self._scorer.popularity, target, seen),
        }

    def page(
        self, observations: Observations, at: float, count: int, seen: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """The best unseen items, int64[at most count], best first; arguments as in `ranks`."""
        seen = observations.rows if seen is None else seen
        served = self.scores(observations, at, seen).copy()
        served[seen] = -np.inf
        best = top(served, count)
        return best[np.isfinite(served[best])]

    def scores(
        self, observations: Observations, at: float, seen: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """What every item is served by, float32[n]; arguments as in `ranks`, and seen items may count anything."""
        seen = observations.rows if seen is None else seen
        return self._served(self._scorer.scores(observations), observations, seen, at)

    def segment(self, observations: Observations) -> int:
        """The segment that the user is in; -1 if nothing is known of them or the model has none."""
        assigned = self._scorer.scores(observations).segment
        return -1 if assigned is None else assigned.segment

    def _served(
        self, scores: Scores, observations: Observations, seen: NDArray[np.int64], at: float
    ) -> NDArray[np.float32]:
        if not self._refinement.helps(observations):
            return scores.blended
        served = scores.blended.copy()
        served[seen] = -np.inf
        best = top(served, CANDIDATES)
        served[best] += self._refinement.lifts(scores, observations, best, at)
        return served


def observations_of(interactions: Interactions, user: int, before: int | None = None) -> Observations:
    """What one user did, the newest first.

    Args:
        interactions: canonical.
        user: their row.
        before: a place in `interactions`; only what happened before it counts.
    """
    first, last = np.searchsorted(interactions.users, (user, user + 1))
    items, last_at = interactions.items[first:last], interactions.last_at[first:last]
    order = np.lexsort((items, last_at))
    if before is not None:
        order = order[: int(np.flatnonzero(order == before - first)[0])]
    newest_first = order[::-1]
    latest_at = float(last_at[newest_first[0]]) / _MICROSECONDS if len(newest_first) else None
    return Observations(items[newest_first], interactions.weights[first:last][newest_first], latest_at)


def newest(observations: Observations, length: int) -> Observations:
    """The same user with only the newest `length` liked items known, and what they rejected meanwhile."""
    kept = np.cumsum(observations.weights > 0) <= length if length else np.zeros(len(observations.rows), dtype=np.bool_)
    latest_at = observations.latest_at if kept.any() else None
    return Observations(observations.rows[kept], observations.weights[kept], latest_at)


def _rank(scores: NDArray[np.float32], target: int, seen: NDArray[np.int64]) -> int:
    """The place of `target` from 0 among unseen items; of equal scores the lower row is first."""
    better = scores > scores[target]
    better[:target] |= scores[:target] == scores[target]
    better[seen] = False
    return int(np.count_nonzero(better))


def _metrics(ranks: Mapping[str, list[int]]) -> dict[str, float]:
    """With one item to find, NDCG@k is 1 / log2(rank + 2) within the first k and 0 behind, recall@k is 1 or 0."""
    metrics: dict[str, float] = {}
    for name, places in ranks.items():
        rank = np.array(places, dtype=np.float64)
        found = rank < CUTOFF
        metrics[f"{name}_ndcg_at_{CUTOFF}"] = float(np.mean(found / np.log2(rank + 2.0)))
        metrics[f"{name}_recall_at_{CUTOFF}"] = float(np.mean(found))
        metrics["held_out_users"] = float(len(places))
    return metrics
