"""The GPUs as last read: asked for in a thread, so that a driver that hangs holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from fnr.daemon.parts import Parts, log
from fnr.host.gpu import GpuProbe
from fnr.host.gpu_log import GpuLog
from fnr.policy.gpu import Gpu, GpuReport
from fnr.policy.gpu_words import standing, why_against
from fnr.store import gpu_trust
from fnr.store.connection import StoreBusy, StoreFull, StoreIll

FRESH_MS = 2_000


class Gpus:
    """The last report and how old it is. Nothing is started before somebody asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._probe = GpuProbe(parts.clock)
        self._log: GpuLog | None = None
        self._trusted: dict[str, int] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpus")
        self._asked: asyncio.Future[GpuReport] | None = None
        self._closed = False
        self._read_at_ms: int | None = None
        self.report = GpuReport(missing="not read yet")

    def young(self, age_max_ms: int = FRESH_MS) -> bool:
        """Is the last report young enough to decide on?"""
        at_ms = self._read_at_ms
        return at_ms is not None and self._parts.clock.boot_ms() - at_ms <= age_max_ms

    def at_work(self, uuids: Collection[str]) -> bool:
        """Is one of these busy, or not known to be idle before a reading that is on its way?

        What the driver does not tell of them is no sign of work.
        """
        if not uuids:
            return False
        if not self.young() and not self._closed:
            self._parts.start(self._renew(), what="reading GPUs")
            return True
        return any(gpu.busy_percent for gpu in self.report.gpus if gpu.uuid in uuids)

    @property
    def unseen(self) -> str:
        """Why none can be seen; "" when they can, and while nobody has looked."""
        return "" if self._read_at_ms is None else self.report.missing

    async def read(self) -> GpuReport:
        """A new report; several who ask at once share one."""
        if self._trusted is None:
            # A store that cannot answer now is asked again: until then no word is forgiven.
            with suppress(StoreBusy, StoreFull, StoreIll):
                read = partial(gpu_trust.trusted, boot_id=self._parts.boot_id)
                self._trusted = await self._parts.store.write(read)
        if self._closed:
            # Whoever looks while the daemon ends decides nothing any more.
            return self.report
        if self._asked is None:
            self._asked = self._parts.loop.run_in_executor(self._thread, self._look)
            self._asked.add_done_callback(self._answered)
        return await asyncio.shield(self._asked)

    async def _renew(self) -> None:
        await self.read()

    async def trust(self, gpu: Gpu, *, author: str, why: str) -> None:
        """What the kernel log has said of it so far counts no more, after a restart neither."""
        until_us = await self._parts.loop.run_in_executor(self._thread, self._last_word_us, gpu.pci)
        await self._parts.store.write(
            partial(
                gpu_trust.trust,
                place=gpu.pci,
                boot_id=self._parts.boot_id,
                until_us=until_us,
                at_ms=self._parts.clock.now_ms(),
                author=author,
                why=why,
            )
        )
        self._trusted = {**(self._trusted or {}), gpu.pci: until_us}
        log.info("GPU is trusted again", extra={"gpu": gpu.place, "by": author, "why": why})

    def close(self) -> None:
        """End the probe; a thread that waits for it ends with its socket."""
        self._closed = True
        self._probe.interrupt()
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    # ── in the thread ────────────────────────────────────────────────────────

    def _look(self) -> GpuReport:
        report = self._probe.read()
        if report.missing:
            return report
        against = standing(self._heard().words(), self._trusted or {})
        gpus = tuple(
            replace(gpu, against=why_against(against[gpu.pci])) if gpu.pci in against else gpu
            for gpu in report.gpus
        )
        return replace(report, gpus=gpus)

    def _last_word_us(self, place: str) -> int:
        said = (word.at_us for word in self._heard().words() if word.pci == place)
        return max(said, default=0)

    def _heard(self) -> GpuLog:
        if self._log is None:
            self._log = GpuLog(self._parts.settings.daemon.kernel_log)
        return self._log

    def _close(self) -> None:
        self._probe.close()
        if self._log is not None:
            self._log.close()

    # ── on the loop ──────────────────────────────────────────────────────────

    def _answered(self, asked: asyncio.Future[GpuReport]) -> None:
        self._asked = None
        if asked.cancelled() or asked.exception() is not None:
            return
        before, self.report = self.report, asked.result()
        self._read_at_ms = self._parts.clock.boot_ms()
        whole = (gpu for gpu in self.report.gpus if gpu.instance is None)
        self._parts.bus_places.update((gpu.uuid, gpu.pci) for gpu in whole)
        if self.report.missing != before.missing:
            count = len(self.report.gpus)
            words = self.report.missing or f"{count} GPU{'s' * (count != 1)}"
            log.info("GPUs", extra={"why": words})
        known = {gpu.uuid: gpu.against for gpu in before.gpus}
        for gpu in self.report.gpus:
            if gpu.against and gpu.against != known.get(gpu.uuid):
                log.warning(
                    "the kernel log speaks against a GPU",
                    extra={"gpu": gpu.place, "uuid": gpu.uuid, "why": gpu.against},
                )
