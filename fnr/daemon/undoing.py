"""Carry out the undo of tasks that will not be tried again, or not before it is finished.

A step is marked before it is tried and settled after it; a daemon that dies in between tries it
again. The steps of a task are tried one after the other, the newest first. One that cannot be
undone asks for an operator and does not keep the older ones from being undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from fnr.api.requests import Event
from fnr.config.settings import FunctionSettings
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.daemon.undo_process import carry_out, end_cut_off
from fnr.host.failpoint import failpoint
from fnr.policy.task import TaskState
from fnr.policy.undo import (
    KINDS,
    WAITING_FOR,
    Outcome,
    Step,
    StepState,
    Tried,
    UndoPolicy,
    made_by_task,
)
from fnr.policy.verdict import Verdict
from fnr.store import undo
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.undo import Turn

# How many tasks are undone at the same time.
RUNS_MAX = 4
AGAIN_MS = 1_000
WALL_WAIT_MS_MAX = 60_000

# What the daemon does itself: given the value of the step, says what came of it.
Act = Callable[[Step, str], Awaitable[Outcome]]
_DAEMONS_OWN = {"cancel_task": "task_id", "release": "allocation"}


class Undoing:
    """Owns every run of undo steps."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._active: set[str] = set()
        self._looking = False
        self._look_again = False
        self._timer: asyncio.TimerHandle | None = None
        self.acts: dict[str, Act] = {}
        self.on_waiting: Callable[[str], None] = _nobody_waits
        self.on_stuck: Callable[[], None] = _nobody
        self._stuck = 0

    def settled(self, verdicts: list[Verdict]) -> None:
        """Tasks have ended, or wait for their undo."""
        ends = {TaskState.DEAD, TaskState.CANCELLED}
        if any(v.task.state in ends or v.task.waiting_for == WAITING_FOR for v in verdicts):
            self.look()

    def look(self) -> None:
        """Go on with what is due, and note when the next is."""
        if self._looking:
            self._look_again = True
            return
        if not self._parts.dispatching:
            return
        self._looking = True
        now_ms = self._parts.clock.now_ms()

        def unit(tx: Transaction) -> tuple[list[str], int | None, int]:
            found = undo.due(tx, now_ms=now_ms, count_max=RUNS_MAX + len(self._active))
            return found, undo.next_due_at_ms(tx, after_ms=now_ms), undo.needs_operator(tx)

        self._parts.store.post(unit, self._found)

    def _found(
        self, found: tuple[list[str], int | None, int] | None, error: BaseException | None
    ) -> None:
        self._looking = False
        if error is not None or found is None:
            self._arm(AGAIN_MS)
            return
        due, next_at_ms, stuck = found
        self.tell_stuck(stuck)
        for task_id in due:
            if task_id not in self._active and len(self._active) < RUNS_MAX:
                self._active.add(task_id)
                self._parts.start(self._run(task_id), what=f"undo of task {task_id}")
        if next_at_ms is not None:
            self._arm(max(0, next_at_ms - self._parts.clock.now_ms()))
        if self._look_again:
            self._look_again = False
            self.look()

    def _arm(self, wait_ms: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # The wall clock can jump: look at least once a minute while something waits.
        self._timer = self._parts.later(min(wait_ms, WALL_WAIT_MS_MAX), self.look)

    def tell_stuck(self, count: int) -> None:
        """Show in `fnr status` how many steps wait for an operator."""
        if count > self._stuck:
            self.on_stuck()
        self._stuck = count
        if count:
            many = f"{count} undo step{'s' if count > 1 else ''}"
            verb = "need" if count > 1 else "needs"
            self._parts.problems["undo"] = f"{many} {verb} an operator: fnr undo list"
        else:
            self._parts.problems.pop("undo", None)

    # ── one task ─────────────────────────────────────────────────────────────

    async def _run(self, task_id: str) -> None:
        try:
            turn = await self._parts.store.write(lambda tx: self._next(tx, task_id))
            while turn.step is not None:
                failpoint("undo-step-begun")
                outcome = await self._try(turn.step, cut_off=turn.cut_off)
                failpoint("undo-step-acted")
                turn = await self._settle(turn.step, outcome)
                failpoint("undo-step-settled")
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("an undo could not be written, and will go on later: %s", error)
            self._arm(AGAIN_MS)
            return
        except Exception:  # noqa: BLE001 - nobody else would go on with it
            # The step stands as one whose try was cut off, and is taken up again like that.
            log.exception("an undo broke off, and will go on later", extra={"task_id": task_id})
            self._arm(AGAIN_MS)
            return
        finally:
            self._active.discard(task_id)
        if turn.woken is not None:
            self._dispatcher.due_now(turn.woken)
            # It may wait for something else now, or for its moment.
            self.on_waiting(turn.woken)
        if turn.finished:
            await self._finished(task_id)
        self.look()

    async def _finished(self, task_id: str) -> None:
        """Tell it, when the status knows what it left to an operator."""
        with suppress(StoreBusy, StoreFull, StoreIll):
            self.tell_stuck(await self._parts.store.write(undo.needs_operator))
        now_ms = self._parts.clock.now_ms()
        self._parts.events.tell(Event(kind="undo", what="finished", at_ms=now_ms, task_id=task_id))

    def _next(self, tx: Transaction, task_id: str) -> Turn:
        """The step to try now; a daemon that is ending leaves it to the next one."""
        if not self._parts.dispatching:
            return Turn()
        turn = undo.next_turn(tx, task_id, now_ms=self._parts.clock.now_ms())
        if turn.finished:
            failpoint("undo-finished-in-unit")
        return turn

    async def _settle(self, step: Step, outcome: Outcome) -> Turn:
        """Write what came of a try; the next turn of the task, if that is now."""
        policy = policy_of(self._parts.last_known(step.function))
        fraction = self._parts.dice.fraction()
        outcome = replace(outcome, why=self._parts.redactor.text(outcome.why))

        def unit(tx: Transaction) -> tuple[Step, Turn]:
            now_ms = self._parts.clock.now_ms()
            after, wait_ms = undo.settle_try(
                tx, step, outcome, policy=policy, now_ms=now_ms, fraction=fraction
            )
            failpoint("undo-step-settled-in-unit")
            return after, Turn() if wait_ms else self._next(tx, step.task_id)

        after, turn = await self._parts.store.write(unit)
        self._announce(after)
        return turn

    def _announce(self, step: Step) -> None:
        facts = {"task_id": step.task_id, "undo_id": step.undo_id, "why": step.reason}
        if step.state is StepState.NEEDS_OPERATOR:
            # An effect, so that it is told of whoever dies now.
            self.on_stuck()
            return
        if step.state is StepState.UNDOING:
            log.warning("an undo step failed and will be tried again", extra=facts)
        self._parts.events.tell(
            Event(
                kind="undo",
                what=step.state.value,
                at_ms=step.state_at_ms,
                task_id=step.task_id,
                function=step.function,
                detail=f"{step.kind}: {step.reason}",
            )
        )

    # ── one try ──────────────────────────────────────────────────────────────

    async def _try(self, step: Step, *, cut_off: bool) -> Outcome:
        if cut_off and not await end_cut_off(self._parts, step):
            why = "what the try before has started, which was cut off, cannot be ended"
            return Outcome(tried=Tried.HOPELESS, why=why)
        if step.kind not in KINDS:
            why = f"this fnr does not know how to undo {step.kind!r}"
            return Outcome(tried=Tried.HOPELESS, why=why)
        settings = self._parts.startable(step.function)
        policy = policy_of(self._parts.last_known(step.function))
        field = _DAEMONS_OWN.get(step.kind)
        if field is not None:
            return await self._act(step, str(step.data.get(field, "")), policy)
        if settings is None:
            return Outcome(
                tried=Tried.HOPELESS,
                why=f"function {step.function} is not in fnr.toml: its folder, user and"
                " environment are not known",
            )
        steps = await self._parts.store.write(lambda tx: undo.of_task(tx, step.task_id))
        return await carry_out(self._parts, step, settings, policy, ours=made_by_task(step, steps))

    async def _act(self, step: Step, value: str, policy: UndoPolicy) -> Outcome:
        act = self.acts.get(step.kind)
        if act is None:
            why = f"this daemon has nothing that could undo {step.kind}"
            return Outcome(tried=Tried.HOPELESS, why=why)
        try:
            async with asyncio.timeout(policy.timeout_ms / 1_000):
                return await act(step, value)
        except (StoreBusy, StoreFull, StoreIll):
            raise
        except Exception as error:  # noqa: BLE001 - a failed try is counted, whatever it was
            return Outcome(tried=Tried.FAILED, why=f"{type(error).__name__}: {error}")


def policy_of(settings: FunctionSettings | None) -> UndoPolicy:
    """How hard a function's steps are tried."""
    if settings is None:
        return UndoPolicy()
    return UndoPolicy(
        before_retry=settings.undo_before_retry,
        tries_max=settings.undo_tries_max,
        timeout_ms=settings.undo_timeout_ms,
    )


def _nobody() -> None:
    """Nobody has asked to hear of steps that are stuck yet."""


def _nobody_waits(_: str) -> None:
    """Nobody has asked to hear of functions whose tasks' undo is over yet."""
