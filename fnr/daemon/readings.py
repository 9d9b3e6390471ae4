"""Take readings of host and workers while work runs, and keep them apart from the tasks.

Written in a thread to a file of its own: telemetry never makes a task wait, and a telemetry file
that cannot be written is reported, not fatal.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from fnr.daemon.gpus import Gpus
from fnr.daemon.limited import no_room_for_telemetry
from fnr.daemon.parts import Parts, log
from fnr.daemon.supervisor import Supervisor
from fnr.host import disk, machine
from fnr.host.usage import read_usage
from fnr.policy.gpu import Gpu
from fnr.store.telemetry import Reading, Telemetry

EVERY_MS = 5_000
# A disk that does not answer must not keep those waiting who ask how it is.
LOOK_S = 2.0
GPU_VALUES = ("memory_free_mib", "busy_percent", "temperature_c", "power_w")
PRUNED_MAX = 5_000


class Readings:
    """Samples every few seconds, only while a worker is busy."""

    def __init__(self, parts: Parts, supervisor: Supervisor, gpus: Gpus) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._gpus = gpus
        self._timer: asyncio.TimerHandle | None = None
        self._file: Telemetry | None = None
        self._written: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readings")

    def busy(self) -> None:
        """Work was handed over: look at it in a while, if it still runs then."""
        if self._timer is None:
            self._timer = self._parts.later(EVERY_MS, self._look)

    def close(self) -> None:
        """Write what is under way and close the file."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=True)
        if self._file is not None:
            self._file.close()

    def _look(self) -> None:
        self._timer = None
        busy = [worker for worker in self._supervisor.workers.values() if worker.held]
        if not busy:
            return
        self.busy()
        if self._is_off():
            return
        pids = {worker.worker_id: worker.identity.pid for worker in busy}
        gpus: tuple[Gpu, ...] = ()
        if any(worker.settings.on_gpu for worker in busy):
            gpus = self._gpus.report.gpus
            self._parts.start(self._read_gpus(), what="reading the GPUs")
        self._take(pids, gpus)

    async def look_anew(self) -> None:
        """Why none are kept may be over, and nobody takes any while nothing runs."""
        if "telemetry" in self._parts.problems and not self._is_off():
            await asyncio.wait([self._take({}, ())], timeout=LOOK_S)

    def _take(self, pids: dict[str, int], gpus: tuple[Gpu, ...]) -> asyncio.Future[None]:
        if self._written is None or self._written.done():
            loop = self._parts.loop
            try:
                sample = partial(self._sample, pids, gpus)
                self._written = loop.run_in_executor(self._thread, sample)
            except RuntimeError as error:  # no thread can be started
                self._written = loop.create_future()
                self._written.set_exception(error)
            self._written.add_done_callback(self._sampled)
        return self._written

    def _is_off(self) -> bool:
        if why := self._no_room():
            if "telemetry" not in self._parts.problems:
                log.warning("readings are off", extra={"why": why})
            self._parts.problems["telemetry"] = f"readings are off: {why}"
        return bool(why)

    def _no_room(self) -> str:
        if self._parts.store.state != "ok":
            return f"the store is {self._parts.store.state}"
        try:
            free_mib = disk.free_mib(self._parts.paths.state_dir)
        except OSError:
            return ""
        return no_room_for_telemetry(free_mib, self._parts.settings.daemon.disk_free_min_mib)

    def _sampled(self, written: asyncio.Future[None]) -> None:
        error = None if written.cancelled() else written.exception()
        if error is None:
            self._parts.problems.pop("telemetry", None)
            return
        words = f"readings cannot be kept: {error}"
        if self._parts.problems.get("telemetry") != words:
            log.warning("readings cannot be kept", extra={"why": str(error)})
        self._parts.problems["telemetry"] = words

    async def _read_gpus(self) -> None:
        """For the next sample, and for whoever decides on a GPU meanwhile."""
        await self._gpus.read()

    def _sample(self, pids: dict[str, int], gpus: tuple[Gpu, ...]) -> None:
        """In the thread: read, write, forget what is old."""
        now_ms = self._parts.clock.now_ms()
        host = machine.read_machine(disk_path=self._parts.paths.state_dir)
        values: list[tuple[str, str, float | None]] = [
            ("host", "load_1m", host.load_1m),
            ("host", "memory_available_mib", host.memory_available_mib),
            ("host", "disk_free_mib", host.disk_free_mib),
        ]
        for gpu in gpus:
            values += [(f"gpu:{gpu.uuid}", name, getattr(gpu, name)) for name in GPU_VALUES]
        for worker_id, pid in pids.items():
            usage = read_usage(pid)
            values.append((f"worker:{worker_id}", "rss_mib", usage.rss_mib))
            values.append((f"worker:{worker_id}", "cpu_ms", usage.cpu_ms))
        readings = [
            Reading(at_ms=now_ms, subject=subject, name=name, value=value)
            for subject, name, value in values
        ]
        before_ms = self._parts.clock.true_ms() - self._parts.settings.store.keep_telemetry_ms
        telemetry = self._open()
        try:
            telemetry.keep(readings, before_ms=before_ms, count_max=PRUNED_MAX)
        except Exception:
            # The next sample begins with a file that it has opened itself.
            self._file = None
            telemetry.close()
            raise

    def _open(self) -> Telemetry:
        if self._file is None:
            self._file = Telemetry(self._parts.paths.telemetry_file, _tell_damaged)
        return self._file


def _tell_damaged(aside: str, why: str) -> None:
    log.warning(
        "telemetry.db was damaged: readings begin anew", extra={"why": why, "kept_as": aside}
    )
