"""Carry out what verdicts asked for, after their commit, at least once, each under its key.

An effect stays in the outbox until it is done; a daemon that dies in between does it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fnr.api.requests import Event
from fnr.daemon import logs
from fnr.daemon.parts import Parts, log
from fnr.host.failpoint import failpoint
from fnr.policy.decision import EffectKind
from fnr.policy.undo import StepState
from fnr.policy.verdict import Effect, Verdict
from fnr.store import outbox
from fnr.store.connection import Transaction

BATCH_MAX = 100
AGAIN_MS = 5_000

_LEVELS = {"notice": log.warning, "alert": log.error, "critical": log.critical}


class Effects:
    """Delivers the outbox in order."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._again: asyncio.TimerHandle | None = None
        self._delivering = False
        self._more = False
        # Who tells people elsewhere: in the unit that ends these effects, and after it.
        self.take: Callable[[Transaction, list[Effect]], None] = _nobody_takes
        self.on_done: Callable[[], None] = _nobody_is_told

    def settled(self, verdicts: list[Verdict]) -> None:
        """New effects may have been committed."""
        if any(verdict.effects for verdict in verdicts):
            self.deliver()

    def deliver(self) -> None:
        """Take what is due, do it, and delete it from the outbox."""
        if self._delivering:
            # What was committed since those under way were read comes behind them.
            self._more = True
            return
        self._delivering, self._more = True, False
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
            self.take(tx, effects)
            outbox.done(tx, keys)
            failpoint("effects-noted-in-unit")

        def committed(_: None, failed: BaseException | None) -> None:
            if failed is None:
                self.on_done()
            self._more = self._more or len(keys) == BATCH_MAX
            self._stopped(again=failed is not None)

        self._parts.store.post(unit, committed)

    def _do(self, effect: Effect) -> None:
        """Tell people: the log is the channel that is always there, watchers get an event."""
        data = effect.data
        level = _LEVELS.get(str(data.get("severity")), log.warning)
        extra = {"effect": effect.key, **logs.fields(data)}
        match effect.kind:
            case EffectKind.LETTER:
                level("dead letter", extra=extra)
                detail = str(data.get("message") or data.get("reason", ""))
                self._tell(data, kind="letter", what=str(data.get("cause", "dead")), detail=detail)
            case EffectKind.UNDO:
                level("an undo step needs an operator", extra=extra)
                detail = f"{data.get('undoes', '')}: {data.get('reason', '')}"
                self._tell(data, kind="undo", what=str(StepState.NEEDS_OPERATOR), detail=detail)
            case unknown:
                # Of a newer fnr that ran here before: it is said, and not kept for ever.
                level(
                    "an effect of the kind %r, which this fnr does not know", unknown, extra=extra
                )

    def _tell(self, data: dict[str, Any], *, kind: str, what: str, detail: str) -> None:
        self._parts.events.tell(
            Event(
                kind=kind,
                what=what,
                at_ms=self._parts.clock.now_ms(),
                task_id=str(data.get("task_id", "")),
                function=str(data.get("function", "")),
                detail=detail,
            )
        )

    def _stopped(self, *, again: bool) -> None:
        self._delivering = False
        if again and self._again is None:
            self._again = self._parts.later(AGAIN_MS, self._retry)
        elif self._more and not again:
            self.deliver()

    def _retry(self) -> None:
        self._again = None
        self.deliver()


def _nobody_takes(_: Transaction, __: list[Effect]) -> None:
    """Nobody has asked for effects yet."""


def _nobody_is_told() -> None:
    """Nobody has asked to hear of them yet."""
