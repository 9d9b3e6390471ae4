"""One asyncio connection to the daemon on which many questions are under way at once.

A protocol and not a stream reader: replies are handed to whoever waits for them right in the
read callback, so there is no reading task to hold, to cancel and to lose errors in.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from fnr.api.errors import BadData, FnrError, TryAgain, from_json
from fnr.api.question import Request
from fnr.api.requests import Event, WaitTasks, Watch
from fnr.api.wire import Reply, decode_reply, open_answer
from fnr.client.connect import (
    SLACK_MS,
    checked_socket_path,
    connection_lost,
    not_connected,
    not_in_time,
    request_line,
)
from fnr.config.paths import Paths

Answer = TypeVar("Answer")


class AsyncLink:
    """A connection; `alive` until either side closes it, or nobody has it any more."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._watching: dict[int, Callable[[Event], None]] = {}
        # Waits that somebody has cancelled, by what they wait for: the daemon goes on with them, so
        # that who waits for the same takes one up instead of adding another.
        self._given_up: dict[tuple[str, ...], list[int]] = {}
        self._last_id = 0
        self._rest: list[bytes] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = self._loop.create_future()
        self._why: OSError | None = None
        # What the daemon said to nobody in particular, such as that it has too many clients.
        self._farewell: dict[str, Any] | None = None

    @classmethod
    async def open(cls, paths: Paths, *, timeout_ms: int) -> AsyncLink:
        """Connect, or raise what the operator should know."""
        path = checked_socket_path(paths)
        link = cls(paths)
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                await link._loop.create_unix_connection(lambda: _Ear(link), path)
        except TimeoutError as error:
            raise TryAgain("the daemon is too busy to take the connection") from error
        except OSError as error:
            raise not_connected(paths, error) from error
        return link

    @property
    def alive(self) -> bool:
        """Nobody has closed it, nor has a write failed, of which `connection_lost` tells later."""
        return not self._closed.done() and not self._transport.is_closing()

    async def ask(self, request: Request[Answer], *, timeout_ms: int) -> Answer:
        """The typed answer; raises the error that the daemon answered with."""
        endless = _endless(request)
        given_up = self._given_up.pop(endless, [])
        sent = bool(given_up)
        request_id = given_up.pop() if sent else self._last_id + 1
        if given_up:
            self._given_up[endless] = given_up
        line = b"" if sent else request_line(request, request_id=request_id)
        self._last_id = max(self._last_id, request_id)
        if not self.alive:
            raise self._lost()
        reply = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = reply
        deadline_ms: int | None = timeout_ms
        if isinstance(request, WaitTasks):
            deadline_ms = None if request.timeout_ms is None else request.timeout_ms + SLACK_MS
        try:
            async with asyncio.timeout(None if deadline_ms is None else deadline_ms / 1_000):
                await self._writable.wait()
                if not self.alive:
                    raise self._lost()
                self._transport.write(line)
                sent = True
                return open_answer(request, await reply)
        except TimeoutError as error:
            raise not_in_time(self._paths, deadline_ms) from error
        finally:
            self._waiting.pop(request_id, None)
            if endless and sent and reply.cancelled():
                self._given_up.setdefault(endless, []).append(request_id)

    async def watch(
        self, request: Watch, tell: Callable[[Event], None], *, timeout_ms: int
    ) -> None:
        """Return once no event can be missed any more; each is told, until the connection ends."""
        self._watching[self._last_id + 1] = tell
        await self.ask(request, timeout_ms=timeout_ms)

    async def ended(self) -> None:
        """Wait until either side has closed it."""
        await asyncio.shield(self._closed)

    async def close(self) -> None:
        """Close and wait until it is."""
        # Closed gently it would wait, without an end, for a stopped daemon to read what nobody
        # hears the answer of.
        self._transport.abort()
        await self._closed

    def __del__(self) -> None:
        """A program makes clients and closes none; or another loop has its turn with one."""
        # What a loop that is closed has left closes itself.
        with suppress(AttributeError, RuntimeError):
            if self._pid == os.getpid() and not self._transport.is_closing():
                self._loop.call_soon_threadsafe(self._transport.abort)

    # ── called by the loop ───────────────────────────────────────────────────

    def made(self, transport: asyncio.Transport) -> None:
        """Keep the transport to write on."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand every whole line to whoever waits for it."""
        lines = data.split(b"\n")
        if len(lines) == 1:
            self._rest.append(data)
            return
        lines[0] = b"".join([*self._rest, lines[0]])
        self._rest = [lines.pop()] if lines[-1] else []
        for line in filter(None, lines):
            self._replied(line)

    def pause_writing(self) -> None:
        """The daemon reads more slowly than we write: askers wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody will answer what is under way."""
        self._writable.set()
        self._why = error if isinstance(error, OSError) else None
        for waiting in self._waiting.values():
            if not waiting.done():
                # One for each of them: who raises it adds what it knows of its own request.
                waiting.set_exception(self._lost())
        if not self._closed.done():
            self._closed.set_result(None)

    def _lost(self) -> FnrError:
        if self._farewell is not None:
            return from_json(self._farewell)
        return connection_lost(self._paths, self._why)

    def _replied(self, line: bytes) -> None:
        try:
            reply = decode_reply(line)
        except BadData:
            # Whatever speaks there is no daemon of ours; who waits hears that it went away.
            self._transport.abort()
            return
        if reply.event is not None:
            if (tell := self._watching.get(reply.id)) is not None:
                tell(reply.event)
            return
        # 0: the daemon could not even read which request it was; the oldest is the likeliest.
        request_id = reply.id or next(iter(self._waiting), 0)
        if not request_id:
            self._farewell = reply.error
        waiting = self._waiting.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
        elif waiting is None:
            self._forget(request_id)

    def _forget(self, request_id: int) -> None:
        """What was given up has been answered."""
        for endless, ids in tuple(self._given_up.items()):
            if request_id in ids:
                ids.remove(request_id)
            if not ids:
                del self._given_up[endless]


class _Ear(asyncio.Protocol):
    """What the loop knows of a link, which is the program's: the loop alone does not keep it."""

    def __init__(self, link: AsyncLink) -> None:
        self._link = weakref.ref(link)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if (link := self._link()) is not None:
            link.made(transport)

    def data_received(self, data: bytes) -> None:
        if (link := self._link()) is not None:
            link.data_received(data)

    def pause_writing(self) -> None:
        if (link := self._link()) is not None:
            link.pause_writing()

    def resume_writing(self) -> None:
        if (link := self._link()) is not None:
            link.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if (link := self._link()) is not None:
            link.connection_lost(error)


def _endless(request: Request[Any]) -> tuple[str, ...]:
    """The tasks that a wait without an end waits for; no other request goes on by itself."""
    if isinstance(request, WaitTasks) and request.timeout_ms is None:
        return tuple(request.task_ids)
    return ()
