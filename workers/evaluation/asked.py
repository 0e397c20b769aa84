"""What an evaluation can be asked for, apart from what measures it: a command's help needs no training library."""

from enum import StrEnum
from typing import Final


class Protocol(StrEnum):
    """How data is held out."""

    CV5 = "cv5"
    HOLDOUT = "holdout"
    LEAVE_LAST = "leave-last"
    TIME = "time"


NEW_ITEMS: Final = "new-items"
"""The protocol that holds out whole items instead of what people did."""
