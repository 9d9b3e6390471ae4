"""What workers report of calls that functions guard themselves, counted for the service at once."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.api.frames import Called, Unseen
from fnr.daemon.breaker_gate import WHAT_CHARS_MAX, BreakerGate
from fnr.daemon.breakers import Breakers
from fnr.daemon.parts import Parts, log
from fnr.daemon.rules_in_force import RulesInForce
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.blame import COUNTING_CATEGORIES, takes
from fnr.policy.breaker import failed, succeeded
from fnr.policy.rules import Classification
from fnr.store.connection import Transaction


class BreakerCalls:
    """Hears of calls; each is counted in the generation in which it began, or not at all."""

    def __init__(
        self, parts: Parts, breakers: Breakers, gate: BreakerGate, rules: RulesInForce
    ) -> None:
        self._parts = parts
        self._breakers = breakers
        self._gate = gate
        self._rules = rules

    def called(self, worker: WorkerProcess, frame: Called) -> None:
        """A guarded call has ended, or should have."""
        if frame.evidence is not None:
            frame = replace(frame, evidence=self._parts.redactor.evidence(frame.evidence))
        if not self._can_be([frame.service]):
            return
        self._gate.heard(worker, frame.token, frame.service)
        if frame.evidence is not None and not self._rules.ready:
            self._rules.when_ready(lambda: self._called(worker, frame))
        else:
            self._called(worker, frame)

    def _called(self, worker: WorkerProcess, frame: Called) -> None:
        named = self._named(worker, frame)
        if named is not None and not self._counts(frame.service, named):
            return
        self._breakers.change(
            lambda tx: self._count(tx, worker.function, frame, named), what="told of a call"
        )

    def unseen(self, frame: Unseen) -> None:
        """A worker cannot see breakers: make them, or show them again."""
        names = [name for name in frame.services if self._breakers.get(name) is None]
        if names and self._can_be(names):
            self._breakers.change(lambda tx: self._breakers.ensure_used(tx, names), what="made")
        self._breakers.publish()

    def _named(self, worker: WorkerProcess, frame: Called) -> Classification | None:
        if frame.evidence is None:
            return None
        return self._rules.classify(frame.evidence, function=worker.function, service=frame.service)

    def _counts(self, service: str, named: Classification) -> bool:
        errors = self._breakers.rules(service).errors
        return named.category in COUNTING_CATEGORIES and takes(errors, named.rule)

    def _count(
        self, tx: Transaction, function: str, frame: Called, named: Classification | None
    ) -> None:
        self._breakers.ensure_used(tx, [frame.service])
        breaker = self._breakers.fresh(tx).get(frame.service)
        if breaker is None:
            return
        rules = self._breakers.rules(frame.service)
        now_ms = self._parts.clock.boot_ms()
        if frame.slow_ms:
            what = f"{function}: a call has run for {frame.slow_ms} ms"
            what += f" (call_max {rules.call_max_ms} ms)"
            step = failed(breaker, rules, generation=frame.generation, now_ms=now_ms, what=what)
        elif named is None:
            step = succeeded(breaker, rules, generation=frame.generation, now_ms=now_ms)
        else:
            assert frame.evidence is not None
            step = failed(
                breaker,
                rules,
                generation=frame.generation,
                now_ms=now_ms,
                what=f"{function}: {frame.evidence.message}"[:WHAT_CHARS_MAX],
                trip=named.trip,
            )
        self._breakers.take(tx, step)

    def _can_be(self, names: list[str]) -> bool:
        """Are these breakers, or may they become some?"""
        if all(self._breakers.can_be(name) for name in names):
            return True
        log.warning("a function guards calls to services that cannot be: %s", names[:10])
        return False
