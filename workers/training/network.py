"""The preference network: what the user did, what the item is and when it is asked for, against the linear blend.

A small perceptron learns to tell an item that a user took to from others that the blend puts near it (softmax over
each list, as in listwise ranking: Cao et al., ICML 2007). It is kept for lengths of history at which it ranks the items
of other users better than the blend alone, and told of the moment only where that helps.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from domain.models.factor_model import FactorModel
from domain.models.network import FEATURE_LIMIT, Layer, PreferenceNetwork
from domain.recommendations.features import CONTEXT, GROUPS
from domain.recommendations.refinement import CANDIDATES, lifted
from workers.training.config import TrainingConfig
from workers.training.evaluation import HoldOut
from workers.training.impressions import Impression
from workers.training.lists import Lists, Source
from workers.training.weighing import HISTORY_BOUNDS, gain

HIDDEN: Final = (32, 16)
LISTS: Final = 2_000
"""At most so many lists are learned from, and half as many checked."""

LEAST_LISTS: Final = 60
EPOCHS: Final = 60
PATIENCE: Final = 6
BATCH: Final = 64
LEARNING_RATE: Final = 3e-3
WEIGHT_DECAY: Final = 1e-3
WEIGHTS: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
"""What the network's standardized logit may add to the blend."""

SURE: Final = 2.5
"""Standard errors by which the network has to be better than the blend."""

WORTH: Final = 0.01
"""And the part of the blend's value that it has to add."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a training.

    Attributes:
        network: None if it does not help at any length of history.
        gains: what it adds to the value of a list, by the lower bound of the history's length; 0 where it is off.
        context: whether it is told of the moment.
    """

    network: PreferenceNetwork | None
    gains: dict[int, float]
    context: bool


NOTHING: Final = Outcome(None, {}, context=False)


