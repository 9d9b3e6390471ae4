"""End what the main thread does, by a signal, at a moment when that is safe.

SIGTERM raises Interrupted in the function, so that its finally-blocks run. Where an exception
would tear our own bookkeeping apart the signal is only noted. After the first SIGTERM the system's
own reaction is restored, so a second one ends the process at once, whatever it is doing.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

# As it is before foreign code comes: eventlet takes it out of its module, gevent puts its own in.
new_poll = select.poll


class Interrupted(BaseException):
    """The attempt was ended from outside; no `except Exception` may catch it by accident."""


class Interrupts:
    """What may be interrupted at this moment, and what was asked.

    doing: names what the main thread does: a token, LOADING or WAITING.
    open:  whether Interrupted may be raised now; set by the main thread around what it guards.
    asked: SIGTERM came; the process is to end. signal: which one it was, as others ask the same.
    wished: it was the signal that is heeded besides.
    soft:  called instead of raising, for what has a way of its own to be cancelled.
    forked: this is a forked copy of the worker, made by the function; it serves nobody.
    """

    LOADING = "loading"
    WAITING = "waiting"

    def __init__(self) -> None:
        self.doing = self.LOADING
        self.open = False
        self.asked = self.wished = False
        self.signal = signal.SIGTERM
        self.soft: Callable[[], None] | None = None
        self.forked = False
        self._installed = False
        self.fd, self._write_fd = _wakeup_pipe()
        self._unwanted: str | None = None
        self._main = threading.main_thread().ident

    def install(self) -> None:
        """Take SIGTERM and SIGINT over; forked copies of this process get theirs back."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._installed = True
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=self._on_fork)

    def renew(self) -> None:
        """The function has closed our pipe; its numbers may be somebody else's by now."""
        self.fd, self._write_fd = _wakeup_pipe()
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)

    def heed(self, number: int) -> None:
        """Take one more signal for the wish that the process ends, however often it comes."""
        signal.signal(number, self._on_wish)

    def guard(self) -> None:
        """Allow an interruption from here on; raises Interrupted if one is due."""
        self.open = True
        if self.asked:
            self.open = False
            raise Interrupted

    def wait(self, poll: select.poll, wait_ms: int | None = None) -> list[tuple[int, int]]:
        """Wait for what poll, which includes our fd, waits for; raises Interrupted."""
        self.guard()
        ready = poll.poll(wait_ms)
        self.open = False
        if len(ready) > 1 or (ready and ready[0][0] == self.fd):
            with suppress(BlockingIOError):
                os.read(self.fd, 4096)
        return ready

    def stop_doing(self, what: str) -> None:
        """Interrupt the main thread if it still does this; for another thread to call."""
        self._unwanted = what
        if self._main is not None:
            signal.pthread_kill(self._main, signal.SIGTERM)

    def leave_to_system(self) -> None:
        """From now on a SIGTERM simply ends the process: nothing is left to bring in safety."""
        if not self._installed:
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        unwanted, self._unwanted = self._unwanted, None
        if unwanted is None:
            self._asked_by(number)
            self.leave_to_system()
        elif unwanted != self.doing:
            return  # it ended by itself meanwhile
        self._interrupt()

    def _on_wish(self, number: int, _frame: FrameType | None) -> None:
        self.wished = True
        self._asked_by(number)
        self._interrupt()

    def _asked_by(self, number: int) -> None:
        if not self.asked:
            self.asked, self.signal = True, signal.Signals(number)

    def _interrupt(self) -> None:
        if self.soft is not None:
            self.soft()
        elif self.open:
            self.open = False
            raise Interrupted

    def _on_fork(self) -> None:
        self.forked = True
        self.open = False
        signal.set_wakeup_fd(-1)
        self.leave_to_system()


def _wakeup_pipe() -> tuple[int, int]:
    """A signal that comes between our last look and a system call does not interrupt that call;
    what it writes here does. The fd to read from, the first, is part of every poll."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    os.set_blocking(write_fd, False)
    return read_fd, write_fd
