"""The socket that commands, TUI and programs talk to: who may, what they asked, in which order.

A client may send many requests without waiting; answers carry the request's id and come as they
are ready. One that does not read its answers is cut, so nobody waits for it.
"""

from __future__ import annotations

import errno
import os
import pwd
import socket
from collections.abc import Callable
from typing import Protocol

from fnr.api import wire
from fnr.api.any_request import AnyRequest
from fnr.api.errors import (
    FnrError,
    InternalError,
    PermissionDenied,
    StorageError,
    TryAgain,
)
from fnr.api.requests import Event, GetStatus, Submit, WaitTasks, Watch
from fnr.config.paths import Paths
from fnr.daemon.backlog import Backlog
from fnr.daemon.broadcast import Watcher
from fnr.daemon.line_socket import LineSocket
from fnr.daemon.parts import Parts, log
from fnr.daemon.store_files import why_ill
from fnr.host.limits import FILES_WANTED, files_max, words_of_threads
from fnr.policy.used_up import is_used_up, no_thread
from fnr.store.connection import StoreBusy, StoreFull, StoreIll

UNSENT_BYTES_MAX = 128 * 1024 * 1024
# Of all connections together.
BACKLOG_BYTES_MAX = 4 * UNSENT_BYTES_MAX
# What a disk says that is full, failing or read-only.
_DISK_CODES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
_IS_CHECKED = "the store is ill; it is being checked"
# Events are news, not data: a watcher this far behind is told so and cut.
EVENTS_UNSENT_BYTES_MAX = 4 * 1024 * 1024
# Of one connection; what it asks beyond that is read when half of them are answered.
ANSWERING_MAX = 16


class Client:
    """One connection.

    answering: how many of its requests are being answered, but for those that only wait.
    """

    __slots__ = ("answering", "link", "on_gone", "submitter", "uid", "watchers")

    def __init__(self) -> None:
        self.link: LineSocket
        self.answering = 0
        self.uid = -1
        self.submitter = ""
        self.watchers: list[Watcher] = []
        self.on_gone: list[Callable[[], None]] = []

    def answer(self, request_id: int, answer: object) -> None:
        """Answer a request."""
        self.link.write(wire.encode_answer(request_id, answer))

    def fail(self, request_id: int, error: FnrError) -> None:
        """Answer a request with an error."""
        self.link.write(wire.encode_error(request_id, error))

    def send_away(self) -> None:
        """Answer no more: who waits for a restarted daemon asks the next one for what is open."""
        self.link.end_when_sent()


class Answering(Protocol):
    """What answers requests."""

    async def answer(self, client: Client, request: AnyRequest) -> object:
        """The answer, or raise FnrError."""

    def submit(self, client: Client, request_id: int, request: Submit) -> None:
        """The hot path: answers by itself, without a task per request."""

    def wait(self, client: Client, request_id: int, request: WaitTasks) -> None:
        """The same for whoever waits for a result."""


