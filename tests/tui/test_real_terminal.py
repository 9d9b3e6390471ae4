"""`fnr tui` as people start it: in a real terminal, typed at, its screen read back."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import pyte
import pytest
from tui_home import StoreServer

from fnr.config.paths import Paths

COLUMNS, LINES = 100, 30
PATIENCE_S = 30
ENV = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


class Terminal(Protocol):
    """A terminal in which something runs."""

    def type(self, keys: str) -> None: ...

    def until(self, words: str) -> str: ...

    def ended(self) -> int: ...


class Emulated:
    """A pseudo terminal, its output understood by a terminal emulator in Python."""

    def __init__(self, words: list[str], env: dict[str, str], *, own: bool = False) -> None:
        """own: it is the terminal of their session, so that a shell has jobs."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, **ENV, **env},
            start_new_session=True, preexec_fn=_own_terminal if own else None,  # noqa: PLW1509 - no threads yet
        )  # fmt: skip
        os.close(slave)
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, words: str) -> str:
        while words not in (found := "\n".join(self._screen.display)):
            ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
            assert ready, f"never: {words!r}\n{found}"
            self._stream.feed(os.read(self._master, 65536))
        return found

    def forget(self) -> None:
        """What stands there, as a terminal does that is drawn on by another program."""
        self._screen.reset()

    def ended(self) -> int:
        while self._process.poll() is None:
            ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
            assert ready, "it does not end"
            with suppress(OSError):
                os.read(self._master, 65536)
        return self._process.returncode

    def modes(self) -> list[Any]:
        """What is echoed, and the like."""
        return termios.tcgetattr(self._master)[:4]

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        self.end()
        os.close(self._master)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def vanish(self) -> int:
        """The terminal is closed, and it is not the one that would send a SIGHUP; how it ends."""
        os.close(self._master)
        return self._process.wait(PATIENCE_S)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Tmux:
    """A tmux of its own; told by its control client whenever something is written."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self._tmux = ["tmux", "-L", f"fnr-{os.getpid()}", "-f", os.devnull]
        given = [
            part for name, value in {**ENV, **env}.items() for part in ("-e", f"{name}={value}")
        ]
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        self._control = subprocess.Popen(
            [*self._tmux, "-C", "new-session", *size, *given, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **ENV},
        )  # fmt: skip
        assert self._control.stdout is not None
        self._news = self._control.stdout

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=False)
        return done.stdout

    def type(self, keys: str) -> None:
        self._run("send-keys", "-l", keys)

    def until(self, words: str) -> str:
        while words not in (found := self._run("capture-pane", "-p")):
            ready, _, _ = select.select([self._news], [], [], PATIENCE_S)
            assert ready, f"never: {words!r}\n{found}"
            assert os.read(self._news.fileno(), 65536), f"tmux ended\n{found}"
        return found

    def ended(self) -> int:
        while True:
            ready, _, _ = select.select([self._news], [], [], PATIENCE_S)
            assert ready, "it does not end"
            if not os.read(self._news.fileno(), 65536):
                return 0

    def close(self) -> None:
        self._run("kill-server")
        assert self._control.stdin is not None
        self._control.stdin.close()
        self._control.wait()
        self._news.close()


KINDS: dict[str, Any] = {"emulated": Emulated, "tmux": Tmux}


@pytest.fixture(params=list(KINDS))
def terminal_for(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Start words in a terminal; ended after the test."""
    if request.param == "tmux" and shutil.which("tmux") is None:
        pytest.skip("no tmux on this machine; the emulated terminal is tested everywhere")
    made = []

    def start(words: list[str], **env: str) -> Terminal:
        made.append(KINDS[request.param](words, env))
        return made[-1]

    yield start
    for one in made:
        one.close()


def words_for(paths: Paths, *more: str) -> list[str]:
    return [sys.executable, "-m", "fnr", "--home", paths.home, "tui", *more]


def test_a_session_in_a_real_terminal(daemon: StoreServer, terminal_for: Any) -> None:
    terminal = terminal_for(words_for(daemon.paths, "tasks", "--read-only"))
    screen = terminal.until(" of 200")
    assert "READ-ONLY" in screen
    terminal.until("● running")
    terminal.type("/")
    terminal.until("fnr help filters")
    terminal.type("state:dead\r")
    screen = terminal.until("✗ dead")
    assert "[rank0]:" not in screen.splitlines()[0]
    terminal.type("4")
    screen = terminal.until("CAUSE")
    terminal.type("R")
    terminal.until("nothing is changed")
    terminal.type("?")
    terminal.until("on dlq")
    terminal.type("q")
    terminal.type("1")
    terminal.until("needs attention")
    terminal.type("q")
    assert terminal.ended() == 0


def test_without_colour_and_without_utf8(filled: Paths, terminal_for: Any) -> None:
    """No daemon either: the stored state, in characters that every terminal has."""
    terminal = terminal_for(words_for(filled, "tasks"), LC_ALL="C", LANG="C", NO_COLOR="1")
    screen = terminal.until(" of 200")
    assert screen.isascii()
    assert "stored state" in terminal.until("the daemon is not there")
    assert "o queued" in screen
    terminal.type("q")
    terminal.until("needs attention")
    terminal.type("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_it_gets_the_terminal_back(filled: Paths, number: signal.Signals) -> None:
    """Also from behind a dialog: as timeout(1) does, a session that ends, or whoever means the
    daemon by its name and would have it read its settings again.
    """
    terminal = Emulated(words_for(filled, "tasks"), {})
    try:
        before = terminal.modes()
        terminal.until(" of 200")
        terminal.type("?")
        terminal.until("on tasks")
        assert terminal.modes() != before
        terminal.signal(number)
        assert terminal.ended() == 128 + number
        assert terminal.modes() == before
    finally:
        terminal.end()


def test_without_its_terminal_it_ends(filled: Paths) -> None:
    """Otherwise it would read the end of its input for ever, with a whole processor."""
    terminal = Emulated(words_for(filled, "tasks"), {})
    try:
        terminal.until(" of 200")
        assert terminal.vanish() == 128 + signal.SIGHUP
    finally:
        terminal.end()


def test_ctrl_z_goes_to_the_shell_and_fg_draws_all_of_it_anew(filled: Paths) -> None:
    """Also where something stands between: it would be waited for in the foreground for ever."""
    terminal = Emulated(["sh", "-i"], {"PS1": "shell> "}, own=True)
    try:
        terminal.until("shell> ")
        terminal.type(f"sh -c '{shlex.join(words_for(filled, 'tasks'))}; exit $?'\r")
        terminal.until(" of 200")
        terminal.type("\x1a")
        terminal.until("Stopped")
        terminal.forget()
        terminal.type("fg\r")
        assert "1 dashboard" in terminal.until(" of 200")
        terminal.type("q")
        terminal.until("needs attention")
        terminal.forget()
        terminal.type("q")
        terminal.until("shell> ")
    finally:
        terminal.end()


def test_ctrl_z_stays_where_no_shell_would_let_it_go_on(filled: Paths) -> None:
    terminal = Emulated(words_for(filled, "tasks"), {}, own=True)
    try:
        terminal.until(" of 200")
        terminal.type("\x1a")
        assert "q leaves" in terminal.until("no shell is there to go to")
    finally:
        terminal.end()
