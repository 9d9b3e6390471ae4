"""Follow what tasks print while they run, and how they end, across retries and daemon restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from fnr.api.errors import DaemonDown, NotFound, TimedOut
from fnr.api.question import Request
from fnr.api.requests import (
    GetTask,
    ListLogSpans,
    ListTasks,
    ListWorkers,
    Submit,
    Submitted,
    TaskSpec,
    WaitTasks,
    Watch,
)
from fnr.api.resource_requests import ExplainWait
from fnr.cli.here import Here, say
from fnr.cli.inbox import PATIENCE_MS, Inbox, patient_connection
from fnr.cli.log_ends import log_size, printed_to
from fnr.cli.terminal import block
from fnr.client.answers import further_ends, in_one_wait, time_is_up
from fnr.client.connect import Connection, ConnectionLost
from fnr.client.patience import Patience, connect_again
from fnr.client.task_story import why
from fnr.host.bookmark import Bookmarks
from fnr.host.clock import Dice, Ulids
from fnr.host.worker_log import read_kept
from fnr.policy.record import LogSpan, TaskEnd
from fnr.policy.task import LIVE_STATES, Task, TaskState

Answer = TypeVar("Answer")
Ask = Callable[[Submit], Submitted]

# Who submits has nothing yet to wait for.
SUBMIT_PATIENCE_MS = 10_000
# How long somebody who waits for one task is told nothing.
SILENT_MS = 2_000
# Not more at once: a slow reader whom a command waits for is to be seen to read.
PIECE_BYTES = 64 * 1024


class Output(Struct, frozen=True):
    """A piece of a log. place: the attempt's token, or a worker's id; from_ms: nothing older.

    lost_bytes: what stood before it and was trimmed before anybody read it.
    """

    place: str
    data: bytes
    from_ms: int = 0
    lost_bytes: int = 0


class Piece(Struct, frozen=True):
    """A piece of a log, up to where it goes, and how much before it was trimmed meanwhile."""

    position: int
    data: bytes
    lost_bytes: int


def task_output(
    here: Here,
    task_id: str,
    *,
    since_ms: int | None = None,
    shown: dict[str, int] | None = None,
    patient: bool = False,
    bookmarks: Bookmarks | None = None,
) -> Iterator[Output]:
    """What a task prints, from its first attempt on, until it has ended.

    shown: log -> up to where it was shown already. patient: also with a daemon that is away now.
    bookmarks: a command behind `fnr run` prints no faster than this is read.
    """
    # A command behind `fnr run` has an exit code to wait for, also where nobody reads its output.
    inbox = Inbox(
        here, Watch(task_ids=[task_id]), patient=patient, unread_too=bookmarks is not None
    )
    spans: list[LogSpan] = []
    # By file and not by attempt: several attempts may stand in one worker's log.
    shown = dict(shown or {})
    while True:
        grown = inbox.wait()
        ended = False
        if grown is None:
            # The state first: whatever an ended task wrote is then in its spans.
            ended = find_task(here, task_id).state not in LIVE_STATES
            spans = patient_ask(here, ListLogSpans(task_id=task_id, since_ms=since_ms))
        for span in spans:
            start = max(shown.get(span.log_path, 0), span.log_from)
            end = printed_to(here.paths, span)
            if bookmarks is not None and end:
                bookmarks.put(span.log_path, start)
            for piece in pieces(span.log_path, start, end):
                shown[span.log_path] = piece.position
                yield Output(span.token, piece.data, span.started_at_ms, piece.lost_bytes)
                if bookmarks is not None:
                    bookmarks.move(span.log_path, piece.position)
            if span.log_to is None:
                inbox.follow(span.log_path, max(shown.get(span.log_path, 0), span.log_from))
        if ended:
            return
        if bookmarks is not None:
            bookmarks.keep({span.log_path for span in spans if span.log_to is None})


def function_output(here: Here, function: str, *, shown: dict[str, int]) -> Iterator[Output]:
    """What the workers of a function print from now on; ends with Ctrl-C only.

    shown: log -> up to where it was shown already; a log that is not there is new.
    """
    inbox = Inbox(here, Watch(functions=[function]))
    logs: dict[str, str] = {}
    shown = dict(shown)
    while True:
        looked_at = logs
        if inbox.wait() is None:
            workers = patient_ask(here, ListWorkers(function=function))
            logs = {one.log_path: one.worker_id for one in workers if one.log_path}
            looked_at = looked_at | logs
            for path in logs:
                inbox.follow(path, shown.setdefault(path, 0))
        for path, worker_id in looked_at.items():
            for piece in pieces(path, shown[path], None):
                shown[path] = piece.position
                yield Output(worker_id, piece.data, lost_bytes=piece.lost_bytes)
        for path in looked_at.keys() - logs.keys():
            # Nothing more comes of a worker that is gone, and its follower would cost for ever.
            inbox.leave(path)


def pieces(path: str, start: int, end: int | None) -> Iterator[Piece]:
    """What stands in a log between two positions."""
    size = log_size(path)
    end = size if end is None else min(end, size)
    while start < end:
        begin, data = read_kept(path, start, end, bytes_max=PIECE_BYTES)
        if not data and begin < end:
            return  # it was cut short: what is there now is looked at next time
        position = begin + len(data)
        yield Piece(position, data, begin - start)
        start = position


def find_task(here: Here, task_id: str) -> Task:
    """The task, without its input and history."""
    found = patient_ask(here, ListTasks(where=f"id:{task_id}", limit=1)).items
    if not found:
        raise NotFound(f"there is no task {task_id}", next_step="fnr task list")
    return found[0]


def patient_ask(here: Here, request: Request[Answer]) -> Answer:
    """Ask, and wait for a daemon that is being restarted, also when that happens again."""
    with suppress(DaemonDown):
        return here.ask(request, offline=False)
    while True:
        with patient_connection(here) as connection, suppress(ConnectionLost):
            return connection.ask(request)


def hand_over(here: Here, spec: TaskSpec, ask: Ask | None = None) -> Submitted:
    """Submit one task, once, also where the daemon goes away between question and answer.

    It gets its id here, so that asking again makes no second task of it, and so that whoever gets
    no answer can look for it. ask: who asks first.
    """
    task_id = spec.task_id or Ulids(here.clock, Dice()).new()
    try:
        return _hand_over(here, Submit(task=replace(spec, task_id=task_id)), ask or here.ask)
    except (ConnectionLost, TimedOut) as error:
        error.next_step = f"{here.command} task show {task_id}"
        raise
    except KeyboardInterrupt:
        say(f"whether it was accepted is not known; {here.command} task show {task_id}")
        raise


def _hand_over(here: Here, request: Submit, ask: Ask) -> Submitted:
    try:
        return ask(request)
    except ConnectionLost as lost:
        here.notice("notice: the daemon went away; waiting until it is back")
        found = _hand_over_again(here, request, lost)
        return replace(found, duplicate=found.duplicate and found.task_id != request.task.task_id)


def _hand_over_again(here: Here, request: Submit, lost: ConnectionLost) -> Submitted:
    """Ask the next daemon, and the one after that, for as long as there is patience."""
    patience = Patience(SUBMIT_PATIENCE_MS)
    while True:
        try:
            connection = connect_again(
                here.paths, timeout_ms=here.timeout_ms, patience_ms=SUBMIT_PATIENCE_MS
            )
        except DaemonDown:
            raise lost from None
        try:
            with connection:
                return connection.ask(request)
        except ConnectionLost:
            if patience.is_over:
                raise
        patience.rest()


def ends_of(here: Here, connection: Connection, request: WaitTasks) -> list[TaskEnd]:
    """How tasks have ended, waiting for them across restarts of the daemon.

    One that has not begun after a while is said to wait, and for what.
    """
    ends = _first_ends(here, connection, request)
    while len(ends) < len(request.task_ids):
        more = patient_ask(here, further_ends(request, len(ends)))
        ends += more
    return ends


def _first_ends(here: Here, connection: Connection, request: WaitTasks) -> list[TaskEnd]:
    """The ends of the first tasks, once all have ended: as many as fit into one answer."""
    begun_at_ms = here.clock.boot_ms()

    def left_ms() -> int | None:
        if request.timeout_ms is None:
            return None
        return max(0, begun_at_ms + request.timeout_ms - here.clock.boot_ms())

    silent = len(request.task_ids) == 1
    while True:
        try:
            with connection, in_one_wait(request):
                if silent and (ends := _ends_soon(connection, request, left_ms())) is not None:
                    return ends
                if silent and not connection.broken:
                    silent = False
                    for reason in why_it_waits(connection, request.task_ids[0]):
                        here.notice(block(f"notice: it waits: {reason}"))
                if not connection.broken:  # it has only been slow
                    return connection.ask(replace(request, timeout_ms=left_ms()))
        except ConnectionLost:
            here.notice("notice: the daemon went away; waiting until it is back")
        left = left_ms()
        patience_ms = PATIENCE_MS if left is None else min(PATIENCE_MS, left)
        try:
            connection = connect_again(
                here.paths, timeout_ms=here.timeout_ms, patience_ms=patience_ms
            )
        except DaemonDown as error:
            if left_ms() != 0:
                raise
            with in_one_wait(request):
                raise time_is_up(error) from error


def _ends_soon(
    connection: Connection, request: WaitTasks, left_ms: int | None
) -> list[TaskEnd] | None:
    """How they have ended, None if nothing happened within SILENT_MS. Raises TimedOut."""
    if left_ms is not None and left_ms <= SILENT_MS:
        return connection.ask(replace(request, timeout_ms=left_ms))
    try:
        return connection.ask(replace(request, timeout_ms=SILENT_MS))
    except TimedOut:
        return None


def why_it_waits(connection: Connection, task_id: str) -> list[str]:
    """What keeps a task from starting; nothing for one that runs."""
    facts = connection.ask(ExplainWait(task_id=task_id))
    whys = [f"for {one.what}: {one.needed} needed, now {one.free}" for one in facts.wanted]
    told = [one for one in (*whys, *facts.holds.values(), facts.never) if one]
    if told:
        return told
    task = connection.ask(GetTask(task_id=task_id)).task
    waits = task.state in {TaskState.QUEUED, TaskState.WAITING}
    return [why(task)] if waits and why(task) else []
