"""Ask the daemon over its socket; when it is down, let the store's file answer what it can.

Blocking on purpose: a command asks a few questions and ends, and asyncio alone would cost it
58 ms before the first one.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from fnr.api.errors import (
    BadData,
    ConfigError,
    DaemonDown,
    FnrError,
    PermissionDenied,
    TimedOut,
    TryAgain,
    from_json,
)
from fnr.api.question import Read, Request
from fnr.api.requests import Event, GetStatus, WaitTasks, Watch
from fnr.api.wire import REQUEST_BYTES_MAX, Reply, decode_reply, encode_request, open_answer
from fnr.client.eager import Eager
from fnr.client.signal_handler import of_a_handler
from fnr.config.paths import SOCKET_PATH_BYTES_MAX, Paths
from fnr.host.clock import Clock
from fnr.host.lock import home_holder

Answer = TypeVar("Answer")
Other = TypeVar("Other")

TIMEOUT_MS_DEFAULT = 10_000
# Requests on their way at once: enough that the daemon has the next chunk while it commits one.
PIPELINE_MAX = 4
# What the wire may add to a deadline that the daemon itself keeps.
SLACK_MS = 250
RETRY_MS = 20


class ConnectionLost(DaemonDown):
    """The daemon went away after the question was sent: whether it acted on it is not known."""


class Connection:
    """One blocking connection to the daemon.

    broken: an answer was not taken to its end (deadline, Ctrl-C, lost connection), so that the
    next one could not be told from it; connect again.
    """

    def __init__(self, paths: Paths, *, timeout_ms: int | None = TIMEOUT_MS_DEFAULT) -> None:
        self.paths = paths
        self.timeout_ms = timeout_ms
        self._socket = connect_socket(paths, timeout_ms=timeout_ms)
        self._timeout_s: float | None = -1.0
        self._reader = self._socket.makefile("rb", buffering=256 * 1024)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._hung_up = select.poll()
        self._hung_up.register(self._socket, select.POLLRDHUP)
        self._eager = Eager(clock=Clock())
        self._last_id = 0
        self.broken = False

    def ask(self, request: Request[Answer]) -> Answer:
        """The typed answer; raises the error that the daemon answered with."""
        [request_id] = self._send(request)
        deadline_ms = self._deadline_ms(request)
        reply = self._receive({request_id}, deadline_ms, look=True)
        self._eager.answered()
        return open_answer(request, reply)

    def ask_both(
        self, first: Request[Answer], then: Request[Other]
    ) -> tuple[Answer, Other | FnrError]:
        """Two answers for one way to the daemon and back; raises the error of the first.

        The time that the second one has is that of both.
        """
        within_ms = self._deadline_ms(then)
        clock = Clock()
        begun_ms = clock.boot_ms()
        ids = self._send(first, then)
        under_way: dict[int, Request[Any]] = dict(zip(ids, (first, then), strict=True))
        replies: dict[int, Reply] = {}
        while under_way:
            oldest, request = next(iter(under_way.items()))
            deadline_ms = self._deadline_ms(request)
            if within_ms is not None and request is then:
                deadline_ms = max(0, within_ms - (clock.boot_ms() - begun_ms))
            reply = self._receive(under_way, deadline_ms)
            replies[reply.id or oldest] = reply
            del under_way[reply.id or oldest]
        other = _answer_or_error(then, replies[ids[1]])
        return open_answer(first, replies[ids[0]]), other

    def ask_each(self, requests: Iterable[Request[Answer] | None]) -> Iterator[Answer | FnrError]:
        """Answers in the order of the requests, several of which are on their way at once.

        None among them: nothing follows yet, so that what is under way is waited for.
        """
        under_way: deque[tuple[int, Request[Answer]]] = deque()
        lost: ConnectionLost | None = None
        for request in requests:
            while under_way and (request is None or len(under_way) >= PIPELINE_MAX):
                answer = self._answer_or_error(*under_way.popleft())
                yield answer
            if request is None:
                continue
            try:
                [request_id] = self._send(request)
                under_way.append((request_id, request))
            except ConnectionLost as error:
                # What was answered before the end is still there to be read.
                lost = error
                break
        while under_way:
            answer = self._answer_or_error(*under_way.popleft())
            yield answer
        if lost is not None:
            raise lost

    def watch(
        self, request: Watch, *, on_watching: Callable[[], None] | None = None
    ) -> Iterator[Event]:
        """Events as they happen, until the connection is lost; waits as long as it takes.

        on_watching: called once when from here on no event can be missed.
        """
        [request_id] = self._send(request)
        while True:
            reply = self._receive({request_id}, None)
            if reply.event is not None:
                yield reply.event
                continue
            open_answer(request, reply)  # raises the error, if it is one
            if on_watching is not None:
                on_watching()

    def is_over(self) -> bool:
        """Has the daemon hung up meanwhile? Costs 1 µs."""
        return bool(self._hung_up.poll(0))

    def fileno(self) -> int:
        """The socket, for callers that wait on several things at once."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket; nothing can be asked any more."""
        self._reader.close()
        self._socket.close()

    def __del__(self) -> None:
        """A thread has ended without a word, and its connection with it."""
        with suppress(AttributeError):
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _answer_or_error(self, request_id: int, request: Request[Answer]) -> Answer | FnrError:
        return _answer_or_error(request, self._receive({request_id}, self._deadline_ms(request)))

    def _send(self, *requests: Request[Any]) -> range:
        """The ids that they are answered by."""
        ids = range(self._last_id + 1, self._last_id + 1 + len(requests))
        lines = [
            request_line(request, request_id=number)
            for number, request in zip(ids, requests, strict=True)
        ]
        self._last_id = ids[-1]
        self._set_timeout(self.timeout_ms)
        self.broken = True
        try:
            self._socket.sendall(b"".join(lines))
        except OSError as error:
            if of_a_handler(error):
                raise
            if isinstance(error, TimeoutError):
                raise not_in_time(self.paths, self.timeout_ms) from error
            raise self._farewell() or connection_lost(self.paths, error) from error
        self.broken = False
        return ids

    def _farewell(self) -> FnrError | None:
        """What the daemon said before it hung up: that it hears nobody, for it has too many."""
        if self._last_id > 1:
            return None  # what is still to be read answers earlier questions
        try:
            reply = self._receive((), self.timeout_ms)
        except FnrError:
            return None
        finally:
            self.broken = True
        return None if reply.error is None else from_json(reply.error)

    def _receive(
        self, request_ids: Container[int], deadline_ms: int | None, *, look: bool = False
    ) -> Reply:
        """look: nothing else is under way, and the answer may be there at any moment."""
        self._set_timeout(deadline_ms)
        self.broken = True
        if look:
            self._eager.look(self._readable.poll)
        while True:
            try:
                line = self._reader.readline()
            except OSError as error:
                if of_a_handler(error):
                    raise
                if isinstance(error, TimeoutError):
                    raise not_in_time(self.paths, deadline_ms) from error
                raise connection_lost(self.paths, error) from error
            if not line.endswith(b"\n"):
                raise connection_lost(self.paths)
            reply = decode_reply(line)
            # 0: the daemon could not even read which request it was.
            if not reply.id or reply.id in request_ids:
                self.broken = False
                return reply

    def _deadline_ms(self, request: Request[Any]) -> int | None:
        """The daemon keeps the deadline of a wait; ours is only there in case it does not."""
        if isinstance(request, WaitTasks):
            return None if request.timeout_ms is None else request.timeout_ms + SLACK_MS
        return self.timeout_ms

    def _set_timeout(self, timeout_ms: int | None) -> None:
        timeout_s = None if timeout_ms is None else max(timeout_ms, 1) / 1_000
        if timeout_s != self._timeout_s:
            self._socket.settimeout(timeout_s)
            self._timeout_s = timeout_s


