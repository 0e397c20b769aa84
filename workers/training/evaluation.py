"""How good a training is, measured on what it did not see: each user's last item, among all untouched ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import Observations
from workers.training.interactions import Interactions

CUTOFF: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class HoldOut:
    """A split by time within users.

    Attributes:
        training: every pair but those held out.
        users: int64[k], the users measured.
        targets: int64[k], the last item that each of them took to.
    """

    training: Interactions
    users: NDArray[np.int64]
    targets: NDArray[np.int64]

    def halves(self) -> tuple["HoldOut", "HoldOut"]:
        """Every other user, and the rest: one half to choose settings on, the other to measure them."""
        return (
            HoldOut(self.training, self.users[::2], self.targets[::2]),
            HoldOut(self.training, self.users[1::2], self.targets[1::2]),
        )


def leave_last(interactions: Interactions, limit: int, seed: int) -> HoldOut:
    """Hold out the last liked item of at most `limit` users with at least two; of equal times the last row counts."""
    liked = np.flatnonzero(interactions.weights > 0)
    by_time = liked[np.lexsort((liked, interactions.last_at[liked], interactions.users[liked]))]
    users = interactions.users[by_time]
    is_last = np.append(users[1:] != users[:-1], True) if len(users) else np.empty(0, dtype=np.bool_)
    has_two = np.bincount(users, minlength=interactions.user_count)[users] >= 2
    candidates = by_time[is_last & has_two]
    if len(candidates) > limit:
        candidates = np.sort(np.random.default_rng(seed).choice(candidates, limit, replace=False))
    kept = np.ones(len(interactions), dtype=np.bool_)
    kept[candidates] = False
    return HoldOut(interactions.select(kept), interactions.users[candidates], interactions.items[candidates])


def measure(model: FactorModel, hold_out: HoldOut) -> Mapping[str, float]:
    """NDCG and recall at 10 of the personal score, of popularity and of the blend that is served, beside each other.

    Args:
        model: trained on `hold_out.training`.
        hold_out: what to predict.
    """
    scorer = Scorer(model)
    ranks: dict[str, list[int]] = {"personal": [], "popularity": [], "blend": []}
    for user, target in zip(hold_out.users.tolist(), hold_out.targets.tolist(), strict=True):
        observations = observations_of(hold_out.training, user)
        scores, seen = scorer.scores(observations), observations.rows
        personal = scores.blended - np.float32(scores.popularity_weight) * scorer.popularity
        ranks["personal"].append(_rank(personal, target, seen))
        ranks["popularity"].append(_rank(scorer.popularity, target, seen))
        ranks["blend"].append(_rank(scores.blended, target, seen))
    return _metrics(ranks)


def observations_of(interactions: Interactions, user: int) -> Observations:
    """What one user did, the newest first."""
    first, last = np.searchsorted(interactions.users, (user, user + 1))
    items, last_at = interactions.items[first:last], interactions.last_at[first:last]
    newest_first = np.lexsort((items, last_at))[::-1]
    return Observations(items[newest_first], interactions.weights[first:last][newest_first])


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
        if not places:
            continue
        rank = np.array(places, dtype=np.float64)
        found = rank < CUTOFF
        metrics[f"{name}_ndcg_at_{CUTOFF}"] = float(np.mean(found / np.log2(rank + 2.0)))
        metrics[f"{name}_recall_at_{CUTOFF}"] = float(np.mean(found))
        metrics["held_out_users"] = float(len(places))
    return metrics
