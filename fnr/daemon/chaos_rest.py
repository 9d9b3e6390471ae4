"""Put to rest what a drill has left here whose player is gone: its tasks, letters and incidents.

A player does so itself at its end, unless it was killed, or the daemon was away by then.
"""

from __future__ import annotations

import asyncio
from functools import partial

from fnr.daemon.cancelling import Cancelling
from fnr.daemon.parts import Parts, log
from fnr.daemon.pausing import Pausing
from fnr.daemon.reader import Reader
from fnr.host.chaos_records import drill_lock_file
from fnr.host.lock import lock_holder
from fnr.policy.chaos import BY_DRILL, CANARY, DRILL_TAG, REST_REASON, UNSEEN_OF_DRILLS
from fnr.policy.incident import resolved
from fnr.policy.record import PAGE_ITEMS_MAX
from fnr.store import incidents, letters
from fnr.store.batch import nothing
from fnr.store.connection import StoreBusy, StoreFull, StoreIll
from fnr.store.reads import READS, select_letter_ids, select_task_ids
from fnr.store.transaction import Transaction

CHUNK = 500
LOOK_S = 0.25
# As long as stopping an attempt may take; what ends later is put to rest by the next drill.
PATIENCE_S = 60.0
BY = "fnr chaos"


class DrillRest:
    """Touches canaries of one drill only: another one may have begun."""

    def __init__(
        self, parts: Parts, cancelling: Cancelling, pausing: Pausing, reader: Reader
    ) -> None:
        self._parts = parts
        self._cancelling = cancelling
        self._pausing = pausing
        self._reader = reader

    def put(self, drill_id: str) -> None:
        """Nobody plays this drill any more."""
        self._parts.start(self._put(drill_id), what="putting a drill to rest")

    async def _put(self, drill_id: str) -> None:
        ours = f"function:{CANARY} tag.{DRILL_TAG}:{drill_id}"
        try:
            await self._all_received()
            await self._end(f"{ours} state:queued,waiting,running")
            count = await self._resolve_letters(f"{ours} state:open")
            count += await self._resolve_incidents()
            # It pauses its canaries while it hands them over; another player resumes them itself.
            if lock_holder(drill_lock_file(self._parts.paths.chaos_dir)) is None:
                await self._pausing.resume_named([CANARY])
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("a drill was not put to rest: %s", error, extra={"drill": drill_id})
            return
        if count:
            log.info("a drill was put to rest", extra={"drill": drill_id})

    async def _all_received(self) -> None:
        """What a killed player asked last may be in its socket still: until it is in the store."""
        await asyncio.sleep(LOOK_S)
        await self._parts.store.write(nothing)

    async def _end(self, where: str) -> None:
        """Until none is left that could fail, and open an incident, behind our back."""
        give_up_at_s = self._parts.loop.time() + PATIENCE_S
        asked: set[str] = set()
        while self._parts.loop.time() < give_up_at_s:
            now_ms = self._parts.clock.now_ms()
            find = partial(select_task_ids, where=where, after=None, limit=CHUNK, now_ms=now_ms)
            ids = await self._reader.read(find)
            if not ids:
                return
            await self._cancelling.cancel_each(
                [one for one in ids if one not in asked], by=BY, reason=REST_REASON
            )
            asked.update(ids)
            await asyncio.sleep(LOOK_S)

    async def _resolve_letters(self, where: str) -> int:
        now_ms = self._parts.clock.now_ms()
        rested, after = 0, None
        while True:
            find = partial(select_letter_ids, where=where, after=after, limit=CHUNK, now_ms=now_ms)
            ids, after = await self._reader.read(find)

            def unit(tx: Transaction, chosen: list[str] = ids) -> int:
                done, _ = letters.resolve(tx, chosen, reason=REST_REASON, by=BY, now_ms=now_ms)
                return len(done)

            rested += await self._parts.store.write(unit)
            if after is None:
                return rested

    async def _resolve_incidents(self) -> int:
        now_ms = self._parts.clock.now_ms()
        find = partial(
            READS["ListIncidents"],
            where=UNSEEN_OF_DRILLS,
            after=None,
            limit=PAGE_ITEMS_MAX,
            now_ms=now_ms,
        )
        found = await self._reader.read(find)
        ours = [
            one.incident_id
            for one in found.items
            if BY_DRILL in one.parts and one.functions.keys() <= {CANARY}
        ]

        def unit(tx: Transaction) -> int:
            done, _ = incidents.change(
                tx, ours, lambda one: resolved(one, by=BY, reason=REST_REASON, now_ms=now_ms)
            )
            return len(done)

        return await self._parts.store.write(unit) if ours else 0
