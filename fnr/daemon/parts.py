"""What every loop of the daemon shares: settings, store, clock, dice, ids, events.

Held in one value that is handed to each part, so that nothing is global and a test can build a
daemon of its own choosing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fnr.config.paths import Paths
from fnr.config.settings import FunctionSettings, Settings
from fnr.daemon.armed_faults import ArmedFaults
from fnr.daemon.broadcast import Broadcast
from fnr.daemon.guard import Guard
from fnr.daemon.redact import Redactor
from fnr.host.clock import Clock, Dice, Ulids
from fnr.host.kernel_log import KernelLog
from fnr.store.connection import Store

log = logging.getLogger("fnr")


@dataclass(slots=True, kw_only=True)
class Parts:
    """The daemon's shared parts; `settings` is replaced whole by a reload, `redactor` with it.

    flags: the words that `fnr daemon` was given for its log, to start another like it.
    faults: what a drill does to attempts; None as long as there has been none.
    accepting: new tasks are taken. dispatching: attempts are started. leaving: the daemon ends at
    once, and whoever has no answer asks the next one.
    guard: ends with the daemon what its workers have started.
    former: settings of functions that left fnr.toml since this daemon began.
    recalled: of those that left it before, without what only starts a worker.
    bus_places: where whole GPUs are on the bus, by UUID, as last read.
    problems: what is wrong now. warnings: what somebody should look at, and that harms nothing.
    """

    paths: Paths
    settings: Settings
    store: Store
    clock: Clock
    dice: Dice
    ulids: Ulids
    events: Broadcast
    boot_id: str
    started_at_ms: int
    loop: asyncio.AbstractEventLoop
    kernel_log: KernelLog
    flags: tuple[str, ...] = ()
    accepting: bool = True
    dispatching: bool = True
    leaving: bool = False
    problems: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    faults: ArmedFaults | None = None
    guard: Guard = field(default_factory=Guard)
    former: dict[str, FunctionSettings] = field(default_factory=dict)
    recalled: dict[str, FunctionSettings] = field(default_factory=dict)
    bus_places: dict[str, str] = field(default_factory=dict)
    redactor: Redactor = field(init=False)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.redactor = Redactor(self.settings)

    def function(self, name: str) -> FunctionSettings | None:
        """A function's settings as of the last good load."""
        return self.settings.functions.get(name)

    def last_known(self, name: str) -> FunctionSettings | None:
        """The same; of one that has left fnr.toml as they were: what still ran of it then promised
        to be tried, and undone, by them. To judge by, not to start anything."""
        return self.startable(name) or self.recalled.get(name)

    def startable(self, name: str) -> FunctionSettings | None:
        """The same, if it is known whole, with folder and environment."""
        return self.function(name) or self.former.get(name)

    def start(self, work: Coroutine[Any, Any, None], *, what: str) -> None:
        """Run something beside the loops and log it if it breaks; held until it ended."""
        task = self.loop.create_task(work, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def settle_down(self, within_ms: int) -> None:
        """Wait until everything that was started has ended; what takes longer is cut off."""
        give_up_at_ms = self.clock.boot_ms() + within_ms
        while pending := [task for task in self._tasks if task is not asyncio.current_task()]:
            left_ms = give_up_at_ms - self.clock.boot_ms()
            if left_ms <= 0:
                log.warning("cut off", extra={"what": sorted(task.get_name() for task in pending)})
                for task in pending:
                    task.cancel()
                return
            await asyncio.wait(pending, timeout=left_ms / 1_000)

    def later(self, delay_ms: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back after a delay on the monotonic clock."""
        return self.loop.call_later(delay_ms / 1000, call)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), error, exc_info=error)