class Clients:
    """Accepts connections and feeds requests to the answers."""

    def __init__(self, parts: Parts, answers: Answering) -> None:
        self._parts = parts
        self._answers = answers
        self.connections: dict[LineSocket, Client] = {}
        self._backlog = Backlog(BACKLOG_BYTES_MAX)

    def connected(self, sock: socket.socket) -> None:
        """Somebody connected."""
        client = self._taken_in(sock)
        if refusal := self._refusal_of(client):
            client.fail(0, refusal)
            client.link.end_when_sent()

    def turn_away(self, sock: socket.socket) -> None:
        """Somebody connected by the last file descriptor: he is told so, and it is free again."""
        client = self._taken_in(sock)
        client.fail(
            0,
            TryAgain(
                "the daemon has no file descriptor to spare",
                why=f"it may open {files_max()} files (ulimit -n, or LimitNOFILE= of a service),"
                f" and {len(self.connections) - 1} clients and its workers have them",
                next_step=f"prlimit --pid {os.getpid()} --nofile={FILES_WANTED}",
            ),
        )
        client.link.end_when_sent()

    def _taken_in(self, sock: socket.socket) -> Client:
        client = Client()
        client.link = LineSocket(
            sock,
            on_lines=lambda lines: self._asked(client, lines),
            speaker=self._parts.store.beginning,
            on_end=lambda _: self._gone(client),
            line_bytes_max=wire.REQUEST_BYTES_MAX,
            unsent_bytes_max=UNSENT_BYTES_MAX,
            backlog=self._backlog,
        )
        client.uid = client.link.peer_uid()
        client.submitter = user_name(client.uid)
        self.connections[client.link] = client
        return client

    def _refusal_of(self, client: Client) -> FnrError | None:
        if len(self.connections) > self._parts.settings.daemon.clients_max:
            return TryAgain(
                "too many clients",
                why=f"{len(self.connections)} connections, clients_max is"
                f" {self._parts.settings.daemon.clients_max}",
            )
        if client.uid not in allowed_uids():
            log.warning("a stranger was refused", extra={"uid": client.uid})
            return PermissionDenied(
                f"user {client.submitter} may not talk to this daemon",
                why=f"it belongs to {user_name(allowed_uids()[0])}",
            )
        return None

    def close(self) -> None:
        """Say goodbye to everybody."""
        for link in tuple(self.connections):
            link.end("the daemon ends")

    def _asked(self, client: Client, lines: list[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            if not client.link.open:
                return
            request_id, request = wire.decode_request(line)
            if isinstance(request, FnrError):
                client.fail(request_id, request)
            elif isinstance(request, Submit):
                self._answers.submit(client, request_id, request)
            elif isinstance(request, WaitTasks):
                if line is lines[-1]:
                    # A worker may begin with what was submitted before this is looked at.
                    self._parts.store.beginning.settle_down()
                self._answers.wait(client, request_id, request)
            elif isinstance(request, Watch):
                self._watch(client, request_id, request)
            else:
                client.answering += 1
                self._parts.start(
                    self._answer(client, request_id, request), what=type(request).__name__
                )
                if client.answering >= ANSWERING_MAX:
                    client.link.hold(lines[number:])
                    return

    async def _answer(self, client: Client, request_id: int, request: AnyRequest) -> None:
        try:
            client.answer(request_id, await self._answers.answer(client, request))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            client.fail(request_id, self._told(error, request))
        finally:
            client.answering -= 1
            if client.answering == ANSWERING_MAX // 2:
                client.link.go_on()

    def _told(self, error: Exception, request: AnyRequest) -> FnrError:
        paths, store = self._parts.paths, self._parts.store
        if isinstance(error, StoreIll) and store.state != "ill":
            # Only a write that fails has it checked: this one was a read.
            return StorageError(
                "the store cannot be read", why=why_ill(paths, error), next_step="fnr db check"
            )
        if isinstance(error, StoreIll) and isinstance(request, GetStatus):
            # Who asked for the status is not told to do so.
            why = why_ill(paths, store.trouble)
            return StorageError(_IS_CHECKED, why=why, next_step="fnr db check")
        return as_fnr_error(error, paths)

    def _watch(self, client: Client, request_id: int, request: Watch) -> None:
        watcher = self._parts.events.watch(
            lambda event: self._tell(client, request_id, event),
            task_ids=request.task_ids,
            functions=request.functions,
            kinds=request.kinds,
        )
        client.watchers.append(watcher)
        # The first answer says that from here on nothing is missed.
        client.answer(request_id, True)

    def _tell(self, client: Client, request_id: int, event: Event) -> None:
        """Send an event of a Watch; who is told that he is behind is told nothing more."""
        if not client.watchers:
            return
        if client.link.unsent_bytes <= EVENTS_UNSENT_BYTES_MAX:
            client.link.write(wire.encode_event(request_id, event))
            return
        client.fail(request_id, TryAgain("you read too slowly; events were lost"))
        self._forget_watchers(client)
        client.link.end_when_sent()

    def _forget_watchers(self, client: Client) -> None:
        for watcher in client.watchers:
            self._parts.events.forget(watcher)
        client.watchers.clear()

    def _gone(self, client: Client) -> None:
        self.connections.pop(client.link, None)
        self._forget_watchers(client)
        for gone in client.on_gone:
            gone()


def as_fnr_error(error: BaseException, paths: Paths) -> FnrError:
    """What a client is told about an error of ours or the store's."""
    match error:
        case FnrError():
            return error
        case StoreFull():
            return StorageError(
                "the disk is full; nothing was stored", why=str(error), next_step="fnr db stats"
            )
        case StoreIll():
            return StorageError(
                _IS_CHECKED,
                why=why_ill(paths, error),
                next_step="fnr status",
            )
        case Exception() if no_thread(error.__cause__ or error):
            return TryAgain(
                "the daemon could not do this just now",
                why=f"{error}: its user may have {words_of_threads()[0]}"
                " (ulimit -u, ulimit -v, pids.max of its control group)",
            )
        case StoreBusy():
            return TryAgain("the store is locked by another program", why=str(error))
        case OSError() if is_used_up(error):
            return TryAgain("the daemon could not do this just now", why=str(error))
        case OSError() if error.errno in _DISK_CODES:
            return StorageError(
                "the daemon could not do this: its disk is in the way", why=str(error)
            )
    log.error("a request failed", exc_info=error)
    return InternalError("the daemon could not answer", why=f"{type(error).__name__}: {error}")


def allowed_uids() -> tuple[int, ...]:
    """Whoever runs the daemon, and root."""
    return (os.geteuid(), 0)


_names: dict[int, str] = {}


def user_name(uid: int) -> str:
    """A user's name; looked up once, because a directory server may be behind it."""
    if uid not in _names:
        try:
            _names[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            _names[uid] = f"uid {uid}"
    return _names[uid]
