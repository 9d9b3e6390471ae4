"""The sockets at which workers and clients are taken in: ours, and one for each other user.

A worker that runs as another user reaches a folder that is ours, in which a socket and small files
are that user's, and a spool folder of that user's own. The store, the logs of others and what
other users keep stay closed.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from fnr.config.paths import SOCKET_PATH_BYTES_MAX
from fnr.daemon.line_socket import listen
from fnr.daemon.parts import Parts, log
from fnr.host.other_user import OtherUser, closed_on_the_way, folder_of_theirs, folder_to_pass

Connected = Callable[[socket.socket], None]


class Doors:
    """Opened once; a user's door when the first worker of that user is about to start."""

    def __init__(self, parts: Parts, *, workers: Connected, clients: Connected) -> None:
        self._parts = parts
        self._workers = workers
        self._clients = clients
        self._open: dict[str, socket.socket] = {}

    def open(self) -> None:
        """Let workers and clients in, also workers that other users have from before."""
        paths = self._parts.paths
        self._listen(paths.worker_socket_file, self._workers, mode=0o660)
        self._listen(paths.socket_file, self._clients, mode=0o660)
        for uid in paths.uids():
            try:
                self._open_for(uid)
            except OSError as error:
                log.error("workers of uid %d cannot connect: %s", uid, error)

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
        for path, door in self._open.items():
            self._parts.loop.remove_reader(door)
            door.close()
            Path(path).unlink(missing_ok=True)
        self._open.clear()

    def _open_for(self, uid: int) -> None:
        paths = self._parts.paths
        path = paths.worker_socket_of(uid)
        if (size := len(os.fsencode(path))) > SOCKET_PATH_BYTES_MAX:
            raise OSError(f"the socket path {path} has {size} bytes, of {SOCKET_PATH_BYTES_MAX}")
        folder_to_pass(paths.run_dir)
        folder_to_pass(str(Path(path).parent))
        if path not in self._open:
            self._listen(path, self._workers, mode=0o600, uid=uid)

    def _listen(self, path: str, connected: Connected, *, mode: int, uid: int = -1) -> None:
        # The lock is ours, so whatever lies there is left from a daemon that was killed.
        Path(path).unlink(missing_ok=True)
        door = listen(path, mode=mode)
        try:
            os.chown(path, uid, -1, follow_symlinks=False)
        except OSError:
            door.close()
            raise
        self._parts.loop.add_reader(door, _accept_all, door, connected)
        self._open[path] = door


def _accept_all(door: socket.socket, connected: Connected) -> None:
    """Take everybody who waits at the door."""
    while True:
        try:
            sock, _ = door.accept()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            log.error("a connection could not be accepted: %s", error)
            return
        connected(sock)
