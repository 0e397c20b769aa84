"""What stands in every receipt although no step of an erasure reaches it: backups, logs, and what was handed out."""

from datetime import datetime, timedelta

from domain.erasure.model import Level, Reached


def beyond(erased_at: datetime, vault_backups_kept: timedelta) -> tuple[Reached, ...]:
    """What an erasure at a time does not reach by itself.

    Args:
        erased_at: when the rows were deleted.
        vault_backups_kept: how long the operator keeps backups that hold wrapped keys.
    """
    return (
        Reached(
            "backups",
            "of the database without the vault",
            Level.CRYPTOGRAPHIC,
            "sealed fields cannot be opened; what is not sealed stands under a random id. What is restored is erased "
            "again before the service is ready",
        ),
        Reached(
            "backups",
            "of the vault, copies of the whole database included",
            Level.PENDING,
            "they hold the wrapped key until the operator deletes them; what is restored is erased again, and the key "
            "destroyed again, before the service is ready",
            until=erased_at + vault_backups_kept,
        ),
        Reached("files", "logs", Level.OUT_OF_SCOPE, "logs hold no id and no value of a person"),
        Reached("files", "downloaded exports", Level.OUT_OF_SCOPE, "whoever downloaded an export has it"),
    )
