"""What operators do with errors and incidents, and what time does with incidents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fnr.api.errors import UsageError
from fnr.api.incident_requests import (
    AckIncidents,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.question import Changed
from fnr.api.requests import Event
from fnr.daemon.clients import Client
from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.host.failpoint import failpoint
from fnr.policy.incident import Incident, acked, resolved, snoozed
from fnr.store import corrections, incidents
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

CARE_EVERY_MS = 10 * 60_000
MOVES_MAX = 500
SNOOZE_MS_MAX = 365 * 24 * 3_600_000


class Incidents:
    """Every change is one unit; a timer ends snoozes and lets quiet incidents rest."""

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._reader = reader
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look after incidents from now on."""
        self._timer = None
        self._parts.start(self._care(), what="incidents")

    async def ack(self, client: Client, request: AckIncidents) -> Changed:
        """Somebody has seen them."""
        by, now_ms = client.submitter, self._parts.clock.now_ms()
        return await self._move(
            request.incident_ids,
            lambda incident: acked(incident, by=by, reason=request.reason, now_ms=now_ms),
            what="acknowledged",
        )

    async def snooze(self, client: Client, request: SnoozeIncidents) -> Changed:
        """Leave them alone for so long."""
        if not 0 < request.for_ms <= SNOOZE_MS_MAX:
            raise UsageError("a snooze ends: between now and a year from now", next_step="--for 2h")
        by, now_ms = client.submitter, self._parts.clock.now_ms()
        until_ms = now_ms + request.for_ms
        changed = await self._move(
            request.incident_ids,
            lambda incident: snoozed(
                incident, until_ms=until_ms, by=by, reason=request.reason, now_ms=now_ms
            ),
            what="snoozed",
        )
        self._arm(request.for_ms)
        return changed

    async def resolve(self, client: Client, request: ResolveIncidents) -> Changed:
        """They are over."""
        by, now_ms = client.submitter, self._parts.clock.now_ms()
        return await self._move(
            request.incident_ids,
            lambda incident: resolved(incident, by=by, reason=request.reason, now_ms=now_ms),
            what="resolved",
        )

    async def reclassify(self, client: Client, request: ReclassifyErrors) -> Changed:
        """Say what errors are."""
        if not request.error_ids:
            raise UsageError("say which errors", next_step="fnr errors list")
        by, now_ms = client.submitter, self._parts.clock.now_ms()

        def unit(tx: Transaction) -> Changed:
            answer = Changed()
            for prefix in request.error_ids:
                error_id, why_not = corrections.reclassify(
                    tx, prefix, request.category, why=request.why, by=by, now_ms=now_ms
                )
                if why_not is None:
                    answer.changed.append(error_id)
                elif error_id not in answer.changed:
                    answer.unchanged[error_id] = why_not
            failpoint("reclassified-in-unit")
            return answer

        return await self._parts.store.write(unit)

    async def _move(
        self, ids: list[str], move: Callable[[Incident], Incident | str], *, what: str
    ) -> Changed:
        if not ids:
            raise UsageError("say which incidents", next_step="fnr errors groups")

        def unit(tx: Transaction) -> Changed:
            changed, unchanged = incidents.change(tx, ids, move)
            failpoint("incidents-moved-in-unit")
            return Changed(changed=changed, unchanged=unchanged)

        answer = await self._parts.store.write(unit)
        self._tell(what, len(answer.changed))
        return answer

    def _tell(self, what: str, count: int) -> None:
        if count:
            now_ms = self._parts.clock.now_ms()
            self._parts.events.tell(Event(kind="incident", what=what, at_ms=now_ms))

    # ── time ─────────────────────────────────────────────────────────────────

    async def _care(self) -> None:
        """End snoozes that are over, and resolve what has come to rest."""
        wait_ms = CARE_EVERY_MS
        try:
            wait_ms = await self._look()
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("incidents could not be looked at: %s", error)
        self._arm(wait_ms)

    async def _look(self) -> int:
        """Move what time moves; how long nothing else will."""
        quiet_ms = self._parts.settings.store.incidents_quiet_ms
        now_ms = self._parts.clock.now_ms()
        # A clock that jumps on purpose must not put to rest what failed a moment ago.
        quiet_before_ms = self._parts.clock.true_ms() - quiet_ms
        at_rest = await self._reader.read(
            lambda tx: incidents.quiet(tx, quiet_before_ms=quiet_before_ms, count_max=MOVES_MAX)
        )

        def unit(tx: Transaction) -> tuple[int, int, int | None]:
            awake = incidents.age(tx, now_ms=now_ms, count_max=MOVES_MAX)
            rested = incidents.rest(
                tx, at_rest, quiet_before_ms=quiet_before_ms, quiet_ms=quiet_ms, now_ms=now_ms
            )
            failpoint("incidents-aged-in-unit")
            return len(awake), rested, incidents.next_snooze_end_ms(tx)

        awake, rested, next_end_ms = await self._parts.store.write(unit)
        self._tell("woken", awake)
        self._tell("resolved", rested)
        if rested == MOVES_MAX:
            # After a bad night there are more.
            return 0
        if next_end_ms is None:
            return CARE_EVERY_MS
        return min(max(next_end_ms - now_ms, 0), CARE_EVERY_MS)

    def _arm(self, wait_ms: int) -> None:
        """Look again in so long, or sooner if that was planned."""
        due_s = self._parts.loop.time() + wait_ms / 1_000
        if self._timer is not None:
            if self._timer.when() <= due_s:
                return
            self._timer.cancel()
        self._timer = self._parts.later(wait_ms, self.start)
