"""Daemons forked from a process that has imported all of fnr, for tests that need many of them.

A start costs half a second of CPU time, nearly all of it for imports, and the suite has hundreds.
What is forked is a process like any other: it runs `fnr.__main__.main` with its own arguments and
environment, and is killed, waited for and found by its pid. How a daemon starts from nothing is
tested by those who call `python -m fnr daemon` and `fnr daemon start`.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

REQUEST_BYTES_MAX = 1 << 20


class Forked:
    """A process of the nursery; as much of `subprocess.Popen` as tests use."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._pidfd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit code, -N after signal N; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; subprocess.TimeoutExpired when it does not."""
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(f"daemon {self.pid}", timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        """Nothing once it has ended, as with Popen."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout_s: float | None) -> int | None:
        if self.returncode is None:
            if not select.select([self._pidfd], [], [], timeout_s)[0]:
                return None
            with self._nursery.lock:
                if self.returncode is None:
                    self.returncode = self._nursery.take_end(self.pid)
                    os.close(self._pidfd)
        return self.returncode


class Nursery:
    """One process that forks daemons for as long as this one lives."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def fork(self, words: list[str], *, env: dict[str, str], stderr: int) -> Forked:
        """A process that runs `fnr WORDS…` with exactly this environment."""
        asked = json.dumps({"words": words, "env": env, "cwd": str(Path.cwd())}).encode()
        with self.lock:
            socket.send_fds(self._socket, [asked], [stderr])
            return Forked(self, int(self._answer()))

    def take_end(self, pid: int) -> int:
        """How a process has ended that has."""
        self._socket.send(json.dumps({"ended": pid}).encode())
        return int(self._answer())

    def close(self) -> None:
        """It ends when nobody can ask it any more; what it has forked goes on."""
        self._socket.close()
        self._process.wait()

    def _answer(self) -> bytes:
        answer = self._socket.recv(100)
        assert answer, "the nursery has ended"
        return answer


_of_this_process: list[Nursery] = []


def nursery() -> Nursery:
    """The one of this process, started when it is needed first."""
    if not _of_this_process:
        _of_this_process.append(Nursery())
    return _of_this_process[0]


def close_nursery() -> None:
    """End it, if there is one."""
    while _of_this_process:
        _of_this_process.pop().close()


def _serve(asked: socket.socket) -> list[str] | None:
    """Fork whenever asked to; None at the end, in a forked process the words of its command."""
    while True:
        data, fds, _, _ = socket.recv_fds(asked, REQUEST_BYTES_MAX, 1)
        if not data:
            return None
        request = json.loads(data)
        if "ended" in request:
            _, status = os.waitpid(request["ended"], 0)
            asked.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if pid == 0:
            asked.close()
            _become(request["env"], request["cwd"], array.array("i", fds)[0])
            words: list[str] = request["words"]
            return words
        asked.send(str(pid).encode())
        os.close(fds[0])


def _become(env: dict[str, str], cwd: str, stderr: int) -> None:
    from fnr.host import failpoint

    os.dup2(stderr, 2)
    os.close(stderr)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    failpoint._name, failpoint._left = failpoint._arm(env.get("FNR_FAILPOINT", ""))


def _main() -> int:
    import gc

    import fnr.cli.quick_daemon
    import fnr.daemon.main  # noqa: F401 - what a forked process need not import
    from fnr.__main__ import main
    from fnr.config.rule_files import shipped_rules

    shipped_rules()  # every daemon that meets a failure reads them, for 90 ms of CPU time
    gc.freeze()
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    if words is None:
        return 0
    sys.argv = ["fnr", *words]
    return main()


if __name__ == "__main__":
    sys.exit(_main())
