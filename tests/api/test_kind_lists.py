"""Templates, styles and features, each list with what is peculiar to it, over GraphQL and the documented routes."""

from typing import Any

import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import RestRoom

ANNA = "anna@example.com"


def item(name: str, kind: ItemKind, category: str = "", *tags: str, **attributes: Any) -> CatalogItem:
    return CatalogItem(ItemId(name), kind, name.title(), "", tags, category, attributes)


CATALOGUE = [
    item("short_business", ItemKind.TEMPLATE, "business", "social", duration_seconds=12, aspect_ratio="9:16"),
    item("long_business", ItemKind.TEMPLATE, "business", duration_seconds=120, aspect_ratio="16:9"),
    item("short_travel", ItemKind.TEMPLATE, "travel", duration_seconds=28, aspect_ratio="16:9"),
    item("frost", ItemKind.STYLE, "clean", palette="cool", family="clean", pace="slow"),
    item("glacier", ItemKind.STYLE, "clean", palette="cool", family="clean", pace="slow"),
    item("sunrise", ItemKind.STYLE, "clean", palette="warm", family="clean", pace="fast"),
    item("bunker", ItemKind.STYLE, "neon", palette="dark", family="neon", pace="fast"),
    item("cut", ItemKind.FEATURE, "editing", group="editing", level="basic", step=0),
    item("trim", ItemKind.FEATURE, "editing", group="editing", level="basic", step=1),
    item("multicam", ItemKind.FEATURE, "editing", group="editing", level="expert", step=3, requires="trim"),
]
TEMPLATES = """query T($user: String!, $wish: TemplateWishInput) {
  templateRecommendations(userId: $user, wish: $wish) { page { personalized usedData { categories } }
    nodes { recommendation { itemId reasons { code } } fit { name value match } } } }"""
STYLES = """query S($user: String!) { styleRecommendations(userId: $user) {
  nodes { recommendation { itemId reasons { code } } look similarity relation like } } }"""
FEATURES = """query F($user: String!) { featureRecommendations(userId: $user) {
  nodes { recommendation { itemId } helpsWith level personLevel nextStep prerequisites { itemId met } } } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.services.catalog.upsert(room.tenant, CATALOGUE)
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


async def act(graph: Graph, *items: str, **more: Any) -> None:
    actions = [{"type": "style_applied", "feature": name} for name in items]
    await graph.ask(LEARN, input={"userId": ANNA, "actions": actions, **more})


def ids(answer: Any) -> list[str]:
    return [node["recommendation"]["itemId"] for node in answer["nodes"]]


async def test_templates_suit_what_is_wished(anna: Graph) -> None:
    wish = {"purpose": "social", "category": "Business", "duration": 12}
    answer = await anna.ask(TEMPLATES, user=ANNA, wish=wish)
    assert ids(answer)[0] == "short_business"
    fit = {aspect["name"]: (aspect["value"], aspect["match"]) for aspect in answer["nodes"][0]["fit"]}
    assert fit == {"purpose": ("social", 1.0), "category": ("business", 1.0), "duration": ("12 s", 1.0)}
    assert "FITS_YOUR_WORK" in [reason["code"] for reason in answer["nodes"][0]["recommendation"]["reasons"]]
    longer = await anna.ask(TEMPLATES, user=ANNA, wish={"duration": 120})
    assert ids(longer)[0] == "long_business"
    assert await anna.code(TEMPLATES, user=ANNA, wish={"duration": 0}) == "VALIDATION"


async def test_templates_suit_the_projects_that_a_person_described(room: RestRoom, anna: Graph) -> None:
    projects = [{"category": "travel", "duration": 25} for _ in range(4)]
    await act(anna, projects=projects)
    await room.learn()
    answer = await anna.ask(TEMPLATES, user=ANNA)
    assert ids(answer)[0] == "short_travel"
    fit = {aspect["name"]: aspect["match"] for aspect in answer["nodes"][0]["fit"]}
    assert fit == {"category": 1.0, "duration": 1.0}
    async with room.caller(ANNA) as client:
        rest = (await client.get(f"/template-recommendations/{ANNA}")).json()
    assert rest["recommendations"][0]["itemId"] == "short_travel"
    assert {aspect["name"] for aspect in rest["recommendations"][0]["fit"]} == {"category", "duration"}


async def test_styles_say_how_they_look_beside_what_was_used(room: RestRoom, anna: Graph) -> None:
    await act(anna, "frost")
    nodes = {node["recommendation"]["itemId"]: node for node in (await anna.ask(STYLES, user=ANNA))["nodes"]}
    assert "frost" not in nodes
    assert nodes["glacier"]["look"] == {"palette": "cool", "family": "clean", "pace": "slow"}
    assert (nodes["glacier"]["relation"], nodes["glacier"]["similarity"]) == ("SIMILAR", 1.0)
    assert nodes["glacier"]["like"] == ["frost"]
    assert (nodes["sunrise"]["relation"], nodes["sunrise"]["similarity"]) == (
        "COMPLEMENT",
        pytest.approx(1 / 3, abs=1e-3),
    )
    assert (nodes["bunker"]["relation"], nodes["bunker"]["like"]) == ("NEW", [])
    async with room.caller(ANNA) as client:
        rest = (await client.get(f"/style-recommendations/{ANNA}")).json()
    assert rest["recommendations"][0]["itemId"] == "glacier"
    assert rest["recommendations"][0]["relation"] == "similar"


async def test_what_was_sent_away_is_nobodys_look(anna: Graph) -> None:
    await act(anna, "bunker")
    away = [{"type": "dismissed", "itemId": "frost"}, {"type": "dismissed", "itemId": "sunrise"}]
    await anna.ask(LEARN, input={"userId": ANNA, "actions": away})
    nodes = {node["recommendation"]["itemId"]: node for node in (await anna.ask(STYLES, user=ANNA))["nodes"]}
    assert (nodes["glacier"]["relation"], nodes["glacier"]["similarity"], nodes["glacier"]["like"]) == ("NEW", 0, [])


async def test_features_say_what_they_help_with_and_whether_somebody_is_ready(room: RestRoom, anna: Graph) -> None:
    await act(anna, "cut")
    answer = await anna.ask(FEATURES, user=ANNA)
    assert ids(answer)[0] == "trim"
    assert "cut" not in ids(answer)
    nodes = {node["recommendation"]["itemId"]: node for node in answer["nodes"]}
    assert (nodes["trim"]["helpsWith"], nodes["trim"]["nextStep"]) == ("editing", True)
    assert nodes["multicam"]["prerequisites"] == [{"itemId": "trim", "met": False}]
    assert (nodes["multicam"]["level"], nodes["multicam"]["personLevel"]) == ("expert", "basic")
    await act(anna, "trim")
    async with room.caller(ANNA) as client:
        rest = (await client.get(f"/feature-recommendations/{ANNA}")).json()
    [multicam] = [place for place in rest["recommendations"] if place["itemId"] == "multicam"]
    assert multicam["prerequisites"] == [{"itemId": "trim", "met": True}]


async def test_somebody_unknown_gets_lists_of_each_kind(room: RestRoom, anna: Graph) -> None:
    for path in ("template", "style", "feature"):
        async with room.caller("nobody") as client:
            answer = await client.get(f"/{path}-recommendations/nobody")
            other = await client.get(f"/{path}-recommendations/{ANNA}")
        assert (answer.status_code, other.status_code) == (200, 404)
        assert answer.json()["recommendations"]
        assert not answer.json()["personalized"]
