"""Results of experiments as they are kept: what went in, by which engine, and what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """What the written rules say of an experiment."""

    SHIP = "ship"
    STOP = "stop"
    HOLD = "hold"
    NEEDS_MORE_DATA = "needs_more_data"


class OrderStatistic(NamedTuple):
    """The value at a place of the order of all units, from 1 on; in whole millionths."""

    at: int
    value: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation.

    Attributes:
        evaluated_at: the hour that it stands for; of one that is not kept, its moment.
        engine_version: equal inputs and engines give equal outputs.
        inputs: everything that went in, in JSON.
        outputs: everything that came out, in JSON.
    """

    evaluated_at: datetime
    engine_version: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
