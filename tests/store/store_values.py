"""Values, clocks and short ways that the tests of the store share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fnr.policy.breaker import Breaker, BreakerSettings, failed, passed
from fnr.policy.breaker_restore import SavedAt
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.evidence import Evidence, ExceptionFact, KilledBy
from fnr.policy.retry import RetryPolicy
from fnr.policy.rules import Category, Classification, Level, Strategy
from fnr.policy.task import AttemptOutcome, Claim, Task, WorkerIdentity
from fnr.policy.undo import Step, StepState, step_id
from fnr.policy.verdict import Verdict, bury_expired, conclude, decide, excuse
from fnr.store import accepting, breakers, letters, migrate, tasks, transaction, undo
from fnr.store.check import check
from fnr.store.settle import settle
from fnr.store.tally import write_counts
from fnr.store.transaction import Transaction

NOW_MS = 1_700_000_000_000
WORKER = WorkerIdentity(
    worker_id="01WORKER000000000000000000",
    function="render",
    boot_id="boot",
    pid=4242,
    pid_start=77,
)
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    """Ids that sort in the order they were made; the time in them is given."""

    def __init__(self) -> None:
        self._number = 0

    def new(self, at_ms: int = NOW_MS) -> str:
        """The next id of a moment."""
        self._number += 1
        value = at_ms << 80 | self._number
        return "".join(_BASE32[value >> shift & 31] for shift in range(125, -1, -5))


IDS = Ids()


def new_task(**fields: Any) -> Task:
    """A queued task."""
    at_ms = fields.get("created_at_ms", NOW_MS)
    return Task(
        **{
            "task_id": IDS.new(at_ms),
            "function": "render",
            "created_at_ms": at_ms,
            "state_at_ms": at_ms,
            "due_at_ms": at_ms,
            **fields,
        }
    )


def accept(tx: Transaction, *new: Task, body: bytes = b'{"frame":1}') -> list[str]:
    """Store tasks; their ids."""
    return [task_id for task_id, _ in accepting.accept(tx, [(task, body) for task in new])]


def claim(tx: Transaction, *, function: str = "render", now_ms: int = NOW_MS) -> Claim:
    """Claim the one task that is most urgent."""
    [found] = tasks.claim_due(
        tx, function=function, worker=WORKER, new_token=lambda: IDS.new(now_ms), count_max=1,
        now_ms=now_ms,
    )  # fmt: skip
    return found


def classified(category: Category, strategy: Strategy) -> Classification:
    """A classification that asks for this strategy."""
    return Classification(
        category=category,
        strategy=strategy,
        rule="of-the-test",
        level=Level.CODE,
        matched="code of the test",
        confidence=1.0,
    )


TRANSIENT = classified(Category.TRANSIENT, Strategy.RETRY_WITH_BACKOFF)
RESOURCE = classified(Category.RESOURCE, Strategy.QUEUE_AND_WAIT)
VALIDATION = classified(Category.VALIDATION, Strategy.FAIL_FAST)
PERMANENT = classified(Category.PERMANENT, Strategy.DEAD_LETTER)

BOOM = Evidence(
    message="it went boom",
    exceptions=(ExceptionFact(type="ValueError", message="boom"),),
    exit_code=3,
    stderr_tail="boom\n",
)


def failure(
    claimed: Claim, how: Classification = PERMANENT, evidence: Evidence = BOOM, **fields: Any
) -> Verdict:
    """What follows when this claim's attempt fails so."""
    return decide(
        claimed.task,
        evidence,
        how,
        token=claimed.token,
        policy=fields.pop("policy", RetryPolicy()),
        now_ms=fields.pop("now_ms", NOW_MS + 5),
        fraction=0.5,
        **fields,
    )


def end(tx: Transaction, verdict: Verdict, result: bytes | None = None) -> None:
    """Settle a verdict."""
    settle(
        tx,
        verdict,
        now_ms=verdict.task.state_at_ms,
        error_id=IDS.new() if verdict.outcome is AttemptOutcome.FAILED else None,
        result=result,
        output={"log_path": "/logs/w", "log_from": 0, "log_to": 9, "cpu_ms": 2, "peak_mib": 30},
    )


def bury(tx: Transaction, how: Classification = PERMANENT, **fields: Any) -> str:
    """Let a new task die; its id."""
    evidence = fields.pop("evidence", BOOM)
    [task_id] = accept(tx, new_task(**fields))
    function = fields.get("function", "render")
    end(tx, failure(claim(tx, function=function), how, evidence))
    return task_id


def new_step(claimed: Claim, number: int = 1, **fields: Any) -> Step:
    """A step that an attempt recorded."""
    return Step(
        **{
            "undo_id": step_id(claimed.token, number),
            "task_id": claimed.task.task_id,
            "token": claimed.token,
            "number": number,
            "function": claimed.task.function,
            "kind": "remove_file",
            "data": {"path": f"/data/{number}"},
            "recorded_at_ms": NOW_MS,
            "state_at_ms": NOW_MS,
            **fields,
        }
    )


