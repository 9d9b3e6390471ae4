"""What the drill saw becomes figures, and no sabotage of fnr goes unseen."""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from fnr.cli.drill.cases import TEXTS, Case, wave
from fnr.cli.drill.measure import Seen, duplicated, fault_scores, figures_of, lost, remarks
from fnr.policy.chaos import Drilled, Injection, Outcome
from fnr.policy.chaos_score import FAIL, INVALID, PASS, UNSAFE, judge
from fnr.policy.decision import Action, Decision
from fnr.policy.evidence import Evidence
from fnr.policy.record import ErrorRecord, LedgerRow, TaskDetail
from fnr.policy.rules import Category, Classification, Level, Strategy
from fnr.policy.task import Attempt, AttemptOutcome, Task, TaskState

N = 60


def case(number: int) -> Case:
    return Case(name=f"case {number}", fault="error", function="canary", category="transient")


def detail(number: int) -> TaskDetail:
    """A task that failed once, was retried and is done."""
    task_id = f"T{number}"
    task = Task(
        task_id=task_id, function="canary", state=TaskState.DONE, state_at_ms=9_000, attempts=2
    )
    tokens = (f"{task_id}a", f"{task_id}b")
    outcomes = (AttemptOutcome.FAILED, AttemptOutcome.DONE)
    named = Classification(
        category=Category.TRANSIENT,
        strategy=Strategy.RETRY_WITH_BACKOFF,
        rule="r",
        level=Level.TEXT,
        matched="m",
        confidence=1.0,
    )
    return TaskDetail(
        task=task,
        input=Raw(b"{}"),
        attempts=[
            Attempt(
                token=token,
                task_id=task_id,
                number=count,
                worker_id="W",
                boot_id="B",
                pid=1,
                pid_start=1,
                started_at_ms=1_000,
                outcome=outcome,
            )
            for count, (token, outcome) in enumerate(zip(tokens, outcomes, strict=True), 1)
        ],
        errors=[
            ErrorRecord(
                error_id="E",
                task_id=task_id,
                token=tokens[0],
                function="canary",
                at_ms=1_100,
                evidence=Evidence(),
                classification=named,
            )
        ],
        ledger=[
            LedgerRow(
                seq=1, at_ms=1, task_id=task_id, token=t, decision=Decision(action=a, why="w")
            )
            for t, a in zip(tokens, (Action.RETRY, Action.COMPLETE), strict=True)
        ],
    )


INJECTION = Injection(
    injection_id="I", drill_id="D", fault="error", reason="r", by="me", begun_at_ms=0,
    duration_ms=1, until_boot_ms=1, boot_id="B", folder="/f",
)  # fmt: skip
OVER = Outcome(effect="met", effect_at_ms=1, undone_at_ms=2, undone_by="deadline")
GOOD = Seen(
    cases={f"T{n}": case(n) for n in range(N)},
    details={f"T{n}": detail(n) for n in range(N)},
    marks={f"T{n}": [f"T{n}b"] for n in range(N)},
    met={f"T{n}a": 1_000 for n in range(N)},
    drilled=[Drilled(injection=INJECTION, state="over", outcome=OVER)],
    breaker_ms=[1],
)


def verdict(seen: Seen) -> str:
    return judge(figures_of(seen), fault_scores(seen))[0]


def changed(seen: Seen, number: int, **fields: object) -> Seen:
    task_id = f"T{number}"
    return replace(
        seen, details={**seen.details, task_id: replace(seen.details[task_id], **fields)}
    )


def test_a_drill_without_flaw_passes() -> None:
    figures = figures_of(GOOD)
    assert verdict(GOOD) == PASS
    assert remarks(GOOD) == []
    assert figures.detection_ms is not None
    assert (figures.detection_ms.max, figures.detection_ms.n) == (100, N)
    assert (figures.recovery_rate, figures.classification_rate) == (1.0, 1.0)
    assert figures.concurrent_scenarios == N


