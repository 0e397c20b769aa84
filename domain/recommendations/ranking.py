"""The path of one request over arrays: retrieve, rank, re-rank, explain; no database, no loop over items.

Every item is scored, since one matrix-vector product over tens of thousands of items costs less than an index would;
only a model with an index, of very many items, is asked for candidates. They are cut after every rule has had its say.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.interest.model import LiveInterest
from domain.models.factor_model import FactorModel
from domain.models.situations import situation_names
from domain.recommendations.alignment import Alignment
from domain.recommendations.answers import Answers
from domain.recommendations.blending import Scorer, Scores, popularity_weight
from domain.recommendations.circumstances import ORDINARY, UNTRAINED, Circumstances, Ranking
from domain.recommendations.diversity import DEFAULT_DIVERSITY
from domain.recommendations.draft import Draft
from domain.recommendations.eligibility import Eligibility
from domain.recommendations.exploration import Exploration
from domain.recommendations.factors import Observations, observe, recency
from domain.recommendations.live import NOT_TOGETHER, LiveSignals, Together
from domain.recommendations.model import HistoryEntry, Recommendation, RecommendationQuery
from domain.recommendations.narrowing import WIDENINGS, Narrowing, Wanted
from domain.recommendations.new_items import with_new_items
from domain.recommendations.preferences import PREFERENCE_STRENGTH, FacetIndex
from domain.recommendations.pruning import BlockScorer
from domain.recommendations.refinement import CANDIDATES, Refinement
from domain.recommendations.retrieval import top
from domain.recommendations.selection import NO_LOTTERY, NOTHING, Placed, Plan, Quotas, TooNarrow, ordered, pool_of
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
        self.eligibility = Eligibility(catalog)
        self._alignment = Alignment(catalog, self._model)
        self._answers = Answers(catalog, self._model, self._scorer, self._alignment, lambda: self.facets)
        self._blocks = _blocks(self._model, self._scorer)
        self._narrowing = None if self._blocks is None else Narrowing(self._blocks, self._alignment)

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
        return self.draft(history, query, at=at, around=around).page(around.exploration)

    def draft(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, *, at: datetime, around: Circumstances
    ) -> Draft:
        """The page before chance. Arguments as for `recommend`; of the chance only its share counts."""
        ranking, plan = self._listed(history, query, at, around)
        return self._answers.draft(plan, ranking, query, around)

    def ranking(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, *, at: datetime, around: Circumstances
    ) -> Ranking:
        """Every item scored, and which of them may be shown. Arguments as for `recommend`."""
        asked = self._asked(history, query, at, around)
        scores = self._scorer.scores(asked.observations)
        ranked, extra = self._alignment.on_catalog(scores.blended), self._extra(scores, asked, around)
        if extra is not None:
            ranked += extra
        candidates = np.flatnonzero(asked.allowed)
        given = (asked.affinity, asked.together)
        return self._refined(asked, Ranking(ranked, candidates, scores, *given, situation=asked.situation))

    def _listed(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, at: datetime, around: Circumstances
    ) -> tuple[Ranking, Plan]:
        """The ranking and the page before chance; only candidates are ranked where an index makes that enough."""
        for widening in WIDENINGS if self._narrowing is not None else ():
            ranking = self._narrowed(self._asked(history, query, at, around), query, around, widening)
            if ranking is None:
                break
            with suppress(TooNarrow):
                return ranking, self._plan(ranking, query, around)
        ranking = self.ranking(history, query, at=at, around=around)
        return ranking, self._plan(ranking, query, around)

    def _narrowed(
        self, asked: "_Asked", query: RecommendationQuery, around: Circumstances, widening: int
    ) -> Ranking | None:
        """The candidates of a page scored; None where all items have to be."""
        if self._narrowing is None or self._blocks is None:
            return None
        begun = self._blocks.begin(asked.observations)
        extra = self._extra(begun.scores, asked, around)
        pinned = np.array([pin.row for pin in around.steering.pins], dtype=np.int64)
        people = None if around.exploration is None else self.people(around)
        wanted = Wanted(asked.allowed, extra, pinned, query.limit, people, widening)
        found = self._narrowing.candidates(begun, wanted)
        if found is None:
            return None
        ranked = np.full(len(self._catalog), -np.inf, dtype=np.float32)
        ranked[found.rows] = begun.scores.blended[self._alignment.rows[found.rows]]
        if extra is not None:
            ranked[found.rows] += extra[found.rows]
        given = (asked.affinity, asked.together, found.floor, found.promise_floor, asked.situation)
        return self._refined(asked, Ranking(ranked, found.rows, begun.scores, *given))

    def _asked(
        self, history: Sequence[HistoryEntry], query: RecommendationQuery, at: datetime, around: Circumstances
    ) -> "_Asked":
        allowed = self.eligibility.mask(at, query.kinds, query.device, _unwanted(history, query))
        if around.steering.allowed is not None:
            allowed &= around.steering.allowed
        observations = observe(history, self._model.rows)
        return _Asked(
            observations=observations,
            situation=self._situation(query, observations.liked),
            affinity=self.facets.affinity(query.preferences) if query.preferences else None,
            together=self._together(history, around),
            allowed=allowed,
            at=at,
        )

    def page(self, ranking: Ranking, query: RecommendationQuery, around: Circumstances) -> list[Placed]:
        """What stands at each place of the page, chance aside."""
        return self._plan(ranking, query, around).page()

    def _plan(self, ranking: Ranking, query: RecommendationQuery, around: Circumstances) -> Plan:
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
        rows = ordered(ranking.ranked, candidates, wanted, diversity, self._alignment.vectors, quotas, ranking.floor)
        if not draws:
            return Plan(query.limit, rows, fixed, (), NOTHING, NO_LOTTERY)
        rest = np.setdiff1d(candidates, rows, assume_unique=True)
        people, floor = self.people(around), ranking.promise_floor
        drawn_from = pool_of(ranking.ranked, people, rest, len(draws), quotas, floor, around.chooser)
        return Plan(query.limit, rows, fixed, draws, *drawn_from)

    def contributions(self, ranking: Ranking, row: int) -> dict[ItemId, float]:
        """How much each item of the history adds to the score of one item of the catalogue."""
        added: dict[ItemId, float] = {}
        model_row = int(self._alignment.rows[row])
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
        return self._model, self._alignment.rows

    def people(self, around: Circumstances = ORDINARY) -> NDArray[np.float32]:
        """Who took to each item of the catalogue, as far as is known, float32[n]."""
        return self._alignment.trained if around.live is None else around.live.people

    def live_signals(self, interest: LiveInterest) -> LiveSignals:
        """Live counts over this catalogue and model."""
        return LiveSignals(interest, self._catalog, self._alignment.trained, ~self._alignment.used)

    @cached_property
    def facets(self) -> FacetIndex:
        """Tags and categories of the catalogue."""
        return FacetIndex(self._catalog)

    def _extra(self, scores: Scores, asked: "_Asked", around: Circumstances) -> NDArray[np.float32] | None:
        """What is added to the model's scores, float32[n]; None for nothing."""
        said = (around.steering.boost, None if around.fit is None else around.fit.gain)
        given = [gain for gain in said if gain is not None]
        if asked.situation is not None:
            given.append(asked.situation)
        if asked.affinity is not None:
            given.append(np.float32(PREFERENCE_STRENGTH) * asked.affinity)
        if around.live is None:
            return sum(given[1:], given[0]) if given else None
        extra = sum(given, np.zeros(len(self._catalog), dtype=np.float32))
        around.live.add_to(extra, scores.shared)
        np.add.at(extra, asked.together.rows, asked.together.gains.astype(np.float32))
        return extra

    def _situation(self, query: RecommendationQuery, liked: int) -> NDArray[np.float32] | None:
        """What device, place and purpose add to each score, float32[n]; None for nothing."""
        if self._model.situations is None:
            return None
        names = situation_names(query.device, query.context.get("surface"), query.context.get("purpose"))
        gain = self._model.situations.gain(names, liked)
        return None if gain is None else self._alignment.of_trained(gain)

    def _together(self, history: Sequence[HistoryEntry], around: Circumstances) -> Together:
        """What people take to together with the history; as personal as the history is long."""
        if around.live is None or not history:
            return NOT_TOGETHER
        settings = self._model.parameters
        known = observe(history, self._catalog.rows)
        strengths = recency(len(known.rows), settings.together_decay, settings.together_floor) * (known.weights > 0)
        share = 1.0 - popularity_weight(known.liked, settings.popularity_strength)
        return around.live.together(known.rows, strengths, share)

    def _refined(self, asked: "_Asked", ranking: Ranking) -> Ranking:
        """The ranking with the best candidates lifted by the network, where it helps."""
        if not self._refinement.helps(asked.observations):
            return ranking
        best = ranking.candidates[top(ranking.ranked[ranking.candidates], CANDIDATES)]
        best = best[self._alignment.rows[best] >= 0]
        rows, at = self._alignment.rows[best], asked.at.timestamp()
        ranking.ranked[best] += self._refinement.lifts(ranking.scores, asked.observations, rows, at)
        return ranking

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


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One request over arrays, before any item is scored; n items of the catalogue.

    Attributes:
        observations: what the user did with items of the model.
        affinity: float32[n], what preferences say; None for nothing.
        situation: float32[n], what device, place and purpose add; None for nothing.
        together: what live pairs add.
        allowed: bool[n], what may be shown.
        at: the moment.
    """

    observations: Observations
    affinity: NDArray[np.float32] | None
    situation: NDArray[np.float32] | None
    together: Together
    allowed: NDArray[np.bool_]
    at: datetime


def _draws(exploration: Exploration | None, query: RecommendationQuery, taken: Sequence[int]) -> list[int]:
    """The places of the page that chance fills; the last one only tells whether there is a next page."""
    if exploration is None:
        return []
    return [place for place in exploration.places(query.shown, query.limit - 1) if place not in taken]


def _blocks(model: FactorModel, scorer: Scorer) -> BlockScorer | None:
    """Scores of a model block by block; None without an index, or where items speak for each other."""
    if model.index is None or model.together is not None or model.following is not None:
        return None
    return BlockScorer(model, model.index, scorer)


def _unwanted(history: Sequence[HistoryEntry], query: RecommendationQuery) -> list[ItemId]:
    seen = (entry.item_id for entry in history if not query.include_seen or entry.weight < 0)
    return [*query.exclude, *seen]
