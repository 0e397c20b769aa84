"""Which settings of each kind of model are tried, the same for every data set and protocol."""

from typing import Final

from workers.evaluation import neighbourhood, popularity, sources
from workers.evaluation.described import CONTENT, described
from workers.evaluation.known import Known
from workers.evaluation.situational import CIRCUMSTANCES, LIKE_CIRCUMSTANCES, done_alike, taken_under
from workers.evaluation.sources import Candidate
from workers.training.linear import ContextSettings, TransitionSettings

POPULARITY: Final = "popularity"
TREND: Final = "trend"
TRENDS: Final = ((None, "so far"), (365.0, "years"), (90.0, "years"), (30.0, "weeks"), (7.0, "weeks"), (1.0, "weeks"))
"""Half-lives in days, and the family that each is of."""

DECAYS: Final = ((None, 0.0), (3.0, 0.15), (5.0, 0.05), (5.0, 0.15), (8.0, 0.15), (15.0, 0.15))
"""How fast a history fades, and the part that never does."""

RIDGES: Final = (50.0, 100.0, 200.0, 500.0)
ALS_GRID: Final = ((64, 10.0, 4.0), (64, 30.0, 6.0), (128, 30.0, 4.0))
"""Factors, regularization, alpha."""

KNN_GRID: Final = ((50, 0.0), (200, 0.0), (200, 10.0))
"""Neighbours, shrink."""

USER_KNN_GRID: Final = ((40, 0.0), (80, 10.0), (200, 10.0))
"""Neighbours, shrink."""

BM25_GRID: Final = ((100, 1.2, 0.4), (200, 1.2, 0.75))
"""Neighbours, k1, b."""

BETWEEN: Final = (ContextSettings(), ContextSettings(width=10, decay=4.0, regularization=20.0))
TRANSITIONS: Final = (TransitionSettings(), TransitionSettings(regularization=100.0))
TRANSITION_DECAYS: Final = (2.0, 5.0)

PRIORS: Final = (2.0, 10.0)
"""Actions under a circumstance at which it is believed half as far."""

CONTENT_DECAYS: Final = (None, 5.0)


def candidates(seed: int, known: Known) -> dict[str, list[Candidate]]:
    """Model kind -> its settings, those that share what is learned together; popularity first.

    Args:
        seed: of the factors.
        known: what else there is to learn from.
    """
    kinds = {
        POPULARITY: [popularity.popularity()],
        TREND: [popularity.trend(*setting) for setting in TRENDS],
        "item-kNN": [neighbourhood.item_knn(*setting) for setting in KNN_GRID],
        "user-kNN": [neighbourhood.user_knn(*setting) for setting in USER_KNN_GRID],
        "BM25": [neighbourhood.bm25(*setting) for setting in BM25_GRID],
        "ALS": [sources.als(*setting, seed) for setting in ALS_GRID],
        "EASE": [sources.shallow_autoencoder(ridge, *decay) for ridge in RIDGES for decay in DECAYS],
        "transitions": [sources.next_items(settings, decay) for settings in TRANSITIONS for decay in TRANSITION_DECAYS],
        "between": [sources.between(settings) for settings in BETWEEN],
    }
    if known.features is not None:
        kinds[CONTENT] = [described(known.features, decay) for decay in CONTENT_DECAYS]
    if known.circumstances:
        kinds[CIRCUMSTANCES] = [tried for prior in PRIORS for tried in taken_under(known.circumstances, prior)]
    if alike := done_alike(known.circumstances):
        kinds[LIKE_CIRCUMSTANCES] = alike
    return kinds
