"""A step of undo: what reverses one act, in which order, how often it is tried, and who ends it.

A step is data, and it is on disk before the act it reverses. So whatever dies in between, the step
is there, and carrying it out must be harmless when the act never happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.counted import counted
from fnr.policy.json_numbers import as_builtin
from fnr.policy.retry import RetryPolicy, retry_delay_ms

STEPS_MAX = 200
DATA_BYTES_MAX = 64 * 1024
JOURNAL_BYTES_MAX = 4 * 1024 * 1024
WHY_CHARS_MAX = 500
# What a task that must not be tried again before its undo is finished waits for.
WAITING_FOR = "undo"

KINDS = ("remove_file", "http_delete", "release", "cancel_task", "command", "call")
UNREADABLE = "unreadable"
# What ends a line that was cut off, once another one stands behind it; JSON never has it.
_CUT_OFF = b"\x18"
# How a line of a new step begins: what is in its data may be called "kind", too.
_NEW_STEP = re.compile(rb'^\{"id":"[^"]*","kind":', re.MULTILINE)


class StepState(StrEnum):
    """Where a step stands.

    RECORDED: on disk; its turn has not come. UNDOING: being tried. UNDONE: reversed, or there was
    nothing to reverse. NEEDS_OPERATOR: it could not be reversed. SKIPPED: an operator said that it
    need not be. DROPPED: its act counts, because the task succeeded or the function took it back.
    """

    RECORDED = "recorded"
    UNDOING = "undoing"
    UNDONE = "undone"
    NEEDS_OPERATOR = "needs_operator"
    SKIPPED = "skipped"
    DROPPED = "dropped"


# Every legal move, with what it means.
LEGAL_UNDO_MOVES: dict[tuple[StepState, StepState], str] = {
    (StepState.RECORDED, StepState.UNDOING): "its turn has come",
    (StepState.RECORDED, StepState.DROPPED): "the task succeeded, or the function took it back",
    (StepState.UNDOING, StepState.UNDONE): "reversed, or there was nothing to reverse",
    (StepState.UNDOING, StepState.NEEDS_OPERATOR): "it cannot be reversed, or not by trying on",
    (StepState.NEEDS_OPERATOR, StepState.RECORDED): "an operator wants it tried again",
    (StepState.NEEDS_OPERATOR, StepState.SKIPPED): "an operator says that it need not be",
}
PENDING = (StepState.UNDOING, StepState.RECORDED)


class IllegalUndoMove(Exception):
    """A move that is not among LEGAL_UNDO_MOVES."""


class Step(Struct, frozen=True, kw_only=True):
    """One step.

    undo_id: token of its attempt and its number in it; also the key under which it is carried out,
             for services that can tell a repetition by it.
    receipt: what the function said about the act once it had happened.
    state_by, reason: who brought it into its state, and why.
    """

    undo_id: str
    task_id: str
    token: str
    number: int
    function: str
    kind: str
    data: dict[str, Any]
    recorded_at_ms: int
    state: StepState = StepState.RECORDED
    state_at_ms: int = 0
    tries: int = 0
    receipt: dict[str, Any] | None = None
    state_by: str = "fnr"
    reason: str = ""


class UndoPolicy(Struct, frozen=True, kw_only=True):
    """How hard a function's steps are tried.

    before_retry: an attempt that failed is undone before the task is tried again.
    """

    before_retry: bool = False
    tries_max: int = 5
    timeout_ms: int = 30_000
    delay_base_ms: int = 1_000
    delay_max_ms: int = 60_000


class Tried(StrEnum):
    """What came of one try."""

    UNDONE = "undone"
    FAILED = "failed"  # another try may help
    HOPELESS = "hopeless"  # no other try can


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of one try, in words for the operator."""

    tried: Tried
    why: str = ""


def moved(step: Step, state: StepState, *, why: str, by: str = "fnr", now_ms: int) -> Step:
    """The step in another state; raises IllegalUndoMove."""
    if (step.state, state) not in LEGAL_UNDO_MOVES:
        raise IllegalUndoMove(f"undo step {step.undo_id}: {step.state} to {state}")
    return replace(step, state=state, state_at_ms=now_ms, state_by=by, reason=why[:WHY_CHARS_MAX])


