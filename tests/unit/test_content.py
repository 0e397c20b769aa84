"""What is said of items: read as terms, learned from, kept in the artifact, and served for items nobody has used."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from domain.catalog.model import ItemKind
from domain.ids import ItemId
from domain.models.artifact import Artifact
from domain.models.blend import BlendWeights
from domain.models.factor_model import FactorModel
from domain.models.item_terms import item_terms, shown_label
from domain.models.layout import CorruptArtifact
from domain.recommendations.model import HistoryEntry, ReasonCode, RecommendationQuery, Source
from domain.recommendations.new_items import shared_terms, with_new_items
from domain.recommendations.ranking import Recommender
from tests.unit.content_room import catalog, row, trained

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NEW = (row("new-calm", "calm", 2000), row("new-loud", "loud", 2000))


def artifact() -> Artifact:
    return trained().to_artifact({}, {}, {})


def with_array(name: str, array: Any) -> Artifact:
    whole = artifact()
    return Artifact(whole.algorithm, {**whole.arrays, name: array}, whole.parameters, {}, {})


def test_terms_are_typed() -> None:
    terms = item_terms(
        kind=ItemKind.STYLE,
        title="Don't Look Up 2",
        description="A COMET comes",
        tags=("Sci Fi", "sci fi"),
        category="Film",
        attributes={"year": 2021, "pace": "Fast", "hd": True, "about": "x" * 65},
    )
    assert terms.labels == ("hd=true", "kind=style", "pace=fast", "tag=film", "tag=sci fi")
    assert terms.numbers == {"year": 2021.0}
    assert {"~don't", "~look", "~comet", "~sci", "~fast"} <= set(terms.words)
    assert "~2" not in terms.words
    assert [shown_label(label) for label in terms.labels[2:4]] == ["pace: fast", "film"]


def test_content_survives_the_artifact() -> None:
    model = trained()
    again = FactorModel.from_artifact(artifact())
    assert model.content is not None
    assert again.content is not None
    terms = [item_terms(kind=ItemKind.TEMPLATE, title="A calm film", tags=("calm",), attributes={"year": 1990})]
    for first, second in zip(model.content.placed(terms), again.content.placed(terms), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("content_term_weights", np.zeros(1, dtype=np.float32)),
        ("content_to_factors", np.zeros((3, 8), dtype=np.float32)),
        ("content_to_popularity", np.full(1, np.nan, dtype=np.float32)),
        ("content_term_offsets", np.zeros(0, dtype=np.int64)),
        ("content_term_bytes", np.full(3, 255, dtype=np.uint8)),
        ("content_number_scale", np.zeros(1, dtype=np.float32)),
        ("content_knot_offsets", np.array([0, 99], dtype=np.int64)),
        ("content_landmark_offsets", np.array([0, 1], dtype=np.int64)),
    ],
)
def test_damaged_content_is_refused(name: str, array: Any) -> None:
    with pytest.raises(CorruptArtifact):
        FactorModel.from_artifact(with_array(name, array))


def test_a_landmark_cannot_name_a_term_that_is_not_there() -> None:
    columns = artifact().arrays["content_landmark_columns"].copy()
    columns[0] = 10_000
    with pytest.raises(CorruptArtifact, match="not there"):
        FactorModel.from_artifact(with_array("content_landmark_columns", columns))
    whole = artifact()
    kept = {name: array for name, array in whole.arrays.items() if name != "content_knots"}
    with pytest.raises(CorruptArtifact):
        FactorModel.from_artifact(Artifact(whole.algorithm, kept, whole.parameters, {}, {}))


def test_a_new_item_stands_with_the_items_that_are_like_it() -> None:
    model = with_new_items(trained(), catalog(*NEW))
    calm = [model.rows[ItemId(f"item-{n:02d}")] for n in range(0, 40, 2)]
    loud = [model.rows[ItemId(f"item-{n:02d}")] for n in range(1, 40, 2)]
    for name, like, unlike in (("new-calm", calm, loud), ("new-loud", loud, calm)):
        vector = model.factors[model.rows[ItemId(name)]]
        assert (model.factors[like] @ vector).mean() > 2 * abs((model.factors[unlike] @ vector).mean())
    assert model.placed == len(NEW)
    assert 0 < model.popularity[model.rows[ItemId("new-calm")]] < 2 * model.popularity.mean()


def test_a_new_item_is_recommended_for_its_content_and_says_so() -> None:
    recommender = Recommender(catalog(*NEW), trained())
    history = [HistoryEntry(ItemId(f"item-{n:02d}"), 1.0, NOON) for n in range(0, 12, 2)]
    page = recommender.recommend(history, RecommendationQuery(limit=42, diversity=0.0), at=NOON)
    places = [entry.item_id for entry in page]
    assert places.index(ItemId("new-calm")) < 12 < places.index(ItemId("new-loud"))
    entry = page[places.index(ItemId("new-calm"))]
    [reason] = [reason for reason in entry.reasons if reason.code is ReasonCode.SIMILAR_CONTENT]
    assert set(reason.evidence) <= {past.item_id for past in history}
    assert {"calm", "film", "hd: true"} <= set(reason.features)
    assert Source.CONTENT in entry.sources


def test_what_somebody_did_not_want_speaks_for_no_new_item() -> None:
    popular = replace(trained(), popularity=np.zeros(len(trained()), dtype=np.float32))
    by_popularity = replace(popular, blend=BlendWeights.same_for_all({"popularity": 1.0}))
    unwanted = [HistoryEntry(ItemId(f"item-{n:02d}"), -1.0, NOON) for n in range(0, 12, 2)]
    for history, liked in ((unwanted, set()), ([*unwanted, HistoryEntry(ItemId("item-20"), 1.0, NOON)], {"item-20"})):
        page = Recommender(catalog(*NEW), by_popularity).recommend(history, RecommendationQuery(limit=42), at=NOON)
        [calm] = [entry for entry in page if entry.item_id == "new-calm"]
        assert calm.score > 0
        assert {item for reason in calm.reasons for item in reason.evidence} == liked


def test_what_was_done_with_a_new_item_counts_at_once() -> None:
    recommender = Recommender(catalog(*NEW), trained())
    for name, taste in (("new-calm", 0), ("new-loud", 1)):
        page = recommender.recommend(
            [HistoryEntry(ItemId(name), 1.0, NOON)], RecommendationQuery(limit=8, diversity=0.0), at=NOON
        )
        tastes = [int(entry.item_id[-2:]) % 2 for entry in page if entry.item_id.startswith("item")]
        assert tastes.count(taste) > len(tastes) / 2


def test_without_content_a_new_item_stays_last() -> None:
    whole = artifact()
    plain = {name: array for name, array in whole.arrays.items() if not name.startswith("content_")}
    model = FactorModel.from_artifact(Artifact(whole.algorithm, plain, whole.parameters, {}, {}))
    assert model.content is None
    page = Recommender(catalog(*NEW), model).recommend([], RecommendationQuery(limit=42, diversity=0.0), at=NOON)
    assert {entry.item_id for entry in page[-2:]} == {"new-calm", "new-loud"}


def test_common_terms_are_named_labels_first() -> None:
    calm = item_terms(kind=ItemKind.STYLE, title="Quiet sea", tags=("calm",), attributes={"pace": "slow"})
    other = item_terms(kind=ItemKind.STYLE, title="Sea view", tags=("calm",), attributes={"pace": "slow"})
    assert shared_terms(calm, [other]) == ("pace: slow", "calm", "sea")
    assert shared_terms(calm, []) == ()
