"""Lead one replay from its frozen set to its end, turn by turn; nothing ticks between the turns.

A turn is one unit: judge the plan by its counts, put back what there is room for, and say when to
look again. It is taken when tasks of the plan have ended, when the rate allows more, or when
somebody has changed the plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from fnr.api.requests import Event
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.host.failpoint import failpoint
from fnr.policy.record import TaskEnd
from fnr.policy.replay import ReplayPlan, ReplayState, moved
from fnr.policy.replay_turn import (
    judge,
    led_anew,
    per_ms,
    ramp_wait_ms,
    rate_wait_ms,
    room,
    saved,
    spent,
)
from fnr.store import replay_plans
from fnr.store.connection import Transaction
from fnr.store.replay_turn import Turned, put_back

# So many letters a unit that nobody who submits meanwhile has to wait for long.
TURN_LETTERS_MAX = 20
# Ends that come one by one share a turn, unless so many have come that it is worth one.
GATHER_MS = 25
RETRY_MS = 1_000
TELL_EVERY_MS = 200
PACED = frozenset({ReplayState.CANARY, ReplayState.RUNNING})


class Checks(Protocol):
    """What has to be known of a function before a letter of it is put back."""

    def known(self, function: str) -> bool:
        """Is it declared?"""

    def input_problem(self, function: str, raw: bytes) -> str | None:
        """What is wrong with this input for it."""

    def stopped(self, function: str) -> str | None:
        """Why nothing should be sent to it now."""


class Turn(Struct, frozen=True, kw_only=True):
    """A turn as it was committed. moved: the plan's state is another one than before."""

    plan: ReplayPlan
    turned: Turned
    free: int
    moved: bool


