"""Frequent sequences by PrefixSpan, with a limit on gaps, on length and on how many patterns are looked at.

A prefix is grown one step at a time; only sequences that contain it are looked at again, from the places where it ends
(Pei et al., Mining Sequential Patterns by Pattern-Growth: The PrefixSpan Approach, IEEE TKDE 16(11), 2004). Between two
steps of a pattern at most `max_gap` others may lie, as in GSP (Srikant and Agrawal, EDBT 1996), so all places where a
prefix ends are kept, not only the first. No pattern has more support than its prefix; therefore patterns come out in
order of support when the best one is grown first, and a limit on their number leaves out the rarest only.

Lift says how much more often the steps follow each other than they would by chance (Brin et al., Dynamic Itemset
Counting and Implication Rules for Market Basket Data, SIGMOD 1997), where chance draws every step from the mix of all
steps: of a sequence with `r` places within reach of the prefix, a step of share `q` is expected in 1 - (1 - q)^r.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import fsum
from typing import Final

from domain.adaptation.model import Step, Steps

NO_LIFT: Final = 1.0


@dataclass(frozen=True, slots=True)
class MiningLimits:
    """What is mined, and at what cost at most.

    Attributes:
        min_support: how many groups have to show a pattern.
        max_length: of a pattern, in steps.
        max_gap: how many other steps may lie between two steps of a pattern.
        max_patterns: how many patterns are answered, those with the most support first.
    """

    min_support: int = 3
    max_length: int = 5
    max_gap: int = 2
    max_patterns: int = 1000


@dataclass(frozen=True, slots=True)
class Pattern:
    """A frequent sequence.

    Attributes:
        steps: in order.
        support: how many groups show it.
        sequences: the indices of the sequences that contain it, ascending.
        confidence: of the sequences with its first step, the share that goes on with the others.
        lift: how many times more often than by chance the others follow.
    """

    steps: Steps
    support: int
    sequences: tuple[int, ...]
    confidence: float
    lift: float


@dataclass(frozen=True, slots=True)
class _Node:
    """A pattern with the places where it ends, by sequence."""

    pattern: Pattern
    ends: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pattern that is frequent and not yet looked at: one step more than its parent."""

    parent: _Node | None
    step: Step
    chance: float


def mine(
    sequences: Sequence[Sequence[Step]], limits: MiningLimits, groups: Sequence[int] | None = None
) -> list[Pattern]:
    """The frequent patterns of `sequences`, those with the most support first, then in order of their steps.

    Work and memory are bounded by `limits.max_patterns` times the total length of `sequences`.

    Args:
        sequences: steps in the order in which they were taken.
        limits: what counts as frequent, and the bounds.
        groups: whose each sequence is, where support counts people and not sequences.
    """
    return list(_grown(_Corpus(sequences, groups or range(len(sequences)), limits)))


class _Corpus:
    def __init__(self, sequences: Sequence[Sequence[Step]], groups: Sequence[int], limits: MiningLimits) -> None:
        self.sequences = sequences
        self.groups = groups
        self.limits = limits
        counts = Counter(step for sequence in sequences for step in sequence)
        self.shares = {step: count / counts.total() for step, count in counts.items()}

    def ends(self, parent: _Node | None, step: Step) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Where the parent's pattern with `step` after it ends."""
        if parent is None:
            for index, sequence in enumerate(self.sequences):
                places = tuple(place for place, taken in enumerate(sequence) if taken == step)
                if places:
                    yield index, places
            return
        for index, before in parent.ends:
            sequence = self.sequences[index]
            places = tuple(place for place in self.reach(index, before) if sequence[place] == step)
            if places:
                yield index, places

    def reach(self, index: int, ends: tuple[int, ...]) -> list[int]:
        """The places of a sequence that may hold the next step of a pattern that ends at `ends`, ascending."""
        width, length = self.limits.max_gap + 1, len(self.sequences[index])
        places: list[int] = []
        free = 0
        for end in ends:
            free = max(free, end + 1)
            stop = min(end + 1 + width, length)
            places.extend(range(free, stop))
            free = max(free, stop)
        return places

    def first(self) -> Iterator[tuple[int, _Candidate]]:
        """The frequent steps with their support."""
        showing: dict[Step, set[int]] = {}
        for index, sequence in enumerate(self.sequences):
            for step in sequence:
                showing.setdefault(step, set()).add(self.groups[index])
        for step, found in showing.items():
            if len(found) >= self.limits.min_support:
                yield len(found), _Candidate(None, step, 1.0)

    def children(self, node: _Node) -> Iterator[tuple[int, _Candidate]]:
        """The frequent patterns of one step more, with their support."""
        if len(node.pattern.steps) >= self.limits.max_length:
            return
        showing: dict[Step, set[int]] = {}
        widths: Counter[int] = Counter()
        for index, ends in node.ends:
            places = self.reach(index, ends)
            widths[len(places)] += 1
            for step in {self.sequences[index][place] for place in places}:
                showing.setdefault(step, set()).add(self.groups[index])
        for step, found in showing.items():
            if len(found) >= self.limits.min_support:
                yield len(found), _Candidate(node, step, _chance(self.shares[step], widths))


def _grown(corpus: _Corpus) -> Iterator[Pattern]:
    waiting: list[tuple[int, Steps, _Candidate]] = [
        (-support, (candidate.step,), candidate) for support, candidate in corpus.first()
    ]
    heapify(waiting)
    for _ in range(corpus.limits.max_patterns):
        if not waiting:
            return
        negative_support, steps, candidate = heappop(waiting)
        node = _node(corpus, candidate, steps, -negative_support)
        yield node.pattern
        for support, child in corpus.children(node):
            heappush(waiting, (-support, (*steps, child.step), child))


def _node(corpus: _Corpus, candidate: _Candidate, steps: Steps, support: int) -> _Node:
    parent = candidate.parent
    ends = tuple(corpus.ends(parent, candidate.step))
    found = tuple(index for index, _ in ends)
    if parent is None:
        return _Node(Pattern(steps, support, found, 1.0, NO_LIFT), ends)
    followed = len(found) / len(parent.pattern.sequences)
    lift = parent.pattern.lift * followed / candidate.chance
    return _Node(Pattern(steps, support, found, parent.pattern.confidence * followed, lift), ends)


def _chance(share: float, widths: Counter[int]) -> float:
    """The share of sequences that would hold a step of that share within reach by chance."""
    return fsum(count * (1 - (1 - share) ** width) for width, count in sorted(widths.items())) / widths.total()
