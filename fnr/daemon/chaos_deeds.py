"""What the daemon itself does for a fault, and undoes: arm it, jump its clock, flood its queue."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial

import msgspec

from fnr.api.errors import Refused
from fnr.api.requests import SubmitMany, TaskSpec
from fnr.daemon import logs
from fnr.daemon.armed_faults import ArmedFaults
from fnr.daemon.clients import Client
from fnr.daemon.crew import Crew
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.reader import Reader
from fnr.host import chaos_records as records
from fnr.host.clock import Clock
from fnr.host.failpoint import failpoint
from fnr.host.faults.clock_jump import JumpedClock
from fnr.host.procfs import pid_start
from fnr.policy.chaos import DRILL_TAG, Injection
from fnr.policy.faults import CATALOGUE, Acts
from fnr.store import tasks
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.reads import select_task_ids

FLOOD_TAG = "flood"
CHUNK = 500
STORE_RETRY_S = 1.0


def command_of_daemon(parts: Parts) -> tuple[str, ...]:
    """What starts a daemon like this one, which logs where and as this one does."""
    paths = parts.paths
    home = ["--home", paths.home] if paths.home else []
    to_log = ("--log-file", logs.file_in_use() or f"{paths.log_dir}/daemon.log", *parts.flags)
    return (
        *(sys.executable, "-m", "fnr", *home, "--config", paths.config_file),
        *("daemon", *to_log),
    )


class ChaosDeeds:
    """Everything is undone from the injection alone, as often as asked."""

    def __init__(self, crew: Crew, reader: Reader) -> None:
        self._crew = crew
        self._parts = crew.parts
        self._reader = reader
        self._true_clock: Clock = crew.parts.clock
        self._over: set[str] = set()
        self._draining = asyncio.Lock()
        self._undone: set[str] = set()
        self.pid = os.getpid()

    async def begin(self, injection: Injection, client: Client) -> None:
        """Do our part; its dead-man process holds the fault already."""
        match CATALOGUE[injection.fault].acts, injection.fault:
            case (Acts.ATTEMPT, _):
                self._armed.arm(injection)
            case (Acts.START, _):
                self._armed.arm(injection)
                for pool in self._pools(injection):
                    self._renew(pool, injection)
            case (_, "clock-jump"):
                by_ms = int(injection.options["by"])
                self._parts.clock = JumpedClock(by_ms, injection.until_boot_ms)
                # What the kernel tells of the real clock.
                self._crew.clock_changes.changed()
                self._note(injection)
            case (_, "queue-flood"):
                await self._flood(injection, client)

    async def undo(self, injection: Injection, *, again: bool = False) -> None:
        """Undo our part; once, unless it was done after that."""
        self._over.add(injection.injection_id)
        if injection.injection_id in self._undone and not again:
            return
        if injection.fault not in CATALOGUE:
            return
        match CATALOGUE[injection.fault].acts, injection.fault:
            case (Acts.ATTEMPT, _):
                self._armed.disarm(injection)
            case (Acts.START, _):
                self._armed.disarm(injection)
                for pool in self._pools(injection):
                    self._renew(pool, injection)
            case (_, "clock-jump"):
                self._parts.clock = self._true_clock
                self._crew.clock_changes.changed()
            case (_, "queue-flood"):
                await self._drain(injection)
        self._undone.add(injection.injection_id)

    def is_over(self, injection: Injection) -> bool:
        """Whether undoing our part has begun."""
        return injection.injection_id in self._over

    @property
    def _armed(self) -> ArmedFaults:
        if self._parts.faults is None:
            self._parts.faults = ArmedFaults()
        return self._parts.faults

    def _pools(self, injection: Injection) -> list[Pool]:
        pools = self._crew.supervisor.pools
        return [pools[name] for name in injection.functions if name in pools]

    def _renew(self, pool: Pool, injection: Injection) -> None:
        """Let other workers start, now and not after the pause that failures have earned."""
        supervisor = self._crew.supervisor
        pool.failures = 0
        pool.works()
        if pool.start_timer is not None:
            pool.start_timer.cancel()
            pool.start_timer = None
        for worker in pool.staying:
            supervisor.dismiss(worker, f"{injection.fault} of drill {injection.drill_id}")
        supervisor.tend(pool)
        self._crew.dispatcher.due_now(pool.name)

    async def _flood(self, injection: Injection, client: Client) -> None:
        spec = TaskSpec(
            function=injection.options["function"],
            priority=1,
            tags={DRILL_TAG: injection.drill_id, FLOOD_TAG: injection.injection_id},
        )
        raw = msgspec.Raw(msgspec.json.encode(spec))
        left = int(injection.options["count"])
        while left > 0 and not self.is_over(injection):
            answer = await self._crew.intake.submit_many(
                client, SubmitMany(items=[raw] * min(left, CHUNK))
            )
            if answer.refused and left == int(injection.options["count"]):
                why = f"{spec.function} refuses its tasks: {answer.refused[0].why}"
                raise Refused("queue-flood was not injected", why=why)
            if answer.refused:
                # As much as there was room for: this, too, is what a flood is about.
                log.warning("the flood was refused: %s", answer.refused[0].why)
                return
            self._note(injection)
            left -= CHUNK
            failpoint("chaos/flooding")

    async def _drain(self, injection: Injection) -> None:
        """Cancel what of the flood still waits."""
        where = f"tag.{FLOOD_TAG}:{injection.injection_id} state:queued,waiting"
        why = f"the flood of drill {injection.drill_id} is over"
        # Whoever comes meanwhile would cancel the same ones.
        async with self._draining:
            while await self._cancelled_some(where, why):
                pass
        records.settled_in_daemon(injection.folder)

    async def _cancelled_some(self, where: str, why: str) -> bool:
        """However long the store needs for it: nobody else would take the flood away."""
        while True:
            try:
                return await self._cancel_some(where, why)
            except (StoreBusy, StoreFull, StoreIll) as error:
                if not self._parts.dispatching:
                    raise  # the next daemon does it
                log.warning("a flood cannot be drained yet: %s", error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _cancel_some(self, where: str, why: str) -> bool:
        now_ms = self._true_clock.now_ms()
        ids = await self._reader.read(
            partial(select_task_ids, where=where, after=None, limit=CHUNK, now_ms=now_ms)
        )

        def unit(tx: Transaction) -> None:
            for task_id in ids:
                tasks.ask_cancel(tx, task_id, reason=why, by="fnr chaos", now_ms=now_ms)

        if ids:
            await self._parts.store.write(unit)
        return bool(ids)

    def _note(self, injection: Injection) -> None:
        """The proof that it happened."""
        me = records.Effect(
            at_ms=self._true_clock.now_ms(), pid=self.pid, pid_start=pid_start(self.pid) or 0
        )
        records.note_effect(injection.folder, me)
