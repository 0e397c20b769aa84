"""What is taken more on a device, at a place or for a purpose: learned where it helps, left alone where it does not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.ids import TenantId
from domain.models.artifact import Artifact, read, write
from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.situations import Situations, situation_names
from domain.recommendations.model import ReasonCode, RecommendationQuery
from domain.recommendations.ranking import Recommender
from tests.unit.test_training import CONFIG, quiet, rows
from workers.training.interactions import ServedLists, TrainingSet
from workers.training.trainer import train

PEOPLE = 120
ITEMS = 40
LISTS = 1500
DEVICES = ("mobile", "desktop")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def served(*, matters: bool, seed: int = 0) -> TrainingSet:
    """People of no taste; on a mobile they take what is of an even number, on a desktop the rest, if it `matters`."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(PEOPLE), 8)
    data = rows(users, rng.integers(ITEMS, size=len(users)), at=rng.random(len(users)) * 1e6, item_count=ITEMS)
    readers, device = rng.integers(PEOPLE, size=LISTS), rng.integers(2, size=LISTS)
    shown = np.array([rng.choice(ITEMS, 8, replace=False) for _ in range(LISTS)])
    chance = np.where((shown % 2 == device[:, None]) & matters, 0.5, 0.1)
    return replace(
        data,
        served=ServedLists(
            users=readers,
            served_at=2e6 + np.arange(LISTS),
            offsets=np.arange(LISTS + 1) * 8,
            items=shown.ravel(),
            taken=(rng.random(shown.shape) < chance).ravel(),
            situations=[situation_names(device=DEVICES[number]) for number in device.tolist()],
        ),
    )


def trained(data: TrainingSet, folder: Path) -> tuple[FactorModel, Artifact]:
    """What serves after a training, read from its file."""
    artifact = train(data, CONFIG.model_copy(update={"network_features": ()}), quiet)
    file = folder / "model"
    file.write_bytes(write(artifact))
    return FactorModel.from_artifact(read(file)), artifact


def catalog(data: TrainingSet) -> CatalogSnapshot:
    shown = [SnapshotRow(item, ItemKind.TEMPLATE, item, (), "", None, None, sensitive=False) for item in data.item_ids]
    return build_snapshot(TenantId("t"), 1, shown)


def test_what_matters_is_learned_kept_and_served(tmp_path: Path) -> None:
    data = served(matters=True)
    model, artifact = trained(data, tmp_path)
    assert model.situations is not None
    assert model.situations.names == ("device=desktop", "device=mobile")
    assert artifact.metrics["situations_gain_history_3"] > 0
    query = RecommendationQuery(limit=10, device="Mobile")
    recommender = Recommender(catalog(data), model)
    page = recommender.recommend([], query, at=NOW)
    elsewhere = recommender.recommend([], replace(query, device="television"), at=NOW)
    strengths = dict(zip(model.situations.bounds.tolist(), model.situations.strengths.tolist(), strict=True))
    assert strengths[3] > 0
    assert not any(ReasonCode.FITS_SITUATION in [reason.code for reason in told.reasons] for told in elsewhere)
    assert bool(strengths[0]) is any(
        ReasonCode.FITS_SITUATION in [reason.code for reason in told.reasons] for told in page
    )
    known = model.situations.gain(("device=mobile",), liked=8)
    assert known is not None
    assert known[::2].mean() > 0 > known[1::2].mean()


def test_a_known_person_gets_what_fits_the_device_and_is_told_so(tmp_path: Path) -> None:
    data = served(matters=True)
    model, _ = trained(data, tmp_path)
    assert model.situations is not None
    always = replace(model, situations=replace(model.situations, strengths=np.ones(3, dtype=np.float32)))
    page = Recommender(catalog(data), always).recommend([], RecommendationQuery(limit=10, device="mobile"), at=NOW)
    even = [int(told.item_id[-3:]) % 2 == 0 for told in page]
    assert sum(even) >= 8
    codes = [reason.code for reason in page[0].reasons]
    assert ReasonCode.FITS_SITUATION in codes


def test_what_does_not_matter_is_not_followed(tmp_path: Path) -> None:
    for seed in range(3):
        model, _ = trained(served(matters=False, seed=seed), tmp_path)
        assert model.situations is None or not model.situations.strengths.any()


def test_a_situation_of_few_people_is_not_told_of(tmp_path: Path) -> None:
    data = served(matters=True)
    assert data.served is not None
    some = [situation_names(device="prototype" if reader < 4 else None) for reader in data.served.users.tolist()]
    model, _ = trained(replace(data, served=replace(data.served, situations=some)), tmp_path)
    assert model.situations is None


def test_the_numbering_of_people_changes_nothing(tmp_path: Path) -> None:
    data = served(matters=True)
    assert data.served is not None
    numbers = np.random.default_rng(3).permutation(1000)[:PEOPLE]
    other = replace(
        data, user_index=numbers[data.user_index], served=replace(data.served, users=numbers[data.served.users])
    )
    assert write(trained(data, tmp_path)[1]) == write(trained(other, tmp_path)[1])


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=4))
def test_names_of_any_text_come_back(names: list[str]) -> None:
    count = len(names)
    kept = Situations(
        tuple(names), np.ones((count, 2), np.float32), np.array([0], np.int32), np.array([1.0], np.float32)
    )
    again = Situations.restored(kept.arrays(), kept.written_names(), 2)
    assert again is not None
    assert again.names == kept.names


@pytest.mark.parametrize("names", ["", "{}", "[1, 2]", '["device=mobile"]'])
def test_damaged_names_are_refused(names: str) -> None:
    kept = Situations(("a", "b"), np.ones((2, 2), np.float32), np.array([0], np.int32), np.array([1.0], np.float32))
    with pytest.raises(CorruptArtifact):
        Situations.restored(kept.arrays(), names, 2)
