"""Waits are answered once, in whatever order task and question come, and leave nothing behind."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_values import NOW_MS as CLAIMS_AT_MS
from store_values import accept, bury, claim, end, new_task

from fnr.api import wire
from fnr.api.errors import FnrError, NotFound, TimedOut
from fnr.api.requests import WaitTasks
from fnr.config.paths import find_paths
from fnr.daemon import waiting
from fnr.daemon.broadcast import Broadcast, Ended
from fnr.daemon.clients import Client
from fnr.daemon.line_socket import LineSocket
from fnr.daemon.reader import Reader
from fnr.daemon.waiting import POINTS_MAX, Waiting
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task
from fnr.policy.verdict import conclude
from fnr.store import letters, tasks
from fnr.store.connection import Store, Transaction

NOW_MS = 1_750_000_000_000


class Listened(Broadcast):
    """Counts who still listens for what."""

    def __init__(self) -> None:
        super().__init__()
        self.open: Counter[str] = Counter()

    def await_end(self, task_id: str, ended: Ended) -> None:
        super().await_end(task_id, ended)
        self.open[task_id] += 1

    def give_up(self, task_id: str, ended: Ended) -> None:
        super().give_up(task_id, ended)
        self.open[task_id] -= 1


class Asker:
    """A client whose answers come into `said`, by the id of the request."""

    def __init__(self) -> None:
        self.link = SimpleNamespace(open=True, unsent_bytes=0)
        self.on_gone: list[Callable[[], None]] = []
        self.said: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

    def answer(self, request_id: int, ends: list[TaskEnd]) -> None:
        self.said.put_nowait((request_id, [str(one.task.state) for one in ends]))

    def fail(self, request_id: int, error: FnrError) -> None:
        self.said.put_nowait((request_id, type(error)))

    def leave(self) -> None:
        self.link.open = False
        for gone in self.on_gone:
            gone()


class Hall:
    """A real store with the waiting of a daemon over it."""

    def __init__(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        self.store, self.events, self.reader = store, Listened(), Reader(store)
        self.begun: list[asyncio.Task[None]] = []
        self.boot_ms = 0
        parts = SimpleNamespace(
            clock=SimpleNamespace(boot_ms=lambda: self.boot_ms),
            paths=find_paths(home=str(store.path.parent)),
            store=store,
            events=self.events,
            later=lambda delay_ms, call: loop.call_later(delay_ms / 1_000, call),
            start=lambda work, what: self.begun.append(loop.create_task(work, name=what)),
        )
        self.waiting = Waiting(cast("Any", parts), self.reader)

    def ask(self, who: Asker, number: int, *ids: str, timeout_ms: int | None = None) -> None:
        request = WaitTasks(task_ids=list(ids), timeout_ms=timeout_ms)
        self.waiting.wait(cast("Any", who), number, request)

    async def finish(self, count: int = 1, *, result: bytes = b"1") -> None:
        """End the queued tasks, and tell of it."""

        def unit(tx: Transaction) -> list[Task]:
            done = []
            for _ in range(count):
                claimed = claim(tx)
                verdict = conclude(claimed.task, token=claimed.token, now_ms=NOW_MS)
                end(tx, verdict, result)
                done.append(verdict.task)
            return done

        for task in await self.store.write(unit):
            self.events.task_moved(task)

    async def settled(self) -> None:
        """Every question of before has been looked at."""
        await self.store.write(lambda _: None)
        for work in self.begun:
            await work

    @property
    def listening(self) -> int:
        return sum(self.events.open.values())


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    store = await Store.open(tmp_path / "fnr.db")
    made = Hall(store)
    yield made
    made.reader.close()
    await store.close()


async def test_a_wait_is_answered_when_its_last_task_has_ended(hall: Hall) -> None:
    ids = await hall.store.write(lambda tx: accept(tx, new_task(), new_task()))
    who = Asker()
    hall.ask(who, 7, *ids)
    await hall.finish()
    assert who.said.empty()
    await hall.finish()
    assert who.said.get_nowait() == (7, ["done", "done"])
    assert (hall.listening, who.on_gone) == (0, [])


async def test_what_has_ended_before_leaves_nothing_behind(hall: Hall) -> None:
    [task_id] = await hall.store.write(lambda tx: accept(tx, new_task()))
    await hall.finish()
    who = Asker()
    for number in range(3):
        hall.ask(who, number, task_id)
        assert await who.said.get() == (number, ["done"])
    assert (hall.listening, who.on_gone) == (0, [])


async def test_the_wait_may_follow_its_submit_before_that_is_on_disk(hall: Hall) -> None:
    """Method: both in one turn of the loop, as two lines of one read are."""
    task, who = new_task(), Asker()
    hall.store.post(lambda tx: accept(tx, task), lambda *_: None)
    hall.ask(who, 1, task.task_id)
    await hall.store.write(lambda _: None)
    assert who.said.empty()
    await hall.finish()
    assert who.said.get_nowait() == (1, ["done"])
    assert hall.listening == 0


async def test_who_is_gone_or_unknown_or_out_of_time_is_forgotten(hall: Hall) -> None:
    [task_id] = await hall.store.write(lambda tx: accept(tx, new_task()))
    gone, lost, late = Asker(), Asker(), Asker()
    hall.ask(gone, 1, task_id)
    gone.leave()
    hall.ask(lost, 2, "01JXC7" + "0" * 20)
    assert await lost.said.get() == (2, NotFound)
    hall.ask(late, 3, task_id, timeout_ms=1)
    assert await late.said.get() == (3, TimedOut)
    assert hall.listening == 0
    await hall.finish()
    assert gone.said.empty() and late.said.empty()


async def test_who_waits_for_ever_in_a_number_no_clock_can_tell_is_answered(hall: Hall) -> None:
    """Else neither he nor whoever asked in the same read had an answer."""
    [task_id] = await hall.store.write(lambda tx: accept(tx, new_task()))
    patient, hasty = Asker(), Asker()
    hall.ask(patient, 1, task_id, timeout_ms=10**400)
    hall.ask(hasty, 2, task_id, timeout_ms=-(10**400))
    assert await hasty.said.get() == (2, TimedOut)
    await hall.finish()
    assert await patient.said.get() == (1, ["done"])
    assert hall.listening == 0


async def test_many_are_looked_up_beside_the_loop(hall: Hall) -> None:
    count = POINTS_MAX + 1
    new = [new_task() for _ in range(count)]
    ids = await hall.store.write(lambda tx: accept(tx, *new))
    await hall.finish(count - 1)
    who = Asker()
    hall.ask(who, 1, *ids)
    await hall.begun[0]
    assert who.said.empty()
    await hall.finish()
    assert await who.said.get() == (1, ["done"] * count)
    assert hall.listening == 0


async def test_the_time_that_it_takes_to_look_for_many_is_time_of_the_wait(hall: Hall) -> None:
    """Its client gives up a moment after that, and said that the daemon did not answer."""
    new = [new_task() for _ in range(POINTS_MAX + 1)]
    ids = await hall.store.write(lambda tx: accept(tx, *new))
    who = Asker()
    hall.ask(who, 1, *ids, timeout_ms=3_600_000)
    hall.boot_ms = 3_600_000
    await hall.settled()
    assert await who.said.get() == (1, TimedOut)
    assert hall.listening == 0


async def test_who_waits_for_many_large_results_at_once_is_not_more_behind_than_one_may_be(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a socket that takes little at once, and a client that reads all of it.

    Half of the waits have so many tasks that they are read beside the loop.
    """
    monkeypatch.setattr(waiting, "ENDS_BYTES_MAX", 32_000)
    monkeypatch.setattr(waiting, "POINTS_MAX", 1)
    new = [new_task() for _ in range(20)]
    ids = await hall.store.write(lambda tx: accept(tx, *new))
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    cut: list[str] = []
    client = Client()
    client.link = LineSocket(
        theirs,
        on_lines=lambda _: None,
        speaker=hall.store.beginning,
        on_end=cut.append,
        line_bytes_max=1_000,
        unsent_bytes_max=128_000,
    )
    for number, task_id in enumerate(ids, 1):
        asked = [task_id] if number % 2 else [task_id, ids[0]]
        hall.waiting.wait(client, number, WaitTasks(task_ids=asked))
    await hall.finish(len(ids), result=b'"%s"' % (b"x" * 20_000))
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1_000_000)
    said = [wire.decode_reply(await reader.readline()).id for _ in ids]
    assert (sorted(said), cut, hall.listening) == ([*range(1, 21)], [], 0)
    writer.close()
    client.link.end("tested")


