"""What attempts have printed so far: the spans of worker logs that the store knows, read in order.

Who goes on to follow the logs is told where each was read up to, so that nothing is lost or shown
twice in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fnr.api.errors import PermissionDenied
from fnr.api.requests import ListLogSpans, ListWorkers
from fnr.cli.here import here
from fnr.cli.log_ends import has_gone_on, log_size, printed_to
from fnr.cli.run_secrets import RunSecrets
from fnr.client.log_lines import LogLines, last_lines
from fnr.client.patience import Patience
from fnr.config.functions import RUN
from fnr.host.worker_log import first_kept, read_span
from fnr.policy.log_record import LogRecord
from fnr.policy.record import LogSpan

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# A line that is longer and not complete yet is shown in two parts.
LINE_BYTES_MAX = 1024 * 1024
# How long it may take until the end of an attempt is on disk, whose worker has begun the next one.
SETTLED_MS = 2_000


class Printed:
    """What a task or a function has printed until now.

    read_to: log -> where its output ends that belongs to this, for who follows it from here.
    """

    def __init__(self, asked: ListLogSpans, *, followed: bool) -> None:
        self._asked = asked
        self._followed = followed
        self._secrets = RunSecrets()
        self.read_to: dict[str, int] = {}
        if followed and asked.function is not None:
            # Before the spans: what an attempt prints that begins meanwhile stands behind these.
            for worker in here().ask(ListWorkers(function=asked.function)):
                if worker.log_path:
                    self.read_to[worker.log_path] = log_size(worker.log_path)
        self._latest = self._page(None)
        for span in self._latest:
            if span.log_to is not None:
                before = self.read_to.get(span.log_path, 0)
                self.read_to[span.log_path] = max(before, span.log_to)

    def records(self, *, lines: int) -> Iterator[LogRecord]:
        """The last so many, 0: all; oldest first."""
        spans = self._newest_first()
        if not lines:
            for span in reversed([*spans]):
                yield from self._records(span)
            return
        kept: deque[LogRecord] = deque()
        for span in spans:
            found = [*self._records(span)]
            first, whole = last_lines(found, lines)
            kept.extendleft(reversed(found[first:]))
            lines -= whole
            if not lines:
                break
        yield from kept

    def _newest_first(self) -> Iterator[LogSpan]:
        begins: dict[str, int] = {}
        page = self._latest
        while page:
            for span in reversed(page):
                yield _bounded(span, begins.get(span.log_path))
                begins[span.log_path] = min(span.log_from, begins.get(span.log_path, span.log_from))
            page = self._page(page[0].token) if len(page) == self._asked.limit else []

    def _page(self, before: str | None) -> list[LogSpan]:
        found = here().ask(replace(self._asked, before=before))
        if self._followed:
            return [_until_now(span) for span in found]
        patience = Patience(SETTLED_MS)
        while any(has_gone_on(here().paths, span) for span in found) and not patience.is_over:
            patience.rest()
            found = here().ask(replace(self._asked, before=before))
        return [_as_far_as_it_goes(span) for span in found]

    def _records(self, span: LogSpan) -> Iterator[LogRecord]:
        cutter = LogLines(self._redaction_of(span))
        try:
            if first_kept(span.log_path) > span.log_from:
                here().notice(f"attempt {span.number} of {span.task_id}: the oldest output is gone")
                cutter.cut()
            data = read_span(span.log_path, span.log_from, span.log_to)
        except PermissionError as error:
            raise PermissionDenied("the log cannot be read", why=str(error)) from error
        records = [*cutter.feed(data), *cutter.rest()]
        if records and span.token != self._latest[-1].token:
            # What comes next is another attempt's.
            records[-1] = replace(records[-1], ended=True)
        since_ms = self._asked.since_ms or 0
        for record in records:
            if not 0 < record.at_ms < since_ms:
                yield record

    def _redaction_of(self, span: LogSpan) -> Redaction:
        if self._asked.function not in {None, RUN}:
            return here().redaction
        return self._secrets.of(span.task_id)


def _until_now(span: LogSpan) -> LogSpan:
    """A span of an attempt that runs, with the end that its output has now: of a whole line."""
    size = printed_to(here().paths, span)
    if span.log_to is not None or size is None:
        return span
    if size <= span.log_from:
        return replace(span, log_to=span.log_from)
    try:
        tail = read_span(span.log_path, span.log_from, size, LINE_BYTES_MAX)
    except PermissionError:
        return span  # said when it is to be shown
    unfinished = len(tail) - tail.rfind(b"\n") - 1
    return replace(span, log_to=size - unfinished if unfinished < LINE_BYTES_MAX else size)


def _as_far_as_it_goes(span: LogSpan) -> LogSpan:
    """The same with the line that is not finished."""
    size = printed_to(here().paths, span)
    return span if size is None else replace(span, log_to=max(size, span.log_from))


def _bounded(span: LogSpan, next_from: int | None) -> LogSpan:
    """A span with an end, where it is known.

    An attempt whose worker could not say where its output ended (it died, or the command never
    started) goes on to where the next one in the same log begins.
    """
    if span.log_to is None and span.ended_at_ms is not None and next_from is not None:
        return replace(span, log_to=next_from)
    return span
