"""What is kept outside the database: kinds of Redis keys, and folders below the data folder."""

from typing import Final

from domain.privacy.data_map import Basis, Entry, Erasure, Keeping
from domain.privacy.inventory.declaring import folder, key

PLACES: Final[tuple[Entry, ...]] = (
    key("user_stream", "rt:", "A person's latest live updates, sealed, for listeners who come back", personal=True),
    key("user_channel", "rt:", "Where a person's live updates pass, sealed; nothing is stored", personal=True),
    key("cached_recommendations", "rec:", "A person's lists as last made, sealed", personal=True),
    key("cached_profile", "prof:", "A person's profile as last read, sealed", personal=True),
    key("tenant_stream", "rtt:", "The newest update for everybody of a tenant"),
    key("tenant_channel", "rtt:", "Where updates for everybody of a tenant pass"),
    key("cached_for_everybody", "all:", "Answers that rest on nobody's data"),
    key("address_limit", "addr:", "Calls of an address without a valid token, under a pseudonym"),
    key("rate_limit", "rate:", "How often a caller called, under a pseudonym, within one window"),
    key("worker_heartbeat", "arq:", "The sign of life of a worker; job ids in its queue are random"),
    folder("postgres", "The embedded database: the tables of this map", basis=Basis.CONSENT, erasure=Erasure.DELETE),
    folder("valkey", "The embedded Redis, which writes nothing to disk"),
    folder("models", "Copies of trained models, named by their checksum", erasure=Erasure.RETIRE),
    folder(
        "logs", "What the processes say; ids of users are left out", basis=Basis.INTERESTS, keeping=Keeping.OPERATION
    ),
    folder("keys", "The key that wraps people's keys"),
    folder(
        "journal",
        "Erasures under keyed hashes and random ids, done again where an older backup is restored, and their receipts",
        basis=Basis.OBLIGATION,
        keeping=Keeping.EVIDENCE,
    ),
    folder("secrets", "Secrets of a development installation"),
)
