"""What a privacy level allows, what a consent adds or takes away, and what follows for a person.

Every answer to "may this be done with this person's data" comes from here: pure, and the same wherever it is asked.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId, UserId


class PrivacyLevel(StrEnum):
    """How much of a person's data may be used at most; `STRICT` holds for whoever has said nothing."""

    STRICT = "strict"
    STANDARD = "standard"
    PERMISSIVE = "permissive"


class ConsentPurpose(StrEnum):
    """What a person can agree to, one by one."""

    BEHAVIOUR_COLLECTION = "behaviour_collection"
    PERSONALIZATION = "personalization"
    TRAINING = "training"
    EXPERIMENTS = "experiments"
    STATED_PREFERENCES = "stated_preferences"


class TrainingUse(StrEnum):
    """Whose rows models learn from: nobody's, those who agreed, or all but those who objected."""

    NEVER = "never"
    CONSENTED = "consented"
    UNLESS_WITHDRAWN = "unless_withdrawn"


@dataclass(frozen=True, slots=True)
class LevelRules:
    """What one level allows.

    Attributes:
        stores_behaviour: with consent, what the person does is kept.
        learns_profile: a profile is learned from it.
        learns_sensitive: also from categories that the catalogue flags as sensitive.
        trains: whether models learn from it.
        experiments: the person may be given another variation than the control.
        retention_months: how long behaviour is kept.
    """

    stores_behaviour: bool
    learns_profile: bool
    learns_sensitive: bool
    trains: TrainingUse
    experiments: bool
    retention_months: int


RULES: Mapping[PrivacyLevel, LevelRules] = MappingProxyType(
    {
        PrivacyLevel.STRICT: LevelRules(
            stores_behaviour=False,
            learns_profile=False,
            learns_sensitive=False,
            trains=TrainingUse.NEVER,
            experiments=False,
            retention_months=0,
        ),
        PrivacyLevel.STANDARD: LevelRules(
            stores_behaviour=True,
            learns_profile=True,
            learns_sensitive=False,
            trains=TrainingUse.CONSENTED,
            experiments=True,
            retention_months=13,
        ),
        PrivacyLevel.PERMISSIVE: LevelRules(
            stores_behaviour=True,
            learns_profile=True,
            learns_sensitive=True,
            trains=TrainingUse.UNLESS_WITHDRAWN,
            experiments=True,
            retention_months=25,
        ),
    }
)

OBSERVED_PURPOSES = frozenset(ConsentPurpose) - {ConsentPurpose.STATED_PREFERENCES}
"""The purposes that work on what a person does; the strict level withdraws all of them."""

_RAISES_LEVEL = frozenset({ConsentPurpose.BEHAVIOUR_COLLECTION, ConsentPurpose.PERSONALIZATION})


@dataclass(frozen=True, slots=True)
class Consents:
    """The latest word of a person on each purpose; a purpose in neither set was never spoken of."""

    granted: frozenset[ConsentPurpose] = frozenset()
    withdrawn: frozenset[ConsentPurpose] = frozenset()

    @property
    def spoken(self) -> frozenset[ConsentPurpose]:
        """The purposes on which there is a receipt."""
        return self.granted | self.withdrawn

    def after(self, purposes: Iterable[ConsentPurpose], *, granted: bool) -> Self:
        """The consents once `purposes` have been granted or withdrawn."""
        named = frozenset(purposes)
        if granted:
            return replace(self, granted=self.granted | named, withdrawn=self.withdrawn - named)
        return replace(self, granted=self.granted - named, withdrawn=self.withdrawn | named)


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, as much of them as every decision needs.

    Attributes:
        tenant: whose person this is.
        subject_id: the random internal id.
        privacy_level: what may be done at most.
        collects: what the person does may be stored; equals `collects(privacy_level, consents)`.
        version: the number of the latest user-visible change.
        gpc: the person's browser sent Global Privacy Control.
        trains: models may learn from the person's rows; equals `trains(privacy_level, consents, gpc=gpc)`.
        consents: the latest word on each purpose.
        unannounced: how many changes of what is kept of them took no version, as nobody was told of them.
    """

    tenant: TenantId
    subject_id: SubjectId
    privacy_level: PrivacyLevel = PrivacyLevel.STRICT
    collects: bool = False
    version: int = 0
    gpc: bool = False
    trains: bool = False
    consents: Consents = Consents()
    unannounced: int = 0

    @property
    def rules(self) -> LevelRules:
        """What the person's level allows."""
        return RULES[self.privacy_level]

    @property
    def personalizes(self) -> bool:
        """Answers may use what was learned of this person; otherwise they equal an anonymous person's."""
        return self._uses(ConsentPurpose.PERSONALIZATION, allowed=self.rules.learns_profile)

    @property
    def experiments(self) -> bool:
        """The person may take part in experiments; otherwise they always see the control."""
        return self._uses(ConsentPurpose.EXPERIMENTS, allowed=self.rules.experiments)

    @property
    def keeps_stated(self) -> bool:
        """What the person states about themselves may be kept; at the strict level only with a consent of its own."""
        purpose = ConsentPurpose.STATED_PREFERENCES
        return purpose in self.consents.granted or self._uses(purpose, allowed=self.rules.learns_profile)

    @property
    def uses_stated(self) -> bool:
        """Answers may use what the person stated: they agreed to just that, or to personalization."""
        return self.keeps_stated and (ConsentPurpose.STATED_PREFERENCES in self.consents.granted or self.personalizes)

    def _uses(self, purpose: ConsentPurpose, *, allowed: bool) -> bool:
        return self.collects and allowed and purpose not in self.consents.withdrawn


