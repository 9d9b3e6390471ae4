"""`fnr worker`: list, show, restart, stop."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.errors import NotFound, UsageError
from fnr.api.question import Changed
from fnr.api.requests import ListWorkers, RestartWorkers, StopWorkers
from fnr.cli.changes import show_changed
from fnr.cli.function import all_functions, no_such_function
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, age, clock_time, show_list, show_one, since
from fnr.cli.terminal import one_line
from fnr.cli.watching import watchable
from fnr.config.load import load
from fnr.policy.record import WorkerRecord

app = group("worker", "Workers: the processes that run functions.")

Ids = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Ids, unique beginnings, pids, or functions.")
]
Now = Annotated[bool, typer.Option("--now", help="Interrupt the running attempt; it is put back.")]


def _now(worker: WorkerRecord) -> str:
    if worker.ended_at_ms is not None:
        return f"{worker.end}, {age(worker.ended_at_ms)} ago"
    return worker.end or f"{worker.task_id or ''} {worker.progress}".strip()


def _count(attempts_done: int | None) -> str:
    """Of workers that are gone it is not remembered."""
    return "" if attempts_done is None else str(attempts_done)


WORKERS: Listing[WorkerRecord] = Listing(
    schema="fnr.worker.list/1",
    columns=(
        Column("WORKER", lambda worker: worker.worker_id),
        Column("FUNCTION", lambda worker: worker.function, flexible=True),
        Column("STATE", lambda worker: worker.state),
        Column("PID", lambda worker: worker.pid, right=True, spare=True),
        since("AGE", lambda worker: worker.started_at_ms),
        Column("TASKS", lambda worker: _count(worker.attempts_done), right=True, spare=True),
        Column("NOW", _now, flexible=True),
    ),
    name=lambda worker: worker.worker_id,
    empty="no workers",
)  # fmt: skip


@app.command("list", epilog=examples("fnr worker list", "fnr worker list --function render --gone"))
@watchable
def list_workers(
    function: Annotated[
        str | None, typer.Option("--function", "-f", metavar="NAME", help="Only of this function.")
    ] = None,
    gone: Annotated[bool, typer.Option("--gone", help="Also the latest that ended.")] = False,
) -> None:
    """List workers."""
    found = here().ask(ListWorkers(function=function, gone=gone))
    if function is not None and not found:
        _check_function(function)
    show_list(WORKERS, found, total=len(found))


@app.command(epilog=examples("fnr worker show 01JD", "fnr worker show 4711"))
def show(
    worker: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a worker, a unique beginning, or a pid.")
    ],
) -> None:
    """Show one worker."""
    record = _find(worker, here().ask(ListWorkers(gone=True)))
    show_one("fnr.worker/1", record, lambda: _page(record), name=record.worker_id)


@app.command(epilog=examples("fnr worker restart 01JD", "fnr worker restart 01JD --now"))
def restart(ids: Ids, now: Now = False) -> None:
    """Replace workers after their running attempt, or at once with --now."""
    changed = here().ask(RestartWorkers(workers=_find_all(ids), now=now))
    show_changed(changed, done="asked to restart")


@app.command(epilog=examples("fnr worker stop 01JD"))
def stop(ids: Ids, now: Now = False) -> None:
    """Stop workers; they are replaced when there is work again."""
    changed: Changed = here().ask(StopWorkers(workers=_find_all(ids), now=now))
    show_changed(changed, done="asked to stop")


def _check_function(name: str) -> None:
    """None of its workers and no such function look alike in a list."""
    loaded = load(here().paths)
    known = {*all_functions()[0], *loaded.settings.functions}
    if name not in known:
        raise no_such_function(name, known, loaded)


def _find_all(words: list[str]) -> list[str]:
    """Ids of workers; the name of a function stands for all of its workers, and stays as it is.

    What fits no worker stays as well: a function may have none just now, and the daemon knows.
    """
    workers = here().ask(ListWorkers(), offline=False)
    functions = {worker.function for worker in workers}
    return [
        _find(word, workers).worker_id
        if word not in functions and _fitting(word, workers)
        else word
        for word in words
    ]


def _fitting(word: str, workers: list[WorkerRecord]) -> list[WorkerRecord]:
    """Workers that this may name; nothing at all names none, not the only one there is."""
    found = [worker for worker in workers if word and worker.worker_id.startswith(word.upper())]
    return found or [worker for worker in workers if str(worker.pid) == word][:1]


def _find(word: str, workers: list[WorkerRecord]) -> WorkerRecord:
    found = _fitting(word, workers)
    if not found:
        raise NotFound(f"there is no worker {word!r}", next_step="fnr worker list --gone")
    if len(found) > 1:
        raise UsageError(
            f"{word!r} is the beginning of {len(found)} workers",
            why=", ".join(worker.worker_id for worker in found[:3]),
            next_step="write more of the id",
        )
    return found[0]


def _page(worker: WorkerRecord) -> str:
    rows = [
        ("worker", worker.worker_id),
        ("function", worker.function),
        ("state", worker.state),
        ("pid", str(worker.pid)),
        ("started", f"{clock_time(worker.started_at_ms)} ({age(worker.started_at_ms)} ago)"),
        (
            "ended",
            f"{clock_time(worker.ended_at_ms)}: {worker.end}" if worker.ended_at_ms else worker.end,
        ),
        ("tasks", _count(worker.attempts_done)),
        ("now", f"{worker.task_id} {worker.progress}" if worker.task_id else ""),
        ("log", worker.log_path or ""),
    ]
    return "".join(f"{name + ':':<11}{one_line(value)}\n" for name, value in rows if value)
