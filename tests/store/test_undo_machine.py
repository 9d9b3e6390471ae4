"""Steps of undo in the store: kept with the verdict, carried out newest first, none forgotten.

A Hypothesis state machine on a real store, with a daemon that may die between mark and outcome.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from store_values import (
    ENDS,
    IDS,
    NOW_MS,
    PERMANENT,
    TRANSIENT,
    WORKER,
    Book,
    accept,
    bury,
    claim,
    failure,
    is_whole,
    new_step,
    new_task,
)

from fnr.policy.decision import EffectKind
from fnr.policy.record import Page
from fnr.policy.task import AttemptOutcome, Claim, TaskState
from fnr.policy.undo import (
    WAITING_FOR,
    Outcome,
    Step,
    StepState,
    Tried,
    UndoPolicy,
    again,
    age_key,
    skipped,
)
from fnr.policy.undo_first import undo_first
from fnr.policy.verdict import Verdict, bury_expired
from fnr.store import allocations, letters, outbox, prune, tasks, undo
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.letter_files import export_one, import_one
from fnr.store.reads import READS
from fnr.store.settle import settle
from fnr.store.transaction import Transaction
from fnr.store.undo import Left

POLICY = UndoPolicy(tries_max=3)
STEP_MS = 70_000


def end_with(
    tx: Transaction, verdict: Verdict, steps: tuple[Step, ...] = (), *, first: bool = False
) -> Verdict:
    """Settle a verdict with what its attempt left; first: undo comes before a retry."""
    then_wait = None
    if first and steps:
        verdict, then_wait = undo_first(verdict)
    settle(
        tx,
        verdict,
        now_ms=verdict.task.state_at_ms,
        error_id=IDS.new() if verdict.outcome is AttemptOutcome.FAILED else None,
        result=None,
        output=None,
        left=Left(steps=steps, then_wait=then_wait),
    )
    return verdict


def whole(book: Book) -> bool:
    """Whether all that was done so far leaves the store whole."""
    book.commit()
    return is_whole(book.tx)


def try_all(tx: Transaction, task_id: str, outcome: Outcome, now_ms: int = NOW_MS) -> list[Step]:
    """Carry out a task's steps, all with one outcome; what was tried, in order."""
    tried = []
    while (step := undo.next_turn(tx, task_id, now_ms=now_ms).step) is not None:
        after, _ = undo.settle_try(tx, step, outcome, policy=POLICY, now_ms=now_ms, fraction=0.5)
        tried.append(after)
    return tried


UNDONE = Outcome(tried=Tried.UNDONE, why="removed")
HOPELESS = Outcome(tried=Tried.HOPELESS, why="it is a folder")


