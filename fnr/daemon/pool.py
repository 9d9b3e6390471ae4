"""The workers of one function: how many there should be, how much each may hold, when to retry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from fnr.config.settings import DaemonSettings, FunctionSettings
from fnr.config.units import DURATION_MS_MAX
from fnr.daemon.worker_process import WorkerProcess, WorkerState

# Weight of the newest attempt in the running mean of durations.
NEWEST_WEIGHT = 0.2
# (mean duration below, attempts a worker may hold): work that is over at once may queue up in the
# worker; work that takes longer may not, because what waits behind it could run elsewhere.
WINDOWS = ((2.0, 16), (10.0, 8), (40.0, 2))
# The same for what is claimed ahead where a worker holds one at a time: the next one is on disk as
# claimed when the one before ends, and nobody waits for the COMMIT in between.
AHEAD = ((2.0, 4), (10.0, 1))
# A worker that served this long or ended an attempt has proved itself: its restart is immediate.
GOOD_RUN_MS = 10_000


@dataclass(slots=True, eq=False, kw_only=True)
class Pool:
    """Workers of one function.

    next_due_at_ms: when the next task may start; 0 means "perhaps now", None "no task is queued".
    seating: a worker is on its way, as soon as it is given a GPU.
    failures: starts in a row that came to nothing. problem: why the function cannot run now.
    carried: a task has been told of that problem, and no other one needs to be.
    holds: gate -> why it lets no more attempts through, as of the last look.
    """

    settings: FunctionSettings
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    paused: bool = False
    removed: bool = False
    seating: bool = False
    next_due_at_ms: int | None = None
    mean_duration_ms: float = 1_000.0
    failures: int = 0
    problem: str = ""
    carried: bool = False
    holds: dict[str, str] = field(default_factory=dict)
    due_timer: asyncio.TimerHandle | None = None
    start_timer: asyncio.TimerHandle | None = None
    idle_timer: asyncio.TimerHandle | None = None

    name: str = field(init=False)

    def __post_init__(self) -> None:
        # Asked several times for every attempt, and the same after a reload.
        self.name = self.settings.name

    def works(self) -> None:
        """What kept the function from running is over."""
        self.problem, self.carried = "", False

    @property
    def window(self) -> int:
        """How many attempts one worker may hold at a time."""
        return self.settings.window or self._by_duration(WINDOWS) or 1

    @property
    def ahead(self) -> int:
        """How many more may be claimed for a worker and kept here until it is their turn.

        Not where something is given to each attempt, or asked of a breaker before it begins.
        """
        settings = self.settings
        if settings.window != 1 or settings.services or settings.is_counted:
            return 0
        return self._by_duration(AHEAD)

    def _by_duration(self, table: tuple[tuple[float, int], ...]) -> int:
        for below_ms, count in table:
            if self.mean_duration_ms < below_ms:
                return count
        return 0

    @property
    def staying(self) -> list[WorkerProcess]:
        """Workers that count towards min and max."""
        gone = {WorkerState.LEAVING, WorkerState.GONE}
        return [worker for worker in self.workers.values() if worker.state not in gone]

    @property
    def filled(self) -> int:
        """Places that nobody can be started in: a worker's is free when nothing is left of it.

        One that leaves with nothing in hand has done all that it was given.
        """
        return sum(
            worker.state is not WorkerState.LEAVING or worker.in_hand
            for worker in self.workers.values()
        )

    @property
    def starting(self) -> bool:
        """A worker is on its way."""
        return self.seating or any(w.state is WorkerState.STARTING for w in self.workers.values())

    def loading_ms(self, now_ms: int) -> int | None:
        """For how long all its workers have only been loading it; None if one is there for work."""
        staying = self.staying
        if not staying or not all(worker.loading for worker in staying):
            return None
        return max(0, now_ms - min(worker.started_at_ms for worker in staying))

    @property
    def keeps_gpus(self) -> bool:
        """Do its workers keep their GPUs for life? What a Python worker has loaded stays there."""
        return self.settings.kind == "python" and self.settings.on_gpu

    def takers(self) -> list[WorkerProcess]:
        """Workers with a free place, the emptiest first."""
        return self._takers(self.window, self.ahead)

    def _takers(self, window: int, ahead: int) -> list[WorkerProcess]:
        free = [worker for worker in self.workers.values() if worker.places(window, ahead)]
        if len(free) > 1:
            free.sort(key=lambda worker: len(worker.held) + worker.reserved)
        return free

    def shares(self) -> Iterator[tuple[WorkerProcess, int]]:
        """Who may be given how many more attempts; nobody gets a second one before all have one.

        What was given meanwhile counts: `reserved` is looked at again for each share.
        """
        window, ahead = self.window, self.ahead
        takers = self._takers(window, ahead)
        if ahead and len(takers) > 1:
            yield from ((w, places) for w in takers if (places := w.places(window)))
        yield from ((w, places) for w in takers if (places := w.places(window, ahead)))

    def due_by(self, at_ms: int) -> None:
        """Note that a task will be due then."""
        if self.next_due_at_ms is None or at_ms < self.next_due_at_ms:
            self.next_due_at_ms = at_ms

    def observe(self, duration_ms: int) -> None:
        """Learn from how long an attempt took."""
        # Sub-millisecond attempts arrive as 0; a worker may say any number.
        duration_ms = min(max(duration_ms, 0), DURATION_MS_MAX)
        self.mean_duration_ms += NEWEST_WEIGHT * (duration_ms - self.mean_duration_ms)

    def wants_worker(self) -> bool:
        """Should another worker be started?"""
        if self.removed:
            return False
        filled = self.filled
        if filled < self.settings.workers_min:
            return True
        held = self.paused or bool(self.holds)
        if filled >= self.settings.workers_max or held or self.starting:
            return False
        return self.next_due_at_ms == 0 and not self.takers()

    def restart_delay_ms(self, settings: DaemonSettings, *, fraction: float) -> float:
        """Pause before the next start: none after a good run, then doubling with jitter."""
        if not self.failures:
            return 0.0
        delay = settings.restart_delay_base_ms * 2 ** min(self.failures - 1, 16)
        return float(min(delay, settings.restart_delay_max_ms)) * (0.9 + 0.2 * fraction)
