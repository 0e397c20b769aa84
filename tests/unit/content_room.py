"""A catalogue of two tastes, people of both, and a model trained on what they did."""

from functools import cache

import numpy as np

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.ids import ItemId, TenantId
from domain.models.factor_model import FactorModel
from domain.models.item_terms import catalog_terms
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet
from workers.training.trainer import train

ITEMS, PEOPLE = 40, 60
TASTES = ("calm", "loud")
CONFIG = TrainingConfig(factors=8, regularization=2.0, iterations=8, neighbours=10, content_landmarks=30, seed=3)


def row(name: str, taste: str, year: int, **more: object) -> SnapshotRow:
    return SnapshotRow(
        ItemId(name), ItemKind.TEMPLATE, f"A {taste} film", (taste,), "film", None, None, sensitive=False,
        attributes={"year": year, "hd": True}, **more,
    )  # type: ignore[arg-type]  # a test names only fields that there are  # fmt: skip


def catalog(*new: SnapshotRow) -> CatalogSnapshot:
    """Items of either taste by turns, and more behind them."""
    known = [row(f"item-{n:02d}", TASTES[n % 2], 1980 + n) for n in range(ITEMS)]
    return build_snapshot(TenantId("t"), 1, [*known, *new])


def behaviour(held: CatalogSnapshot, order: np.random.Generator | None = None) -> TrainingSet:
    """People who take to items of one taste, the rows and items in the order that chance gives them."""
    random = np.random.default_rng(5)
    pairs = [
        (user, 2 * int(item) + user % 2)
        for user in range(PEOPLE)
        for item in random.choice(ITEMS // 2, 8, replace=False)
    ]
    users, items = np.array(pairs).T
    places = np.arange(len(held)) if order is None else order.permutation(len(held))
    rows = np.arange(len(users)) if order is None else order.permutation(len(users))
    terms = catalog_terms(held)
    return TrainingSet(
        item_ids=[held.item_ids[place] for place in places],
        item_kinds=held.kinds[places],
        user_index=users[rows],
        item_index=np.argsort(places)[items[rows]],
        weight=np.ones(len(users)),
        occurred_at=1.7e9 + 60.0 * rows,
        item_terms=[terms[place] for place in places],
    )


@cache
def trained() -> FactorModel:
    return FactorModel.from_artifact(train(behaviour(catalog()), CONFIG, lambda _stage, _done: None))