def _answer_or_error(request: Request[Answer], reply: Reply) -> Answer | FnrError:
    try:
        return open_answer(request, reply)
    except FnrError as error:
        return error


def request_line(request: Request[Any], *, request_id: int) -> bytes:
    """One request as one line; BadData when it cannot be one."""
    try:
        line = encode_request(request, request_id=request_id)
    except UnicodeEncodeError as error:
        raise not_text(error) from error
    if len(line) > REQUEST_BYTES_MAX:
        raise BadData(
            "the request is too large",
            why=f"{len(line)} bytes; the daemon takes at most {REQUEST_BYTES_MAX}",
        )
    # Raw JSON goes into it as it is; a newline in there would cut the request in two.
    if line.find(b"\n") != len(line) - 1:
        raise BadData("raw JSON in a request must stand on one line")
    return line


def not_text(error: UnicodeEncodeError) -> BadData:
    """Words of a command line may hold bytes that are no characters."""
    return BadData("what was asked is not UTF-8", why=str(error))


def connect_socket(paths: Paths, *, timeout_ms: int | None) -> socket.socket:
    """A connected socket, or the error that tells the operator why there is none."""
    path = checked_socket_path(paths)
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A socket with a Python timeout does not wait for room in the daemon's backlog: it fails
        # with EAGAIN as soon as 500 clients arrive at once. The kernel's own timeout does wait.
        kernel_timeout_ms = 0 if timeout_ms is None else max(timeout_ms, 1)
        connected.setsockopt(
            socket.SOL_SOCKET,
            socket.SO_SNDTIMEO,
            struct.pack("ll", kernel_timeout_ms // 1_000, kernel_timeout_ms % 1_000 * 1_000),
        )
        connected.connect(path)
    except OSError as error:
        connected.close()
        if of_a_handler(error):
            raise
        raise not_connected(paths, error) from error
    return connected


def checked_socket_path(paths: Paths) -> str:
    """The socket's path, unless no Unix socket can have it."""
    size = len(os.fsencode(paths.socket_file))
    if size > SOCKET_PATH_BYTES_MAX:
        raise ConfigError(
            "the path of the daemon's socket is too long",
            why=f"{paths.socket_file} has {size} bytes; a Unix socket can have"
            f" {SOCKET_PATH_BYTES_MAX}",
            next_step="choose a shorter folder: fnr --home DIR …",
        )
    return paths.socket_file


def not_connected(paths: Paths, error: OSError) -> FnrError:
    """Why nobody answered at the socket, and what to do."""
    if isinstance(error, PermissionError):
        import shlex  # noqa: PLC0415 - only for commands that people paste

        return PermissionDenied(
            "the daemon's socket does not let you in",
            why=f"{paths.socket_file}: {error.strerror}; you are uid {os.geteuid()}",
            next_step=f"ls -ld {shlex.join((paths.run_dir, paths.socket_file))}",
        )
    if isinstance(error, BlockingIOError):
        return TryAgain(
            "the daemon is too busy to take the connection",
            why=f"its backlog at {paths.socket_file} stayed full",
            next_step="try again, or wait longer: --timeout 60s",
        )
    nobody = f"nobody answers at {paths.socket_file}: {error.strerror or error}"
    next_step = f"{paths.command} daemon start"
    if (pid := home_holder(paths.lock_file)) is not None:
        why = f"{nobody}; pid {pid} has this home: it begins, it ends, or its socket was removed"
        return DaemonDown("the daemon cannot be reached", why=why, next_step=next_step)
    return DaemonDown("the daemon is not running", why=nobody, next_step=next_step)


def connection_lost(paths: Paths, error: OSError | None = None) -> ConnectionLost:
    """The daemon ended, or was restarted, between question and answer."""
    detail = f": {error.strerror}" if error and error.strerror else ""
    return ConnectionLost(
        "the daemon went away before it answered",
        why=f"the connection to {paths.socket_file} was closed{detail};"
        " whether it acted on the request is not known",
        next_step=f"{paths.command} daemon status",
    )


def not_in_time(paths: Paths, timeout_ms: int | None) -> TimedOut:
    """The daemon is there and says nothing."""
    return TimedOut(
        "the daemon did not answer in time",
        why=f"no answer within {timeout_ms} ms; it may be busy, and may still act on this",
        next_step=f"{paths.command} status --timeout 60s",
    )


def ask(
    paths: Paths,
    request: Request[Answer],
    *,
    offline: bool = True,
    timeout_ms: int | None = TIMEOUT_MS_DEFAULT,
    notice: Callable[[str], None] | None = None,
) -> Answer:
    """Ask the daemon; if it is down and the store's file can answer, read that and say so.

    notice: takes the line that says so; by default it goes to stderr.
    """
    readable = offline and isinstance(request, Read | GetStatus)
    try:
        with Connection(paths, timeout_ms=timeout_ms) as connection:
            return connection.ask(request)
    except DaemonDown as error:
        if not readable:
            raise
        down = error.what.removeprefix("the ")
    from fnr.client.offline import answer_offline  # noqa: PLC0415 - sqlite3 only when needed

    try:
        answer = answer_offline(paths, request)
    except UnicodeEncodeError as error:
        raise not_text(error) from error
    # Nothing and nothing yet look alike in a list: the home may be mistyped.
    there = os.path.exists(paths.store_file)  # noqa: PTH110 - pathlib costs 8 ms
    where = "read from the store" if there else f"there is no store yet at {paths.store_file}"
    (notice or _to_stderr)(f"{down}; {where}")
    return answer


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
