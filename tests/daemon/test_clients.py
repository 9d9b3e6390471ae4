"""Every request that the daemon hears gets an answer."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Raw

from fnr.api import wire
from fnr.api.errors import FnrError, InternalError, StorageError, TryAgain
from fnr.api.requests import Event, GetStatus, ListWorkers, Watch
from fnr.api.wire import Reply
from fnr.config.paths import find_paths
from fnr.daemon.broadcast import Broadcast
from fnr.daemon.clients import ANSWERING_MAX, EVENTS_UNSENT_BYTES_MAX, Clients, as_fnr_error
from fnr.store.beginning import Beginning
from fnr.store.connection import StoreBusy, StoreIll

TROUBLE = "database disk image is malformed"


async def test_who_asks_much_at_once_is_heard_bit_by_bit_and_answered_in_full() -> None:
    """Else what one program asks without reading the answers is all the daemon does for minutes."""
    loop, gate = asyncio.get_running_loop(), asyncio.Event()
    begun = 0
    tasks: list[Any] = []
    all_begun = asyncio.Event()
    parts: Any = SimpleNamespace(
        start=lambda work, *, what: tasks.append(loop.create_task(work, name=what)),
        settings=SimpleNamespace(daemon=SimpleNamespace(clients_max=9)),
        store=SimpleNamespace(beginning=Beginning(loop, lambda _: None)),
    )

    async def answered(_client: Any, _request: Any) -> object:
        nonlocal begun
        begun += 1
        if begun == ANSWERING_MAX:
            all_begun.set()
        await gate.wait()
        return []

    answers: Any = SimpleNamespace(answer=answered)
    clients = Clients(parts, answers)
    ours, theirs = socket.socketpair()
    clients.connected(theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    asked = range(10 * ANSWERING_MAX)
    writer.writelines(wire.encode_request(ListWorkers(), request_id=number) for number in asked)
    await writer.drain()
    await all_begun.wait()
    assert len(tasks) == ANSWERING_MAX
    gate.set()
    heard = {wire.decode_reply(await reader.readline()).id for _ in asked}
    assert heard == {*asked}
    writer.close()


async def test_who_watches_and_does_not_read_is_told_once_and_not_buried_in_it() -> None:
    """Each event that he missed was told as such, in 128 MiB of the daemon's memory."""
    events = Broadcast()
    parts: Any = SimpleNamespace(
        events=events,
        settings=SimpleNamespace(daemon=SimpleNamespace(clients_max=9)),
        store=SimpleNamespace(beginning=Beginning(asyncio.get_running_loop(), lambda _: None)),
    )
    clients = Clients(parts, cast("Any", None))
    ours, theirs = socket.socketpair()
    clients.connected(theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
    for number in range(2):
        writer.write(wire.encode_request(Watch(), request_id=number))
        assert wire.decode_reply(await reader.readline()).ok == Raw(b"true")
    large = Event(kind="task", what="done", at_ms=0, detail="x" * 100_000)
    for _ in range(2 * EVENTS_UNSENT_BYTES_MAX // 100_000):
        events.tell(large)
    heard = [wire.decode_reply(line) async for line in reader]
    assert [one.error is not None for one in heard].count(True) == 1
    assert heard[-1].error is not None
    assert clients.connections == {}
    writer.close()
    clients.close()


async def test_of_many_who_do_not_read_the_one_that_took_nothing_for_longest_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each may leave 128 MiB unread, and a thousand may connect: together no host has so much."""
    monkeypatch.setattr("fnr.daemon.clients.BACKLOG_BYTES_MAX", 9_000_000)
    loop, words = asyncio.get_running_loop(), "x" * 4_000_000
    tasks: list[Any] = []
    parts: Any = SimpleNamespace(
        start=lambda work, *, what: tasks.append(loop.create_task(work, name=what)),
        settings=SimpleNamespace(daemon=SimpleNamespace(clients_max=9)),
        store=SimpleNamespace(beginning=Beginning(loop, lambda _: None)),
    )

    async def answered(_client: Any, _request: Any) -> object:
        return words

    clients = Clients(parts, cast("Any", SimpleNamespace(answer=answered)))

    async def ask() -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        clients.connected(theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writers.append(writer)
        writer.write(wire.encode_request(ListWorkers(), request_id=7))
        await reader.readexactly(1)
        return reader

    writers: list[asyncio.StreamWriter] = []
    slow, deaf = await ask(), await ask()
    # More than its socket holds: it has taken something after it had begun to be behind.
    await slow.readexactly(1_000_000)
    links = [*clients.connections]
    last = await ask()
    size = len(wire.encode_answer(7, words)) - 1
    assert (await last.readexactly(size)).endswith(b"\n")
    assert (await slow.readexactly(size - 1_000_000)).endswith(b"\n")
    assert b"\n" not in await deaf.read()
    # It is in a circle of references, which nobody breaks soon.
    assert [link.unsent_bytes for link in links if not link.open] == [0]
    for writer in writers:
        writer.close()
    clients.close()


async def reply_of(
    answer: Callable[[], object],
    request: GetStatus | ListWorkers = GetStatus(),  # noqa: B008 - frozen
    *,
    state: str = "ok",
) -> Reply:
    """What is heard of a question that is answered like this. state: of the store."""
    loop = asyncio.get_running_loop()
    tasks: list[Any] = []
    parts: Any = SimpleNamespace(
        paths=find_paths(home="/nowhere"),
        start=lambda work, *, what: tasks.append(loop.create_task(work, name=what)),
        settings=SimpleNamespace(daemon=SimpleNamespace(clients_max=9)),
        store=SimpleNamespace(
            beginning=Beginning(loop, lambda _: None), state=state, trouble=TROUBLE
        ),
    )

    async def answered(_client: Any, _request: Any) -> object:
        return answer()

    answers: Any = SimpleNamespace(answer=answered)
    clients = Clients(parts, answers)
    ours, theirs = socket.socketpair()
    clients.connected(theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    writer.write(wire.encode_request(request, request_id=7))
    reply = wire.decode_reply(await reader.readline())
    writer.close()
    clients.close()
    return reply


async def test_an_answer_that_cannot_be_sent_is_said_to_be_none() -> None:
    """Method: text that is no UTF-8, as a path or a variable of the system may be."""
    reply = await reply_of(lambda: "\udcff")
    assert reply.id == 7
    with pytest.raises(InternalError, match="could not answer"):
        wire.open_answer(GetStatus(), reply)


@pytest.mark.parametrize(
    ("state", "question", "what", "next_step"),
    [
        ("ok", GetStatus(), "the store cannot be read", "db check"),
        ("ill", ListWorkers(), "it is being checked", "status"),
        ("ill", GetStatus(), "it is being checked", "db check"),
    ],
)
async def test_a_read_that_fails_is_not_said_to_have_the_store_checked(
    state: str, question: GetStatus | ListWorkers, what: str, next_step: str
) -> None:
    def fail() -> None:
        raise StoreIll(TROUBLE)

    reply = await reply_of(fail, question, state=state)
    with pytest.raises(StorageError, match=what) as caught:
        wire.open_answer(question, reply)
    assert caught.value.why == TROUBLE
    assert caught.value.next_step.endswith(next_step)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EMFILE, TryAgain),
        (errno.ENFILE, TryAgain),
        (errno.EIO, StorageError),
        (errno.EROFS, StorageError),
        (errno.ENOSPC, StorageError),
        (errno.EINVAL, InternalError),
    ],
)
def test_what_the_host_refuses_is_not_called_a_mistake_of_fnr(
    code: int, kind: type[FnrError]
) -> None:
    found = as_fnr_error(OSError(code, os.strerror(code), "rules.d"), find_paths(home="/nowhere"))
    assert type(found) is kind
    assert os.strerror(code) in found.why


def test_a_thread_that_cannot_be_started_is_no_mistake_of_fnr() -> None:
    """`ulimit -u` or pids.max was reached."""
    for error in (RuntimeError("can't start new thread"), StoreBusy("can't start new thread")):
        if isinstance(error, StoreBusy):
            error.__cause__ = RuntimeError("can't start new thread")
        found = as_fnr_error(error, find_paths(home="/nowhere"))
        assert type(found) is TryAgain
        assert "processes and threads" in found.why
    assert type(as_fnr_error(RuntimeError("ours"), find_paths(home="/nowhere"))) is InternalError
