"""The path of one request over arrays: retrieve, rank, re-rank, explain; no database, no loop over items.

Every item is scored, since one matrix-vector product over tens of thousands of items costs less than an index would;
candidates are cut only after every rule has had its say.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.models.factor_model import FactorModel, ServingParameters
from domain.recommendations.blending import Scorer, Scores
from domain.recommendations.diversity import DEFAULT_DIVERSITY, maximal_marginal_relevance
from domain.recommendations.eligibility import Eligibility
from domain.recommendations.explanation import NOT_PREFERRED, SOURCES, Explainer, Preferred
from domain.recommendations.factors import Observations, observe
from domain.recommendations.model import HistoryEntry, Recommendation, RecommendationQuery
from domain.recommendations.preferences import PREFERENCE_STRENGTH, FacetIndex
from domain.recommendations.refinement import CANDIDATES, Refinement
from domain.recommendations.retrieval import top

POOL_FACTOR: Final = 5
POOL_FLOOR: Final = 50
"""Re-ranking sees this many candidates per place of the page, and never fewer than the floor."""

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


class Recommender:
    """Pages over one catalogue by one model; both are immutable, so a recommender serves any number of requests.

    Args:
        catalog: what may be shown.
        model: what was learned; None before the first training.
    """

    def __init__(self, catalog: CatalogSnapshot, model: FactorModel | None) -> None:
        self._catalog = catalog
        self._model = UNTRAINED if model is None else model
        self._scorer = Scorer(self._model)
        self._refinement = Refinement(self._model)
        self._explainer = Explainer(self._model, self._scorer)
        self._eligibility = Eligibility(catalog)
        self._model_rows = _aligned(catalog, self._model)
        self._unknown = np.flatnonzero(self._model_rows < 0)
        self._same_rows = len(self._model) == len(catalog) and len(self._unknown) == 0

    def recommend(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, *, at: datetime
    ) -> list[Recommendation]:
        """The page for a user with this history; as long as asked for unless the catalogue has no more to show.

        Args:
            history: what the user did, in any order; empty for an unknown user.
            query: what is asked for.
            at: the moment of the request.
        """
        observations = observe(history, self._model.rows)
        scores = self._scorer.scores(observations)
        affinity = self._facets.affinity(query.preferences) if query.preferences else None
        ranked = self._ranked(scores, affinity)
        candidates = self._eligibility.rows(at, query.kinds, _unwanted(history, query))
        if self._refinement.helps(observations):
            ranked = self._refined(ranked, candidates, scores, observations, at)
        page = self._reranked(ranked, candidates, query)
        reasons = self._explainer.explain(self._model_rows[page], scores, self._preferred(page, affinity, query))
        return [
            Recommendation(
                item_id=self._catalog.item_ids[row],
                score=float(ranked[row]),
                reasons=reasons[place],
                sources=tuple(SOURCES[reason.code] for reason in reasons[place]),
            )
            for place, row in enumerate(page.tolist())
        ]

    @cached_property
    def _facets(self) -> FacetIndex:
        return FacetIndex(self._catalog)

    def _ranked(self, scores: Scores, affinity: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """The score of every item of the catalogue, float32[n]; items unknown to the model stand with its last."""
        ranked = scores.blended if self._same_rows else self._on_catalog(scores.blended)
        return ranked if affinity is None else ranked + np.float32(PREFERENCE_STRENGTH) * affinity

    def _on_catalog(self, blended: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(blended) == 0:
            return np.zeros(len(self._catalog), dtype=np.float32)
        ranked = blended[self._model_rows]
        ranked[self._unknown] = blended.min()
        return ranked

    def _refined(
        self,
        ranked: NDArray[np.float32],
        candidates: NDArray[np.int64],
        scores: Scores,
        observations: Observations,
        at: datetime,
    ) -> NDArray[np.float32]:
        """The scores with those of the best candidates lifted by the network, float32[n]."""
        best = candidates[top(ranked[candidates], CANDIDATES)]
        best = best[self._model_rows[best] >= 0]
        refined = ranked.copy()
        refined[best] += self._refinement.lifts(scores, observations, self._model_rows[best], at.timestamp())
        return refined

    def _reranked(
        self, ranked: NDArray[np.float32], candidates: NDArray[np.int64], query: RecommendationQuery
    ) -> NDArray[np.int64]:
        pool = candidates[top(ranked[candidates], max(POOL_FACTOR * query.limit, POOL_FLOOR))]
        diversity = DEFAULT_DIVERSITY if query.diversity is None else query.diversity
        return pool[maximal_marginal_relevance(ranked[pool], self._vectors(pool), query.limit, diversity)]

    def _vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factors of these catalogue rows, float32[k, d]; zeros for items unknown to the model."""
        model_rows = self._model_rows[rows]
        vectors = np.zeros((len(rows), self._model.factors.shape[1]), dtype=np.float32)
        known = model_rows >= 0
        vectors[known] = self._model.factors[model_rows[known]]
        return vectors

    def _preferred(
        self, page: NDArray[np.int64], affinity: NDArray[np.float32] | None, query: RecommendationQuery
    ) -> list[Preferred]:
        if affinity is None:
            return [NOT_PREFERRED] * len(page)
        return [
            Preferred(PREFERENCE_STRENGTH * float(affinity[row]), self._facets.matches(row, query.preferences))
            for row in page.tolist()
        ]


def _aligned(catalog: CatalogSnapshot, model: FactorModel) -> NDArray[np.int64]:
    """The model's row of each item of the catalogue, int64[n]; -1 for items that came after training."""
    rows = (model.rows.get(item_id, -1) for item_id in catalog.item_ids)
    return np.fromiter(rows, dtype=np.int64, count=len(catalog))


def _unwanted(history: Sequence[HistoryEntry], query: RecommendationQuery) -> Iterator[ItemId]:
    yield from query.exclude
    for entry in history:
        if not query.include_seen or entry.weight < 0:
            yield entry.item_id
