"""What is answered to an analysis."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InsightReceipt:
    """What came of an analysis of an item.

    Attributes:
        applied: it is what holds of its source now; False where a later one, or this very one, was there.
        catalog_version: grows with every change of the catalogue.
    """

    applied: bool
    catalog_version: int


@dataclass(frozen=True, slots=True)
class OwnContentReceipt:
    """What came of an analysis of a person's own content.

    Attributes:
        applied: it is new; False where this very one was there.
        version: the person's version afterwards.
    """

    applied: bool
    version: int
