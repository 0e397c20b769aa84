"""From the rows of a page to recommendations: each with its score and its reasons."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.models.factor_model import FactorModel
from domain.recommendations.alignment import Alignment
from domain.recommendations.blending import Scorer
from domain.recommendations.circumstances import Circumstances, Ranking
from domain.recommendations.draft import Draft
from domain.recommendations.explanation import NOT_PREFERRED, SOURCES, Explainer, Preferred
from domain.recommendations.model import Reason, ReasonCode, Recommendation, RecommendationQuery
from domain.recommendations.new_items import shared_by
from domain.recommendations.preferences import PREFERENCE_STRENGTH, FacetIndex
from domain.recommendations.selection import Placed, Plan


class Answers:
    """What is answered for pages over one catalogue by one model.

    Args:
        catalog: the items.
        model: what they are ranked by.
        scorer: of the model.
        alignment: of the two.
        facets: tags and categories of the catalogue, laid out when they are first asked for.
    """

    def __init__(
        self,
        catalog: CatalogSnapshot,
        model: FactorModel,
        scorer: Scorer,
        alignment: Alignment,
        facets: Callable[[], FacetIndex],
    ) -> None:
        self._catalog = catalog
        self._alignment = alignment
        self._facets = facets
        self._explainer = Explainer(model, scorer, partial(shared_by, catalog))

    def draft(self, plan: Plan, ranking: Ranking, query: RecommendationQuery, around: Circumstances) -> Draft:
        """The page before chance, told."""
        places = [*map(Placed, plan.ordinary.tolist()), *plan.fixed.values()]
        told = self._recommendations(places, ranking, query, around)
        ordinary = len(plan.ordinary)
        return Draft(
            length=plan.length,
            ordinary=tuple(told[:ordinary]),
            fixed=dict(zip(plan.fixed, told[ordinary:], strict=True)),
            places=tuple(plan.places),
            pool=tuple((self._catalog.item_ids[row], float(ranking.ranked[row])) for row in plan.pool.tolist()),
            lottery=plan.lottery,
        )

    def _recommendations(
        self, page: Sequence[Placed], ranking: Ranking, query: RecommendationQuery, around: Circumstances
    ) -> list[Recommendation]:
        rows = np.array([place.row for place in page], dtype=np.int64)
        preferred = self._preferred(rows, ranking.affinity, query)
        more = [list(self._beside(int(row), ranking, around)) for row in rows]
        reasons = self._explainer.explain(self._alignment.rows[rows], ranking.scores, preferred, more)
        return [self._recommendation(place, said, ranking.ranked) for place, said in zip(page, reasons, strict=True)]

    def _preferred(
        self, page: NDArray[np.int64], affinity: NDArray[np.float32] | None, query: RecommendationQuery
    ) -> list[Preferred]:
        if affinity is None:
            return [NOT_PREFERRED] * len(page)
        return [
            Preferred(PREFERENCE_STRENGTH * float(affinity[row]), self._facets().matches(row, query.preferences))
            for row in page.tolist()
        ]

    def _beside(self, row: int, ranking: Ranking, around: Circumstances) -> Iterator[Reason]:
        """What speaks for an item beside the model and the person's preferences."""
        gain, evidence = ranking.together.reason(row)
        if gain > 0:
            items = tuple(self._catalog.item_ids[other] for other in evidence)
            yield Reason(ReasonCode.SIMILAR_TO_YOUR_ACTIONS, gain, items)
        if ranking.situation is not None and ranking.situation[row] > 0:
            yield Reason(ReasonCode.FITS_SITUATION, float(ranking.situation[row]))
        if around.live is not None:
            arrived, burst = around.live.gains(row, ranking.scores.shared)
            if arrived > 0:
                yield Reason(ReasonCode.POPULAR, arrived)
            if burst > 0:
                yield Reason(ReasonCode.TRENDING, burst)
        if around.fit is not None and around.fit.gain[row] > 0:
            yield Reason(ReasonCode.FITS_YOUR_WORK, float(around.fit.gain[row]))
        if around.steering.boost is not None and around.steering.boost[row] > 0:
            yield Reason(ReasonCode.PROMOTED, float(around.steering.boost[row]))

    def _recommendation(
        self, place: Placed, reasons: tuple[Reason, ...], ranked: NDArray[np.float32]
    ) -> Recommendation:
        if place.pin is not None:
            reasons = (Reason(ReasonCode.PINNED, 1.0),)
        return Recommendation(
            item_id=self._catalog.item_ids[place.row],
            score=float(ranked[place.row]),
            reasons=reasons,
            sources=tuple(SOURCES[reason.code] for reason in reasons),
            rule_id=None if place.pin is None else place.pin.rule_id,
        )
