"""The object store's process of the demo: started, asked, ended."""

from __future__ import annotations

import os
import signal
import sys
from http.client import HTTPConnection
from urllib.parse import quote

import msgspec

from fnr.api.errors import Failed
from fnr.cli.demo.home import Home
from fnr.cli.demo.object_store import HOST, Ledger
from fnr.cli.stage.home import environment
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.processes import STOP_PATIENCE_MS, not_started, take_end
from fnr.host import process
from fnr.host.process import Child, signal_pids

ASK_TIMEOUT_S = 10


class ObjectStore:
    """The object store's process, and what one may ask of it."""

    def __init__(self, home: Home, interruptions: Interruptions, *, seed: int) -> None:
        self._home = home
        self._interruptions = interruptions
        self._seed = seed
        self._child: Child | None = None
        self.port = 0

    def start(self) -> None:
        """Start it and learn its port."""
        words = (str(self._home.objects), str(self._seed), str(os.getpid()))
        log = self._home.logs / "object-store.log"
        read_fd, write_fd = os.pipe()
        with os.fdopen(read_fd) as said:
            try:
                with self._interruptions.held():
                    self._child = process.spawn(
                        [sys.executable, "-m", "fnr.cli.demo.object_store", *words],
                        env=environment(),
                        cwd=str(self._home.root),
                        stdout=write_fd,
                        output_path=str(log),
                    )
            finally:
                os.close(write_fd)
            line = said.readline()
        if not line:
            raise not_started(log)
        self.port = int(line)

    def repair(self) -> None:
        """No more faults, and the vault is open."""
        self._ask("POST", "/repair")

    def ledger(self) -> Ledger:
        """Its own account of what was stored."""
        return msgspec.json.decode(self._ask("GET", "/ledger"), type=Ledger)

    def read(self, key: str) -> bytes:
        """The content of an object."""
        return self._ask("GET", quote(f"/objects/{key}"))

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            signal_pids([self._child.pid], signal.SIGKILL)
            take_end(self._child, patience_ms=STOP_PATIENCE_MS)
            self._child = None

    def _ask(self, method: str, path: str) -> bytes:
        connection = HTTPConnection(HOST, self.port, timeout=ASK_TIMEOUT_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Failed(f"the object store answered {answer.status} to {method} {path}")
        return body
