"""A small network that orders a user's candidates by what all sources say of them together.

A weighed sum cannot tell an item that one source is sure of from one that many find likely; a hidden layer over scores
and ranks can. Each wanted item is learned against all that is not wanted of the same list (softmax, as in ListNet: Cao
et al., ICML 2007). Items that no source brings in are no part of a list, else being unlikely would give them away.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.evaluation.examples import ABSENT, Examples

HIDDEN: Final = 16
EPOCHS: Final = 12
BATCH: Final = 64
LEARNING_RATE: Final = 0.01
WEIGHT_DECAY: Final = 0.01
FARTHEST: Final = 8.0
"""Standard deviations beyond which a score says no more."""

FEW_STEPS: Final = 150
"""With few lists there are more epochs, so that at least so many steps are made."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Scores of items from f features: a weighed sum and a hidden layer of h units beside it.

    Attributes:
        direct: float32[f].
        inner: float32[f, h].
        bias: float32[h].
        outer: float32[h].
    """

    direct: NDArray[np.float32]
    inner: NDArray[np.float32]
    bias: NDArray[np.float32]
    outer: NDArray[np.float32]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The score of each item, from float32[..., f]."""
        hidden = features @ self.inner + self.bias
        hidden = hidden / (1.0 + np.exp(-np.clip(hidden, -60.0, 60.0)))
        return np.asarray(features @ self.direct + hidden @ self.outer, dtype=np.float32)


class Perceptron(nn.Module):
    """The same in torch; it starts as nothing, with a hidden layer drawn from a seed."""

    def __init__(self, features: int, seed: int) -> None:
        super().__init__()
        self.direct = nn.Linear(features, 1, bias=False)
        self.inner = nn.Linear(features, HIDDEN)
        self.outer = nn.Linear(HIDDEN, 1, bias=False)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.direct.weight.zero_()
            self.outer.weight.zero_()
            self.inner.bias.zero_()
            self.inner.weight.uniform_(-1.0, 1.0, generator=generator).mul_(features**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """The score of each item, from float32[..., f]."""
        hidden: Tensor = nn.functional.silu(self.inner(features))
        scores: Tensor = self.direct(features) + self.outer(hidden)
        return scores[..., 0]

    def exported(self) -> Network:
        """Its weights as arrays."""
        direct, inner, bias, outer = (
            part.detach().numpy().copy()
            for part in (self.direct.weight[0], self.inner.weight.T, self.inner.bias, self.outer.weight[0])
        )
        return Network(direct, np.ascontiguousarray(inner), bias, outer)


def features(table: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """What the network sees of c items: each source's score and the item's rank by it, and the history's length.

    Args:
        table: float32[s, c], standardized scores.
        length: of the user's history.

    Returns:
        float32[c, 2s + 1].
    """
    ordered = np.sort(-table, axis=1)
    ranks = np.array([np.searchsorted(row, -scores) for row, scores in zip(ordered, table, strict=True)])
    known = np.full((1, table.shape[1]), np.log1p(length) / 5.0 - 1.0)
    rows = (np.clip(table, -FARTHEST, FARTHEST), 1.5 - np.log1p(ranks) / 2.0, known)
    return np.ascontiguousarray(np.concatenate(rows).T, dtype=np.float32)


def described(examples: Examples) -> NDArray[np.float32]:
    """The features of all candidates, float32[k, c, 2s + 1]; zeros behind the last of a list."""
    count, width = examples.wanted.shape
    found = np.zeros((count, width, 2 * len(examples.table) + 1), dtype=np.float32)
    for row in range(count):
        last = int((examples.table[0, row] > ABSENT).sum())
        found[row, :last] = features(examples.table[:, row, :last], int(examples.lengths[row]))
    return found


def fit_network(inputs: NDArray[np.float32], examples: Examples, seed: int) -> Network:
    """Learn to put the wanted items of each list first.

    Args:
        inputs: `described(examples)`.
        examples: the lists; those that hold nothing wanted are left out.
        seed: of the initial weights and the order of lists.
    """
    useful = np.flatnonzero(examples.wanted.any(axis=1))
    present = torch.from_numpy(examples.table[0, useful] > ABSENT)
    tensors = (torch.from_numpy(inputs[useful]), present, torch.from_numpy(examples.wanted[useful]))
    module = Perceptron(inputs.shape[2], seed)
    threads = torch.get_num_threads()
    # One thread: how a sum is split changes its last bits.
    torch.set_num_threads(1)
    try:
        if len(useful):
            _learn(module, tensors, seed)
    finally:
        torch.set_num_threads(threads)
    return module.exported()


def _learn(module: Perceptron, tensors: tuple[Tensor, Tensor, Tensor], seed: int) -> None:
    batches = -(-len(tensors[0]) // BATCH)
    epochs = max(EPOCHS, -(-FEW_STEPS // batches))
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * batches)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(tensors[0]), generator=generator), BATCH):
            optimizer.zero_grad()
            _loss(module, *(part[rows] for part in tensors)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


def _loss(module: Perceptron, inputs: Tensor, present: Tensor, wanted: Tensor) -> Tensor:
    """Mean negative log probability of a wanted item against all of its list that are not wanted."""
    scores = module(inputs).masked_fill(~present, ABSENT)
    others = torch.logsumexp(scores.masked_fill(wanted, ABSENT), dim=1, keepdim=True)
    each = nn.functional.softplus(others - scores) * wanted
    loss: Tensor = (each.sum(dim=1) / wanted.sum(dim=1)).mean()
    return loss
