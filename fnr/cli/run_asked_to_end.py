"""Ctrl-C and SIGTERM for `fnr run`: its task is cancelled, and its end waited for.

SIGTERM is what timeout(1) and systemd send, and they mean the command. SIGHUP stays what it is:
whoever closes a terminal ends `fnr run` alone.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextvars import copy_context
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from fnr.api.errors import DaemonDown, FnrError
from fnr.api.requests import CancelTasks
from fnr.cli.follow import patient_ask
from fnr.cli.here import here, say
from fnr.cli.terminal import block

# timeout(1) sends each signal to its child and then to the group that the child is in.
SAME_MS = 1_000
# How a signal is called by those who sent it.
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class AskedToEnd:
    """Cancels the task at the first signal; a later one raises KeyboardInterrupt.

    by:   the first signal; None while none came.
    told: what a further one does is being said. Until then, and within SAME_MS of the first, it is
          the same one.
    """

    def __init__(self, task_id: str) -> None:
        self.by: signal.Signals | None = None
        self._task_id = task_id
        self._at_ms = 0
        self.told = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _NAMES:
            # A script that starts us in its background, or nohup, wants us to ignore it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now_ms = here().clock.boot_ms()
        if self.by is None:
            self.by, self._at_ms = signal.Signals(number), now_ms
            # Not here: what was interrupted may be in the middle of a write to the same streams.
            # A thread starts without the settings of its starter; it gets a copy of them.
            settings = copy_context()
            threading.Thread(target=settings.run, args=(self._cancel,), daemon=True).start()
        elif self.told.is_set() or now_ms >= self._at_ms + SAME_MS:
            raise KeyboardInterrupt

    def _cancel(self) -> None:
        assert self.by is not None
        name = _NAMES[self.by]
        request = CancelTasks(task_ids=[self._task_id], reason=name)
        try:
            try:
                changed = here().ask(request)
            except DaemonDown:
                self._tell(
                    f"the daemon is away; cancelling once it is back; {name} again lets the task"
                    " go on"
                )
                changed = patient_ask(here(), request)
        except FnrError as error:
            self._tell(block("\n".join(error.lines())))
            say(f"it may go on: {here().command} task cancel {self._task_id}")
        else:
            if changed.changed:
                self._tell(f"cancelling; {name} again does not wait for its end")

    def _tell(self, line: str) -> None:
        """Say what a further signal does; from here on it does that.

        Set first: who reads the line and presses at once is ahead of what follows its write.
        """
        self.told.set()
        say(line)


def end_by(number: signal.Signals) -> NoReturn:
    """End as its sender expects: for a shell that is 128+N, for systemd a unit that was stopped."""
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    raise AssertionError("the signal has ended us")