def collects(level: PrivacyLevel, consents: Consents) -> bool:
    """Whether behaviour may be stored: the level allows it and the person agreed to it."""
    return RULES[level].stores_behaviour and ConsentPurpose.BEHAVIOUR_COLLECTION in consents.granted


def trains(level: PrivacyLevel, consents: Consents, *, gpc: bool = False) -> bool:
    """Whether models may learn from the person's rows; never from rows that may no longer be collected.

    Global Privacy Control objects to what others gain from a person's rows, so that only an explicit consent allows it.
    """
    if not collects(level, consents):
        return False
    match RULES[level].trains:
        case TrainingUse.NEVER:
            return False
        case TrainingUse.CONSENTED:
            return ConsentPurpose.TRAINING in consents.granted
        case TrainingUse.UNLESS_WITHDRAWN:
            granted = ConsentPurpose.TRAINING in consents.granted
            return granted if gpc else ConsentPurpose.TRAINING not in consents.withdrawn


def with_consents(subject: Subject, purposes: Iterable[ConsentPurpose], *, granted: bool) -> Subject:
    """The person once `purposes` have been granted or withdrawn.

    Agreeing to be observed contradicts the strict level, and the later word counts: it raises strict to standard.
    """
    named = frozenset(purposes)
    level = subject.privacy_level
    if granted and level is PrivacyLevel.STRICT and named & _RAISES_LEVEL:
        level = PrivacyLevel.STANDARD
    return decided(subject, level, subject.consents.after(named, granted=granted))


def with_level(subject: Subject, level: PrivacyLevel) -> Subject:
    """The person once they have chosen `level`.

    Choosing strict withdraws every purpose that observes. Choosing another level grants none: that is said separately.
    """
    consents = subject.consents
    if level is PrivacyLevel.STRICT:
        consents = consents.after(OBSERVED_PURPOSES, granted=False)
    return decided(subject, level, consents)


def decided(subject: Subject, level: PrivacyLevel, consents: Consents, *, gpc: bool | None = None) -> Subject:
    """The person with this level and these consents, and what follows from them; GPC stays unless given."""
    return replace(
        subject,
        gpc=subject.gpc if gpc is None else gpc,
        privacy_level=level,
        consents=consents,
        collects=collects(level, consents),
        trains=trains(level, consents, gpc=subject.gpc if gpc is None else gpc),
    )


def ends_observation(before: Subject, after: Subject) -> bool:
    """Whether a decision ends the right to keep what was observed: consent to it is gone, or strict was chosen."""
    chose_strict = after.privacy_level is PrivacyLevel.STRICT and before.privacy_level is not PrivacyLevel.STRICT
    return chose_strict or (before.collects and not after.collects)


_MAX_USER_ID_CHARS = 256
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def valid_user_id(text: str) -> UserId:
    """`text` as an external user id.

    Raises:
        ValidationFailed: it is empty, longer than 256 characters, or holds control characters or lone surrogates.
    """
    if not 1 <= len(text) <= _MAX_USER_ID_CHARS:
        raise ValidationFailed(f"A user id has 1 to {_MAX_USER_ID_CHARS} characters.", field="userId")
    if _UNPRINTABLE.search(text):
        raise ValidationFailed("A user id holds no control characters.", field="userId")
    return UserId(text)
