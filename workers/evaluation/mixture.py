"""From what sources say to one order of items: weights, a network, or both, whichever ranks other users best.

Weights are found by coordinate ascent on NDCG@10. They and the network are learned on two thirds of the users and
judged on the rest, in turn; what is judged best is kept, as the mean of what was learned in each turn. Averaging over
parts of the data keeps the chance of a few lists out of the weights, and judging on other users keeps a blend from
replacing a single source that is better.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.examples import ABSENT, Examples, candidates
from workers.evaluation.metrics import Interval, interval
from workers.evaluation.network import Network, described, features, fit_network

STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROUNDS: Final = 2
FOLDS: Final = 3
MANY: Final = 500
"""With fewer lists the folds are drawn three times."""

ENOUGH_FOR_NETWORK: Final = 200
SHARES: Final = (0.0, 0.5, 1.0)
"""What part of an order may be the network's."""

ALONE: Final = -1.0
"""Stands for the best single source beside the shares."""

BEHIND: Final = 1e4
"""How far items that no source brings in stand behind the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """How s sources make one order.

    Attributes:
        weights: float64[s], of a sum.
        networks: whose mean orders the candidates as well.
        share: the networks' part of the order, 0 to 1.
        judged: float64[k], NDCG@10 of each list, by what was learned on other users.
        seen: int64[t], the sources that the networks see; None for all.
    """

    weights: NDArray[np.float64]
    networks: tuple[Network, ...] = ()
    share: float = 0.0
    judged: NDArray[np.float64] | None = None
    seen: NDArray[np.int64] | None = None

    @property
    def value(self) -> float:
        """NDCG@10 on users whom it was not learned on; 0 where it was not learned."""
        return 0.0 if self.judged is None else float(self.judged.mean())

    def scores(self, table: NDArray[np.float32], history: NDArray[np.int64]) -> NDArray[np.float32]:
        """The score of every item.

        Args:
            table: float32[s, n], standardized scores.
            history: what the user did, which does not compete.
        """
        summed = np.tensordot(self.weights.astype(np.float32), table, axes=1)
        if self.share == 0.0:
            return np.asarray(summed, dtype=np.float32)
        table = table.copy()
        table[:, history] = ABSENT
        kept = candidates(table)
        found = summed - np.float32(summed.max() + BEHIND)
        inputs = features((table if self.seen is None else table[self.seen])[:, kept], len(history))
        found[kept] = mixed(summed[kept], [network.scores(inputs) for network in self.networks], self.share)
        return np.asarray(found, dtype=np.float32)


def mixed(
    summed: NDArray[np.float32],
    thought: list[NDArray[np.float32]],
    share: float,
    absent: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Both orders in one, in standard deviations over the candidates.

    Args:
        summed: float32[..., c], the weighed sum.
        thought: what each network says, in the same shape.
        share: the networks' part.
        absent: bool[..., c], places that hold no candidate.
    """
    present = np.ones(summed.shape, dtype=np.bool_) if absent is None else ~absent
    total = np.float32(1.0 - share) * _even(summed, present)
    for scores in thought:
        total = total + np.float32(share / len(thought)) * _even(scores, present)
    return np.asarray(np.where(present, total, np.float32(ABSENT)), dtype=np.float32)


