"""What people see while the demo runs, on stderr: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from fnr.cli.terminal import one_line
from fnr.host.clock import Clock

# In a pipe a line for each of so many steps.
PLAIN_STEPS = 10


class Screen:
    """Tells what happens, with the time since the beginning.

    say:  writes a line; live: whether somebody is looking at a terminal.
    """

    def __init__(self, clock: Clock, *, say: Callable[[str], None] | None, live: bool) -> None:
        self._clock = clock
        self._begun_ms = clock.boot_ms()
        self._say = say
        self._told_step = -1
        self._bar: Any = None
        if live and say is not None:
            self._bar = _bar()
            self._id = self._bar.add_task("working", total=None, words="")
            self._bar.start()

    @property
    def elapsed_ms(self) -> int:
        """Time since the beginning."""
        return self._clock.boot_ms() - self._begun_ms

    def say(self, line: str) -> None:
        """Something happened."""
        if self._say is None:
            return
        text = f"{self.elapsed_ms / 1_000:5.1f} s  {one_line(line)}"
        if self._bar is None:
            self._say(text)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, done: int, total: int, *, words: str) -> None:
        """How far the work is."""
        if self._bar is not None:
            self._bar.update(self._id, completed=done, total=total, words=words)
            return
        step = done * PLAIN_STEPS // max(total, 1)
        if step > self._told_step:
            self._told_step = step
            self.say(f"{done} of {total} ended{words and f' ({words})'}")

    def again(self) -> None:
        """A new stretch of work begins at nothing."""
        self._told_step = -1

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar() -> Any:
    from rich.console import Console  # noqa: PLC0415 - only when somebody is looking
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        console=Console(file=sys.stderr, markup=False, highlight=False),
        transient=True,
    )
