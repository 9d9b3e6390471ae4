"""`fnr logs` and `fnr task logs`: what functions and tasks have printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.errors import NotFound, PermissionDenied
from fnr.api.requests import GetTask, ListFunctions, ListLogSpans
from fnr.cli.follow import Output, function_output, task_output
from fnr.cli.group import TASK_ID_CHARS, examples, group
from fnr.cli.here import here
from fnr.cli.log_lines import show
from fnr.cli.moments import parse_since
from fnr.cli.options import Since, TaskId
from fnr.client.log_lines import LogLines
from fnr.config.load import load
from fnr.host.worker_log import first_kept, read_span
from fnr.policy.log_record import LogRecord
from fnr.policy.record import LogSpan

app = group("logs", "What functions and tasks have printed.")

SPANS_MAX = 200
LINES_DEFAULT = 200

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as it is printed.")]
Lines = Annotated[
    int,
    typer.Option(
        "--lines", "-n", metavar="N", min=0, help="Only the last so many lines; 0 is all."
    ),
]
Timestamps = Annotated[
    bool, typer.Option("--timestamps", "-t", help="When each line was printed, where it is known.")
]


@app.command(
    epilog=examples(
        "fnr logs render",
        "fnr logs render -f",
        "fnr logs 01JD -n 50",
        "fnr logs render --since 10m",
    )
)
def logs(
    name: Annotated[str, typer.Argument(metavar="FUNCTION|TASK", help="A function or a task.")],
    *,
    follow: Follow = False,
    lines: Lines = LINES_DEFAULT,
    since: Since = None,
    timestamps: Timestamps = False,
) -> None:
    """Show what a function's workers or a task's attempts have printed, oldest first."""
    if name in _functions():
        _show_function(name, follow=follow, lines=lines, since=since, timestamps=timestamps)
    else:
        task_logs(name, follow=follow, lines=lines, since=since, timestamps=timestamps)


def task_logs(
    task_id: TaskId,
    *,
    follow: Follow = False,
    lines: Lines = 0,
    since: Since = None,
    timestamps: Timestamps = False,
) -> None:
    """Show what a task's attempts have printed; with -f until the task has ended."""
    task_id = _full_id(task_id)
    since_ms = None if since is None else parse_since(since)
    if follow:
        outputs = task_output(here(), task_id)
        _show_live(outputs, lines=lines, since_ms=since_ms or 0, timestamps=timestamps)
        return
    spans = here().ask(ListLogSpans(task_id=task_id, since_ms=since_ms, limit=SPANS_MAX))
    if not _show_spans(spans, lines=lines, since_ms=since_ms or 0, timestamps=timestamps):
        here().notice(f"task {task_id} has printed nothing")


def _show_function(
    name: str, *, follow: bool, lines: int, since: str | None, timestamps: bool
) -> None:
    since_ms = None if since is None else parse_since(since)
    spans = here().ask(ListLogSpans(function=name, since_ms=since_ms, limit=SPANS_MAX))
    shown = _show_spans(spans, lines=lines, since_ms=since_ms or 0, timestamps=timestamps)
    if follow:
        _show_live(function_output(here(), name), timestamps=timestamps)
    elif not shown:
        here().notice(f"{name} has printed nothing")


def _show_live(
    outputs: Iterable[Output], *, timestamps: bool, lines: int = 0, since_ms: int = 0
) -> None:
    """Show what is printed as it comes; of what was there before only the last `lines`, if any."""
    cutters: dict[str, LogLines] = {}
    before: deque[LogRecord] | None = deque(maxlen=lines) if lines else None
    for output in outputs:
        cutter = cutters.setdefault(output.place, LogLines())
        records = _not_before(cutter.feed(output.data), max(output.from_ms, since_ms))
        if before is None:
            show(records, timestamps=timestamps)
            continue
        before.extend(records)
        if output.caught_up:
            show(iter(before), timestamps=timestamps)
            before = None
    for cutter in cutters.values():
        show(_not_before(cutter.rest(), since_ms), timestamps=timestamps)


def _show_spans(spans: list[LogSpan], *, lines: int, since_ms: int, timestamps: bool) -> bool:
    """Show them, oldest first; whether there was anything."""
    records: Iterator[LogRecord] = (
        record
        for span in _bounded(spans)
        for record in _records(span)
        if not 0 < record.at_ms < since_ms
    )
    kept = iter(deque(records, maxlen=lines)) if lines else records
    first = next(kept, None)
    if first is None:
        return False
    show(chain([first], kept), timestamps=timestamps)
    return True


def _bounded(spans: list[LogSpan]) -> Iterator[LogSpan]:
    """Spans with an end, where it is known.

    An attempt whose worker could not say where its output ended (it died, or the command never
    started) goes on to where the next one in the same log begins.
    """
    for index, span in enumerate(spans):
        if span.log_to is None and span.ended_at_ms is not None:
            later = [s.log_from for s in spans[index + 1 :] if s.log_path == span.log_path]
            yield replace(span, log_to=min(later)) if later else span
        else:
            yield span


def _records(span: LogSpan) -> Iterator[LogRecord]:
    cutter = LogLines()
    try:
        if first_kept(span.log_path) > span.log_from:
            here().notice(f"attempt {span.number} of {span.task_id}: the oldest output is gone")
        data = read_span(span.log_path, span.log_from, span.log_to)
    except PermissionError as error:
        raise PermissionDenied("the log cannot be read", why=str(error)) from error
    yield from cutter.feed(data)
    yield from cutter.rest()


def _not_before(records: Iterator[LogRecord], from_ms: int) -> Iterator[LogRecord]:
    return (record for record in records if not 0 < record.at_ms < from_ms)


def _functions() -> set[str]:
    declared = set(load(here().paths).settings.functions)
    return declared | {record.function for record in here().ask(ListFunctions())}


def _full_id(word: str) -> str:
    if len(word) == TASK_ID_CHARS:
        return word.upper()
    if not word.isalnum():
        raise NotFound(f"there is no function {word!r}", next_step="fnr function list")
    try:
        return here().ask(GetTask(task_id=word)).task.task_id
    except NotFound as error:
        raise NotFound(
            f"there is no function and no task {word!r}", next_step="fnr function list"
        ) from error
