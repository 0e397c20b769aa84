"""The path of one request over arrays: retrieve, rank, re-rank, explain; no database, no loop over items.

Every item is scored, since one matrix-vector product over tens of thousands of items costs less than an index would;
candidates are cut only after every rule has had its say.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.interest.model import LiveInterest
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import TREND, Scorer, Scores, popularity_weight
from domain.recommendations.circumstances import ORDINARY, UNTRAINED, Circumstances, Ranking
from domain.recommendations.diversity import DEFAULT_DIVERSITY
from domain.recommendations.eligibility import Eligibility
from domain.recommendations.explanation import NOT_PREFERRED, SOURCES, Explainer, Preferred
from domain.recommendations.exploration import Exploration
from domain.recommendations.factors import Observations, observe, recency
from domain.recommendations.live import NOT_TOGETHER, LiveSignals, Together
from domain.recommendations.model import HistoryEntry, Reason, ReasonCode, Recommendation, RecommendationQuery
from domain.recommendations.new_items import shared_by, with_new_items
from domain.recommendations.preferences import PREFERENCE_STRENGTH, FacetIndex
from domain.recommendations.refinement import CANDIDATES, Refinement
from domain.recommendations.retrieval import top
from domain.recommendations.selection import Placed, Quotas, drawn, laid_out, ordered
from domain.rules.steering import Steering


class Recommender:
    """Pages over one catalogue by one model; both are immutable, so a recommender serves any number of requests.

    Args:
        catalog: what may be shown.
        model: what was learned; None before the first training.
    """

    def __init__(self, catalog: CatalogSnapshot, model: FactorModel | None) -> None:
        self._catalog = catalog
        self._model = with_new_items(UNTRAINED if model is None else model, catalog)
        self._scorer = Scorer(self._model)
        self._refinement = Refinement(self._model)
        self._explainer = Explainer(self._model, self._scorer, partial(shared_by, catalog))
        self.eligibility = Eligibility(catalog)
        self._model_rows = _aligned(catalog, self._model)
        self._unknown = np.flatnonzero(self._model_rows < 0)
        self._same_rows = np.array_equal(self._model_rows, np.arange(len(self._model)))

    def recommend(
        self,
        history: Sequence[HistoryEntry],
        query: RecommendationQuery,
        *,
        at: datetime,
        around: Circumstances = ORDINARY,
    ) -> list[Recommendation]:
        """The page for a user with this history; as long as asked for unless the catalogue has no more to show.

        Args:
            history: what the user did, in any order; empty for an unknown user.
            query: what is asked for.
            at: the moment of the request.
            around: rules, live counts, chance, and what is peculiar to the list.
        """
        ranking = self.ranking(history, query, at=at, around=around)
        page = self.page(ranking, query, around)
        rows = np.array([place.row for place in page], dtype=np.int64)
        preferred = self._preferred(rows, ranking.affinity, query)
        more = [list(self._beside(int(row), ranking, around)) for row in rows]
        reasons = self._explainer.explain(self._model_rows[rows], ranking.scores, preferred, more)
        return [self._recommendation(place, said, ranking.ranked) for place, said in zip(page, reasons, strict=True)]

    def ranking(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, *, at: datetime, around: Circumstances
    ) -> Ranking:
        """Every item scored, and which of them may be shown. Arguments as for `recommend`."""
        observations = observe(history, self._model.rows)
        scores = self._scorer.scores(observations)
        affinity = self.facets.affinity(query.preferences) if query.preferences else None
        together = self._together(history, around)
        ranked = self._ranked(scores, affinity, together, around)
        allowed = self.eligibility.mask(at, query.kinds, query.device, _unwanted(history, query))
        if around.steering.allowed is not None:
            allowed &= around.steering.allowed
        candidates = np.flatnonzero(allowed)
        if self._refinement.helps(observations):
            ranked = self._refined(ranked, candidates, scores, observations, at)
        return Ranking(ranked, candidates, scores, affinity, together)

    def page(self, ranking: Ranking, query: RecommendationQuery, around: Circumstances) -> list[Placed]:
        """What stands at each place of the page."""
        steering, candidates = around.steering, ranking.candidates
        quotas = Quotas(steering.caps) if steering.caps else None
        fixed = self._fixed(steering, candidates, query)
        for pinned in fixed.values():
            candidates = candidates[candidates != pinned.row]
        here = [place for place in fixed if place < query.limit]
        if quotas is not None:
            for place in here:
                quotas.take(fixed[place].row)
        draws = _draws(around.exploration, query, here)
        diversity = DEFAULT_DIVERSITY if query.diversity is None else query.diversity
        wanted = query.limit - len(here) - len(draws)
        rows = ordered(ranking.ranked, candidates, wanted, diversity, self._vectors, quotas)
        chosen: list[Placed] = []
        if around.exploration is not None and draws:
            rest = np.setdiff1d(candidates, rows, assume_unique=True)
            people = self.people(around)
            chosen = drawn(ranking.ranked, people, rest, around.exploration, len(draws), quotas)
        return laid_out(query.limit, rows.tolist(), fixed, draws, chosen)

    def contributions(self, ranking: Ranking, row: int) -> dict[ItemId, float]:
        """How much each item of the history adds to the score of one item of the catalogue."""
        added: dict[ItemId, float] = {}
        model_row = int(self._model_rows[row])
        if model_row >= 0:
            [parts] = ranking.scores.contributions(np.array([model_row]))
            for known, gain in zip(ranking.scores.history.tolist(), parts.tolist(), strict=True):
                added[self._model.item_ids[known]] = gain
        together = ranking.together
        for place in np.flatnonzero(together.rows == row).tolist():
            item_id = self._catalog.item_ids[int(together.because[place])]
            added[item_id] = added.get(item_id, 0.0) + float(together.gains[place])
        return added

    @property
    def standing(self) -> tuple[FactorModel, NDArray[np.int64]]:
        """The model with new items placed, and its row of each item of the catalogue, int64[n]; -1 for none."""
        return self._model, self._model_rows

    def people(self, around: Circumstances = ORDINARY) -> NDArray[np.float32]:
        """Who took to each item of the catalogue, as far as is known, float32[n]."""
        return self._trained if around.live is None else around.live.people

    def live_signals(self, interest: LiveInterest) -> LiveSignals:
        """Live counts over this catalogue and model."""
        return LiveSignals(interest, self._catalog, self._trained, ~self._used)

    @cached_property
    def _used(self) -> NDArray[np.bool_]:
        """Which items training saw, bool[n]; those placed by their content came later."""
        seen: NDArray[np.bool_] = (self._model_rows >= 0) & (self._model_rows < len(self._model) - self._model.placed)
        return seen

    @cached_property
    def _trained(self) -> NDArray[np.float32]:
        people = np.zeros(len(self._catalog), dtype=np.float32)
        people[self._used] = self._model.popularity[self._model_rows[self._used]]
        return people

    @cached_property
    def facets(self) -> FacetIndex:
        """Tags and categories of the catalogue."""
        return FacetIndex(self._catalog)

    def _ranked(
        self,
        scores: Scores,
        affinity: NDArray[np.float32] | None,
        together: Together,
        around: Circumstances,
    ) -> NDArray[np.float32]:
        """The score of every item of the catalogue, float32[n]; items unknown to the model stand with its last."""
        ranked = scores.blended.copy() if self._same_rows else self._on_catalog(scores.blended)
        if affinity is not None:
            ranked += np.float32(PREFERENCE_STRENGTH) * affinity
        if around.live is not None:
            around.live.add_to(ranked, _shared(scores))
            np.add.at(ranked, together.rows, together.gains.astype(np.float32))
        if around.fit is not None:
            ranked += around.fit.gain
        if around.steering.boost is not None:
            ranked += around.steering.boost
        return ranked

    def _together(self, history: Sequence[HistoryEntry], around: Circumstances) -> Together:
        """What people take to together with the history; as personal as the history is long."""
        if around.live is None or not history:
            return NOT_TOGETHER
        settings = self._model.parameters
        known = observe(history, self._catalog.rows)
        strengths = recency(len(known.rows), settings.together_decay, settings.together_floor) * (known.weights > 0)
        share = 1.0 - popularity_weight(known.liked, settings.popularity_strength)
        return around.live.together(known.rows, strengths, share)

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
            Preferred(PREFERENCE_STRENGTH * float(affinity[row]), self.facets.matches(row, query.preferences))
            for row in page.tolist()
        ]

    def _fixed(
        self, steering: Steering, candidates: NDArray[np.int64], query: RecommendationQuery
    ) -> dict[int, Placed]:
        """Pinned items that may be shown, by their place on this page; those of earlier pages are like any other."""
        may = set(candidates[np.isin(candidates, [pin.row for pin in steering.pins])].tolist()) if steering.pins else ()
        return {
            pin.position - query.shown: Placed(pin.row, pin=pin)
            for pin in steering.pins
            if pin.row in may and pin.position >= query.shown
        }

    def _beside(self, row: int, ranking: Ranking, around: Circumstances) -> Iterator[Reason]:
        """What speaks for an item beside the model and the person's preferences."""
        gain, evidence = ranking.together.reason(row)
        if gain > 0:
            items = tuple(self._catalog.item_ids[other] for other in evidence)
            yield Reason(ReasonCode.SIMILAR_TO_YOUR_ACTIONS, gain, items)
        if around.live is not None:
            arrived, burst = around.live.gains(row, _shared(ranking.scores))
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
        elif place.drawn:
            reasons = (Reason(ReasonCode.EXPLORATION, 1.0),)
        return Recommendation(
            item_id=self._catalog.item_ids[place.row],
            score=float(ranked[place.row]),
            reasons=reasons,
            sources=tuple(SOURCES[reason.code] for reason in reasons),
            propensity=place.propensity,
            rule_id=None if place.pin is None else place.pin.rule_id,
        )


def _draws(exploration: Exploration | None, query: RecommendationQuery, taken: Sequence[int]) -> list[int]:
    """The places of the page that chance fills; the last one only tells whether there is a next page."""
    if exploration is None:
        return []
    return [place for place in exploration.places(query.shown, query.limit - 1) if place not in taken]


def _shared(scores: Scores) -> float:
    """How much what others do counts in a list: popularity and trend."""
    trends = sum(part.weight for part in scores.parts if part.source == TREND)
    return min(1.0, scores.popularity_weight + max(trends, 0.0))


def _aligned(catalog: CatalogSnapshot, model: FactorModel) -> NDArray[np.int64]:
    """The model's row of each item of the catalogue, int64[n]; -1 for items that came after training."""
    rows = (model.rows.get(item_id, -1) for item_id in catalog.item_ids)
    return np.fromiter(rows, dtype=np.int64, count=len(catalog))


def _unwanted(history: Sequence[HistoryEntry], query: RecommendationQuery) -> Iterator[ItemId]:
    yield from query.exclude
    for entry in history:
        if not query.include_seen or entry.weight < 0:
            yield entry.item_id