def learn_mixture(examples: Examples, seed: int, *, deep: bool, among: NDArray[np.int64] | None = None) -> Mixture:
    """What orders the lists of users best whom it was not learned on.

    Args:
        examples: the lists to learn from.
        seed: of folds and networks.
        deep: whether a network may take part.
        among: int64[t], the sources that may take part; None for all.
    """
    if among is not None:
        mixture = learn_mixture(examples.only(among), seed, deep=deep)
        weights = np.zeros(len(examples.table))
        weights[among] = mixture.weights
        return replace(mixture, weights=weights, seen=among)
    inputs = described(examples) if deep and len(examples) >= ENOUGH_FOR_NETWORK else None
    learned, networks = [], []
    options = (ALONE, *(SHARES if inputs is not None else SHARES[:1]))
    reached = {option: np.zeros(len(examples)) for option in options}
    counts = np.zeros(len(examples))
    for number, (taught, judged) in enumerate(_turns(examples, seed)):
        weights = ascend(examples.take(taught))
        learned.append(weights / np.linalg.norm(weights))
        others = examples.take(judged)
        summed, absent = others.blended(weights), others.table[0] <= ABSENT
        thought = []
        if inputs is not None:
            networks.append(fit_network(inputs[taught], examples.take(taught), seed + number))
            thought.append(networks[-1].scores(inputs[judged]))
        reached[ALONE][judged] += others.values(others.blended(best_single(examples.take(taught))[0]))
        for share in options[1:]:
            orders = mixed(summed, thought, share, absent) if thought else summed
            reached[share][judged] += others.values(orders)
        counts[judged] += 1
    found = {option: values / np.maximum(counts, 1) for option, values in reached.items()}
    best = max(reversed(options), key=lambda option: float(found[option].mean()))
    if not learned or best == ALONE:
        return Mixture(best_single(examples)[0], judged=found[ALONE])
    return Mixture(np.mean(learned, axis=0), tuple(networks) if best else (), best, found[best])


def gained(mixture: Mixture, other: NDArray[np.float64], examples: Examples, seed: int) -> Interval:
    """What a mixture adds to the NDCG@10 of lists of users whom it was not learned on.

    Args:
        mixture: learned on `examples`.
        other: float64[k], what the lists reach without it.
        examples: the lists.
        seed: of the bootstrap over users.
    """
    return interval(reached(mixture, examples) - other, seed, examples.users)


def reached(mixture: Mixture, examples: Examples) -> NDArray[np.float64]:
    """NDCG@10 of each list by a mixture learned on other users, float64[k]; 0 where it was not learned."""
    return np.zeros(len(examples)) if mixture.judged is None else mixture.judged


def best_single(examples: Examples) -> tuple[NDArray[np.float64], float]:
    """The weights of the source that alone ranks best, and its NDCG@10.

    A source that says nothing takes no part: what it seems to find is the chance order of equal scores.
    """
    singles = np.eye(len(examples.table))[np.flatnonzero(examples.speaking).tolist() or [0]]
    values = [float(examples.values(examples.blended(weights)).mean()) for weights in singles]
    return singles[int(np.argmax(values))], max(values)


def ascend(examples: Examples) -> NDArray[np.float64]:
    """Weights by coordinate ascent on NDCG@10, from the best single source on: no worse on these lists than any."""
    weights, best = best_single(examples)
    weights = weights.copy()
    for _ in range(ROUNDS):
        before = best
        for column in np.flatnonzero(examples.speaking).tolist():
            others = weights.copy()
            others[column] = 0.0
            rest = examples.blended(others)
            for step in STEPS:
                if step == weights[column] or not (step or others.any()):
                    continue
                value = float(examples.values(rest + np.float32(step) * examples.table[column]).mean())
                if value > best:
                    weights[column], best = step, value
        if best == before:
            break
    return weights


def _turns(examples: Examples, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Lists to learn on and lists of other users to judge by."""
    random = np.random.default_rng(seed)
    people, numbers = np.unique(examples.users, return_inverse=True)
    for _ in range(1 if len(examples) >= MANY else 3):
        fold = (random.permutation(len(people)) % FOLDS)[numbers]
        for number in range(min(FOLDS, len(people))):
            taught, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            if len(taught) and len(judged):
                yield taught, judged


def _even(scores: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    """In standard deviations above the mean of the candidates of each list."""
    counts = np.maximum(present.sum(axis=-1, keepdims=True), 1)
    known = np.where(present, scores, np.float32(0.0))
    known = np.where(present, known - known.sum(axis=-1, keepdims=True) / counts, np.float32(0.0))
    spread = np.sqrt(np.square(known).sum(axis=-1, keepdims=True) / counts)
    return np.asarray(known / np.maximum(spread, 1e-6), dtype=np.float32)
