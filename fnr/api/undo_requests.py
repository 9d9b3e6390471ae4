"""What may be asked about undo: the steps that reverse what failed attempts did."""

from __future__ import annotations

from msgspec import field

from fnr.api.question import Changed, Read, Request
from fnr.policy.record import Page
from fnr.policy.undo import Step


class ListUndo(Read[Page[Step]], frozen=True, kw_only=True, tag=str):
    """Steps, newest first; those that are not ended unless `where` names a state.

    backwards: the oldest first.
    """

    where: str = ""
    after: str | None = None
    limit: int = 50
    backwards: bool = False


class GetUndo(Read[Step], frozen=True, kw_only=True, tag=str):
    """undo_id may be any unique prefix."""

    undo_id: str


class RetryUndo(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Try steps again that need an operator; an id of a task means all of them that it has."""

    ids: list[str] = field(default_factory=list)


class SkipUndo(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Let steps go that need an operator: it is in order, or somebody has seen to it."""

    ids: list[str] = field(default_factory=list)
    reason: str
