"""k-means finds tastes, numbers segments by size, and a person's segment follows what they do."""

import numpy as np
import pytest

from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.segments import Segments
from domain.recommendations.factors import FoldIn, Observations, confidence
from tests.unit.test_training import CONFIG, ITEMS, TASTES, USERS, quiet, rows, tasteful
from workers.training.interactions import canonical
from workers.training.segmentation import segmentation
from workers.training.trainer import train

SETTINGS = CONFIG.model_copy(update={"clusters": TASTES, "evaluation_users": 0})


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return FactorModel.from_artifact(train(tasteful(), SETTINGS, quiet))


def segments_of(model: FactorModel) -> Segments:
    assert model.segments is not None
    return model.segments


def test_each_taste_becomes_a_segment(model: FactorModel) -> None:
    segments = segments_of(model)
    assert segments.sizes.tolist() == sorted(segments.sizes.tolist(), reverse=True)
    assert segments.sizes.sum() == USERS
    favourite_tastes = {int(np.argmax(row)) % TASTES for row in segments.favourites}
    assert favourite_tastes == set(range(TASTES))
    np.testing.assert_array_equal(segments.favourites.sum(axis=0), model.popularity)


def test_a_person_is_where_their_taste_is(model: FactorModel) -> None:
    segments, fold_in = segments_of(model), FoldIn(model.factors, model.parameters.regularization)
    found = []
    for taste in range(TASTES):
        seen = Observations(np.arange(taste, ITEMS, TASTES)[:6], np.ones(6))
        assigned = segments.assign(fold_in.solve(seen.rows, confidence(seen, model.parameters)).vector)
        assert assigned is not None
        assert 0 < assigned.confidence <= 1
        favoured = segments.favourites[assigned.segment].reshape(-1, TASTES).sum(axis=0)
        assert int(favoured.argmax()) == taste
        found.append(assigned.segment)
    assert len(set(found)) == TASTES


def test_nobody_without_direction_has_a_segment(model: FactorModel) -> None:
    assert segments_of(model).assign(np.zeros(CONFIG.factors)) is None


def test_too_few_people_make_no_segments() -> None:
    data = rows([0, 0, 1, 1], [0, 1, 0, 1])
    trained = FactorModel.from_artifact(train(data, SETTINGS, quiet))
    assert trained.segments is None
    assert segmentation(trained, canonical(data), 1, 0) is not None


def test_damaged_segments_are_refused(model: FactorModel) -> None:
    arrays = segments_of(model).arrays()
    with pytest.raises(CorruptArtifact, match="segment_centroids"):
        Segments.restored(arrays | {"segment_centroids": arrays["segment_centroids"][:, 1:]}, ITEMS, CONFIG.factors)
