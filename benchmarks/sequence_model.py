"""Whether a sequence model earns its place: a small SASRec, alone and among the hybrid's sources, on one protocol.

    python -m benchmarks.sequence_model --data FOLDER

FOLDER is a MovieLens folder. Everything is learned and judged on the validation split of `leave-last`, as a choice of a
model has to be. SASRec is the causal self-attention of Kang and McAuley (ICDM 2018), learned by the softmax over all
items that it knows (Petrov and Macdonald, RecSys 2023: few negatives make it overconfident).
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.report import save
from workers.evaluation.asked import Protocol
from workers.evaluation.examples import Examples, build_examples
from workers.evaluation.histories import Histories, Pasts, build_histories, items_of
from workers.evaluation.metrics import paired_difference
from workers.evaluation.mixture import learn_mixture
from workers.evaluation.protocols import splits, validation
from workers.evaluation.runner import fitted_sources
from workers.evaluation.sources import Model

WIDTH, BLOCKS, HEADS, LENGTH = 64, 2, 2, 50
EPOCHS, BATCH, LEARNING_RATE, DROPOUT, SUPPORT = 80, 64, 2e-3, 0.3, 5
EXAMPLES = 2_000


class Block(nn.Module):
    """Attention to what was before, then each place for itself; both are added to what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_forward = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, dropout=DROPOUT, batch_first=True)
        self.inner, self.outer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """float32[b, l, d] in and out."""
        seen = self.before_attention(rows)
        rows = rows + self.dropout(self.attention(seen, seen, seen, attn_mask=mask, need_weights=False)[0])
        forward: Tensor = self.outer(self.dropout(torch.relu(self.inner(self.before_forward(rows)))))
        return rows + self.dropout(forward)


