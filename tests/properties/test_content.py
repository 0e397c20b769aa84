"""Whatever is said of items, their features do not depend on chance, and what training never saw changes nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.models.artifact import write
from domain.models.item_terms import ItemTerms, with_tags
from tests.unit.content_room import CONFIG, behaviour, catalog, trained
from workers.training.content import ContentRidge, ContentSettings, learn_features
from workers.training.trainer import train

words = st.sampled_from(["~sea", "~sky", "~city", "~night"])
labels = st.sampled_from(["tag=calm", "tag=loud", "pace=slow"])
numbers = st.dictionaries(st.sampled_from(["year", "price"]), st.integers(-2000, 2000).map(float))
items = st.lists(
    st.builds(ItemTerms, st.lists(words).map(tuple), st.sets(labels).map(tuple), numbers), min_size=1, max_size=12
)
SETTINGS = ContentSettings(landmarks=6, terms=16, label_support=1, word_support=1)


def support(count: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.arange(count, dtype=np.float32)


@given(items)
def test_any_items_have_finite_features_and_a_map(described: list[ItemTerms]) -> None:
    features = learn_features(described, support(len(described)), SETTINGS)
    [rows] = list(features.blocks(described))
    assert rows.shape == (len(described), features.width)
    assert np.isfinite(rows).all()
    solved = ContentRidge(features, described, rows[:, :1]).solve(1.0, 0.3)
    assert np.isfinite(rows @ solved).all()


@given(items, st.lists(st.text(st.characters(categories=["Ll"]), min_size=7, max_size=9), max_size=3))
def test_words_that_training_never_saw_change_nothing(described: list[ItemTerms], unknown: list[str]) -> None:
    features = learn_features(described, support(len(described)), SETTINGS)
    [before] = list(features.blocks(described))
    [after] = list(features.blocks([with_tags(item, unknown) for item in described]))
    assert np.array_equal(before, after)


@given(items, st.randoms(use_true_random=False))
def test_an_item_has_the_same_features_wherever_it_stands(described: list[ItemTerms], random: object) -> None:
    features = learn_features(described, support(len(described)), SETTINGS)
    order = list(range(len(described)))
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis hands in a `random.Random`
    [straight] = list(features.blocks(described))
    [shuffled] = list(features.blocks([described[place] for place in order]))
    assert np.allclose(straight[order], shuffled, atol=1e-6)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_items_and_rows_does_not_change_a_byte(seed: int) -> None:
    shuffled = behaviour(catalog(), np.random.default_rng(seed))
    found = write(train(shuffled, CONFIG, lambda _stage, _done: None))
    assert trained().content is not None
    assert found == write(train(behaviour(catalog()), CONFIG, lambda _stage, _done: None))
