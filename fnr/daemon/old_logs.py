"""Remove the logs of workers whose attempts are forgotten, so that they do not fill the disk.

A log stays while its worker lives, for as long as ended tasks are kept, and for as long as the
store knows a task that this worker had: what a dead letter has printed stays with the letter.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.store import log_spans
from fnr.store.connection import StoreBusy, StoreIll
from fnr.store.ids import ID_CHARS

# All attempts are looked through, a second for a million.
LOOK_EVERY_MS = 6 * 60 * 60_000
# Whatever is kept for a shorter time: somebody may still be reading.
AGE_MS_MIN = 60 * 60_000
# Attempts read at a time; others are read in between.
CHUNK = 2_000
_SUFFIX = ".log"


class OldLogs:
    """Looks when the daemon starts, and every few hours."""

    def __init__(self, parts: Parts, reader: Reader, alive: Callable[[], Iterable[str]]) -> None:
        self._parts = parts
        self._reader = reader
        self._alive = alive

    def start(self) -> None:
        """Look now, and again in some hours."""
        self._parts.start(self._look(), what="removing old logs")
        self._parts.later(LOOK_EVERY_MS, self.start)

    async def _look(self) -> None:
        keep = self._parts.settings.store
        age_ms = max(keep.keep_done_ms, keep.keep_cancelled_ms, AGE_MS_MIN)
        before_ms = self._parts.clock.true_ms() - age_ms
        try:
            found = await asyncio.to_thread(_older, self._parts.paths.log_dir, before_ms)
            await self._leave_out_known(found)
            for worker_id in self._alive():
                found.pop(worker_id, None)
            await asyncio.to_thread(_remove, found.values())
        except (OSError, StoreBusy, StoreIll) as error:
            log.warning("old logs could not be removed: %s", error)
        else:
            if found:
                log.info("old logs removed", extra={"files": len(found)})

    async def _leave_out_known(self, found: dict[str, str]) -> None:
        """Those stay of whose workers the store still knows an attempt."""
        position = ""
        while found and self._parts.dispatching:
            known = partial(log_spans.workers_of, after=position, limit=CHUNK)
            rows = await self._reader.read(known)
            for _, worker_id in rows:
                found.pop(worker_id, None)
            if len(rows) < CHUNK:
                return
            position = rows[-1][0]
        found.clear()  # the daemon ends: another time


def _older(log_dir: str, before_ms: int) -> dict[str, str]:
    """Worker -> its log, if nothing was written there since then."""
    found = {}
    with os.scandir(log_dir) as functions:
        folders = [one.path for one in functions if one.is_dir(follow_symlinks=False)]
    for folder in folders:
        with suppress(FileNotFoundError), os.scandir(folder) as files:
            for file in files:
                worker_id = file.name.removesuffix(_SUFFIX)
                if len(worker_id) != ID_CHARS or worker_id == file.name:
                    continue
                if file.stat(follow_symlinks=False).st_mtime_ns < before_ms * 1_000_000:
                    found[worker_id] = file.path
    return found


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - paths are text here
