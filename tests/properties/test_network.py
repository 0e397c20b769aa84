"""The network that serves is the network that was trained, whatever its weights and whatever it is asked."""

from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from domain.models.network import FEATURE_LIMIT, Layer, PreferenceNetwork
from domain.recommendations.refinement import lifted


def network(seed: int, widths: Sequence[int], scale: float) -> PreferenceNetwork:
    rng = np.random.default_rng(seed)
    layers = tuple(
        Layer(
            (rng.normal(size=(wide, narrow)) * scale / np.sqrt(wide)).astype(np.float32),
            (rng.normal(size=narrow) * scale).astype(np.float32),
        )
        for wide, narrow in zip(widths, (*widths[1:], 1), strict=True)
    )
    return PreferenceNetwork(
        features=tuple(f"f{place}" for place in range(widths[0])),
        means=rng.normal(size=widths[0]).astype(np.float32),
        scales=(0.1 + rng.random(widths[0])).astype(np.float32),
        layers=layers,
        bounds=np.array([0, 3], dtype=np.int32),
        weights=np.array([0.0, 0.5], dtype=np.float32),
    )


def module_of(network: PreferenceNetwork) -> nn.Sequential:
    """The same network in torch, without the standardization of its features."""
    parts: list[nn.Module] = []
    for weights, bias in network.layers:
        linear = nn.Linear(*weights.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(weights.T)))
            linear.bias.copy_(torch.from_numpy(np.array(bias)))
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


networks = st.builds(
    network,
    seed=st.integers(0, 10_000),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    scale=st.sampled_from([0.0, 0.1, 1.0]),
)


@given(served=networks, seed=st.integers(0, 10_000), count=st.integers(1, 300), spread=st.sampled_from([0.1, 3.0, 1e4]))
def test_numpy_answers_as_torch_does(served: PreferenceNetwork, seed: int, count: int, spread: float) -> None:
    asked = np.random.default_rng(seed).normal(size=(count, len(served.features))).astype(np.float32)
    asked *= np.float32(spread)
    scaled = np.clip((asked - served.means) / served.scales, -FEATURE_LIMIT, FEATURE_LIMIT)
    with torch.no_grad():
        trained = module_of(served)(torch.from_numpy(scaled))[:, 0].numpy()
    np.testing.assert_allclose(served.logits(asked), trained, rtol=1e-5, atol=1e-5)


@given(served=networks)
def test_a_network_survives_the_artifact(served: PreferenceNetwork) -> None:
    restored = PreferenceNetwork.restored(served.arrays(), ",".join(served.features))
    assert restored is not None
    asked = np.ones((3, len(served.features)), dtype=np.float32)
    np.testing.assert_array_equal(restored.logits(asked), served.logits(asked))
    assert [restored.weight(liked) for liked in (0, 2, 3, 50)] == [0.0, 0.0, 0.5, 0.5]


@given(
    logits=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50),
    weight=st.floats(0, 2),
)
def test_candidates_are_lifted_in_the_order_of_their_logits_and_never_lowered(
    logits: list[float], weight: float
) -> None:
    lifts = lifted(np.array(logits, dtype=np.float32), weight)
    assert (lifts >= 0).all()
    order = np.argsort(logits, kind="stable")
    assert (np.diff(lifts[order]) >= 0).all()
