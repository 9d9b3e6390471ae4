"""A task's whole life as a state machine: whatever happens, in whatever order, it is not lost.

The moves that follow from the end of an attempt are verdict's. Those that the store makes by itself
(claim, wake, cancel in the queue, replay, resolve) are one line each here, as its SQL makes them,
and go through the same table of legal moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace
from policy_values import EVIDENCE, POLICIES, packs

from fnr.policy.classify import classify
from fnr.policy.dead_letter import DeadLetter, LetterState, not_replayable
from fnr.policy.evidence import INTERRUPTIONS, Evidence, KilledBy
from fnr.policy.retry import RetryPolicy
from fnr.policy.task import LEGAL_MOVES, AttemptOutcome, Task, TaskState, check_move
from fnr.policy.verdict import Verdict, bury_expired, conclude, decide, excuse

FRACTIONS = st.floats(0, 1, exclude_max=True)
T = TypeVar("T")

PAUSES_MS = st.integers(0, 1_000_000)
# Everything that is a failure of the attempt and no wish of fnr's or the operator's.
FAILURES = EVIDENCE.filter(
    lambda evidence: evidence.killed_by not in INTERRUPTIONS | {KilledBy.CANCEL}
)


def state_is(*states: TaskState) -> Callable[[T], T]:
    return precondition(lambda life: life.task.state in states)


class Life(RuleBasedStateMachine):
    """One task, its letter, and the moves it has made."""

    task: Task
    policy: RetryPolicy

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000_000
        self.tokens = 0
        self.letter: DeadLetter | None = None
        self.moves: list[tuple[TaskState, TaskState]] = []
        self.ended: list[AttemptOutcome] = []

    # ── helpers ──────────────────────────────────────────────────────────────

    def store(self, task: Task) -> None:
        check_move(task.task_id, self.task.state, task.state)
        self.moves.append((self.task.state, task.state))
        self.task = task

    def settle(self, verdict: Verdict) -> None:
        assert verdict.before == self.task
        assert verdict.token == self.task.owner
        if verdict.outcome is not None:
            self.ended.append(verdict.outcome)
        self.store(verdict.task)
        if verdict.letter is not None:
            self.letter = verdict.letter
        elif self.task.state is TaskState.DONE:
            self.letter = None
        elif self.task.state is TaskState.CANCELLED and self.letter is not None:
            self.letter = replace(self.letter, state=LetterState.RESOLVED)

    @property
    def token(self) -> str:
        assert self.task.owner is not None
        return self.task.owner

    # ── what can happen ──────────────────────────────────────────────────────

    @initialize(
        policy=POLICIES,
        own=st.none() | st.integers(0, 5),
        expires_in_ms=st.none() | st.integers(0, 500_000),
    )
    def submit(self, policy: RetryPolicy, own: int | None, expires_in_ms: int | None) -> None:
        self.policy = policy
        self.task = Task(
            task_id="t",
            function="f",
            retries_max=own,
            due_at_ms=self.now_ms,
            expires_at_ms=None if expires_in_ms is None else self.now_ms + expires_in_ms,
        )

    @rule(pause_ms=PAUSES_MS)
    def time_passes(self, pause_ms: int) -> None:
        self.now_ms += pause_ms

    @precondition(
        lambda life: life.task.state is TaskState.QUEUED and life.task.due_at_ms <= life.now_ms
    )
    @rule()
    def claim(self) -> None:
        self.tokens += 1
        self.store(
            replace(
                self.task,
                state=TaskState.RUNNING,
                owner=f"token-{self.tokens}",
                attempts=self.task.attempts + 1,
                state_at_ms=self.now_ms,
                reason="",
            )
        )

    @state_is(TaskState.RUNNING)
    @rule()
    def succeed(self) -> None:
        self.settle(conclude(self.task, token=self.token, now_ms=self.now_ms))

    @state_is(TaskState.RUNNING)
    @rule(evidence=FAILURES, fraction=FRACTIONS)
    def fail(self, evidence: Evidence, fraction: float) -> None:
        self.end(evidence, fraction)

    @state_is(TaskState.RUNNING)
    @rule(killed_by=st.sampled_from(sorted(INTERRUPTIONS)), died=st.booleans())
    def interrupt(self, killed_by: KilledBy, died: bool) -> None:
        before = self.task
        self.end(Evidence(killed_by=killed_by, worker_died=died), 0.5)
        assert self.task.due_at_ms <= self.now_ms
        assert budgets(self.task) == budgets(before)

    @state_is(TaskState.RUNNING)
    @rule()
    def return_unbegun(self) -> None:
        why, outcome = "recalled", AttemptOutcome.RETURNED
        self.settle(
            excuse(self.task, token=self.token, why=why, outcome=outcome, now_ms=self.now_ms)
        )

    @state_is(TaskState.RUNNING)
    @rule()
    def ask_cancel(self) -> None:
        self.task = replace(self.task, cancel_asked=True, reason="cancel asked")

    @precondition(lambda life: life.task.cancel_asked)
    @rule(fraction=FRACTIONS)
    def stop_for_the_cancel(self, fraction: float) -> None:
        self.end(Evidence(killed_by=KilledBy.CANCEL), fraction)
        assert self.task.state is TaskState.CANCELLED

    @state_is(TaskState.QUEUED, TaskState.WAITING)
    @rule()
    def cancel_in_the_queue(self) -> None:
        self.store(replace(self.task, state=TaskState.CANCELLED, waiting_for=None))
        if self.letter is not None:
            self.letter = replace(self.letter, state=LetterState.RESOLVED)

    @precondition(
        lambda life: life.task.state is TaskState.WAITING and life.task.due_at_ms <= life.now_ms
    )
    @rule()
    def wake(self) -> None:
        self.store(replace(self.task, state=TaskState.QUEUED, waiting_for=None))

    @state_is(TaskState.QUEUED)
    @rule()
    def hold(self) -> None:
        self.store(replace(self.task, state=TaskState.WAITING, waiting_for="gpu"))

    @precondition(
        lambda life: (
            life.task.state in {TaskState.QUEUED, TaskState.WAITING}
            and life.task.expires_at_ms is not None
            and life.task.expires_at_ms <= life.now_ms
        )
    )
    @rule()
    def expire(self) -> None:
        self.settle(bury_expired(self.task, now_ms=self.now_ms))

    @state_is(TaskState.DEAD)
    @rule()
    def replay(self) -> None:
        assert self.letter is not None
        assert not_replayable(self.letter, function_known=True) is None
        self.letter = replace(self.letter, state=LetterState.REPLAYING)
        self.store(
            replace(
                self.task,
                state=TaskState.QUEUED,
                due_at_ms=self.now_ms,
                retries=0,
                unknowns=0,
                waits=0,
                deaths=0,
                replays=self.task.replays + 1,
                expires_at_ms=None,
            )
        )

    @state_is(TaskState.DEAD)
    @rule()
    def resolve(self) -> None:
        assert self.letter is not None
        self.letter = replace(self.letter, state=LetterState.RESOLVED)
        self.store(replace(self.task, state=TaskState.CANCELLED))

    def end(self, evidence: Evidence, fraction: float) -> None:
        self.settle(
            decide(
                self.task,
                evidence,
                classify(evidence, packs()),
                token=self.token,
                policy=self.policy,
                now_ms=self.now_ms,
                fraction=fraction,
            )
        )

    # ── what must hold at every moment ───────────────────────────────────────

    @invariant()
    def only_legal_moves_are_made(self) -> None:
        assert set(self.moves) <= set(LEGAL_MOVES)

    @invariant()
    def it_is_never_lost(self) -> None:
        """Owned while it runs, explained while it waits, in a letter when it is dead."""
        task, letter = self.task, self.letter
        assert (task.owner is not None) == (task.state is TaskState.RUNNING)
        assert (task.waiting_for is not None) == (task.state is TaskState.WAITING)
        assert not task.cancel_asked or task.state is TaskState.RUNNING
        if task.state is TaskState.DEAD:
            assert letter is not None
            assert letter.state is LetterState.OPEN
            assert letter.reason
            assert letter.attempts == task.attempts
        elif task.state is TaskState.DONE:
            assert letter is None
        else:
            assert letter is None or letter.state is not LetterState.OPEN

    @invariant()
    def every_attempt_is_accounted_for(self) -> None:
        assert self.task.attempts == len(self.ended) + (self.task.state is TaskState.RUNNING)
        assert self.task.interruptions == self.ended.count(AttemptOutcome.INTERRUPTED)

    @invariant()
    def budgets_are_kept(self) -> None:
        task, policy = self.task, self.policy
        own = task.retries_max
        assert task.retries <= (policy.retries_max if own is None else own)
        assert task.unknowns <= policy.unknown_max
        assert task.waits <= policy.waits_max
        assert task.deaths <= policy.deaths_max
        assert task.deaths < policy.deaths_max or task.state not in {
            TaskState.QUEUED,
            TaskState.WAITING,
            TaskState.RUNNING,
        }

    def teardown(self) -> None:
        """From wherever it stands there is a way home: it can still be done, unless it was ended
        on purpose."""
        if not hasattr(self, "task") or self.task.state in {TaskState.DONE, TaskState.CANCELLED}:
            return
        if self.task.state is TaskState.DEAD:
            self.replay()
        self.now_ms = max(self.now_ms, self.task.due_at_ms)
        if self.task.state is TaskState.WAITING:
            self.wake()
        if self.task.state is TaskState.QUEUED:
            self.claim()
        self.succeed()
        assert self.task.state is TaskState.DONE
        assert self.letter is None


def budgets(task: Task) -> tuple[int, int, int, int]:
    return task.retries, task.unknowns, task.waits, task.deaths


@pytest.mark.unmeasured
def test_whatever_happens_a_task_is_never_lost() -> None:
    run_state_machine_as_test(
        Life, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