def put_back(tx: Transaction, task_id: str) -> None:
    letter = letters.get(tx, task_id)
    assert letter is not None
    letters.put_back(tx, letter, by="ada", now_ms=CLAIMS_AT_MS)


@pytest.mark.parametrize("others", [1, POINTS_MAX])
async def test_a_task_that_is_replayed_meanwhile_is_waited_for_again(
    hall: Hall, others: int
) -> None:
    """Method: it is put back before the last of the others ends, and comes home after it."""
    dead = await hall.store.write(bury)
    new = [new_task(priority=9) for _ in range(others)]
    ids = await hall.store.write(lambda tx: accept(tx, *new))
    who, late = Asker(), Asker()
    hall.ask(who, 1, dead, *ids)
    hall.ask(late, 2, dead, *ids, timeout_ms=3_600_000)
    await hall.settled()
    await hall.store.write(lambda tx: put_back(tx, dead))
    await hall.finish(others)
    await hall.settled()
    assert who.said.empty() and late.said.empty()
    await hall.finish()
    assert await who.said.get() == (1, ["done"] * (others + 1))
    assert await late.said.get() == (2, ["done"] * (others + 1))
    assert hall.listening == 0


@pytest.mark.parametrize("others", [1, POINTS_MAX])
async def test_a_task_that_is_removed_meanwhile_is_named(hall: Hall, others: int) -> None:
    dead = await hall.store.write(bury)
    new = [new_task() for _ in range(others)]
    ids = await hall.store.write(lambda tx: accept(tx, *new))
    who = Asker()
    hall.ask(who, 1, dead, *ids)
    await hall.settled()
    await hall.store.write(lambda tx: letters.purge(tx, [dead], open_too=True))
    await hall.finish(others)
    assert await who.said.get() == (1, NotFound)
    assert hall.listening == 0


async def test_a_daemon_that_ends_lets_everybody_go_without_a_word(hall: Hall) -> None:
    [task_id] = await hall.store.write(lambda tx: accept(tx, new_task()))
    before, after = Asker(), Asker()
    hall.ask(before, 1, task_id)
    hall.waiting.close()
    hall.ask(after, 2, task_id)
    await hall.store.write(lambda _: None)  # it has been looked at
    await hall.finish()
    assert before.said.empty() and after.said.empty()
    assert hall.listening == 0
    assert await hall.store.write(lambda tx: tasks.state_of(tx, task_id)) == "done"