def preference_network(
    model: FactorModel, hold_out: HoldOut, config: TrainingConfig, shown: Sequence[Impression] = ()
) -> Outcome:
    """The network that reorders the candidates of `model` best.

    Args:
        model: trained on `hold_out.training`, with its blend.
        hold_out: users that the result must not be measured on afterwards.
        config: groups of features, seed.
        shown: lists that were served, to learn from instead of sampled negatives; whether the result helps is still
            asked of held-out items.
    """
    names = tuple(name for group in config.network_features for name in GROUPS[group])
    learning, checking = hold_out.thirds()
    if not names or model.blend is None or len(learning) < LEAST_LISTS or len(checking) < LEAST_LISTS // 2:
        return NOTHING
    rng = np.random.default_rng(config.seed)
    source = Source(model, names)
    taught = source.shown(shown[-LISTS:]) if shown else source.lists(learning, LISTS, rng)
    checked = source.lists(checking, LISTS // 2, None)
    plain = _gated(_fitted(taught.without(CONTEXT), checked.without(CONTEXT), config.seed), checked.without(CONTEXT))
    if not set(CONTEXT) & set(names):
        return plain
    aware = _gated(_fitted(taught, checked, config.seed), checked)
    if sum(aware.gains.values()) > sum(plain.gains.values()):
        return replace(aware, context=True)
    return plain


def _fitted(taught: Lists, checked: Lists, seed: int) -> PreferenceNetwork:
    """The network of the epoch that tells the checked users' items best."""
    present = np.isfinite(taught.blended)
    known = taught.features[present]
    means, scales = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
    means, scales = means.astype(np.float32), np.where(scales < 1e-6, 1.0, scales).astype(np.float32)
    threads = torch.get_num_threads()
    # One thread: how a sum is split changes its last bits.
    torch.set_num_threads(1)
    try:
        module = _module(taught.features.shape[2], seed)
        _learn(module, _scaled(taught, means, scales), _scaled(checked, means, scales), seed)
    finally:
        torch.set_num_threads(threads)
    layers = tuple(
        Layer(
            np.ascontiguousarray(part.weight.detach().numpy().T, dtype=np.float32),
            np.array(part.bias.detach().numpy(), dtype=np.float32),
        )
        for part in module
        if isinstance(part, nn.Linear)
    )
    bounds = np.array(HISTORY_BOUNDS, dtype=np.int32)
    return PreferenceNetwork(taught.names, means, scales, layers, bounds, np.zeros(len(bounds), dtype=np.float32))


def _module(features: int, seed: int) -> nn.Sequential:
    """Layers with weights drawn from `seed` alone (He et al., ICCV 2015); the last begins at 0, as the blend alone."""
    generator = torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = []
    widths = (features, *HIDDEN, 1)
    for wide, narrow in pairwise(widths):
        linear = nn.Linear(wide, narrow)
        with torch.no_grad():
            linear.weight.normal_(0.0, float(np.sqrt(2.0 / wide)), generator=generator)
            linear.bias.zero_()
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def _scaled(lists: Lists, means: NDArray[np.float32], scales: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Features as the network sees them, and which candidates there are."""
    values = np.clip((lists.features - means) / scales, -FEATURE_LIMIT, FEATURE_LIMIT)
    return torch.from_numpy(values), torch.from_numpy(np.isfinite(lists.blended))


def _learn(module: nn.Sequential, taught: tuple[Tensor, Tensor], checked: tuple[Tensor, Tensor], seed: int) -> None:
    """Until the checked users' items are told no better; the module is left as it was best."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, state, waited = float("inf"), copy.deepcopy(module.state_dict()), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(taught[0]), generator=generator)
        for batch in torch.split(order, BATCH):
            optimizer.zero_grad()
            _loss(module, taught[0][batch], taught[1][batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            loss = float(_loss(module, *checked))
        waited += 1
        if loss < best - 1e-4:
            best, state, waited = loss, copy.deepcopy(module.state_dict()), 0
        if waited >= PATIENCE:
            break
    module.load_state_dict(state)


def _loss(module: nn.Sequential, features: Tensor, present: Tensor) -> Tensor:
    """Mean negative log probability of the first candidate of each list."""
    logits = module(features)[..., 0].masked_fill(~present, -torch.inf)
    loss: Tensor = -torch.log_softmax(logits, dim=1)[:, 0].mean()
    return loss


def _gated(network: PreferenceNetwork, checked: Lists) -> Outcome:
    """The network with its weight for each length of history; 0 where it is not surely better than the blend."""
    present = np.isfinite(checked.blended)
    logits = network.logits(checked.features.reshape(-1, len(network.features))).reshape(present.shape)
    ranks = {weight: _ranks(checked, logits, present, weight) for weight in WEIGHTS}
    weights, gains = np.zeros(len(HISTORY_BOUNDS), dtype=np.float32), {}
    groups = np.searchsorted(HISTORY_BOUNDS, checked.liked, side="right") - 1
    for group, bound in enumerate(HISTORY_BOUNDS):
        mine = groups == group
        weights[group], gains[bound] = _best_weight({weight: rank[mine] for weight, rank in ranks.items()})
    if not weights.any():
        return Outcome(None, gains, context=False)
    return Outcome(replace(network, weights=weights), gains, context=False)


def _best_weight(ranks: dict[float, NDArray[np.int64]]) -> tuple[float, float]:
    base = gain(ranks[0.0])
    if len(base) < LEAST_LISTS // 2:
        return 0.0, 0.0
    best, value = 0.0, 0.0
    for weight in WEIGHTS[1:]:
        better = gain(ranks[weight]) - base
        least = max(value, WORTH * float(base.mean()), SURE * float(better.std()) / np.sqrt(len(better)))
        # A few large gains make a mean; most of those who notice a difference have to gain as well (the sign test).
        signs = np.sign(better)
        if better.mean() > least and signs.sum() > SURE * float(np.sqrt(np.abs(signs).sum())):
            best, value = weight, float(better.mean())
    return best, value


def _ranks(lists: Lists, logits: NDArray[np.float32], present: NDArray[np.bool_], weight: float) -> NDArray[np.int64]:
    """The place of each list's first candidate, int64[k]; behind all others if the network never sees it."""
    served = lists.blended.copy()
    for row, logit, there in zip(served, logits, present, strict=True):
        row[there] += lifted(logit[there], weight)
    ranks = (served[:, 1:] > served[:, :1]).sum(axis=1)
    return np.where(lists.reached, ranks, CANDIDATES)
