"""What may be asked about rules: the errors they are made from, and how often they decide."""

from __future__ import annotations

from fnr.api.question import Read
from fnr.policy.record import CorrectedError, ErrorRecord, Page, RuleCount


class ListErrorRecords(Read[Page[ErrorRecord]], frozen=True, kw_only=True, tag=str):
    """Errors with all their evidence, newest first; nameless: only those that no rule named.

    A page ends early when its errors are large.
    """

    since_ms: int = 0
    nameless: bool = False
    after: str | None = None
    limit: int = 200


class ListCorrections(Read[Page[CorrectedError]], frozen=True, kw_only=True, tag=str):
    """Errors that people have reclassified, latest first."""

    since_ms: int = 0
    after: str | None = None
    limit: int = 200


class ListRuleCounts(Read[list[RuleCount]], frozen=True, kw_only=True, tag=str):
    """How often each rule has decided, and how often a person disagreed."""
