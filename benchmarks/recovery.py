"""Do failing tasks get through: the story's mix of errors, many in trouble at the same time."""

from __future__ import annotations

from figures import Line
from live_daemon import LiveDaemon, function_toml
from msgspec import Raw, json
from plan import Plan

from fnr.api.letter_requests import ListLetters
from fnr.api.requests import GetTask, SubmitMany, WaitTasks
from fnr.client import store_file
from fnr.client.connect import Connection
from fnr.policy.record import TaskDetail, TaskEnd
from fnr.policy.task import AttemptOutcome, TaskState

# The defaults with shorter pauses: how often, how many and what it may cost are as shipped.
PATIENCE = 'retry = { delay = "50ms", delay_max = "1s", wait = "500ms" }'
WORKERS = 4
# (kind of error, times it happens to one task before it passes, tasks of twenty). Three that no
# attempt can help: they have to end as dead letters at once.
MIX = (
    ("connection", 1, 3),
    ("timeout", 2, 2),
    ("busy", 3, 2),
    ("gpu_memory", 2, 3),
    ("disk", 1, 2),
    ("crash", 1, 1),
    ("unknown", 1, 2),
    ("smaller", 1, 2),
    ("input", 99, 2),
    ("permission", 99, 1),
)
HOPELESS = frozenset({"input", "permission"})


def recovery(plan: Plan) -> list[Line]:
    """So many tasks at once, every one of which fails at least once, by the story's mix of errors.

    Recoverable are those whose error passes: connections, timeouts, a busy server with Retry-After,
    GPU memory, a full disk, a worker's death, something that neither rule nor text model names, and
    what only a smaller batch cures. Lost: neither done nor a dead letter. On record: failures that
    have exactly one error and one decision naming it, over all failed attempts, where
    `fnr db check` finds nothing.
    """
    lines = []
    for count in plan.failing_tasks:
        shares, lost, recorded = [], [], []
        for _ in range(plan.runs):
            share, gone, complete = _one(plan, count)
            shares.append(share)
            lost.append(gone)
            recorded.append(complete)
        who = f"{count} failing tasks at once"
        lines += [
            Line(section="recovery", what=f"{who}: recoverable ones done", unit="%", fnr=shares,
                 more_is_better=True, must=99, goal=100),
            Line(section="recovery", what=f"{who}: lost", unit="tasks", fnr=lost, must=0),
            Line(section="recovery", what=f"{who}: failures decided and on record", unit="%",
                 fnr=recorded, more_is_better=True, must=100),
        ]  # fmt: skip
    return lines


def mixed(count: int) -> list[str]:
    """The kinds of error of so many tasks, in the shares of MIX and well shuffled."""
    deck = [kind for kind, _, share in MIX for _ in range(share)]
    # Steps of 7 through 20 places meet each of them once.
    return [deck[number * 7 % len(deck)] for number in range(count)]


def _one(plan: Plan, count: int) -> tuple[float, float, float]:
    toml = function_toml("troubled", python="troubled:troubled", workers=WORKERS, more=PATIENCE)
    toml += '[[functions.troubled.degrade]]\nwhen = ["exhausted"]\nset = { batch = 1 }\n'
    times = {kind: times for kind, times, _ in MIX}
    kinds = mixed(count)
    items = [
        Raw(
            json.encode(
                {"function": "troubled", "input": {"kind": kind, "times": times[kind], "batch": 8}}
            )
        )
        for kind in kinds
    ]
    with LiveDaemon(plan.folder / "r", toml) as daemon, daemon.connection() as connection:
        ids = connection.ask(SubmitMany(items=items)).task_ids
        ends = connection.ask(WaitTasks(task_ids=ids, timeout_ms=plan.recovery_timeout_ms))
        findings = store_file.check(daemon.paths)
        recorded = _recorded(connection, ids) if not findings else 0.0
        letters = {letter.task_id for letter in connection.ask(ListLetters(limit=1_000)).items}
    kind_of = dict(zip(ids, kinds, strict=True))
    return _done_share(ends, kind_of), float(_lost(ends, letters)), recorded


def _done_share(ends: list[TaskEnd], kind_of: dict[str, str]) -> float:
    recoverable = [end for end in ends if kind_of[end.task.task_id] not in HOPELESS]
    done = sum(end.task.state is TaskState.DONE for end in recoverable)
    return 100 * done / len(recoverable)


def _lost(ends: list[TaskEnd], letters: set[str]) -> int:
    return sum(
        end.task.state is not TaskState.DONE and end.task.task_id not in letters for end in ends
    )


def _recorded(connection: Connection, ids: list[str]) -> float:
    failed = complete = 0
    for task_id in ids:
        detail: TaskDetail = connection.ask(GetTask(task_id=task_id))
        answered = [row.error_id for row in detail.ledger if row.error_id]
        errors = {error.token: error.error_id for error in detail.errors}
        for attempt in detail.attempts:
            if attempt.outcome is AttemptOutcome.FAILED:
                failed += 1
                complete += answered.count(errors.get(attempt.token, "")) == 1
    return 100 * complete / max(failed, 1)