class SasRec(nn.Module):
    """What comes next after each place of a history; item 0 stands for no item."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items, self.places = nn.Embedding(items + 1, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.last, self.dropout = nn.LayerNorm(WIDTH), nn.Dropout(DROPOUT)
        for embedding in (self.items, self.places):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, histories: Tensor) -> Tensor:
        """int64[b, l] in, newest last; float32[b, l, d] out."""
        length = histories.shape[1]
        mask = torch.full((length, length), -torch.inf).triu(1)
        rows = self.items(histories) + self.places.weight[LENGTH - length :]
        rows = self.dropout(rows)
        for block in self.blocks:
            rows = block(rows, mask)
        found: Tensor = self.last(rows)
        return found


class Arrays:
    """The same by numpy: the newest place of one history at a time."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self._state = {name: value.detach().numpy().astype(np.float32) for name, value in state.items()}

    def scores(self, history: NDArray[np.int64]) -> NDArray[np.float32]:
        """The score of every item, float32[n + 1], after a history of at least one item."""
        state, history = self._state, history[-LENGTH:]
        rows = state["items.weight"][history] + state["places.weight"][LENGTH - len(history) :]
        for block in range(BLOCKS):
            rows = self._block(rows, f"blocks.{block}.")
        return np.asarray(state["items.weight"] @ self._normal(rows[-1:], "last")[0])

    def _block(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        state, count = self._state, len(rows)
        seen = self._normal(rows, f"{name}before_attention")
        joint = seen @ state[f"{name}attention.in_proj_weight"].T + state[f"{name}attention.in_proj_bias"]
        queries, keys, values = (part.reshape(count, HEADS, -1).swapaxes(0, 1) for part in np.split(joint, 3, axis=1))
        logits = queries @ keys.swapaxes(1, 2) / np.sqrt(np.float32(WIDTH // HEADS))
        logits = np.where(np.tri(count, dtype=np.bool_), logits, -np.inf)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True) @ values).swapaxes(0, 1).reshape(count, WIDTH)
        rows = rows + self._linear(mixed, f"{name}attention.out_proj")
        inner = np.maximum(self._linear(self._normal(rows, f"{name}before_forward"), f"{name}inner"), 0.0)
        return np.asarray(rows + self._linear(inner, f"{name}outer"), dtype=np.float32)

    def _linear(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(rows @ self._state[f"{name}.weight"].T + self._state[f"{name}.bias"])

    def _normal(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(1e-5))
        return np.asarray(scaled * self._state[f"{name}.weight"] + self._state[f"{name}.bias"])


class Sequences:
    """SASRec as a source: scores of the items that enough people took to; the others have the least of them."""

    def __init__(self, training: Histories) -> None:
        counts = np.bincount(training.items, minlength=training.item_count)
        self._known = np.flatnonzero(counts >= SUPPORT)
        self._number = np.zeros(training.item_count, dtype=np.int64)
        self._number[self._known] = np.arange(1, len(self._known) + 1)
        self.module = _trained([self._numbers(items) for items in training.lists()], len(self._known))
        self.arrays = Arrays(self.module.state_dict())

    def scores(self, pasts: Pasts) -> NDArray[np.float32]:
        """The score of every item."""
        table = np.zeros((len(pasts), len(self._number)), dtype=np.float32)
        for row, items in zip(table, items_of(pasts), strict=True):
            history = self._numbers(items)
            if len(history):
                found = self.arrays.scores(history)[1:]
                row[:] = found.min()
                row[self._known] = found
        return table

    def difference(self, pasts: Pasts) -> float:
        """The largest difference of a score by torch from the same by numpy."""
        largest = 0.0
        for items in items_of(pasts):
            history = self._numbers(items)[-LENGTH:]
            if len(history):
                with torch.no_grad():
                    wanted = self.module(torch.from_numpy(history)[None])[0, -1] @ self.module.items.weight.T
                largest = max(largest, float(np.abs(wanted.numpy() - self.arrays.scores(history)).max()))
        return largest

    def _numbers(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        numbers = self._number[items]
        return numbers[numbers > 0]


def _trained(lists: Sequence[NDArray[np.int64]], items: int) -> SasRec:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    module, lists = SasRec(items), [numbers for numbers in lists if len(numbers) > 1]
    batches = -(-len(lists) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for some in np.array_split(random.permutation(len(lists)), batches):
            windows = torch.from_numpy(np.stack([_window(lists[number], random) for number in some]))
            inputs, wanted = windows[:, :-1], windows[:, 1:]
            present = (inputs > 0) & (wanted > 0)
            logits = module(inputs)[present] @ module.items.weight[1:].T
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, wanted[present] - 1).backward()
            optimizer.step()
            schedule.step()
    return module.eval()


def _window(numbers: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """A random stretch of a history with one item more than the model sees, zeros before it."""
    last = int(random.integers(min(len(numbers), LENGTH + 1), len(numbers) + 1))
    found = np.zeros(LENGTH + 1, dtype=np.int64)
    stretch = numbers[max(0, last - LENGTH - 1) : last]
    found[len(found) - len(stretch) :] = stretch
    return found


def films(folder: Path) -> Histories:
    """MovieLens' ratings in order of time."""
    users, items, times = np.loadtxt(folder / "ratings.csv", delimiter=",", skiprows=1, usecols=(0, 1, 3)).T
    people, films = (np.unique(column, return_inverse=True)[1] for column in (users, items))
    return build_histories(people, films, times, int(people.max()) + 1, int(films.max()) + 1)


def compare(histories: Histories) -> dict[str, Any]:
    """NDCG@10 on validation of each source alone, and of the mixture with and without SASRec."""
    inner = validation(next(splits(histories, Protocol.LEAVE_LAST, 0)), Protocol.LEAVE_LAST, 1)
    cases = inner.cases(EXAMPLES)
    told = [case.past for case in cases]
    started = time.perf_counter()
    sequences = Sequences(inner.training)
    seconds = time.perf_counter() - started
    models: dict[str, Model] = {**fitted_sources(inner, 0), "SASRec": sequences}
    whole = build_examples(list(models.values()), cases, told)
    without = np.arange(len(models) - 1)
    values = np.array([whole.values(part) for part in whole.table])
    having, lacking = _judged(whole), _judged(whole.only(without))
    return {
        "protocol": "validation split of leave-last",
        "lists": len(cases),
        "alone": {name: float(value) for name, value in zip(models, values.mean(axis=1), strict=True)},
        "mixture_without": float(lacking.mean()),
        "mixture_with": float(having.mean()),
        "gain": asdict(paired_difference(having, lacking, 0, whole.users)),
        "largest_difference_of_numpy_from_torch": sequences.difference(told[:50]),
        "training_seconds": round(seconds, 1),
    }


def _judged(examples: Examples) -> NDArray[np.float64]:
    found = learn_mixture(examples, 0, deep=True).judged
    return np.zeros(len(examples)) if found is None else found


def main() -> None:
    """Compare, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence_model")
    parser.add_argument("--data", type=Path, required=True, help="a MovieLens folder")
    found = compare(films(parser.parse_args().data))
    for name, value in found["alone"].items():
        print(f"{name:24}{value:.4f}")
    print(f"{'mixture without SASRec':24}{found['mixture_without']:.4f}")
    print(f"{'mixture with SASRec':24}{found['mixture_with']:.4f}")
    gain = found["gain"]
    print(f"{'difference':24}{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})")
    print(f"numpy differs from torch by at most {found['largest_difference_of_numpy_from_torch']:.1e}")
    save("sequence_model", found)


if __name__ == "__main__":
    main()
