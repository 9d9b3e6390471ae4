"""Which step is next, what a try makes of it, and what a torn journal says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.decision import Decision
from fnr.policy.task import AttemptOutcome, Task, TaskState
from fnr.policy.undo import (
    LEGAL_UNDO_MOVES,
    UNREADABLE,
    WAITING_FOR,
    IllegalUndoMove,
    Line,
    Outcome,
    Step,
    StepState,
    Tried,
    UndoPolicy,
    again,
    begun,
    is_cut_off,
    journal_line,
    made_by_task,
    moved,
    next_step,
    read_journal,
    skipped,
    step_id,
    steps_in,
    tried,
    unfinished,
)
from fnr.policy.undo_first import undo_first
from fnr.policy.verdict import Action, Verdict

NOW_MS = 1_000_000
STATES = st.sampled_from(StepState)
FRACTIONS = st.floats(0, 1, exclude_max=True)


def step(
    number: int = 1, state: StepState = StepState.RECORDED, token: str = "A", **data: object
) -> Step:
    return Step(
        undo_id=step_id(token, number),
        task_id="T",
        token=token,
        number=number,
        function="render",
        kind="remove_file",
        data=dict(data),
        recorded_at_ms=NOW_MS,
        state=state,
        tries=int(state is StepState.UNDOING),
    )


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 9), STATES), unique_by=lambda s: s[:2]
    )
)
def test_the_newest_step_that_is_not_ended_is_next(
    made: list[tuple[str, int, StepState]],
) -> None:
    steps = [step(number, state, token) for token, number, state in made]
    pending = {(token, number) for token, number, state in made if state in {"recorded", "undoing"}}
    found = next_step(steps)
    assert (found is None) == (not pending)
    assert found is None or (found.token, found.number) == max(pending)


@given(STATES, STATES)
def test_only_legal_moves_are_made(before: StepState, after: StepState) -> None:
    if (before, after) in LEGAL_UNDO_MOVES:
        made = moved(step(state=before), after, why="x" * 9_000, now_ms=5)
        assert (made.state, made.state_at_ms, len(made.reason)) == (after, 5, 500)
    else:
        with pytest.raises(IllegalUndoMove):
            moved(step(state=before), after, why="", now_ms=5)


@given(
    st.lists(st.sampled_from(Tried), min_size=1, max_size=12),
    st.integers(1, 6),
    FRACTIONS,
)
def test_a_step_is_tried_so_often_and_no_more(
    ways: list[Tried], tries_max: int, fraction: float
) -> None:
    """It ends undone, or needs an operator with a reason, or waits for a bounded time."""
    policy = UndoPolicy(tries_max=tries_max)
    one = step()
    for way in ways:
        one = begun(one, now_ms=NOW_MS)
        one, wait_ms = tried(
            one, Outcome(tried=way, why="it was"), policy=policy, now_ms=NOW_MS, fraction=fraction
        )
        assert one.tries <= tries_max
        assert 0 <= wait_ms <= policy.delay_max_ms * 1.1
        assert (wait_ms > 0) == (one.state is StepState.UNDOING)
        if one.state is not StepState.UNDOING:
            break
    if way is Tried.UNDONE:
        assert one.state is StepState.UNDONE
    elif way is Tried.HOPELESS or one.tries == tries_max:
        assert one.state is StepState.NEEDS_OPERATOR
        assert "it was" in one.reason


def test_a_try_that_was_begun_and_never_settled_is_known() -> None:
    """Whatever a try gives as its reason, also none."""
    assert not is_cut_off(step())
    one = begun(step(), now_ms=NOW_MS)
    assert is_cut_off(one)
    failed = Outcome(tried=Tried.FAILED, why="")
    waits, _ = tried(one, failed, policy=UndoPolicy(), now_ms=NOW_MS, fraction=0.5)
    assert not is_cut_off(waits)
    assert is_cut_off(begun(waits, now_ms=NOW_MS))


def test_a_try_that_was_cut_off_is_made_again_and_not_counted_twice() -> None:
    """With every daemon that died one was used up, and the operator read of 7 tries of 2."""
    one = begun(step(), now_ms=NOW_MS)
    for _ in range(6):
        one = begun(one, now_ms=NOW_MS)
    failed = Outcome(tried=Tried.FAILED, why="refused")
    waits, wait_ms = tried(one, failed, policy=UndoPolicy(tries_max=2), now_ms=NOW_MS, fraction=0.5)
    assert (waits.state, waits.tries, wait_ms > 0) == (StepState.UNDOING, 1, True)


@given(STATES)
def test_operators_move_only_what_needs_them(state: StepState) -> None:
    one = replace(step(state=state), tries=5)
    tried_again = again(one, by="ann", now_ms=5)
    let_go = skipped(one, by="ann", why="seen to", now_ms=5)
    if state is StepState.NEEDS_OPERATOR:
        assert isinstance(tried_again, Step)
        assert isinstance(let_go, Step)
        assert (tried_again.state, tried_again.tries) == (StepState.RECORDED, 0)
        assert (let_go.state, let_go.state_by, let_go.reason) == ("skipped", "ann", "seen to")
    else:
        assert isinstance(tried_again, str)
        assert isinstance(let_go, str)


def test_a_task_whose_undo_has_not_ended_stays_where_it_is() -> None:
    assert unfinished([]) is None
    assert unfinished([step(state=StepState.UNDONE), step(2, StepState.SKIPPED)]) is None
    assert "1 of its undo steps is still to be done" in str(unfinished([step()]))
    stuck = [step(state=StepState.NEEDS_OPERATOR), step(2)]
    assert "fnr undo list T" in str(unfinished(stuck))


def test_a_file_left_by_an_earlier_attempt_is_the_tasks_own() -> None:
    first, second = step(token="A", path="/x"), step(token="B", path="/x", before=[1, 2, 3, 4])
    assert made_by_task(second, [first, second])
    assert not made_by_task(first, [first, second])
    assert not made_by_task(second, [step(token="A", path="/y"), second])
    found = step(token="A", path="/x", before=[1, 2, 3, 4])
    assert not made_by_task(second, [found, second])


# ── the journal ──────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = TEXT | st.sampled_from(["kind", "id"])
DATA = st.dictionaries(
    NAMES,
    TEXT | st.integers() | st.none() | st.lists(TEXT | st.dictionaries(NAMES, TEXT)),
    max_size=3,
)


def read(journal: bytes) -> list[Step]:
    return read_journal(journal, token="A", task_id="T", function="render", now_ms=NOW_MS)


@pytest.mark.unmeasured
@given(st.lists(DATA, max_size=8), st.integers(0, 400))
def test_a_journal_cut_off_anywhere_keeps_every_whole_line(
    datas: list[dict[str, object]], cut: int
) -> None:
    """What was synced before its call returned is there; what was torn was never acted upon."""
    lines = [
        journal_line(Line(id=f"1-{n}", kind="call", data=data, at_ms=n))
        for n, data in enumerate(datas)
    ]
    journal = b"".join(lines)
    assert steps_in(journal) == len(datas)
    kept = journal[: len(journal) - cut] if cut else journal
    whole = kept.count(b"\n")
    steps = read(kept)
    assert [one.data for one in steps] == datas[:whole]
    assert [one.number for one in steps] == list(range(1, whole + 1))
    # The next writer says so of a line that was cut off, and begins on a new one.
    torn = b"" if not kept or kept.endswith(b"\n") else b"\x18\n"
    more = journal_line(Line(id="2-1", kind="command", data={"argv": ["x"]}))
    assert [one.kind for one in read(kept + torn + more)] == ["call"] * whole + ["command"]


def test_receipts_and_what_was_taken_back_are_known() -> None:
    journal = b"".join(
        map(
            journal_line,
            [
                Line(id="1-1", kind="call", data={"n": 1}),
                Line(id="1-2", kind="call", data={"n": 2}),
                Line(id="1-1", receipt={"etag": "x"}),
                Line(id="1-2", drop=True),
                Line(id="1-2", drop=True),
            ],
        )
    )
    first, second = read(journal)
    assert (first.state, first.receipt) == (StepState.RECORDED, {"etag": "x"})
    assert second.state is StepState.DROPPED


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b'{"id": "x"}', b"\x00\x00\xff", b'{"id": 3, "kind": "call"}', b"[" * 5_000],
)
def test_a_line_that_makes_no_sense_is_for_an_operator_to_see(line: bytes) -> None:
    good = journal_line(Line(id="1-1", kind="call", data={}))
    first, second, third = read(good + line + b"\n" + good.replace(b"1-1", b"1-2"))
    assert (first.kind, second.kind, third.kind) == ("call", UNREADABLE, "call")
    assert second.data["line"]


# ── before a retry ───────────────────────────────────────────────────────────


def verdict(state: TaskState, waiting_for: str | None = None) -> Verdict:
    before = Task(
        task_id="T",
        function="render",
        state=TaskState.RUNNING,
        priority=5,
        due_at_ms=1,
        created_at_ms=1,
        state_at_ms=1,
        owner="A",
    )
    after = replace(before, state=state, owner=None, waiting_for=waiting_for, due_at_ms=77)
    return Verdict(
        before=before,
        task=after,
        token="A",
        outcome=AttemptOutcome.FAILED,
        decision=Decision(action=Action.RETRY, why="retry 1 of 3"),
    )


def test_a_retry_waits_for_its_undo_and_keeps_its_moment() -> None:
    first, then_wait = undo_first(verdict(TaskState.QUEUED))
    assert (first.task.state, first.task.waiting_for, first.task.due_at_ms) == (
        TaskState.WAITING, WAITING_FOR, 77,
    )  # fmt: skip
    assert then_wait is None
    assert first.decision.why == "retry 1 of 3, after its undo"
    second, then_wait = undo_first(verdict(TaskState.WAITING, "vram:8GiB"))
    assert (second.task.waiting_for, then_wait) == (WAITING_FOR, "vram:8GiB")


def test_a_task_that_has_ended_waits_for_nothing() -> None:
    done = verdict(TaskState.CANCELLED)
    assert undo_first(done) == (done, None)
