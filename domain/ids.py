"""Identifiers as distinct types, so that a user id never stands where a subject id is meant."""

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", str)
"""A tenant's slug: lower-case letters, digits and hyphens."""

UserId = NewType("UserId", str)
"""The id by which the calling product knows a person; it never leaves the directory unsealed."""

SubjectId = NewType("SubjectId", UUID)
"""The random internal id of a person; rows are keyed by it."""

ItemId = NewType("ItemId", str)
"""The id of a catalogue item within its tenant."""

EventId = NewType("EventId", UUID)
ModelVersion = NewType("ModelVersion", str)
JobId = NewType("JobId", UUID)
CorrelationId = NewType("CorrelationId", str)
