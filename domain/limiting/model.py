"""Rates, in the notation of the library `limits`, and which of them holds for whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from limits import parse

from domain.ids import TenantId

UNLIMITED: Final = "off"
LONGEST_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `amount` in each window of `seconds`; windows begin at whole multiples of their length since 1970."""

    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The rate of a text such as `600/minute` or `20 per 10 seconds`; None for `off`.

        Raises:
            ValueError: it means no rate, or one over more than a day.
        """
        if text == UNLIMITED:
            return None
        item = parse(text)
        if item.get_expiry() > LONGEST_SECONDS or item.amount < 1:
            raise ValueError("a rate counts at least one call and spans at most a day")
        return cls(item.amount, item.get_expiry())


@dataclass(frozen=True, slots=True)
class Window:
    """Where all processes count together.

    Attributes:
        tenant: whose caller it is; None for an address, which is nobody's yet.
        caller: a pseudonym.
        seconds: how long it is.
        number: how many of its length have passed since 1970.
    """

    tenant: TenantId | None
    caller: str
    operation: str
    seconds: int
    number: int


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls of each operation a caller may make; None is no limit.

    Attributes:
        users: of people with a token of their own.
        services: of tokens that act for others.
        single: of people, for single operations by their GraphQL name; these win over `users`.
        events: how many events of behaviour one person may have stored, whoever sends them.
        addresses: of one address without a token, and as many with a token that is refused.
    """

    users: Rate | None = None
    services: Rate | None = None
    single: Mapping[str, Rate | None] = field(default_factory=lambda: MappingProxyType({}))
    events: Rate | None = None
    addresses: Rate | None = None

    @classmethod
    def parse(cls, users: str, services: str, single: str, events: str, addresses: str = UNLIMITED) -> Self:
        """The limits that settings name; `single` as `metrics=10/second, learnPreferences=120/minute`.

        Raises:
            ValueError: a part of it means nothing.
        """
        named = (part.partition("=") for part in single.split(",") if part.strip())
        rates = {name.strip(): Rate.parse(rate.strip()) for name, _, rate in named}
        return cls(
            Rate.parse(users),
            Rate.parse(services),
            MappingProxyType(rates),
            Rate.parse(events),
            Rate.parse(addresses),
        )

    def of(self, operation: str, *, acts_for_others: bool) -> Rate | None:
        """The rate of one operation."""
        return self.services if acts_for_others else self.single.get(operation, self.users)
