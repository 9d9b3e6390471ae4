"""The sockets at which workers and clients are taken in: ours, and one for each other user.

A worker that runs as another user reaches a folder that is ours, in which a socket and small files
are that user's, and a spool folder of that user's own. The store, the logs of others and what
other users keep stay closed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fnr.config.paths import SOCKET_PATH_BYTES_MAX
from fnr.daemon.line_socket import listen
from fnr.daemon.parts import Parts, log
from fnr.host.limits import files_max
from fnr.host.other_user import OtherUser, closed_on_the_way, folder_of_theirs, folder_to_pass
from fnr.host.spare_files import SpareFiles
from fnr.policy.used_up import is_used_up

Connected = Callable[[socket.socket], None]

# Folders of sockets are emptied behind our back: by who logs out of /run/user, by who tidies /tmp.
LOOK_EVERY_MS = 10_000
# How long nobody is let in when there is no file descriptor left for him.
REST_MS = 1_000
# So many clients are let in when workers, or other clients, have all other descriptors: without
# them nobody could ask what is wrong, or stop the daemon. The last one is for those told to go.
SPARE_FILES = 4
# Under this name in the daemon's problems.
_PROBLEM = "file descriptors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A listening socket, and which file stands for it."""

    listener: socket.socket
    connected: Connected
    mode: int
    uid: int
    file: os.stat_result

    def stands(self, path: str) -> bool:
        """Does the path still lead to it?"""
        try:
            return os.path.samestat(os.lstat(path), self.file)
        except OSError:
            return False


class Doors:
    """Opened once; a user's door when the first worker of that user is about to start.

    holds_home: is the home's lock still ours? Where another home stands in the place of ours, its
    sockets are another daemon's.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        workers: Connected,
        clients: Connected,
        turn_away: Connected,
        holds_home: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._workers = workers
        self._clients = clients
        self._turn_away = turn_away
        self._spare = SpareFiles(SPARE_FILES)
        self._holds_home = holds_home
        self._open: dict[str, Door] = {}
        self._trouble = ""
        self._crowded = False
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Let workers and clients in, also workers that other users have from before."""
        paths = self._parts.paths
        self._spare.fill()
        self._listen(paths.worker_socket_file, self._workers, mode=0o660)
        self._listen(paths.socket_file, self._clients, mode=0o660)
        for uid in paths.uids():
            try:
                self._open_for(uid)
            except OSError as error:
                log.error("workers of uid %d cannot connect: %s", uid, error)
        self._timer = self._parts.later(LOOK_EVERY_MS, self._look_again)

    def look(self) -> None:
        """Open again what was removed under us: whoever is outside would never come in."""
        trouble = ""
        for path, door in tuple(self._open.items()):
            if door.stands(path) or not self._holds_home():
                continue
            try:
                self._open_again(path, door)
            except OSError as error:
                trouble = f"{path} is gone and cannot be made again: {error}"
            else:
                log.warning("a socket was removed; it is there again", extra={"path": path})
        if trouble and trouble != self._trouble:
            log.error("nobody can connect: %s", trouble)
        self._trouble = trouble

    def make_way(self, user: OtherUser) -> None:
        """See to it that workers of this user can do their work. Raises OSError."""
        paths = self._parts.paths
        folder_to_pass(paths.users_dir)
        folder_of_theirs(paths.spool_of(user.uid), user)
        self._open_for(user.uid)
        results = f"{paths.spool_of(user.uid)}/result"
        for place in (paths.worker_socket_of(user.uid), results, sys.executable, __file__):
            if closed := closed_on_the_way(place, user):
                raise PermissionError(
                    f"user {user.name!r} cannot enter {closed}, which is on the way to {place}"
                )

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        if self._timer is not None:
            self._timer.cancel()
        for path, door in self._open.items():
            self._shut(path, door)
        self._open.clear()
        self._spare.close()

    def _look_again(self) -> None:
        self.look()
        self._timer = self._parts.later(LOOK_EVERY_MS, self._look_again)

    def _open_again(self, path: str, door: Door) -> None:
        run_dir = self._parts.paths.run_dir
        for folder in (run_dir, f"{run_dir}/now"):
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        if door.uid >= 0:
            self._pass_to(path)
        self._listen(path, door.connected, mode=door.mode, uid=door.uid)
        self._shut(path, door)

    def _shut(self, path: str, door: Door) -> None:
        self._parts.loop.remove_reader(door.listener)
        # Another daemon's, where another home stands in the place of ours.
        if door.stands(path):
            Path(path).unlink(missing_ok=True)
        door.listener.close()

    def _open_for(self, uid: int) -> None:
        paths = self._parts.paths
        path = paths.worker_socket_of(uid)
        if (size := len(os.fsencode(path))) > SOCKET_PATH_BYTES_MAX:
            raise OSError(f"the socket path {path} has {size} bytes, of {SOCKET_PATH_BYTES_MAX}")
        self._pass_to(path)
        if path not in self._open:
            self._listen(path, self._workers, mode=0o600, uid=uid)

    def _pass_to(self, path: str) -> None:
        folder_to_pass(self._parts.paths.run_dir)
        folder_to_pass(str(Path(path).parent))

    def _listen(self, path: str, connected: Connected, *, mode: int, uid: int = -1) -> None:
        # The lock is ours, so whatever lies there is left from a daemon that was killed.
        Path(path).unlink(missing_ok=True)
        listener = listen(path, mode=mode)
        try:
            os.chown(path, uid, -1, follow_symlinks=False)
            file = os.lstat(path)
        except OSError:
            listener.close()
            raise
        self._parts.loop.add_reader(listener, self._accept, listener, connected)
        self._open[path] = Door(
            listener=listener, connected=connected, mode=mode, uid=uid, file=file
        )

    def _accept(self, listener: socket.socket, connected: Connected) -> None:
        """Take everybody who waits at the door."""
        while True:
            self._spare.fill()
            try:
                sock = self._next(listener, connected)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._rest(listener, connected, error)
                return
            if self._crowded and self._spare.full:
                self._crowded = False
                self._parts.problems.pop(_PROBLEM, None)
            is_last = connected == self._clients and self._spare.empty
            (self._turn_away if is_last else connected)(sock)

    def _next(self, listener: socket.socket, connected: Connected) -> socket.socket:
        """Who is first at a door; a client by a descriptor that was kept. Raises OSError."""
        try:
            return listener.accept()[0]
        except OSError as error:
            if connected != self._clients or not (is_used_up(error) and self._spare.let_go()):
                raise
        return listener.accept()[0]

    def _rest(self, listener: socket.socket, connected: Connected, error: OSError) -> None:
        """Nobody can be let in now: who knocks would be heard of again at once, for ever."""
        if not self._crowded:
            self._crowded = True
            log.error("connections wait: %s", error)
            self._parts.problems[_PROBLEM] = (
                f"workers or clients wait to be let in: {error.strerror}; the daemon may open"
                f" {files_max()} files (ulimit -n, or LimitNOFILE= of a service)"
            )
        self._parts.loop.remove_reader(listener)
        self._parts.later(REST_MS, lambda: self._go_on(listener, connected))

    def _go_on(self, listener: socket.socket, connected: Connected) -> None:
        if listener.fileno() >= 0:
            self._parts.loop.add_reader(listener, self._accept, listener, connected)
