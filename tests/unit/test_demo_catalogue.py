from collections import Counter

import pytest

from cli.demo.catalogue import demo_catalogue
from domain.catalog.model import CatalogItem, ItemKind


@pytest.fixture(scope="module")
def items() -> list[CatalogItem]:
    return demo_catalogue()


def test_there_is_enough_of_every_kind(items: list[CatalogItem]) -> None:
    kinds = Counter(item.kind for item in items)

    assert kinds[ItemKind.TEMPLATE] >= 400
    assert kinds[ItemKind.STYLE] == 60
    assert kinds[ItemKind.FEATURE] == 40


def test_ids_titles_and_descriptions_are_all_different(items: list[CatalogItem]) -> None:
    for values in ([item.item_id for item in items], [item.title for item in items]):
        assert len(set(values)) == len(items)
    assert len({item.description for item in items}) == len(items)


def test_items_of_the_documented_payload_are_there(items: list[CatalogItem]) -> None:
    by_id = {item.item_id: item for item in items}

    assert by_id["modern_template"].kind is ItemKind.TEMPLATE
    assert by_id["modern_template"].title == "Modern Intro"
    assert by_id["modern"].kind is ItemKind.STYLE
    assert by_id["video_editor"].kind is ItemKind.FEATURE


def test_every_item_says_what_it_is(items: list[CatalogItem]) -> None:
    for item in items:
        assert item.category
        assert len(item.tags) >= 3
        assert item.attributes
        assert item.description.endswith(".")
        assert item.description[0].isupper()
        assert "{" not in item.description


def test_templates_carry_what_they_are_recommended_by(items: list[CatalogItem]) -> None:
    for item in items:
        if item.kind is ItemKind.TEMPLATE:
            assert {"duration_seconds", "aspect_ratio", "pace", "palette", "family"} <= set(item.attributes)
            assert item.title.split()[-2] != item.title.split()[-1]


def test_the_catalogue_is_the_same_every_time(items: list[CatalogItem]) -> None:
    assert demo_catalogue() == items
