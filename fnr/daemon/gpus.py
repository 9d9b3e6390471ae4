"""The GPUs as last read: asked for in a thread, so that a driver that hangs holds up nobody."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fnr.daemon.parts import Parts, log
from fnr.host.gpu import GpuProbe
from fnr.policy.gpu import GpuReport

FRESH_MS = 2_000


class Gpus:
    """The last report and how old it is. Nothing is started before somebody asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._probe = GpuProbe(parts.clock)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpus")
        self._asked: asyncio.Future[GpuReport] | None = None
        self._read_at_ms: int | None = None
        self.report = GpuReport(missing="not read yet")

    def young(self, age_max_ms: int = FRESH_MS) -> bool:
        """Is the last report young enough to decide on?"""
        at_ms = self._read_at_ms
        return at_ms is not None and self._parts.clock.boot_ms() - at_ms <= age_max_ms

    @property
    def unseen(self) -> str:
        """Why none can be seen; "" when they can, and while nobody has looked."""
        return "" if self._read_at_ms is None else self.report.missing

    async def read(self) -> GpuReport:
        """A new report; several who ask at once share one."""
        if self._asked is None:
            self._asked = self._parts.loop.run_in_executor(self._thread, self._probe.read)
            self._asked.add_done_callback(self._answered)
        return await asyncio.shield(self._asked)

    def _answered(self, asked: asyncio.Future[GpuReport]) -> None:
        self._asked = None
        if asked.cancelled() or asked.exception() is not None:
            return
        before, self.report = self.report, asked.result()
        self._read_at_ms = self._parts.clock.boot_ms()
        if self.report.missing != before.missing:
            words = self.report.missing or f"{len(self.report.gpus)} GPUs"
            log.info("GPUs", extra={"why": words})

    def close(self) -> None:
        """End the probe; a thread that waits for it ends with its socket."""
        self._thread.submit(self._probe.close)
        self._thread.shutdown(wait=True)