def test_a_lost_task_is_seen_whatever_the_store_says() -> None:
    """Sabotage of the store: it forgets a task, or never ends one."""
    forgotten = {k: v for k, v in GOOD.details.items() if k != "T7"}
    assert lost(replace(GOOD, details=forgotten)) == ["T7"]
    assert verdict(replace(GOOD, details=forgotten)) == FAIL
    stuck = changed(GOOD, 3, task=replace(GOOD.details["T3"].task, state=TaskState.QUEUED))
    assert lost(stuck) == ["T3"]
    assert verdict(stuck) == FAIL


def test_work_that_was_completed_twice_is_seen_by_its_marks() -> None:
    twice = replace(GOOD, marks={**GOOD.marks, "T1": ["T1b", "unknown"]})
    assert duplicated(twice) == ["T1"]
    assert verdict(twice) == FAIL
    # An end that died with its worker, on record, is a repeated attempt and no second completion.
    assert duplicated(replace(GOOD, marks={**GOOD.marks, "T1": ["T1a", "T1b"]})) == []


def test_wrong_names_are_counted() -> None:
    """Sabotage of the classification: everything is called unknown."""
    seen = GOOD
    for number in range(4):
        [error] = seen.details[f"T{number}"].errors
        wrong = replace(error.classification, category=Category.UNKNOWN)
        seen = changed(seen, number, errors=[replace(error, classification=wrong)])
    assert figures_of(seen).classification_rate == (N - 4) / N
    assert verdict(seen) == FAIL
    assert sum("called unknown, should be transient" in line for line in remarks(seen)) == 4


def test_an_error_that_nobody_recorded_is_a_wrong_name() -> None:
    assert figures_of(changed(GOOD, 0, errors=[])).classification_rate == (N - 1) / N


def test_a_missing_decision_is_seen() -> None:
    """Sabotage of the ledger: one row is not written."""
    seen = changed(GOOD, 5, ledger=GOOD.details["T5"].ledger[:1])
    assert figures_of(seen).actions_logged_rate == (2 * N - 1) / (2 * N)
    assert verdict(seen) == FAIL


def test_a_fault_that_was_not_undone_is_unsafe() -> None:
    """Sabotage of the undo: a trace is left, or nobody says that it is gone."""
    for outcome in (replace(OVER, residue="still stopped"), replace(OVER, undone_at_ms=None), None):
        left = [Drilled(injection=INJECTION, state="active", outcome=outcome)]
        assert verdict(replace(GOOD, drilled=left)) == UNSAFE
        assert figures_of(replace(GOOD, drilled=left)).residue == 1
    assert verdict(replace(GOOD, traces=["/x.json"])) == UNSAFE
    assert verdict(replace(GOOD, findings=1)) == UNSAFE


def test_a_fault_that_did_nothing_or_never_began_is_invalid() -> None:
    nothing = [Drilled(injection=INJECTION, state="over", outcome=replace(OVER, effect=""))]
    assert verdict(replace(GOOD, drilled=nothing)) == INVALID
    refused = replace(GOOD, refused={"hang": "no worker"})
    assert verdict(refused) == INVALID
    assert "no worker" in " ".join(one.problem for one in fault_scores(refused))


def test_late_detection_is_measured_from_the_effect() -> None:
    late = replace(GOOD, met={**GOOD.met, "T9a": 1_100 - 5_001})
    assert verdict(late) == FAIL
    assert "case 9: noticed after 5001 ms" in remarks(late)


def test_a_wave_is_the_same_for_the_same_seed_and_as_large_as_asked() -> None:
    assert wave(64, seed=1, live=False) == wave(64, seed=1, live=False)
    assert wave(64, seed=1, live=False) != wave(64, seed=2, live=False)
    assert len(wave(500, seed=1, live=False)) == 500
    assert {one.function for one in wave(20, seed=1, live=True)} == {"canary"}
    recoverable = [one for one in wave(64, seed=1, live=False) if one.recovers]
    assert len(recoverable) >= 50
    assert {text.category for text in TEXTS} == {"transient", "resource", "validation", "permanent"}