def next_step(steps: Iterable[Step]) -> Step | None:
    """Which step to try now: the newest that is not ended; None when all are."""
    pending = [step for step in steps if step.state in PENDING]
    return max(pending, key=age_key, default=None)


def age_key(step: Step) -> tuple[str, int]:
    """What orders the steps of a task by age: attempts by their tokens, then their own order."""
    return step.token, step.number


def made_by_task(step: Step, steps: Iterable[Step]) -> bool:
    """Was the file that the attempt found in its way left there by an earlier attempt of the task?

    Then it is the task's own, and removing it takes nothing from anybody.
    """
    return any(
        other.kind == step.kind
        and other.data.get("path") == step.data.get("path")
        and other.data.get("before") is None
        and age_key(other) < age_key(step)
        for other in steps
    )


def begun(step: Step, *, now_ms: int) -> Step:
    """The step as it is while it is tried once more; a try that was cut off is made again."""
    if is_cut_off(step):
        return step
    if step.state is not StepState.UNDOING:
        step = moved(step, StepState.UNDOING, why="", now_ms=now_ms)
    return replace(step, tries=step.tries + 1, reason="")


def is_cut_off(step: Step) -> bool:
    """Was its last try begun and never settled? Of a step that is not being tried now."""
    return step.state is StepState.UNDOING and not step.reason


def tried(
    step: Step, outcome: Outcome, *, policy: UndoPolicy, now_ms: int, fraction: float
) -> tuple[Step, int]:
    """The step after a try, and in how many ms to go on with it, or with the next one."""
    assert step.state is StepState.UNDOING, step
    why = outcome.why[:WHY_CHARS_MAX]
    if outcome.tried is Tried.UNDONE:
        return moved(step, StepState.UNDONE, why=why, now_ms=now_ms), 0
    why = why or "it did not say why"
    if outcome.tried is Tried.HOPELESS:
        return moved(step, StepState.NEEDS_OPERATOR, why=why, now_ms=now_ms), 0
    if step.tries >= policy.tries_max:
        used_up = f"{step.tries} of {counted(policy.tries_max, 'try', 'tries')} used up: {why}"
        return moved(step, StepState.NEEDS_OPERATOR, why=used_up, now_ms=now_ms), 0
    backoff = RetryPolicy(delay_base_ms=policy.delay_base_ms, delay_max_ms=policy.delay_max_ms)
    delay_ms = retry_delay_ms(backoff, retry=step.tries, fraction=fraction)
    return replace(step, reason=why, state_at_ms=now_ms), delay_ms


def again(step: Step, *, by: str, now_ms: int) -> Step | str:
    """The step given back its tries by an operator; or why not."""
    if step.state is not StepState.NEEDS_OPERATOR:
        return f"it is {step.state}, and only a step that needs an operator can be tried again"
    step = moved(step, StepState.RECORDED, why=f"to be tried again: {by}", by=by, now_ms=now_ms)
    return replace(step, tries=0)


def skipped(step: Step, *, by: str, why: str, now_ms: int) -> Step | str:
    """The step let go by an operator; or why not."""
    if step.state is not StepState.NEEDS_OPERATOR:
        return f"it is {step.state}, and only a step that needs an operator can be skipped"
    return moved(step, StepState.SKIPPED, why=why, by=by, now_ms=now_ms)


def is_sound(step: Step) -> bool:
    """Can there be such a step? Of one that comes from a file."""
    tried_states = {StepState.UNDOING, StepState.UNDONE}
    told_states = {StepState.NEEDS_OPERATOR, StepState.SKIPPED}
    return (
        step.undo_id == step_id(step.token, step.number)
        and step.number >= 1
        and step.tries >= (step.state in tried_states)
        and (bool(step.reason) or step.state not in told_states)
        and bool(step.kind)
    )