class Pacer:
    """One plan that moves. live: its tasks that have not ended → their function."""

    def __init__(
        self,
        parts: Parts,
        dispatcher: Dispatcher,
        checks: Checks,
        *,
        seq: int,
        on_rest: Callable[[int], None],
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._checks = checks
        self._seq = seq
        self._on_rest = on_rest
        self.live: dict[str, str] = {}
        self._pace = led_anew(idle_ms=None, at_ms=parts.clock.boot_ms())
        self._under_way = False
        self._again = False
        self._freed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._told: asyncio.TimerHandle | None = None
        self._closed = False

    def adopt(self, live: list[tuple[str, str]], put_back_at_ms: int | None) -> None:
        """Take over what was put back before: by an earlier daemon, or before a pause.

        Its rate counts on from the last of them, so that no restart puts back one more.
        """
        clock = self._parts.clock
        idle_ms = None if put_back_at_ms is None else clock.now_ms() - put_back_at_ms
        self._pace = led_anew(idle_ms=idle_ms, at_ms=clock.boot_ms())
        for task_id, function in live:
            self._await(task_id, function)

    def look(self) -> None:
        """Take a turn now, or as soon as the one under way is committed."""
        self._stop_timer()
        if self._closed:
            return
        if self._under_way:
            self._again = True
            return
        self._under_way, self._again, self._freed = True, False, 0
        self._parts.store.post(self._unit, self._committed)

    def close(self) -> None:
        """Care for the plan no longer; a turn under way is still committed."""
        self._closed = True
        self._stop_timer()
        for task_id in self.live:
            self._parts.events.give_up(task_id, self._ended)
        self.live.clear()

    # ── a turn ───────────────────────────────────────────────────────────────

    def _unit(self, tx: Transaction) -> Turn | None:
        now_ms = self._parts.clock.now_ms()
        before = self._plan(tx)
        if before is None:
            return None
        plan = self._judged(tx, before, now_ms)
        turned, free = Turned(stopped=self._stopped(plan)), 0
        if plan.state in PACED and self._parts.dispatching and turned.stopped is None:
            free = min(self._free(plan, now_ms), TURN_LETTERS_MAX)
        if free:
            turned = self._put_back(tx, free, now_ms)
            failpoint("replay-turn-in-unit")
            after = self._plan(tx)
            assert after is not None, self._seq
            plan = self._judged(tx, after, now_ms)
        if turned.stopped is not None:
            plan = self._moved(tx, plan, ReplayState.PAUSED, turned.stopped, now_ms)
        return Turn(plan=plan, turned=turned, free=free, moved=plan.state is not before.state)

    def _stopped(self, plan: ReplayPlan) -> str | None:
        """Why the plan must pause: something that its live tasks need has failed."""
        if plan.state not in PACED or not plan.left:
            return None
        reasons = map(self._checks.stopped, sorted(set(self.live.values())))
        return next((why for why in reasons if why is not None), None)

    def _put_back(self, tx: Transaction, free: int, now_ms: int) -> Turned:
        stored = replay_plans.get(tx, self._seq)
        assert stored is not None, self._seq
        return put_back(
            tx,
            stored,
            free=free,
            now_ms=now_ms,
            function_known=self._checks.known,
            input_problem=self._checks.input_problem,
            function_stopped=self._checks.stopped,
        )

    def _plan(self, tx: Transaction) -> ReplayPlan | None:
        stored = replay_plans.get(tx, self._seq)
        return stored.plan if stored is not None else None

    def _judged(self, tx: Transaction, plan: ReplayPlan, now_ms: int) -> ReplayPlan:
        while (asked := judge(plan)) is not None:
            plan = self._moved(tx, plan, *asked, now_ms)
        return plan

    def _moved(
        self, tx: Transaction, plan: ReplayPlan, state: ReplayState, why: str, now_ms: int
    ) -> ReplayPlan:
        after = moved(plan, state, by="fnr", why=why, now_ms=now_ms)
        assert not isinstance(after, str), (plan, state)
        replay_plans.save(tx, self._seq, after)
        return after

    def _free(self, plan: ReplayPlan, now_ms: int) -> int:
        elapsed_ms = _elapsed_ms(plan, now_ms)
        free = room(plan, elapsed_ms=elapsed_ms)
        rate = per_ms(plan, elapsed_ms=elapsed_ms)
        if rate is not None:
            self._pace = saved(self._pace, rate, at_ms=self._parts.clock.boot_ms())
            free = min(free, int(self._pace.credit))
        return free

    def _spend(self, plan: ReplayPlan, count: int) -> None:
        if plan.options.rate_per_h is not None:
            self._pace = spent(self._pace, count)
        elif count:
            # Nothing is owed for what no rate held back: one that is set later begins here.
            self._pace = led_anew(idle_ms=0, at_ms=self._parts.clock.boot_ms())

    # ── behind its commit ────────────────────────────────────────────────────

    def _committed(self, turn: Turn | None, error: BaseException | None) -> None:
        self._under_way = False
        if error is not None:
            if not self._closed:
                log.warning("a replay could not go on yet: %s", error)
                self._look_in(RETRY_MS)
            return
        if turn is None:
            self._rest()
            return
        failpoint("replay-turn-committed")
        started = turn.turned.started
        for function in set(started.values()):
            self._dispatcher.due_now(function)
        if self._closed:
            # Whoever leads the plan next finds in the store what was put back here.
            return
        for task_id, function in started.items():
            self._await(task_id, function)
        self._spend(turn.plan, len(started))
        if turn.moved:
            self._announce(turn.plan)
        else:
            self._tell_soon(turn.plan)
        self._go_on(turn)

    def _go_on(self, turn: Turn) -> None:
        plan = turn.plan
        if plan.state not in PACED:
            self._rest()
        elif self._again or turn.turned.looked_at or turn.moved:
            # Others may write in between; then there is perhaps room for more.
            self._parts.loop.call_soon(self._look_or_wait, plan)
        elif not turn.free:
            self._wait(plan)
        # Otherwise there was room, and all that is left is held: for an end, which calls.

    def _look_or_wait(self, plan: ReplayPlan) -> None:
        now_ms = self._parts.clock.now_ms()
        # The plan is a moment old: with ends that came since there is only more room than this.
        if self._again or self._free(plan, now_ms) > 0:
            self.look()
        else:
            self._wait(plan)

    def _wait(self, plan: ReplayPlan) -> None:
        """Whatever comes first: an end (which calls), more from the rate, more from the ramp."""
        elapsed_ms = _elapsed_ms(plan, self._parts.clock.now_ms())
        wait_ms = ramp_wait_ms(plan, elapsed_ms=elapsed_ms)
        rate = per_ms(plan, elapsed_ms=elapsed_ms)
        if rate is not None and room(plan, elapsed_ms=elapsed_ms):
            wait_ms = rate_wait_ms(plan, self._pace, rate, elapsed_ms=elapsed_ms)
        if wait_ms is not None and plan.left:
            self._look_in(wait_ms)

    def _rest(self) -> None:
        if not self._closed:
            self._on_rest(self._seq)

    def _await(self, task_id: str, function: str) -> None:
        if task_id not in self.live:
            self.live[task_id] = function
            self._parts.events.await_end(task_id, self._ended)

    def _ended(self, task_id: str, _: TaskEnd | None) -> None:
        self.live.pop(task_id, None)
        self._freed += 1
        if not self.live or self._freed >= TURN_LETTERS_MAX:
            self.look()
        elif self._timer is None or self._timer.when() > self._parts.loop.time() + GATHER_MS / 1e3:
            self._look_in(GATHER_MS)

    def _look_in(self, wait_ms: float) -> None:
        self._stop_timer()
        self._timer = self._parts.later(wait_ms, self.look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ── telling ──────────────────────────────────────────────────────────────

    def _tell_soon(self, plan: ReplayPlan) -> None:
        """Progress is told now and then; moves are told at once."""
        if self._told is None:
            self._told = self._parts.later(TELL_EVERY_MS, lambda: self._tell(plan))

    def _tell(self, plan: ReplayPlan) -> None:
        self._told = None
        tell(self._parts, plan)

    def _announce(self, plan: ReplayPlan) -> None:
        log.info(
            "replay %s is %s: %s", plan.plan_id, plan.state, plan.why, extra={"by": plan.state_by}
        )
        tell(self._parts, plan)


def tell(parts: Parts, plan: ReplayPlan) -> None:
    """There is something new about a plan; detail: its id."""
    parts.events.tell(
        Event(kind="plan", what=plan.state, at_ms=parts.clock.now_ms(), detail=plan.plan_id)
    )


def _elapsed_ms(plan: ReplayPlan, now_ms: int) -> int:
    """Since it began to run. The wall clock, because a plan outlives the daemon and the host."""
    return max(0, now_ms - plan.running_at_ms) if plan.running_at_ms is not None else 0
