"""No attempt of a function starts while a service it uses is not to be called; one trial at a time.

The trial is the first due task of the cheapest function that uses the service: functions whose
attempts are short are looked at first, and within a function the highest priority goes first. The
lease of a trial belongs to the worker that runs it, so that the kernel frees it with the worker;
between claim and start the daemon remembers whose trial it is.

A function that guards calls to a service without declaring it is not held back while the breaker
is open, because its other work may need no such call. Once it was refused one, its attempts start
one at a time while the service is being tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from fnr.daemon.breakers import Breakers
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.gates import Admission
from fnr.daemon.parts import Parts
from fnr.daemon.pool import Pool
from fnr.daemon.worker_process import WorkerProcess
from fnr.host.breaker_lease import TrialLeases
from fnr.policy.blame import blamed
from fnr.policy.breaker import REFUSING_STATES, Breaker, BreakerState, failed, overdue, succeeded
from fnr.policy.parking import WAIT_PREFIX
from fnr.policy.task import AttemptOutcome, Claim
from fnr.policy.verdict import Verdict
from fnr.store import breakers as rows
from fnr.store import tasks
from fnr.store.connection import Transaction

# While a function in some worker holds the trial, look again so often: nobody tells us if it dies.
LEASE_LOOK_MS = 200
CALLS_LOOK_MS = 1_000
WHAT_CHARS_MAX = 200
_NOTHING: Mapping[str, int] = {}


class BreakerGate:
    """A gate: what breakers say about claims, and what ends of attempts say about services."""

    name = "breaker"

    def __init__(self, parts: Parts, dispatcher: Dispatcher, breakers: Breakers) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._breakers = breakers
        self._leases = TrialLeases(parts.paths.trial_file)
        # Trials under way: breaker -> token of the attempt.
        self._trials: dict[str, str] = {}
        # Attempts under way: in which generations they began, which calls they have told us of.
        self._begun: dict[str, Mapping[str, int]] = {}
        self._told: dict[str, set[str]] = {}
        self._guarding: set[str] = set()
        # Function -> services that it does not declare and whose breaker has refused it a call.
        self._refused: dict[str, set[str]] = {}
        self._freed: set[str] = set()
        self._doubt = False
        self._look: asyncio.TimerHandle | None = None
        self._calls_look: asyncio.TimerHandle | None = None
        self.workers: Callable[[], list[WorkerProcess]] = list
        breakers.on_moved.append(self._moved)
        parts.store.on_undone(self._undone)

    # ── claims ───────────────────────────────────────────────────────────────

    def concerns(self, pool: Pool) -> bool:
        """A function that declares services, or guards calls itself."""
        return (
            bool(pool.settings.services)
            or pool.name in self._guarding
            or pool.name in self._refused
        )

    def admit(
        self,
        tx: Transaction,
        pool: Pool,
        worker: WorkerProcess,  # noqa: ARG002 - a gate's signature
        places: int,
    ) -> Admission:
        """All, none, or one trial."""
        known = self._breakers.fresh(tx)
        if self._doubt:
            self._forget_undone_trials(tx)
        allowed = places
        for service in (*pool.settings.services, *self._refused.get(pool.name, ())):
            breaker = known.get(service)
            if breaker is None or breaker.admits:
                continue
            if breaker.state in REFUSING_STATES:
                if service not in pool.settings.services:
                    continue
                return Admission(places=0, why=self._breakers.words(service))
            if service in self._trials or not self._is_free(service):
                return Admission(places=0, why=f"{self._breakers.words(service)}, and it runs")
            allowed = 1
        why = "a half-open breaker lets one trial through" if allowed < places else ""
        return Admission(places=allowed, why=why)

    def claimed(
        self,
        tx: Transaction,
        pool: Pool,
        worker: WorkerProcess,  # noqa: ARG002 - a gate's signature
        claims: list[Claim],
    ) -> None:
        """Remember in which generations they begin, and which of them is a trial."""
        known = self._breakers.fresh(tx)
        generations = self._breakers.generations
        for claim in claims:
            self._begun[claim.token] = generations
        half_open = {n for n, one in known.items() if one.state is BreakerState.HALF_OPEN}
        if half_open:
            declared = tuple(name for name in pool.settings.services if name in half_open)
            others = half_open & self._refused.get(pool.name, set())
            self._trials |= dict.fromkeys((*declared, *others), claims[0].token)
            # Who guards the call itself takes the lease itself.
            claims[0] = replace(claims[0], trials=declared)
        self._watch_calls(pool)

    def _is_free(self, service: str) -> bool:
        """Does no function of any worker try this service itself?"""
        try:
            free = self._leases.take(service)
        except OSError:
            free = True
        if free:
            self._leases.release(service)
        elif self._look is None:
            self._look = self._parts.later(LEASE_LOOK_MS, self._look_at_leases)
        return free

    def _look_at_leases(self) -> None:
        self._look = None
        self._start_what_may([n for n in self._breakers.names() if self._is_half_open(n)])

    def _is_half_open(self, name: str) -> bool:
        breaker = self._breakers.get(name)
        return breaker is not None and breaker.state is BreakerState.HALF_OPEN

    # ── ends ─────────────────────────────────────────────────────────────────

    def ended(self, tx: Transaction, pool: Pool, verdict: Verdict) -> None:
        """Count what this attempt says about the services it used."""
        token = verdict.token
        if token is None:
            return
        known = self._breakers.fresh(tx)
        # They are kept until it is on disk: a unit that is rolled back comes again.
        told = self._told.get(token, ())
        begun = self._begun.get(token)
        self._free_trials(token)
        if verdict.outcome is AttemptOutcome.DONE:
            for name in pool.settings.services:
                breaker = known.get(name)
                if breaker is not None and breaker.listens and name not in told:
                    generation = self._generation(tx, name, token, begun)
                    self._succeeded(tx, breaker, generation)
        elif verdict.outcome is AttemptOutcome.FAILED:
            names = self._blamed(pool, verdict)
            self._breakers.ensure_used(tx, names)
            known = self._breakers.fresh(tx)
            for name in names:
                if name not in told and name in known:
                    generation = self._generation(tx, name, token, begun)
                    self._failed(tx, name, verdict, generation)

    def _free_trials(self, token: str) -> None:
        for name in [name for name, trial in self._trials.items() if trial == token]:
            del self._trials[name]
            self._freed.add(name)

    def _blamed(self, pool: Pool, verdict: Verdict) -> tuple[str, ...]:
        assert verdict.evidence is not None, verdict
        assert verdict.classification is not None, verdict
        return blamed(
            verdict.evidence,
            verdict.classification,
            declared=pool.settings.services,
            errors_of=lambda name: self._breakers.rules(name).errors,
        )

    def _succeeded(self, tx: Transaction, breaker: Breaker, generation: int) -> None:
        now_ms = self._parts.clock.boot_ms()
        rules = self._breakers.rules(breaker.name)
        self._breakers.take(tx, succeeded(breaker, rules, generation=generation, now_ms=now_ms))

    def _failed(self, tx: Transaction, name: str, verdict: Verdict, generation: int) -> None:
        assert verdict.evidence is not None, verdict
        assert verdict.classification is not None, verdict
        what = f"{verdict.task.function}: {verdict.evidence.message}"
        step = failed(
            self._breakers.fresh(tx)[name],
            self._breakers.rules(name),
            generation=generation,
            now_ms=self._parts.clock.boot_ms(),
            what=what[:WHAT_CHARS_MAX],
            trip=verdict.classification.trip,
        )
        self._breakers.take(tx, step)

    def _generation(
        self, tx: Transaction, name: str, token: str, begun: Mapping[str, int] | None
    ) -> int:
        if begun is None:
            return rows.attempt_begun_in(tx, name, token)
        return begun.get(name, 0)

    # ── what workers tell before an attempt ends ─────────────────────────────

    def heard(self, worker: WorkerProcess, token: str | None, service: str) -> None:
        """A guarded call of this attempt was reported by itself; of one that has ended it is late.

        Also of an attempt that began before anybody knew that its function guards calls.
        """
        self._guarding.add(worker.function)
        if token is not None and token in worker.held:
            self._told.setdefault(token, set()).add(service)

    # ── after commits ────────────────────────────────────────────────────────

    def settled(self, verdicts: list[Verdict]) -> None:
        """Ends of attempts are on disk: show what they changed, and use trials that are free."""
        self._breakers.committed()
        for verdict in verdicts:
            if verdict.token is not None:
                self._told.pop(verdict.token, None)
                self._begun.pop(verdict.token, None)
                # Nobody has asked us of its end if its function uses no service any more.
                self._free_trials(verdict.token)
            # It may wait for its undo first.
            kind, _, service = (verdict.task.waiting_for or "").partition(":")
            if verdict.outcome is AttemptOutcome.INTERRUPTED and f"{kind}:" == WAIT_PREFIX:
                self._refused.setdefault(verdict.task.function, set()).add(service)
        if self._freed:
            freed, self._freed = self._freed, set()
            self._start_what_may([name for name in freed if self._is_half_open(name)])

    def refresh(self, pool: Pool) -> None:
        """Say anew what holds a function back: the time that is left goes by."""
        if self.name in pool.holds:
            whys = [self._breakers.words(name) for name in pool.settings.services]
            if why := "; ".join(filter(None, whys)):
                pool.holds[self.name] = why
            else:
                del pool.holds[self.name]

    def _moved(self, names: list[str]) -> None:
        for name in names:
            if not self._is_half_open(name):
                # Whoever still runs as its trial is one of an earlier generation.
                self._trials.pop(name, None)
            if self._breakers.is_ready(name):
                for refused in self._refused.values():
                    refused.discard(name)
        self._start_what_may(names)

    def _start_what_may(self, names: list[str]) -> None:
        """Look for due work of the functions that use these services, the cheapest first."""
        wanted = {*names}
        pools = [
            pool
            for pool in self._dispatcher.pools.values()
            if not wanted.isdisjoint(pool.settings.services)
            or not wanted.isdisjoint(self._refused.get(pool.name, ()))
        ]
        for pool in sorted(pools, key=lambda pool: pool.mean_duration_ms):
            pool.holds.pop(self.name, None)
            self._dispatcher.due_now(pool.name)

    def _undone(self) -> None:
        self._doubt = True

    def _forget_undone_trials(self, tx: Transaction) -> None:
        """A claim that was rolled back is no trial."""
        self._doubt = False
        for name, token in tuple(self._trials.items()):
            if tasks.owned(tx, token) is None:
                del self._trials[name]

    # ── calls that do not end ────────────────────────────────────────────────

    def taken(self, worker: WorkerProcess) -> None:
        """A worker of an earlier daemon was adopted, and may be in the middle of a call."""
        pool = self._dispatcher.pools.get(worker.function)
        if pool is not None and worker.held:
            self._watch_calls(pool)

    def reloaded(self) -> None:
        """Calls under way may take only so long from now on."""
        for worker in self.workers():
            self.taken(worker)

    def _watch_calls(self, pool: Pool) -> None:
        limits = (self._breakers.rules(name).call_max_ms for name in pool.settings.services)
        if self._calls_look is None and any(limit_ms is not None for limit_ms in limits):
            self._calls_look = self._parts.later(CALLS_LOOK_MS, self._look_at_calls)

    def _look_at_calls(self) -> None:
        """Attempts that run for longer than a call to a service may take."""
        self._calls_look = None
        busy = [worker for worker in self.workers() if worker.held and worker.settings.services]
        late = self._late_calls(busy)
        if late:
            self._breakers.change(lambda tx: self._note_late(tx, late), what="told of late calls")
        if busy:
            self._calls_look = self._parts.later(CALLS_LOOK_MS, self._look_at_calls)

    def _late_calls(self, busy: list[WorkerProcess]) -> dict[str, list[str]]:
        """Service → the attempts, as far as they did not begin in an earlier generation."""
        now_ms = self._parts.clock.boot_ms()
        late: dict[str, list[str]] = {}
        for worker in busy:
            current = worker.current
            if current is None:
                continue
            for name in worker.settings.services:
                limit_ms = self._breakers.rules(name).call_max_ms
                if name in self._told.get(current.token, ()):
                    # Whoever guards its calls has told of each, the slow ones too.
                    continue
                if limit_ms is None or now_ms - worker.begun_at_ms < limit_ms:
                    continue
                begun = self._begun.get(current.token)
                if begun is None or begun.get(name) == self._breakers.generations.get(name):
                    late.setdefault(name, []).append(current.token)
        return late

    def _note_late(self, tx: Transaction, late: Mapping[str, list[str]]) -> None:
        known = self._breakers.fresh(tx)
        now_ms = self._parts.clock.boot_ms()
        for name, tokens in late.items():
            if name not in known:
                # Forgotten, while a worker that was started for this service still calls it.
                continue
            breaker, rules = known[name], self._breakers.rules(name)
            begun = [self._begun_in(tx, token).get(name) for token in tokens]
            if calls := begun.count(breaker.generation):
                self._breakers.take(tx, overdue(breaker, rules, calls=calls, now_ms=now_ms))

    def _begun_in(self, tx: Transaction, token: str) -> Mapping[str, int]:
        """In which generations an attempt began; of one that an earlier daemon has claimed, too."""
        if token not in self._begun and tasks.owned(tx, token) is not None:
            self._begun[token] = {
                name: rows.attempt_begun_in(tx, name, token) for name in self._breakers.fresh(tx)
            }
        return self._begun.get(token, _NOTHING)