def imported(step: Step) -> Step:
    """A step taken over from a file: what it undoes may be on another host, so a person decides."""
    if step.state not in PENDING:
        return step
    why = "taken over from a file before it was undone: that can only be done where it was done"
    return replace(step, state=StepState.NEEDS_OPERATOR, reason=why)


def unfinished(steps: Sequence[Step]) -> str | None:
    """Why a dead task can neither come back nor be forgotten yet; None when it can."""
    stuck = [step for step in steps if step.state is StepState.NEEDS_OPERATOR]
    if stuck:
        verb = "needs" if len(stuck) == 1 else "need"
        what = f"{len(stuck)} of its undo steps {verb} an operator"
        return f"{what}: fnr undo list {stuck[0].task_id}"
    pending = sum(step.state in PENDING for step in steps)
    verb = "is" if pending == 1 else "are"
    return f"{pending} of its undo steps {verb} still to be done" if pending else None


# ── the journal of an attempt ────────────────────────────────────────────────


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal that a worker keeps of an attempt.

    id:      names the step within the journal.
    kind, data, at_ms: a new step. receipt: what came of its act. drop: it is not to be undone.
    """

    id: str
    kind: str = ""
    data: dict[str, Any] = {}
    at_ms: int = 0
    receipt: dict[str, Any] | None = None
    drop: bool = False


_line = msgspec.json.Decoder(Line)
_encode = msgspec.json.Encoder(enc_hook=as_builtin).encode


def journal_line(line: Line) -> bytes:
    """A line as it is written."""
    return _encode(line) + b"\n"


def steps_in(journal: bytes) -> int:
    """How many steps a journal holds, counted without reading them."""
    return len(_NEW_STEP.findall(journal))


def read_journal(
    journal: bytes, *, token: str, task_id: str, function: str, now_ms: int
) -> list[Step]:
    """The steps of an attempt, oldest first.

    A line that was cut off was never finished: its call has not returned, so its act has not begun.
    Any other line that makes no sense becomes a step that needs an operator.
    """
    steps: dict[str, Step] = {}
    for number, text in enumerate(_whole_lines(journal), start=1):
        line = _line_of(text)
        known = steps.get(line.id) if line is not None else None
        if line is not None and known is not None:
            steps[line.id] = _amended(known, line, now_ms=now_ms)
            continue
        readable = line is not None and bool(line.kind)
        name = line.id if line is not None and readable else f"line {number}"
        steps[name] = Step(
            undo_id=step_id(token, len(steps) + 1),
            task_id=task_id,
            token=token,
            number=len(steps) + 1,
            function=function,
            kind=line.kind if line is not None and readable else UNREADABLE,
            data=line.data if line is not None and readable else _shown(text),
            recorded_at_ms=line.at_ms if line is not None and readable else now_ms,
            state_at_ms=now_ms,
        )
    return list(steps.values())


def step_id(token: str, number: int) -> str:
    """What names a step; ids of one attempt sort as its steps do."""
    return f"{token}.{number:03}"


def lost_journal(*, token: str, task_id: str, function: str, now_ms: int) -> Step:
    """What stands for the steps of an attempt whose journal should be there and is not."""
    return Step(
        undo_id=step_id(token, 1),
        task_id=task_id,
        token=token,
        number=1,
        function=function,
        kind=UNREADABLE,
        data={"why": "the attempt kept a journal of undo steps, and its file is gone"},
        recorded_at_ms=now_ms,
        state_at_ms=now_ms,
    )


def _whole_lines(journal: bytes) -> list[bytes]:
    lines = journal[: journal.rfind(b"\n") + 1].split(b"\n")
    return [line for line in lines if line and not line.endswith(_CUT_OFF)]


def _line_of(text: bytes) -> Line | None:
    try:
        return _line.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _amended(step: Step, line: Line, *, now_ms: int) -> Step:
    if line.drop and step.state is StepState.RECORDED:
        return moved(step, StepState.DROPPED, why="taken back by the function", now_ms=now_ms)
    return step if line.receipt is None else replace(step, receipt=line.receipt)


def _shown(text: bytes) -> dict[str, Any]:
    return {"line": text[:WHY_CHARS_MAX].decode("utf-8", "backslashreplace")}
