"""`fnr logs` and `fnr task logs`: what functions and tasks have printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from fnr.api.errors import NotFound
from fnr.api.requests import GetTask, ListFunctions, ListLogSpans, ListWorkers
from fnr.cli.follow import Output, function_output, task_output
from fnr.cli.group import TASK_ID_CHARS, examples, group
from fnr.cli.here import here
from fnr.cli.log_ends import log_size
from fnr.cli.log_lines import Screen, lost_words
from fnr.cli.log_spans import Printed
from fnr.cli.moments import parse_since
from fnr.cli.options import Since, TaskId
from fnr.cli.run_secrets import RunSecrets
from fnr.client.log_lines import LogLines
from fnr.config.functions import RUN
from fnr.config.load import load
from fnr.policy.log_record import LogRecord

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

app = group("logs", "What functions and tasks have printed.")

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
    printed = Printed(ListLogSpans(task_id=task_id, since_ms=since_ms), followed=follow)
    screen = Screen(timestamps=timestamps)
    shown = _show_printed(printed, screen, lines=lines)
    if follow:
        secrets = RunSecrets()
        outputs = task_output(here(), task_id, since_ms=since_ms, shown=printed.read_to)
        _show_live(outputs, lambda: secrets.of(task_id), screen)
    elif not shown:
        here().notice(f"task {task_id} has printed nothing{_since_then(since)}")


def _show_function(
    name: str, *, follow: bool, lines: int, since: str | None, timestamps: bool
) -> None:
    since_ms = None if since is None else parse_since(since)
    printed = Printed(ListLogSpans(function=name, since_ms=since_ms), followed=follow)
    screen = Screen(timestamps=timestamps)
    shown = _show_printed(printed, screen, lines=lines)
    if follow:
        outputs = function_output(here(), name, shown=printed.read_to)
        hides = RunSecrets().of_latest if name == RUN else lambda: here().redaction
        _show_live(outputs, hides, screen)
    elif not shown:
        here().notice(_nothing_of(name, since))


def _nothing_of(name: str, since: str | None) -> str:
    """What workers print while they load, and threads after an attempt, is no attempt's."""
    if since is None:
        for worker in here().ask(ListWorkers(function=name, gone=True)):
            if worker.log_path and log_size(worker.log_path):
                words = f"no attempt of {name} has printed anything; what else its worker"
                return f"{words} printed stands in {worker.log_path}"
    return f"{name} has printed nothing{_since_then(since)}"


def _since_then(since: str | None) -> str:
    return "" if since is None else " since then"


def _show_printed(printed: Printed, screen: Screen, *, lines: int) -> bool:
    """Show it; whether there was anything."""
    records = printed.records(lines=lines)
    first = next(records, None)
    if first is None:
        return False
    screen.show(chain([first], records))
    return True


def _show_live(outputs: Iterable[Output], hides: Callable[[], Redaction], screen: Screen) -> None:
    cutters: dict[str, LogLines] = {}
    for output in outputs:
        cutter = cutters.setdefault(output.place, LogLines(None))
        cutter.redaction = hides()
        if output.lost_bytes:
            here().notice(f"notice: {lost_words(output.lost_bytes)}")
            cutter.cut()
        records = _not_before(cutter.feed(output.data), output.from_ms)
        screen.show(records, place=output.place)
    for place, cutter in cutters.items():
        screen.show(cutter.rest(), place=place)


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
