"""Carry out what verdicts asked for, after their commit, at least once, each under its key.

An effect stays in the outbox until it is done; a daemon that dies in between does it again.
"""

from __future__ import annotations

import asyncio

from fnr.api.requests import Event
from fnr.daemon import logs
from fnr.daemon.parts import Parts, log
from fnr.host.failpoint import failpoint
from fnr.policy.verdict import Effect, Verdict
from fnr.store import outbox
from fnr.store.connection import Transaction

BATCH_MAX = 100
AGAIN_MS = 5_000


class Effects:
    """Delivers the outbox in order."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._again: asyncio.TimerHandle | None = None
        self._delivering = False

    def settled(self, verdicts: list[Verdict]) -> None:
        """New effects may have been committed."""
        if any(verdict.effects for verdict in verdicts):
            self.deliver()

    def deliver(self) -> None:
        """Take what is due, do it, and delete it from the outbox."""
        if self._delivering:
            return
        self._delivering = True
        now_ms = self._parts.clock.now_ms()
        self._parts.store.post(
            lambda tx: outbox.due(tx, now_ms=now_ms, count_max=BATCH_MAX), self._taken
        )

    def _taken(self, effects: list[Effect] | None, error: BaseException | None) -> None:
        if error is not None or effects is None:
            self._stopped(again=True)
            return
        if not effects:
            self._stopped(again=False)
            return
        failpoint("effects-taken")
        for effect in effects:
            self._do(effect)
        failpoint("effects-done-not-noted")
        keys = [effect.key for effect in effects]

        def unit(tx: Transaction) -> None:
            outbox.done(tx, keys)
            failpoint("effects-noted-in-unit")

        def committed(_: None, failed: BaseException | None) -> None:
            self._stopped(again=failed is not None)
            if failed is None and len(keys) == BATCH_MAX:
                self.deliver()

        self._parts.store.post(unit, committed)

    def _do(self, effect: Effect) -> None:
        """Tell people: the log is the channel that is always there, watchers get an event."""
        data = effect.data
        level = log.error if data.get("severity") == "alert" else log.warning
        level("dead letter", extra={"effect": effect.key, **logs.fields(data)})
        self._parts.events.tell(
            Event(
                kind="letter",
                what=str(data.get("cause", "dead")),
                at_ms=self._parts.clock.now_ms(),
                task_id=str(data.get("task_id", "")),
                function=str(data.get("function", "")),
                detail=str(data.get("message") or data.get("reason", "")),
            )
        )

    def _stopped(self, *, again: bool) -> None:
        self._delivering = False
        if again and self._again is None:
            self._again = self._parts.later(AGAIN_MS, self._retry)

    def _retry(self) -> None:
        self._again = None
        self.deliver()
