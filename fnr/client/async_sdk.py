"""fnr for asyncio programs: the same words as Client, many questions at once on one connection.

async with fnr.AsyncClient() as client:
    task_id = await client.submit("render", {"scene": "a.blend"})
    print(await client.result(task_id))
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from copy import copy
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
    add_changed,
    add_many,
    add_report,
    further_ends,
    in_chunks,
    in_one_wait,
    is_put_back,
    pauses_s,
    previews,
    repeatable,
    rest_of,
    result_of,
    says_how_far,
    says_where,
    says_which,
    says_which_many,
    time_is_up,
    unanswered,
    with_ids,
)
from fnr.client.async_link import AsyncLink
from fnr.client.connect import SLACK_MS, ConnectionLost, not_in_time
from fnr.client.patience import Patience
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

Answer = TypeVar("Answer")

RETRY_S = 0.05


class _OfThread(threading.local):
    """What a thread has for itself: no loop can use what another one waits for.

    loop: its latest one, whose the others are.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.link: AsyncLink | None = None
        self.connecting = asyncio.Lock()
        self.tries = 0
        self.refused: FnrError | None = None
        self.ulids = Ulids(Clock(), Dice())
        self.pid = os.getpid()


class AsyncClient(Portable):
    """A connection to the daemon, shared by everything that awaits on this loop.

    Another loop, of a second asyncio.run or of another thread, has one of its own.
    """

    _of_thread = _OfThread
    _mine: _OfThread

    async def submit(
        self,
        function: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the house
        **options: Unpack[SubmitOptions],
    ) -> str:
        """Hand over one task; its id, once it is on disk."""
        return await self._submit_within(None, function, input, options)

    async def submit_many(
        self,
        function: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        atomic: bool = False,
        **options: Unpack[SubmitOptions],
    ) -> SubmittedMany:
        """Hand over many tasks of one function, 1,000 a transaction, or all in one if atomic."""
        self._look_around()
        specs = task_specs(function, inputs, options)
        total = SubmittedMany(task_ids=[])
        sent = 0
        with says_how_far(lambda: total):
            for request in batches(with_ids(specs, self._mine.ulids), atomic=atomic):
                with says_which_many(request):
                    total = add_many(total, await self.ask(request), offset=sent)
                sent += len(request.items)
        return total

    async def wait(self, task_id: str, *, timeout: Duration | None = None) -> TaskEnd:  # noqa: ASYNC109 - the daemon keeps it
        """How the task ended, waiting for it; TimedOut after `timeout`."""
        return (await self.wait_all([task_id], timeout=timeout))[0]

    async def wait_all(
        self,
        task_ids: Iterable[str],
        *,
        timeout: Duration | None = None,  # noqa: ASYNC109 - the daemon keeps it
    ) -> list[TaskEnd]:
        """How each of them ended, in the order given, once all have."""
        request = wait_tasks(task_ids, timeout)
        ends = await self.ask(request)
        while len(ends) < len(request.task_ids):
            more = await self.ask(further_ends(request, len(ends)))
            ends += more
        return ends

    async def result(self, task_id: str, *, timeout: Duration | None = None) -> Any:  # noqa: ASYNC109 - the daemon keeps it
        """What the function returned, waiting for it; TaskFailed if it is dead or cancelled."""
        with says_where(self.paths):
            return result_of(await self.wait(task_id, timeout=timeout))

    async def call(
        self,
        function: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the house
        *,
        within: Duration | None = None,
        **options: Unpack[SubmitOptions],
    ) -> Any:
        """Submit a task and return what its function did; TaskFailed as `result`.

        within: give up waiting after so long, with TimedOut that names the task; it goes on.
        """
        timeout_ms = None if within is None else milliseconds(within, what="within")
        begun_ms = self._clock.boot_ms()
        task_id = await self._submit_within(timeout_ms, function, input, options)
        wait = WaitTasks(task_ids=[task_id], timeout_ms=timeout_ms)
        waited_ms = self._clock.boot_ms() - begun_ms
        with says_where(self.paths), says_which(task_id, accepted=True), in_one_wait(wait):
            return result_of((await self.ask(rest_of(wait, waited_ms=waited_ms)))[0])

    async def _submit_within(
        self,
        timeout_ms: int | None,
        function: str,
        input: Mapping[str, Any] | None,  # noqa: A002 - the word of the house
        options: SubmitOptions,
    ) -> str:
        self._look_around()
        task_id = self._mine.ulids.new()
        submit = Submit(task=task_spec(function, input, options, task_id=task_id))
        limit_ms = None if timeout_ms is None else timeout_ms + SLACK_MS
        with says_where(self.paths), says_which(task_id):
            try:
                async with asyncio.timeout(None if limit_ms is None else limit_ms / 1_000):
                    return (await self.ask(submit)).task_id
            except TimeoutError as error:
                raise not_in_time(self.paths, limit_ms) from error

    async def get(self, task_id: str) -> TaskDetail:
        """Everything known about a task: input, attempts, errors, decisions."""
        return await self.ask(GetTask(task_id=task_id))

    async def tasks(self, where: str = "") -> AsyncIterator[Task]:
        """Tasks, newest first; where: a filter like "state:dead function:render-*"."""
        after: str | None = None
        while True:
            page = await self.ask(ListTasks(where=where, after=after, limit=PAGE_ITEMS_MAX))
            for task in page.items:
                yield task
            if (after := page.next) is None:
                return

    async def letters(self, where: str = "") -> AsyncIterator[DeadLetter]:
        """Dead letters, newest first; open ones unless the filter names a state."""
        after: str | None = None
        while True:
            page = await self.ask(ListLetters(where=where, after=after, limit=PAGE_ITEMS_MAX))
            for letter in page.items:
                yield letter
            if (after := page.next) is None:
                return

    async def status(self) -> Status:
        """The daemon, its functions, what needs attention."""
        return await self.ask(GetStatus())

    async def cancel(self, *task_ids: str, reason: str = "") -> Changed:
        """Cancel tasks; running ones are asked to stop."""
        total = Changed()
        for some in in_chunks(task_ids):
            total = add_changed(total, await self.ask(CancelTasks(task_ids=some, reason=reason)))
        return total

    async def replay(
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
        plan = await self.ask(
            StartReplay(
                task_ids=list(task_ids), where=where, all=all, options=options, reason=reason
            )
        )
        for pause_s in pauses_s():
            if detach or is_put_back(plan):
                break
            await asyncio.sleep(pause_s)
            plan = (await self.ask(GetReplay(plan_id=plan.plan_id, reasons=False))).plan
        return plan

    async def replay_preview(
        self,
        *task_ids: str,
        where: str = "",
        all: bool = False,  # noqa: A002 - as in `--all`
    ) -> ReplayReport:
        """How many of these could be put back, and why others could not; nothing is changed."""
        request = ReplayLetters(task_ids=list(task_ids), where=where, all=all, dry_run=True)
        total, left = ReplayReport(eligible=0), previews(request)
        while left:
            report = await self.ask(left[0])
            total = add_report(total, report)
            left = [replace(left[0], after=report.next)] if report.next else left[1:]
        return total

    async def ask(self, request: Request[Answer]) -> Answer:
        """Any request of fnr.api.requests; asked again if the connection was lost, where it may be.

        That goes on over restarts in a row for as long as `reconnect`, of a wait without an end.
        """
        with says_where(self.paths):
            return await self._ask(request)

    async def _ask(self, request: Request[Answer]) -> Answer:
        begun_ms = self._clock.boot_ms()
        link = await self._linked_for(request, begun_ms=begun_ms)
        try:
            rest = rest_of(request, waited_ms=self._clock.boot_ms() - begun_ms)
            return await link.ask(rest, timeout_ms=self._timeout_ms)
        except ConnectionLost as error:
            if not repeatable(request):
                raise
            lost = error
        patience = Patience(self._patience_ms)
        with in_one_wait(request):
            while True:
                try:
                    link = await self._linked_for(request, begun_ms=begun_ms)
                except DaemonDown as error:
                    waited_ms = self._clock.boot_ms() - begun_ms
                    raise unanswered(error, request, waited_ms=waited_ms) from lost
                rest = rest_of(request, waited_ms=self._clock.boot_ms() - begun_ms)
                try:
                    return await link.ask(rest, timeout_ms=self._timeout_ms)
                except ConnectionLost as error:
                    if patience.is_over and not isinstance(request, WaitTasks):
                        raise
                    lost = error
                await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Let the connection go; asking makes a new one."""
        self._look_around()
        if self._mine.link is not None:
            link, self._mine.link = self._mine.link, None
            await link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _linked_for(self, request: Request[Any], *, begun_ms: int) -> AsyncLink:
        """A connection, hardly later than a wait may take: who is there can say how things are."""
        rest = rest_of(request, waited_ms=self._clock.boot_ms() - begun_ms)
        if not isinstance(rest, WaitTasks) or rest.timeout_ms is None:
            return await self._linked()
        try:
            async with asyncio.timeout((rest.timeout_ms + SLACK_MS) / 1_000):
                return await self._linked()
        except TimeoutError as error:
            with in_one_wait(request):
                raise time_is_up() from error

    async def _linked(self) -> AsyncLink:
        self._look_around()
        if self._mine.link is not None and self._mine.link.alive:
            return self._mine.link
        tries = self._mine.tries
        async with self._mine.connecting:
            if self._mine.link is not None and self._mine.link.alive:
                return self._mine.link
            if self._mine.tries != tries and self._mine.refused is not None:
                # Whoever was before us has just waited for the same, in vain.
                raise copy(self._mine.refused)
            return await self._link_again()

    def _look_around(self) -> None:
        """Begin anew on another loop, and in a process that was forked from ours."""
        loop = asyncio.get_running_loop()
        if self._mine.loop is not loop:
            # Nobody reads what comes over a connection of the loop before, or can close it.
            self._mine.loop, self._mine.link, self._mine.connecting = loop, None, asyncio.Lock()
        if self._mine.pid != os.getpid():
            # Two processes must not make the same ids.
            self._mine.ulids = Ulids(Clock(), Dice())
            self._mine.pid = os.getpid()

    async def _link_again(self) -> AsyncLink:
        # Nobody has patience with a daemon that was not there at first.
        patience_ms = 0 if self._mine.link is None else self._patience_ms
        self._mine.refused = None
        self._mine.tries += 1
        try:
            self._mine.link = await self._connect(patience_ms)
        except FnrError as error:
            self._mine.link, self._mine.refused = None, error
            raise
        return self._mine.link

    async def _connect(self, patience_ms: int) -> AsyncLink:
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + patience_ms / 1_000
        while True:
            try:
                link = await AsyncLink.open(self.paths, timeout_ms=self._timeout_ms)
                return await self._answering(link) if patience_ms else link
            except (DaemonDown, TimedOut):
                if loop.time() >= give_up_at_s:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _answering(self, link: AsyncLink) -> AsyncLink:
        """A daemon that dies accepts connections until its last moment: let it answer first."""
        try:
            await link.ask(GetStatus(), timeout_ms=self._timeout_ms)
        except BaseException:
            await link.close()
            raise
        return link
