"""What is looked at to find out why something does not work, and what is said of it."""

from dataclasses import dataclass
from enum import StrEnum

from domain.experiments.model import Test
from domain.models.model import ModelRecord
from domain.outcomes.model import Evaluation


class Complaint(StrEnum):
    """What somebody notices."""

    RECOMMENDATIONS = "Recommendations not updating"
    EXPERIMENTS = "A/B tests not working"
    PERFORMANCE = "Performance issues"


class Check(StrEnum):
    """What is looked at."""

    EVENTS = "events"
    MODELS = "models"
    CACHE = "cache"
    CONFIGURATION = "configuration"
    ASSIGNMENT = "assignment"
    RESULTS = "results"
    POOL = "pool"
    REDIS = "redis"
    BATCHES = "batches"

    @property
    def complaint(self) -> Complaint:
        """What a fault there shows as."""
        if self in {Check.EVENTS, Check.MODELS, Check.CACHE}:
            return Complaint.RECOMMENDATIONS
        if self in {Check.CONFIGURATION, Check.ASSIGNMENT, Check.RESULTS}:
            return Complaint.EXPERIMENTS
        return Complaint.PERFORMANCE


class Verdict(StrEnum):
    """How something is: as it should be, worth a look, or the reason for complaints."""

    FINE = "fine"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        found: in words.
        remedy: what to do about it; empty where there is nothing to do.
    """

    check: Check
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Switches:
    """What the settings say.

    Attributes:
        machine_learning: whether learned models are served.
        experiments: whether people are assigned.
        cache_ttl: seconds that profiles are kept, lists half as long.
        pool_size: connections of a process for each role.
        collects_by_default: whether people are observed who have said nothing.
    """

    machine_learning: bool
    experiments: bool
    cache_ttl: int
    pool_size: int
    collects_by_default: bool


@dataclass(frozen=True, slots=True)
class Tracking:
    """How much is tracked of a tenant, in steps of five people and events.

    Attributes:
        known: people of whom the service knows; None if fewer than five.
        observed: those among them who agreed to being observed; None if fewer than five.
        events: what those did within a day; None if fewer than five people did anything.
    """

    known: int | None
    observed: int | None
    events: int | None


@dataclass(frozen=True, slots=True)
class Learned:
    """The models of a tenant.

    Attributes:
        newest: the version that was trained last, in service or not.
        champion: the version that should serve.
        servable: whether that one can be loaded and its signature holds.
        failure: why the latest training ended without a version; None if it did not.
    """

    newest: ModelRecord | None
    champion: ModelRecord | None
    servable: bool
    failure: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A running experiment and its latest result; None before the first."""

    test: Test
    latest: Evaluation | None


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections to PostgreSQL: how many there are now, of all clients, and how many it allows."""

    open: int
    allowed: int


@dataclass(frozen=True, slots=True)
class RedisCondition:
    """What Redis says of itself.

    Attributes:
        version: of Redis, or the one that Valkey is compatible with.
        used: bytes in use.
        allowed: bytes that it may use; 0 for no limit.
        policy: what it evicts when those are used up.
        persists: whether it writes to the disk; None where it does not say.
    """

    version: str
    used: int
    allowed: int
    policy: str
    persists: bool | None
