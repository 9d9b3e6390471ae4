"""Every request that the daemon hears gets an answer."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.api import wire
from fnr.api.errors import FnrError, InternalError, StorageError, TryAgain
from fnr.api.requests import GetStatus
from fnr.config.paths import find_paths
from fnr.daemon.clients import Clients, as_fnr_error
from fnr.store.beginning import Beginning


async def test_an_answer_that_cannot_be_sent_is_said_to_be_none() -> None:
    """Method: text that is no UTF-8, as a path or a variable of the system may be."""
    loop = asyncio.get_running_loop()
    tasks: list[Any] = []
    parts: Any = SimpleNamespace(
        paths=find_paths(home="/nowhere"),
        start=lambda work, *, what: tasks.append(loop.create_task(work, name=what)),
        settings=SimpleNamespace(daemon=SimpleNamespace(clients_max=9)),
        store=SimpleNamespace(beginning=Beginning(loop, lambda _: None)),
    )

    async def answer(_client: Any, _request: Any) -> str:
        return "\udcff"

    answers: Any = SimpleNamespace(answer=answer)
    clients = Clients(parts, answers)
    ours, theirs = socket.socketpair()
    clients.connected(theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    writer.write(wire.encode_request(GetStatus(), request_id=7))
    reply = wire.decode_reply(await reader.readline())
    assert reply.id == 7
    with pytest.raises(InternalError, match="could not answer"):
        wire.open_answer(GetStatus(), reply)
    writer.close()
    clients.close()


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
