"""Everything that makes, explains or watches lists; all of it stands on the same prepared grounds."""

from dataclasses import dataclass

from domain.bootstrap.ground import Ground
from domain.exposures.service import ExposureService
from domain.interest.service import InterestService
from domain.interest.store import PostgresInterestStore
from domain.measurement.counters import CountedExposures
from domain.profiles.service import ProfileService
from domain.profiles.stating import StatingService
from domain.recommendations.drafting import Drafting
from domain.recommendations.grounds import Grounds
from domain.recommendations.kinds import KindService
from domain.recommendations.questions import QuestionService
from domain.recommendations.reader import Readers
from domain.recommendations.service import RecommendationService
from domain.recommendations.similar import SimilarItemService
from domain.recommendations.store import PostgresRecommendationStore
from domain.recommendations.trends import TrendService
from domain.rules.service import RuleService


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The use cases of lists."""

    recommendations: RecommendationService
    kinds: KindService
    trends: TrendService
    similar: SimilarItemService
    questions: QuestionService
    interest: InterestService


def make_lists(
    ground: Ground,
    stating: StatingService,
    rules: RuleService,
    profiles: ProfileService,
    experiments: ExposureService,
) -> Listing:
    """The use cases of lists of one process."""
    interest = InterestService(PostgresInterestStore(ground.database), ground.clock)
    store = PostgresRecommendationStore(ground.database)
    readers = Readers(store, ground.directory, stating, ground.clock, ml_enabled=ground.settings.ml_enabled)
    grounds = Grounds(ground.catalog, ground.models, rules, interest)
    drafting = Drafting(readers, ground.cache, ground.settings.exploration_share)
    exposures = CountedExposures(store, ground.outcomes)
    recommendations = RecommendationService(exposures, readers, grounds, drafting, experiments, ground.clock)
    return Listing(
        recommendations=recommendations,
        kinds=KindService(recommendations, profiles),
        trends=TrendService(grounds, ground.clock),
        similar=SimilarItemService(grounds, ground.cache, ground.clock),
        questions=QuestionService(readers, grounds, ground.clock),
        interest=interest,
    )
