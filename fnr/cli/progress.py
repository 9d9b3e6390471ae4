"""A progress bar on stderr, for people who are looking, and nothing for everybody else."""

from __future__ import annotations

import sys
from typing import Any

from fnr.cli.here import here
from fnr.cli.terminal import is_terminal

# So many steps between two looks at the clock of rich: a bar must cost nothing per line.
_STEPS_PER_UPDATE = 256


class Bar:
    """How far something is, in bytes or in steps; counts also when it is not shown."""

    def __init__(self, words: str, *, total_bytes: int | None = None, hidden: bool = False) -> None:
        """hidden: it would stand in the way, as where somebody types what it counts."""
        self._begun_ms = here().clock.boot_ms()
        self._done = 0
        self._steps = 0
        self._bar: Any = None
        if hidden or here().quiet or not is_terminal(sys.stderr) or not here().colour_on_stderr:
            return
        from rich.console import Console  # noqa: PLC0415 - only when somebody is looking
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - as above

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]} lines"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr, markup=False, highlight=False),
            transient=True,
        )
        self._id = self._bar.add_task(words, total=total_bytes, count=0)
        self._bar.start()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was made."""
        return (here().clock.boot_ms() - self._begun_ms) / 1_000

    def advance(self, size_bytes: int) -> None:
        """One step further."""
        self._done += size_bytes
        self._steps += 1
        if self._steps % _STEPS_PER_UPDATE == 0:
            self.show()

    def show(self) -> None:
        """Show how far it is now: nothing may follow for a while."""
        if self._bar is not None:
            self._bar.update(self._id, completed=self._done, count=self._steps)

    def close(self) -> None:
        """Take it off the screen."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
