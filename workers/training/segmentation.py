"""Segments of people with like taste, by k-means over the directions of their folded-in vectors."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from domain.models.factor_model import FactorModel
from domain.models.segments import Segments
from domain.recommendations.factors import FoldIn, confidence
from workers.training.evaluation import observations_of
from workers.training.interactions import Interactions

MOST_PEOPLE: Final = 20_000
"""Centroids of so many people lie where those of all would; more are left out."""

SILHOUETTE_PEOPLE: Final = 2_000
STARTS: Final = 4
_SAME: Final = 6
"""Directions that agree in so many digits are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Segments, and how well they part people.

    Attributes:
        segments: what the artifact keeps.
        silhouette: mean silhouette (Rousseeuw, 1987), -1 to 1; None for fewer than two segments.
    """

    segments: Segments
    silhouette: float | None


def segmentation(model: FactorModel, interactions: Interactions, clusters: int, seed: int) -> Segmentation | None:
    """At most `clusters` segments of the people who took to something; None if there are fewer people than that.

    Args:
        model: with the factors that people are folded into.
        interactions: canonical.
        clusters: k.
        seed: of the first centroids and of who is left out where there are too many people.
    """
    people = _people(interactions, seed)
    vectors = _directions(model, interactions, people)
    told_apart = np.linalg.norm(vectors, axis=1) > 0
    people, vectors = people[told_apart], vectors[told_apart]
    if len(people) < max(2 * clusters, 2):
        return None
    clusters = min(clusters, len(np.unique(vectors.round(_SAME), axis=0)))
    with threadpool_limits(limits=1):
        found = KMeans(clusters, n_init=STARTS, random_state=seed).fit(vectors)
        labels, silhouette = _by_size(found.labels_, clusters), _silhouette(vectors, found.labels_, seed)
    centroids = np.stack([_direction(vectors[labels == k].sum(axis=0)) for k in range(clusters)])
    return Segmentation(
        Segments(
            centroids=centroids.astype(np.float32),
            favourites=_favourites(interactions, people, labels, clusters),
            sizes=np.bincount(labels, minlength=clusters).astype(np.int64),
        ),
        silhouette,
    )


def _people(interactions: Interactions, seed: int) -> NDArray[np.int64]:
    people = np.unique(interactions.users[interactions.weights > 0])
    if len(people) > MOST_PEOPLE:
        people = np.sort(np.random.default_rng(seed).choice(people, MOST_PEOPLE, replace=False))
    return people


def _directions(model: FactorModel, interactions: Interactions, people: NDArray[np.int64]) -> NDArray[np.float64]:
    """Folded-in vectors of length 1, float64[people, d]; zeros where there is none."""
    fold_in = FoldIn(model.factors, model.parameters.regularization)
    vectors = np.zeros((len(people), model.factors.shape[1]))
    for place, person in enumerate(people.tolist()):
        observations = observations_of(interactions, person)
        solved = fold_in.solve(observations.rows, confidence(observations, model.parameters))
        vectors[place] = _direction(solved.vector)
    return vectors


def _direction(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else np.zeros_like(vector)


def _by_size(labels: NDArray[np.int32], clusters: int) -> NDArray[np.int64]:
    """The labels renumbered so that the largest segment is 0."""
    order = np.argsort(-np.bincount(labels, minlength=clusters), kind="stable")
    numbers = np.empty(clusters, dtype=np.int64)
    numbers[order] = np.arange(clusters)
    return numbers[labels]


def _silhouette(vectors: NDArray[np.float64], labels: NDArray[np.int32], seed: int) -> float | None:
    if len(vectors) > SILHOUETTE_PEOPLE:
        some = np.random.default_rng(seed).choice(len(vectors), SILHOUETTE_PEOPLE, replace=False)
        vectors, labels = vectors[some], labels[some]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(vectors, labels))


def _favourites(
    interactions: Interactions, people: NDArray[np.int64], labels: NDArray[np.int64], clusters: int
) -> NDArray[np.float32]:
    """People of each segment who took to each item, float32[k, n]."""
    segment = np.full(interactions.user_count, -1, dtype=np.int64)
    segment[people] = labels
    counting = (interactions.weights > 0) & (segment[interactions.users] >= 0)
    pairs = (segment[interactions.users[counting]], interactions.items[counting])
    counts = csr_matrix((np.ones(int(counting.sum())), pairs), shape=(clusters, interactions.item_count))
    return np.asarray(counts.todense(), dtype=np.float32)