class UndoMachine(RuleBasedStateMachine):
    """One task after the other; the daemon carries out, and dies, as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.tx = self.book.tx
        self.now_ms = NOW_MS
        self.claimed: list[Claim] = []
        self.marked: list[Step] = []

    def teardown(self) -> None:
        """Everything comes to an end if it is only tried for long enough."""
        for step in self.steps():
            try_all(self.tx, step.task_id, HOPELESS, self.now_ms)
        assert not [
            step
            for step in self.steps()
            if step.state is StepState.UNDOING
            or (step.state is StepState.RECORDED and self.state(step) in {"dead", "cancelled"})
        ]
        assert whole(self.book)
        self.book.close()

    def steps(self) -> list[Step]:
        """All there are."""
        page: Page[Step] = READS["ListUndo"](
            self.tx,
            where=f"state:{','.join(StepState)}",
            after=None,
            limit=1_000,
            now_ms=self.now_ms,
        )
        return page.items

    def state(self, step: Step) -> TaskState:
        task = tasks.get(self.tx, step.task_id)
        assert task is not None
        return task.state

    @rule()
    def begin(self) -> None:
        """A new task, or one that is due again, gets an attempt."""
        self.now_ms += STEP_MS
        accept(self.tx, new_task(created_at_ms=self.now_ms))
        self.claimed += tasks.claim_due(
            self.tx, function="render", worker=WORKER, new_token=lambda: IDS.new(self.now_ms),
            count_max=1, now_ms=self.now_ms,
        )  # fmt: skip

    @rule(
        how=st.sampled_from(["done", "retry", "wait", "permanent", "cancelled", "interrupted"]),
        count=st.integers(0, 3),
        first=st.booleans(),
        dropped=st.booleans(),
    )
    def end(self, how: str, count: int, first: bool, dropped: bool) -> None:
        """An attempt ends and leaves steps."""
        if not self.claimed:
            return
        claimed = self.claimed.pop()
        verdict = ENDS[how](self.tx, claimed)
        steps = tuple(new_step(claimed, number) for number in range(1, count + 1))
        if dropped and steps:
            steps = (replace(steps[0], state=StepState.DROPPED), *steps[1:])
        end_with(self.tx, verdict, () if how == "done" else steps, first=first)

    @rule(dies=st.booleans(), outcome=st.sampled_from(list(Tried)), fraction=st.floats(0, 0.99))
    def carry_out(self, dies: bool, outcome: Tried, fraction: float) -> None:
        """One step of a task is tried; a daemon that dies in between has only marked it."""
        for task_id in undo.due(self.tx, now_ms=self.now_ms, count_max=1):
            before = {step.undo_id: step for step in undo.of_task(self.tx, task_id)}
            turn = undo.next_turn(self.tx, task_id, now_ms=self.now_ms)
            if turn.step is None:
                assert turn.finished
                continue
            younger = [
                step
                for step in before.values()
                if age_key(step) > age_key(turn.step) and step.state in {"recorded", "undoing"}
            ]
            assert not younger, "an older step was tried before a newer one"
            assert turn.step.tries == before[turn.step.undo_id].tries + (not turn.cut_off)
            if not dies:
                undo.settle_try(
                    self.tx, turn.step, Outcome(tried=outcome, why="so it was"), policy=POLICY,
                    now_ms=self.now_ms, fraction=fraction,
                )  # fmt: skip

    @rule(ms=st.integers(1, 100_000))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.now_ms += ms
        tasks.wake_waiting(self.tx, now_ms=self.now_ms, count_max=100)

    @rule(retry=st.booleans(), data=st.data())
    def operator(self, retry: bool, data: st.DataObject) -> None:
        """Somebody sees to a step."""
        if not (steps := self.steps()):
            return
        step = data.draw(st.sampled_from(steps))
        made = (
            again(step, by="ann", now_ms=self.now_ms)
            if retry
            else skipped(step, by="ann", why="seen to", now_ms=self.now_ms)
        )
        if isinstance(made, Step):
            undo.put(self.tx, made)
            undo.resume(self.tx, step.task_id, now_ms=self.now_ms)

    @rule(data=st.data(), how=st.sampled_from(["cancel", "replay", "resolve", "purge"]))
    def people(self, data: st.DataObject, how: str) -> None:
        """Tasks are cancelled, letters replayed, resolved and purged."""
        found = sorted({step.task_id for step in self.steps()})
        if not found:
            return
        task_id = data.draw(st.sampled_from(found))
        by: dict[str, Any] = {"by": "ann", "now_ms": self.now_ms}
        if how == "cancel":
            running = [one.task.task_id for one in self.claimed]
            if task_id not in running:
                tasks.ask_cancel(self.tx, task_id, reason="", **by)
        elif how == "replay":
            letters.replay(self.tx, [task_id], function_known=lambda _: True, **by)
        elif how == "resolve":
            letters.resolve(self.tx, [task_id], reason="", **by)
        else:
            letters.purge(self.tx, [task_id], open_too=True)

    @invariant()
    def the_store_is_whole(self) -> None:
        assert whole(self.book)

    @invariant()
    def nothing_runs_on_top_of_what_is_to_be_undone(self) -> None:
        for step in self.steps():
            if step.state in {StepState.UNDOING, StepState.NEEDS_OPERATOR}:
                state = self.state(step)
                assert state in {"dead", "cancelled", "waiting"}, (step, state)


def test_whatever_happens_no_step_is_forgotten() -> None:
    run_state_machine_as_test(
        UndoMachine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None)
    )


# ── single moments ───────────────────────────────────────────────────────────


def failed(tx: Transaction, *, first: bool = False, count: int = 2) -> str:
    """A task whose attempt failed, left steps and will be tried again; its id."""
    accept(tx, new_task())
    claimed = claim(tx)
    steps = tuple(new_step(claimed, number) for number in range(1, count + 1))
    end_with(tx, failure(claimed, TRANSIENT), steps, first=first)
    return claimed.task.task_id


def states(tx: Transaction, task_id: str) -> list[str]:
    return [step.state.value for step in undo.of_task(tx, task_id)]


def test_steps_of_all_attempts_wait_for_the_end_of_the_task(book: Book) -> None:
    tx = book.tx
    task_id = failed(tx)
    assert undo.due(tx, now_ms=NOW_MS * 2, count_max=9) == []
    second = claim(tx, now_ms=NOW_MS + 10_000)
    end_with(tx, failure(second, PERMANENT), (new_step(second),))
    assert undo.due(tx, now_ms=NOW_MS * 2, count_max=9) == [task_id]
    tried = try_all(tx, task_id, UNDONE)
    assert [(step.token, step.number) for step in tried] == sorted(
        [(step.token, step.number) for step in tried], reverse=True
    )
    assert states(tx, task_id) == ["undone"] * 3
    assert whole(book)


def test_a_success_drops_the_steps_of_all_attempts(book: Book) -> None:
    tx = book.tx
    task_id = failed(tx)
    second = claim(tx, now_ms=NOW_MS + 10_000)
    end_with(tx, ENDS["done"](tx, second))
    assert states(tx, task_id) == ["dropped"] * 2
    assert undo.due(tx, now_ms=NOW_MS * 2, count_max=9) == []
    assert whole(book)


def test_a_task_that_expires_while_it_waits_is_undone(tx: Transaction) -> None:
    task_id = failed(tx)
    task = tasks.get(tx, task_id)
    assert task is not None
    end_with(tx, bury_expired(replace(task, expires_at_ms=NOW_MS + 1), now_ms=NOW_MS + 50_000))
    assert undo.due(tx, now_ms=NOW_MS * 2, count_max=9) == [task_id]


def test_a_retry_waits_whatever_the_time_and_then_keeps_its_own_wait(book: Book) -> None:
    tx = book.tx
    task_id = failed(tx, first=True)
    assert tasks.wake_waiting(tx, now_ms=NOW_MS * 2, count_max=9) == set()
    assert tasks.next_wake_at_ms(tx) is None
    try_all(tx, task_id, UNDONE)
    task = tasks.get(tx, task_id)
    assert task is not None and (task.state, task.due_at_ms > NOW_MS) == (TaskState.QUEUED, True)

    accept(tx, new_task(function="wait"))
    waits = claim(tx, function="wait")
    end_with(tx, ENDS["wait"](tx, waits), (new_step(waits),), first=True)
    try_all(tx, waits.task.task_id, UNDONE)
    task = tasks.get(tx, waits.task.task_id)
    assert task is not None and task.waiting_for not in {None, WAITING_FOR}
    assert whole(book)


def test_what_could_not_be_undone_holds_the_retry_and_not_the_others(book: Book) -> None:
    tx = book.tx
    task_id = failed(tx, first=True)
    assert [step.state for step in try_all(tx, task_id, HOPELESS)] == ["needs_operator"] * 2
    assert undo.needs_operator(tx) == 2
    task = tasks.get(tx, task_id)
    assert task is not None and task.waiting_for == WAITING_FOR
    assert whole(book)
    assert tasks.ask_cancel(tx, task_id, reason="", by="ann", now_ms=NOW_MS) == "cancelled"
    assert whole(book)


def test_who_is_cancelled_while_his_retry_waits_is_undone_to_the_end(book: Book) -> None:
    """What was to be undone before the retry is undone instead of it, and whatever is hopeless."""
    tx = book.tx
    task_id = failed(tx, first=True)
    assert tasks.ask_cancel(tx, task_id, reason="", by="ann", now_ms=NOW_MS) == "cancelled"
    assert whole(book)
    assert [step.state for step in try_all(tx, task_id, HOPELESS)] == ["needs_operator"] * 2
    assert tx.all("SELECT * FROM undo_run WHERE task_id = ?", (task_id,)) == []
    assert tasks.state_of(tx, task_id) == TaskState.CANCELLED
    assert whole(book)


def test_letters_stay_until_their_undo_has_ended(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    task_id = claimed.task.task_id
    end_with(tx, failure(claimed), (new_step(claimed),))
    for problem in ("is still to be done", "needs an operator"):
        back, blocked = letters.replay(
            tx, [task_id], by="ann", now_ms=NOW_MS, function_known=lambda _: True
        )
        assert (back, problem in blocked[task_id]) == ([], True)
        gone, refused = letters.purge(tx, [task_id], open_too=True)
        assert (gone, problem in refused[task_id]) == ([], True)
        try_all(tx, task_id, HOPELESS)
    letters.resolve(tx, [task_id], reason="x", by="ann", now_ms=NOW_MS)
    [step] = undo.of_task(tx, task_id)
    made = skipped(step, by="ann", why="seen to", now_ms=NOW_MS)
    assert isinstance(made, Step)
    undo.put(tx, made)
    assert letters.purge(tx, [task_id], open_too=True) == ([task_id], {})
    assert undo.of_task(tx, task_id) == []


def test_a_letter_that_is_replayed_right_after_its_step_was_skipped_fails_like_any_other(
    book: Book,
) -> None:
    """The run that the skip has begun may wait for its turn behind others."""
    tx = book.tx
    accept(tx, new_task())
    claimed = claim(tx)
    task_id = claimed.task.task_id
    end_with(tx, failure(claimed), (new_step(claimed),))
    [step] = try_all(tx, task_id, HOPELESS)
    made = skipped(step, by="ann", why="seen to", now_ms=NOW_MS)
    assert isinstance(made, Step)
    undo.put(tx, made)
    undo.resume(tx, task_id, now_ms=NOW_MS)
    letters.replay(tx, [task_id], by="ann", now_ms=NOW_MS, function_known=lambda _: True)
    assert whole(book)
    claimed = claim(tx)
    end_with(tx, ENDS["retry"](tx, claimed), (new_step(claimed),), first=True)
    assert whole(book)


def test_retention_leaves_tasks_whose_undo_has_not_ended(book: Book) -> None:
    tx = book.tx
    accept(tx, *(new_task(function=name) for name in "abc"))
    kept, gone, stuck = (claim(tx, function=name) for name in "abc")
    for one in (kept, gone, stuck):
        end_with(tx, ENDS["cancelled"](tx, one), (new_step(one),))
    try_all(tx, gone.task.task_id, UNDONE)
    try_all(tx, stuck.task.task_id, HOPELESS)
    book.commit()
    later_ms = NOW_MS + 10**9
    prune.prune_step(
        tx, done_before_ms=later_ms, cancelled_before_ms=later_ms, incidents_before_ms=0,
        count_max=100, places={}, enough=lambda: False,
    )  # fmt: skip
    assert tasks.get(tx, kept.task.task_id) is not None
    assert tasks.get(tx, stuck.task.task_id) is not None
    assert tasks.get(tx, gone.task.task_id) is None


def told(tx: Transaction) -> list[str]:
    """The steps that the outbox has somebody told of."""
    effects = outbox.due(tx, now_ms=NOW_MS * 2, count_max=100)
    return [effect.data["undo_id"] for effect in effects if effect.kind == EffectKind.UNDO]


def test_an_operator_is_told_of_each_step_each_time_that_it_is_stuck(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    task_id = claimed.task.task_id
    end_with(tx, failure(claimed), (new_step(claimed, 1), new_step(claimed, 2)))
    try_all(tx, task_id, HOPELESS)
    steps = undo.of_task(tx, task_id)
    ids = sorted(step.undo_id for step in steps)
    assert sorted(told(tx)) == ids
    for step in steps:
        back = again(step, by="ann", now_ms=NOW_MS + STEP_MS)
        assert isinstance(back, Step)
        undo.put(tx, back)
        undo.resume(tx, task_id, now_ms=NOW_MS + STEP_MS)
    assert sorted(told(tx)) == ids, "giving it back its tries is no news"
    try_all(tx, task_id, HOPELESS, NOW_MS + STEP_MS)
    assert sorted(told(tx)) == sorted([*ids, *ids])


def test_the_same_steps_are_stored_once(tx: Transaction) -> None:
    """A journal that was read before its daemon died is read again by the next."""
    accept(tx, new_task())
    claimed = claim(tx)
    steps = (new_step(claimed, 1), new_step(claimed, 2))
    end_with(tx, failure(claimed), steps)
    try_all(tx, claimed.task.task_id, UNDONE)
    undo.keep(tx, steps, now_ms=NOW_MS)
    assert states(tx, claimed.task.task_id) == ["undone"] * 2


def test_a_step_is_found_by_its_beginning_or_its_task(tx: Transaction) -> None:
    task_id = failed(tx)
    first, second = undo.of_task(tx, task_id)
    assert undo.get(tx, second.undo_id) == second
    assert undo.get(tx, first.undo_id.lower()) == first
    with pytest.raises(AmbiguousId):
        undo.get(tx, first.token)
    with pytest.raises(NoSuchId, match="no undo step"):
        undo.chosen(tx, "ZZZ")
    assert undo.chosen(tx, task_id) == [second]
    undo.put(tx, replace(first, state=StepState.NEEDS_OPERATOR, reason="x", tries=1))
    assert [step.undo_id for step in undo.chosen(tx, task_id)] == [first.undo_id]
    found = READS["ListUndo"](tx, where=f"task:{task_id} tries>0", after=None, limit=5)
    assert [step.undo_id for step in found.items] == [first.undo_id]
    page = READS["ListUndo"](tx, where="", after=None, limit=1)
    assert READS["ListUndo"](tx, where="", after=page.next, limit=1).items[0] == undo.get(
        tx, first.undo_id
    )
    assert bury(tx)


def test_what_lives_keeps_its_allocations(tx: Transaction) -> None:
    """An undo gives back what the dead were given, and never what is in use."""
    accept(tx, new_task())
    claimed = claim(tx)
    assert allocations.holder_lives(tx, claimed.token)
    end_with(tx, failure(claimed))
    assert not allocations.holder_lives(tx, claimed.token)
    assert not allocations.holder_lives(tx, "nobody")


def test_an_imported_letter_undoes_nothing_on_this_host(book: Book) -> None:
    """What has ended comes along as it is; what has not is for a person, who knows where it was."""
    tx = book.tx
    accept(tx, new_task())
    claimed = claim(tx)
    end_with(tx, failure(claimed), (new_step(claimed, 1), new_step(claimed, 2)))
    turn = undo.next_turn(tx, claimed.task.task_id, now_ms=NOW_MS)
    assert turn.step is not None
    undo.settle_try(tx, turn.step, UNDONE, policy=POLICY, now_ms=NOW_MS, fraction=0.5)
    letter = letters.get(tx, claimed.task.task_id)
    assert letter is not None
    exported = export_one(tx, letter)
    other = Book()
    bad = replace(exported.detail.undo[0], number=9)
    wrong = replace(exported.detail, undo=[bad])
    ahead = [replace(step, state_at_ms=NOW_MS * 9) for step in exported.detail.undo]
    assert "makes no sense" in str(import_one(other.tx, letter, wrong, now_ms=NOW_MS))
    detail = replace(exported.detail, undo=ahead)  # by the clock of another host
    assert import_one(other.tx, letter, detail, now_ms=NOW_MS) is None
    assert whole(other)
    assert undo.due(other.tx, now_ms=NOW_MS * 2, count_max=9) == []
    older, newer = undo.of_task(other.tx, letter.task_id)
    assert (older.state, newer.state) == (StepState.NEEDS_OPERATOR, StepState.UNDONE)
    assert "from a file" in older.reason
    assert told(other.tx) == [older.undo_id]
    undo.keep(other.tx, [older], now_ms=NOW_MS)
    outbox.done(other.tx, [f"undo:{older.undo_id}:{older.state_at_ms}"])
    undo.keep(other.tx, [older], now_ms=NOW_MS)
    assert told(other.tx) == [], "kept once, told of once"
    other.close()
