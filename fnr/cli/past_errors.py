"""Past errors with their evidence, as the store gives them: page by page, never all at once."""

from __future__ import annotations

from collections.abc import Iterator

from fnr.api.rule_requests import ListCorrections, ListErrorRecords
from fnr.cli.here import here
from fnr.policy.record import CorrectedError, ErrorRecord


def errors_since(since_ms: int, *, nameless: bool = False) -> Iterator[ErrorRecord]:
    """Errors, newest first; nameless: only those that no rule named."""
    after: str | None = None
    while True:
        request = ListErrorRecords(since_ms=since_ms, nameless=nameless, after=after)
        page = here().ask(request)
        yield from page.items
        after = page.next
        if after is None:
            return


def corrections_since(since_ms: int) -> Iterator[CorrectedError]:
    """Errors that people have reclassified, latest first."""
    after: str | None = None
    while True:
        page = here().ask(ListCorrections(since_ms=since_ms, after=after))
        yield from page.items
        after = page.next
        if after is None:
            return
