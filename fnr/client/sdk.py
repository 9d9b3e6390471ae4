"""fnr for Python programs: submit work, learn how it ended, bring dead letters back.

    with fnr.Client() as client:
        task_id = client.submit("render", {"scene": "a.blend"}, timeout="10m")
        print(client.result(task_id))

Every submit proposes the id of its task, so that repeating it after a lost connection, which the
client does by itself over restart after restart, cannot submit the task twice.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from msgspec.structs import replace

from fnr.api.errors import DaemonDown, FnrError, TimedOut
from fnr.api.letter_requests import ListLetters, ReplayLetters, ReplayReport
from fnr.api.question import Changed, Request
from fnr.api.replay_requests import GetReplay, StartReplay
from fnr.api.requests import (
    CancelTasks,
    GetStatus,
    GetTask,
    ListTasks,
    Status,
    Submit,
    SubmittedMany,
    WaitTasks,
)
from fnr.client.answers import (
    TaskFailed,
    add_changed,
    add_many,
    add_report,
    answer_ms,
    further_ends,
    in_chunks,
    in_one_wait,
    is_put_back,
    patience_with,
    pauses_s,
    previews,
    repeatable,
    rest_of,
    result_of,
    says_how_far,
    says_where,
    says_which,
    says_which_many,
    unanswered,
    with_ids,
)
from fnr.client.async_sdk import AsyncClient
from fnr.client.connect import Connection, ConnectionLost
from fnr.client.patience import Patience, connect_again
from fnr.client.portable import Portable
from fnr.client.specs import (
    Duration,
    SubmitOptions,
    batches,
    milliseconds,
    task_spec,
    task_specs,
    wait_tasks,
)
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.record import PAGE_ITEMS_MAX, TaskDetail, TaskEnd
from fnr.policy.replay import ReplayOptions, ReplayPlan
from fnr.policy.task import Task

__all__ = ["AsyncClient", "Client", "DaemonDown", "FnrError", "TaskFailed", "TimedOut"]

Answer = TypeVar("Answer")


class _OfThread(threading.local):
    """What a thread has for itself: two that read from one connection take each other's answers.

    lost: the daemon was there, and went away. asking: an answer is waited for.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.lost = self.asking = False
        self.ulids = Ulids(Clock(), Dice())
        self.pid = os.getpid()


