"""What may be asked about errors and incidents."""

from __future__ import annotations

from msgspec import field

from fnr.api.question import Changed, Read, Request
from fnr.policy.incident import Incident
from fnr.policy.record import ErrorDetail, ErrorLine, IncidentDetail, Page, SimilarIncident
from fnr.policy.rules import Category


class ListErrors(Read[Page[ErrorLine]], frozen=True, kw_only=True, tag=str):
    """Errors, newest first; where: filter expression."""

    where: str = ""
    after: str | None = None
    limit: int = 50
    backwards: bool = False


class GetError(Read[ErrorDetail], frozen=True, kw_only=True, tag=str):
    """error_id may be any unique prefix, or a task's id: then it is the task's latest error."""

    error_id: str


class ListIncidents(Read[Page[Incident]], frozen=True, kw_only=True, tag=str):
    """Incidents, latest error first; open ones unless `where` names a state."""

    where: str = ""
    after: str | None = None
    limit: int = 50
    backwards: bool = False


class GetIncident(Read[IncidentDetail], frozen=True, kw_only=True, tag=str):
    """incident_id may be any unique prefix, or the id of one of its errors."""

    incident_id: str


class ListSimilar(Read[list[SimilarIncident]], frozen=True, kw_only=True, tag=str):
    """Incidents that share most with one, the nearest first."""

    incident_id: str
    limit: int = 10


class AckIncidents(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Somebody has seen them; ends a snooze."""

    incident_ids: list[str] = field(default_factory=list)
    reason: str = ""


class SnoozeIncidents(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Leave them alone for so long; their errors go on being counted."""

    incident_ids: list[str] = field(default_factory=list)
    for_ms: int
    reason: str = ""


class ResolveIncidents(Request[Changed], frozen=True, kw_only=True, tag=str):
    """They are over; the next error opens them again, as regressed."""

    incident_ids: list[str] = field(default_factory=list)
    reason: str = ""


class ReclassifyErrors(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Say what errors are; the classification they were given stays beside it."""

    error_ids: list[str] = field(default_factory=list)
    category: Category
    why: str = ""