def undone(tx: Transaction, task_id: str) -> str:
    """A dead task left one thing, and it is undone."""
    task = tasks.get(tx, task_id)
    assert task is not None
    token = IDS.new()
    step = new_step(Claim(task=task, token=token, input=b"{}"))
    undo.keep(tx, [replace(step, state=StepState.UNDONE, tries=1)], now_ms=NOW_MS)
    return task_id


def replay(tx: Transaction, *ids: str, **options: Any) -> dict[str, str]:
    """Put letters back; id → why not."""
    _, blocked = letters.replay(
        tx,
        ids,
        by="tester",
        now_ms=options.pop("now_ms", NOW_MS + 100),
        function_known=options.pop("function_known", lambda _: True),
        **options,
    )
    return blocked


# Every way an attempt or a waiting task can end: name → (prepare, verdict).
def _expired(tx: Transaction, claimed: Claim) -> Verdict:
    end(
        tx,
        excuse(
            claimed.task,
            token=claimed.token,
            why="given back",
            outcome=AttemptOutcome.RETURNED,
            now_ms=NOW_MS,
        ),
    )
    task = tasks.get(tx, claimed.task.task_id)
    assert task is not None
    return bury_expired(task, now_ms=NOW_MS + 60_000)


def _excused(outcome: AttemptOutcome) -> Callable[[Transaction, Claim], Verdict]:
    return lambda _, claimed: excuse(
        claimed.task, token=claimed.token, why="drained", outcome=outcome, now_ms=NOW_MS + 5
    )


ENDS: dict[str, Callable[[Transaction, Claim], Verdict]] = {
    "done": lambda _, claimed: conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 5),
    "retry": lambda _, claimed: failure(claimed, TRANSIENT),
    "wait": lambda _, claimed: failure(claimed, RESOURCE),
    "permanent": lambda _, claimed: failure(claimed, PERMANENT),
    "validation": lambda _, claimed: failure(claimed, VALIDATION),
    "exhausted": lambda _, claimed: failure(claimed, TRANSIENT, policy=RetryPolicy(retries_max=0)),
    "poison": lambda _, claimed: failure(
        claimed, TRANSIENT, Evidence(worker_died=True, signal=11), policy=RetryPolicy(deaths_max=1)
    ),
    "cancelled": lambda _, claimed: failure(
        claimed, PERMANENT, Evidence(killed_by=KilledBy.CANCEL, kill_reason="asked")
    ),
    "interrupted": _excused(AttemptOutcome.INTERRUPTED),
    "returned": _excused(AttemptOutcome.RETURNED),
    "expired": _expired,
}


def contents(tx: Transaction) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    names = [
        name
        for (name,) in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    ]
    return {name: tx.all(f"SELECT * FROM {name} ORDER BY 1, 2") for name in names}


def letter_of(tx: Transaction, task_id: str) -> DeadLetter:
    """The letter of a task that has one."""
    found = letters.get(tx, task_id)
    assert found is not None
    return found


def is_whole(tx: Transaction) -> bool:
    """Whether `fnr db check` finds nothing; says what it finds."""
    found = check(tx)
    assert not found, found
    return True


@cache
def new_store() -> bytes:
    """A store that nobody has used yet: made once, because the tests need a thousand."""
    with closing(transaction.connect_writer(":memory:")) as connection:
        migrate.migrate(connection)
        return connection.serialize()


class Book:
    """A store file opened without a loop, for tests of functions rather than of the writer."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.path = path
        if isinstance(path, Path) and not path.exists():
            path.write_bytes(new_store())
        self.connection = transaction.connect_writer(path)
        if path == ":memory:":
            self.connection.deserialize(new_store())
        # What it stores need not survive the host, and a hundred files need not wait for the disk.
        self.connection.execute("PRAGMA synchronous = OFF")
        migrate.migrate(self.connection)
        self.tx = Transaction(self.connection, alone=True)
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Write the counts and commit, as a batch does; go on in a new transaction."""
        write_counts(self.tx)
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN IMMEDIATE")

    def roll_back(self) -> None:
        """Forget everything since the last commit."""
        self.tx.forget_all_counts()
        self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Forget what is not committed and close; once is enough."""
        with suppress(sqlite3.ProgrammingError):
            self.connection.rollback()
        self.connection.close()


def saved_at(*, boot_id: str = "boot-1", boot_ms: int = 1_000_000, at_ms: int = NOW_MS) -> SavedAt:
    """A moment on all clocks."""
    return SavedAt(boot_id=boot_id, boot_ms=boot_ms, at_ms=at_ms)


def open_and_test(tx: Transaction, name: str) -> Breaker:
    """A breaker with two moves behind it: opened by one failure, then half open."""
    rules = BreakerSettings(name=name)
    now = saved_at()
    breaker = Breaker(name=name)
    breakers.keep(tx, breaker, now=now)
    opened = failed(breaker, rules, generation=0, now_ms=now.boot_ms, what="x: no", trip=True)
    tested = passed(opened.breaker, now_ms=now.boot_ms + rules.open_ms)
    for step in (opened, tested):
        breakers.keep(tx, step.breaker, now=now)
        assert step.move is not None
        breakers.record(tx, step.move, now_ms=now.at_ms)
    return tested.breaker
