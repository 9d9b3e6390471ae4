"""What of the host is free now: memory, disks, ports, services; each is read once per question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from fnr.daemon.parts import Parts
from fnr.host import disk, machine, ports
from fnr.policy.condition import Condition, Kind, Readings

# A disk that does not answer (a dead NFS server) must not hold up the rest.
PATIENCE_S = 2.0


class Free:
    """Takes readings in a thread of its own; what does not answer in time is not known."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="free")
        self._disks: asyncio.Future[Readings] | None = None
        # Set by who knows: is a service ready? None: nobody can say.
        self.is_ready: Callable[[str], bool | None] = _not_known

    def close(self) -> None:
        """Leave a reading that hangs to its fate."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def readings(self, wanted: Iterable[Condition]) -> Readings:
        """Everything that these conditions ask about."""
        by_kind: dict[Kind, list[Condition]] = {}
        for one in wanted:
            by_kind.setdefault(one.kind, []).append(one)
        found = Readings(
            services_ready={
                one.where: ready
                for one in by_kind.get(Kind.SERVICE, ())
                if (ready := self.is_ready(one.where)) is not None
            }
        )
        if Kind.MEMORY in by_kind:
            found = _with_memory(found)
        if ports_asked := by_kind.get(Kind.PORT):
            found = _with_ports(found, {one.amount for one in ports_asked})
        if disks_asked := by_kind.get(Kind.DISK):
            found = await self._with_disks(found, {one.where for one in disks_asked})
        return found

    async def _with_disks(self, found: Readings, paths: set[str]) -> Readings:
        if self._disks is not None and not self._disks.done():
            return _unknown(found, Kind.DISK, "the last question has not been answered yet")
        self._disks = self._parts.loop.run_in_executor(self._thread, _read_disks, found, paths)
        try:
            return await asyncio.wait_for(asyncio.shield(self._disks), PATIENCE_S)
        except TimeoutError:
            return _unknown(found, Kind.DISK, f"no answer within {PATIENCE_S:g} s")


def _with_memory(found: Readings) -> Readings:
    total, free = machine.memory_mib()
    if free is None:
        found = _unknown(found, Kind.MEMORY, "/proc/meminfo cannot be read")
    return replace(found, memory_total_mib=total, memory_free_mib=free)


def _with_ports(found: Readings, numbers: set[int]) -> Readings:
    taken = ports.listening()
    if taken is None:
        return _unknown(found, Kind.PORT, "/proc/net/tcp cannot be read")
    return replace(found, ports_free={number: number not in taken for number in numbers})


def _read_disks(found: Readings, paths: set[str]) -> Readings:
    """In the thread: a file system may be on another machine."""
    free, total = {}, {}
    for path in paths:
        try:
            free[path], total[path] = disk.room_mib(path)
        except OSError as error:
            found = _unknown(found, Kind.DISK, f"{path}: {error.strerror}")
    return replace(found, disk_free_mib=free, disk_total_mib=total)


def _unknown(found: Readings, kind: Kind, why: str) -> Readings:
    return replace(found, missing={**found.missing, kind: why})


def _not_known(_: str) -> bool | None:
    return None