class Client(Portable):
    """A connection to the daemon that is made when it is first needed and repaired when it is lost.

    Threads may share it, and each has a connection of its own; so has a process forked from this
    one, and what asks in the middle of a question: a signal handler, a finalizer.
    """

    _of_thread = _OfThread
    _mine: _OfThread

    # ── submit ───────────────────────────────────────────────────────────────

    def submit(
        self,
        function: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the house
        **options: Unpack[SubmitOptions],
    ) -> str:
        """Hand over one task; its id, once it is on disk."""
        self._after_fork()
        task_id = self._mine.ulids.new()
        spec = task_spec(function, input, options, task_id=task_id)
        with says_which(task_id):
            return self.ask(Submit(task=spec)).task_id

    def submit_many(
        self,
        function: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        atomic: bool = False,
        **options: Unpack[SubmitOptions],
    ) -> SubmittedMany:
        """Hand over many tasks of one function, 1,000 a transaction, or all in one if atomic."""
        self._after_fork()
        specs = task_specs(function, inputs, options)
        total = SubmittedMany(task_ids=[])
        sent = 0
        with says_how_far(lambda: total):
            for request in batches(with_ids(specs, self._mine.ulids), atomic=atomic):
                with says_which_many(request):
                    total = add_many(total, self.ask(request), offset=sent)
                sent += len(request.items)
        return total

    # ── learn ────────────────────────────────────────────────────────────────

    def wait(self, task_id: str, *, timeout: Duration | None = None) -> TaskEnd:
        """How the task ended, waiting for it; TimedOut after `timeout`."""
        return self.wait_all([task_id], timeout=timeout)[0]

    def wait_all(
        self, task_ids: Iterable[str], *, timeout: Duration | None = None
    ) -> list[TaskEnd]:
        """How each of them ended, in the order given, once all have."""
        request = wait_tasks(task_ids, timeout)
        ends = self.ask(request)
        while len(ends) < len(request.task_ids):
            more = self.ask(further_ends(request, len(ends)))
            ends += more
        return ends

    def result(self, task_id: str, *, timeout: Duration | None = None) -> Any:
        """What the function returned, waiting for it; TaskFailed if it is dead or cancelled."""
        with says_where(self.paths):
            return result_of(self.wait(task_id, timeout=timeout))

    def call(
        self,
        function: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the house
        *,
        within: Duration | None = None,
        **options: Unpack[SubmitOptions],
    ) -> Any:
        """Submit a task and return what its function did; TaskFailed as `result`.

        One way to the daemon and back where submit and result are two. within: give up waiting
        after so long, with TimedOut that names the task; it goes on.
        """
        self._after_fork()
        task_id = self._mine.ulids.new()
        submit = Submit(task=task_spec(function, input, options, task_id=task_id))
        timeout_ms = None if within is None else milliseconds(within, what="within")
        wait = WaitTasks(task_ids=[task_id], timeout_ms=timeout_ms)
        begun_ms = self._clock.boot_ms()
        with says_where(self.paths), says_which(task_id):
            try:
                submitted, ends = self._asked(
                    lambda connection: connection.ask_both(submit, wait), wait, waited_ms=0
                )
            except ConnectionLost as lost:
                submitted = self._ask_again(submit, lost, within=wait, begun_ms=begun_ms)
                ends = None
        if ends is None or submitted.task_id != task_id:
            waited_ms = self._clock.boot_ms() - begun_ms
            wait = replace(wait, task_ids=[submitted.task_id])
            which = says_which(submitted.task_id, accepted=True)
            with says_where(self.paths), which, in_one_wait(wait):
                return result_of(self.ask(rest_of(wait, waited_ms=waited_ms))[0])
        with says_where(self.paths):
            if isinstance(ends, FnrError):
                raise ends
            return result_of(ends[0])

    def get(self, task_id: str) -> TaskDetail:
        """Everything known about a task: input, attempts, errors, decisions."""
        return self.ask(GetTask(task_id=task_id))

    def tasks(self, where: str = "") -> Iterator[Task]:
        """Tasks, newest first; where: a filter like "state:dead function:render-*"."""
        after: str | None = None
        while True:
            page = self.ask(ListTasks(where=where, after=after, limit=PAGE_ITEMS_MAX))
            yield from page.items
            if (after := page.next) is None:
                return

    def letters(self, where: str = "") -> Iterator[DeadLetter]:
        """Dead letters, newest first; open ones unless the filter names a state."""
        after: str | None = None
        while True:
            page = self.ask(ListLetters(where=where, after=after, limit=PAGE_ITEMS_MAX))
            yield from page.items
            if (after := page.next) is None:
                return

    def status(self) -> Status:
        """The daemon, its functions, what needs attention."""
        return self.ask(GetStatus())

    # ── change ───────────────────────────────────────────────────────────────

    def cancel(self, *task_ids: str, reason: str = "") -> Changed:
        """Cancel tasks; running ones are asked to stop."""
        total = Changed()
        for some in in_chunks(task_ids):
            total = add_changed(total, self.ask(CancelTasks(task_ids=some, reason=reason)))
        return total

    def replay(
        self,
        *task_ids: str,
        where: str = "",
        all: bool = False,  # noqa: A002 - as in `--all`
        options: ReplayOptions = ReplayOptions(),  # noqa: B008 - frozen
        reason: str = "",
        detach: bool = False,
    ) -> ReplayPlan:
        """Put dead letters back: these, those that a filter finds, or all that are open.

        A plan, as with `fnr dlq replay`: its set is frozen, it outlives daemon and program,
        and pauses while a breaker is open. Returns once every letter was put back or skipped, or
        the plan rests (`state`, `why`); with `detach` at once.
        """
        plan = self.ask(
            StartReplay(
                task_ids=list(task_ids), where=where, all=all, options=options, reason=reason
            )
        )
        for pause_s in pauses_s():
            if detach or is_put_back(plan):
                break
            # Watching would need a connection of its own; most replays are over by the first looks.
            select.poll().poll(pause_s * 1_000)
            plan = self.ask(GetReplay(plan_id=plan.plan_id, reasons=False)).plan
        return plan

    def replay_preview(
        self,
        *task_ids: str,
        where: str = "",
        all: bool = False,  # noqa: A002 - as in `--all`
    ) -> ReplayReport:
        """How many of these could be put back, and why others could not; nothing is changed."""
        request = ReplayLetters(task_ids=list(task_ids), where=where, all=all, dry_run=True)
        total, left = ReplayReport(eligible=0), previews(request)
        while left:
            report = self.ask(left[0])
            total = add_report(total, report)
            left = [replace(left[0], after=report.next)] if report.next else left[1:]
        return total

    # ── the wire ─────────────────────────────────────────────────────────────

    def ask(self, request: Request[Answer]) -> Answer:
        """Any request of fnr.api.requests; asked again if the connection was lost, where it may be.

        That goes on over restarts in a row for as long as `reconnect`, of a wait without an end.
        """
        self._after_fork()
        begun_ms = self._clock.boot_ms()
        with says_where(self.paths):
            try:
                return self._asked(lambda connection: connection.ask(request), request, waited_ms=0)
            except ConnectionLost as error:
                if not repeatable(request):
                    raise
                lost = error
            return self._ask_again(request, lost, within=request, begun_ms=begun_ms)

    def _asked(
        self, ask: Callable[[Connection], Answer], within: Request[Any], *, waited_ms: int
    ) -> Answer:
        """within: whose time it is that this takes."""
        if self._mine.asking:
            # A signal handler or a finalizer, in the middle of a question of this thread.
            timeout_ms = answer_ms(within, self._timeout_ms, waited_ms=waited_ms)
            with Connection(self.paths, timeout_ms=timeout_ms) as beside:
                return ask(beside)
        self._mine.asking, connection = True, None
        try:
            connection = self._connected(within, waited_ms=waited_ms)
            return ask(connection)
        except ConnectionLost:
            self._mine.lost = connection is not None
            raise
        finally:
            self._mine.asking = False
            if connection is not None and connection.broken:
                self.close()

    def _connected(self, within: Request[Any], *, waited_ms: int) -> Connection:
        timeout_ms = answer_ms(within, self._timeout_ms, waited_ms=waited_ms)
        connection = self._mine.connection
        if connection is not None and connection.is_over():
            # Nothing was sent yet, so that also what may not be asked twice goes to the next one.
            self._mine.lost = True
            self.close()
            connection = None
        if connection is None:
            # Nobody has patience with a daemon that was not there at first.
            lost, self._mine.lost = self._mine.lost, False
            self._mine.connection = connection = (
                connect_again(
                    self.paths,
                    timeout_ms=timeout_ms,
                    patience_ms=patience_with(within, self._patience_ms, waited_ms=waited_ms),
                )
                if lost
                else Connection(self.paths, timeout_ms=timeout_ms)
            )
        connection.timeout_ms = timeout_ms
        return connection

    def _ask_again(
        self, request: Request[Answer], lost: FnrError, *, within: Request[Any], begun_ms: int
    ) -> Answer:
        def waited_ms() -> int:
            return self._clock.boot_ms() - begun_ms

        patience = Patience(self._patience_ms)
        with in_one_wait(within):
            while True:
                try:
                    return self._asked(
                        lambda connection: connection.ask(rest_of(request, waited_ms=waited_ms())),
                        within,
                        waited_ms=waited_ms(),
                    )
                except ConnectionLost as error:
                    if patience.is_over and not isinstance(request, WaitTasks):
                        raise
                    lost = error
                except DaemonDown as error:
                    raise unanswered(error, within, waited_ms=waited_ms()) from lost
                patience.rest()

    def close(self) -> None:
        """Let this thread's connection go; asking makes a new one. Others go with their threads."""
        if self._mine.connection is not None:
            self._mine.connection.close()
            self._mine.connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _after_fork(self) -> None:
        """Two processes must not read each other's answers, nor make the same keys."""
        if self._mine.pid != os.getpid():
            self.close()
            self._mine.ulids, self._mine.asking = Ulids(Clock(), Dice()), False
            self._mine.pid = os.getpid()
