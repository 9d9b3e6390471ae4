"""Whatever people and workers do in whatever order, the store stays whole and loses no task.

A Hypothesis state machine on a real store, beside a model that only knows what was told.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from msgspec.structs import replace
from store_values import (
    ENDS,
    IDS,
    NOW_MS,
    WORKER,
    Book,
    end,
    is_whole,
    new_task,
)

from fnr.policy.dead_letter import LetterState
from fnr.policy.task import LEGAL_MOVES, LIVE_STATES, Claim, Task, TaskState, WorkerIdentity
from fnr.policy.verdict import bury_expired
from fnr.store import letters, tasks
from fnr.store.accepting import accept
from fnr.store.letter_files import export_one, import_one
from fnr.store.settle import ClaimLost
from fnr.store.tally import functions, kinds

ATTEMPT_ENDS = st.sampled_from([name for name in ENDS if name != "expired"])
STEP_MS = 400_000


class StoreMachine(RuleBasedStateMachine):
    """told: every task that was accepted and not purged, in the state it was last seen in."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.now_ms = NOW_MS
        self.told: dict[str, TaskState] = {}

    def teardown(self) -> None:
        """Close the store."""
        self.book.close()

    @initialize()
    def begin_in_the_middle(self) -> None:
        """Some of everything, because it takes many steps to get there."""
        for name in ("retry", "wait", "permanent", "validation", "poison"):
            task = new_task(function="render")
            accept(self.book.tx, [(task, b"{}")])
            [claimed] = tasks.claim_due(
                self.book.tx, function="render", worker=WORKER, new_token=IDS.new, count_max=1,
                now_ms=NOW_MS,
            )  # fmt: skip
            verdict = ENDS[name](self.book.tx, claimed)
            end(self.book.tx, verdict)
            self.told[task.task_id] = verdict.task.state

    def some(self, data: st.DataObject, *states: TaskState) -> str | None:
        """Any known task in one of these states."""
        found = sorted(task_id for task_id, state in self.told.items() if state in states)
        return data.draw(st.sampled_from(found)) if found else None

    @rule(
        function=st.sampled_from(["render", "upload"]),
        key=st.sampled_from([None, None, "a", "b"]),
        expires=st.booleans(),
    )
    def accept(self, function: str, key: str | None, expires: bool) -> None:
        """Submit a task."""
        task = new_task(
            function=function, unique_key=key, created_at_ms=self.now_ms,
            expires_at_ms=self.now_ms + STEP_MS if expires else None,
        )  # fmt: skip
        [(task_id, duplicate)] = accept(self.book.tx, [(task, b"{}")])
        if duplicate:
            assert self.told[task_id] in LIVE_STATES
        else:
            self.told[task_id] = TaskState.QUEUED

    @rule(target=claims, function=st.sampled_from(["render", "upload"]))
    def accept_and_begin(self, function: str) -> list[Claim]:
        """Submit a task that a free worker takes at once."""
        begun: list[Claim] = []

        def begin(task: Task, body: bytes) -> tuple[Claim, WorkerIdentity]:
            token = IDS.new()
            running = replace(task, state=TaskState.RUNNING, attempts=1, owner=token)
            begun.append(Claim(task=running, token=token, input=body))
            return begun[0], WORKER

        task = new_task(function=function, created_at_ms=self.now_ms)
        assert accept(self.book.tx, [(task, b"{}")], begin) == [(task.task_id, False)]
        self.told[task.task_id] = TaskState.RUNNING
        return begun

    @rule(target=claims, function=st.sampled_from(["render", "upload"]))
    def ask_for_work(self, function: str) -> Any:
        """A worker asks for work and does it later."""
        return self.claim(function)

    @rule(claimed=consumes(claims), name=ATTEMPT_ENDS)
    def end_late(self, claimed: list[Claim], name: str) -> None:
        """The work of before ends."""
        self.settle(claimed, name)

    def claim(self, function: str) -> list[Claim]:
        """Claim the most urgent task, if any is due."""
        found = tasks.claim_due(
            self.book.tx, function=function, worker=WORKER, new_token=IDS.new, count_max=1,
            now_ms=self.now_ms,
        )  # fmt: skip
        for one in found:
            self.moved(one.task.task_id, TaskState.RUNNING)
        return found

    def settle(self, claimed: list[Claim], name: str) -> None:
        """An attempt ends."""
        for one in claimed:
            task = tasks.owned(self.book.tx, one.token)
            assert task is not None
            verdict = ENDS[name](self.book.tx, Claim(task=task, token=one.token, input=b"{}"))
            end(self.book.tx, verdict)
            self.moved(task.task_id, verdict.task.state)
            try:
                end(self.book.tx, verdict)
            except ClaimLost:
                continue
            raise AssertionError("settled twice")

    @rule(function=st.sampled_from(["render", "upload"]), name=ATTEMPT_ENDS)
    def work(self, function: str, name: str) -> None:
        """A worker asks for work and does it at once."""
        self.settle(self.claim(function), name)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Somebody no longer wants a task."""
        task_id = self.some(data, *TaskState)
        if task_id is None:
            return
        before = self.told[task_id]
        answer = tasks.ask_cancel(self.book.tx, task_id, reason="", by="t", now_ms=self.now_ms)
        if before in {TaskState.QUEUED, TaskState.WAITING}:
            assert answer == "cancelled"
            self.moved(task_id, TaskState.CANCELLED)
        else:
            assert (answer == "stopping") == (before is TaskState.RUNNING)

    @rule(data=st.data(), edit=st.booleans())
    def replay(self, data: st.DataObject, edit: bool) -> None:
        """An operator puts a letter back."""
        task_id = self.some(data, TaskState.DEAD)
        if task_id is None:
            return
        if edit:
            assert letters.edit_input(
                self.book.tx, task_id, b'{"edited":1}', by="t", now_ms=self.now_ms
            ) is None  # fmt: skip
        back, blocked = letters.replay(
            self.book.tx, [task_id], by="t", now_ms=self.now_ms, function_known=lambda _: True
        )
        if back:
            self.moved(task_id, TaskState.QUEUED)
        else:
            assert "unique key" in blocked[task_id]

    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        """An operator puts a letter to rest."""
        task_id = self.some(data, TaskState.DEAD)
        if task_id is not None:
            letters.resolve(self.book.tx, [task_id], reason="", by="t", now_ms=self.now_ms)
            self.moved(task_id, TaskState.CANCELLED)

    @rule(data=st.data(), open_too=st.booleans())
    def purge(self, data: st.DataObject, open_too: bool) -> None:
        """An operator deletes a letter."""
        task_id = self.some(data, TaskState.DEAD, TaskState.CANCELLED)
        if task_id is None:
            return
        gone, _ = letters.purge(self.book.tx, [task_id], open_too=open_too)
        for purged in gone:
            del self.told[purged]

    @rule(data=st.data())
    def move_house(self, data: st.DataObject) -> None:
        """A letter is exported, purged and imported again."""
        task_id = self.some(data, TaskState.DEAD)
        if task_id is None:
            return
        letter = letters.get(self.book.tx, task_id)
        assert letter is not None
        exported = export_one(self.book.tx, letter)
        letters.purge(self.book.tx, [task_id], open_too=True)
        assert import_one(self.book.tx, exported.letter, exported.detail, now_ms=NOW_MS) is None
        assert export_one(self.book.tx, letter) == exported

    @rule(by_ms=st.integers(0, STEP_MS))
    def time_passes(self, by_ms: int) -> None:
        """Waits end and tasks expire."""
        self.now_ms += by_ms
        for task in tasks.overdue(self.book.tx, now_ms=self.now_ms, count_max=100):
            end(self.book.tx, bury_expired(task, now_ms=self.now_ms))
            self.moved(task.task_id, TaskState.DEAD)
        tasks.wake_waiting(self.book.tx, now_ms=self.now_ms, count_max=100)
        for task_id, state in self.told.items():
            task = tasks.get(self.book.tx, task_id)
            if state is TaskState.WAITING and task and task.state is TaskState.QUEUED:
                self.moved(task_id, TaskState.QUEUED)

    @rule()
    def commit(self) -> None:
        """A batch ends."""
        self.book.commit()

    def moved(self, task_id: str, state: TaskState) -> None:
        """A task was told to be in another state."""
        assert (self.told[task_id], state) in LEGAL_MOVES
        self.told[task_id] = state

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every task is where it was told to be, and letters fit their tasks."""
        self.book.commit()
        assert is_whole(self.book.tx)
        counted: dict[str, int] = {}
        for task_id, state in self.told.items():
            task = tasks.get(self.book.tx, task_id)
            assert task is not None and task.state is state, (task_id, state, task)
            counted[state] = counted.get(state, 0) + 1
            letter = letters.get(self.book.tx, task_id)
            assert (letter is not None and letter.state is LetterState.OPEN) == (
                state is TaskState.DEAD
            )
        tallied: dict[str, int] = {}
        for kind, count in kinds(self.book.tx).items():
            if len(kind) == 2:
                tallied[kind[1]] = tallied.get(kind[1], 0) + count
        assert tallied == counted
        for function in functions(self.book.tx):
            found = self.book.tx.one(
                "SELECT count(*) FROM task WHERE function = ? AND state = 'queued'", (function,)
            )
            assert found == (tasks.queued_count(self.book.tx, function),), "as remembered"


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=30, stateful_step_count=40)
