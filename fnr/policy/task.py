"""A task, its states, and the moves between them that are legal.

The schema's CHECKs and the diagram in docs/states.md are compared with LEGAL_MOVES by a test, so
this table is the only place where a state or a move is invented.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from fnr.policy.degrade import Degradation

PRIORITY_MIN = 1
PRIORITY_MAX = 10
PRIORITY_DEFAULT = 5
INPUT_BYTES_MAX = 10 * 1024 * 1024
INPUT_DEPTH_MAX = 200
# A busy worker says so often that it is there.
BEAT_MS = 1_000
RESULT_BYTES_MAX = 10 * 1024 * 1024
# Far from where Python stops reading, which is 1,000 levels less those of whoever reads.
RESULT_DEPTH_MAX = 500
TAGS_MAX = 50
TAG_CHARS_MAX = 200
KEY_CHARS_MAX = 500


class TaskState(StrEnum):
    """Where a task is; it is in exactly one of these at every moment."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


LIVE_STATES = frozenset({TaskState.QUEUED, TaskState.WAITING, TaskState.RUNNING})

# (from, to) -> what makes the move. Submitting creates a task in QUEUED, from which a free worker
# may have claimed it before it is stored.
LEGAL_MOVES: dict[tuple[TaskState, TaskState], str] = {
    (TaskState.QUEUED, TaskState.RUNNING): "claimed by a worker",
    (TaskState.QUEUED, TaskState.WAITING): "held before it could start (nothing does it yet)",
    (TaskState.QUEUED, TaskState.DEAD): "expired before it could start",
    (TaskState.QUEUED, TaskState.CANCELLED): "cancelled",
    (TaskState.WAITING, TaskState.QUEUED): "the wait is over",
    (TaskState.WAITING, TaskState.DEAD): "expired while waiting",
    (TaskState.WAITING, TaskState.CANCELLED): "cancelled",
    (TaskState.RUNNING, TaskState.DONE): "succeeded",
    (TaskState.RUNNING, TaskState.QUEUED): "retry with backoff, or interrupted",
    (TaskState.RUNNING, TaskState.WAITING): "queue and wait",
    (TaskState.RUNNING, TaskState.DEAD): "dead letter",
    (TaskState.RUNNING, TaskState.CANCELLED): "cancelled",
    (TaskState.DEAD, TaskState.QUEUED): "replayed",
    (TaskState.DEAD, TaskState.CANCELLED): "dead letter resolved without a replay",
}


class IllegalMove(Exception):
    """A task was about to take a step that LEGAL_MOVES does not know."""

    def __init__(self, task_id: str, before: TaskState, after: TaskState) -> None:
        super().__init__(f"task {task_id}: no legal move from {before} to {after}")


def check_move(task_id: str, before: TaskState, after: TaskState) -> None:
    """Raise IllegalMove unless the table allows this step."""
    if (before, after) not in LEGAL_MOVES:
        raise IllegalMove(task_id, before, after)


class Task(Struct, frozen=True, kw_only=True):
    """One asked-for run of a function; its input is kept apart, because it can be 10 MiB.

    attempts:      attempts claimed so far, whatever became of them; also the current number.
    retries:       attempts spent on transient failures since submit or replay.
    unknowns:      attempts spent on failures that no evidence explains.
    waits:         attempts spent on resource failures since submit or replay.
    deaths:        attempts that took their worker down with them since submit or replay.
    interruptions: attempts ended by fnr or the operator; they cost nothing.
    retries_max:   the submitter's own limit; None means the function's.
    owner:         token of the attempt that owns the task; set exactly while RUNNING.
    degraded:      smaller ways it was put to since submit or replay, in order.
    reason:        why it is in this state, for people; "" when the state says it all.
    """

    task_id: str
    function: str
    state: TaskState = TaskState.QUEUED
    priority: int = PRIORITY_DEFAULT
    due_at_ms: int = 0
    created_at_ms: int = 0
    state_at_ms: int = 0
    attempts: int = 0
    retries: int = 0
    unknowns: int = 0
    waits: int = 0
    deaths: int = 0
    interruptions: int = 0
    replays: int = 0
    retries_max: int | None = None
    timeout_ms: int | None = None
    expires_at_ms: int | None = None
    unique_key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    submitter: str = ""
    idempotency_key: str | None = None
    parent_id: str | None = None
    owner: str | None = None
    waiting_for: str | None = None
    reason: str = ""
    cancel_asked: bool = False
    degraded: tuple[Degradation, ...] = ()


class AttemptOutcome(StrEnum):
    """How an attempt ended; RUNNING while it has not."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # drain, restart, operator, host reboot: costs no attempt
    RETURNED = "returned"  # claimed for a worker's window, never begun
    CANCELLED = "cancelled"


class Attempt(Struct, frozen=True, kw_only=True):
    """One try at a task, counted from its claim, owned by (boot id, pid, start time, token).

    log_path, log_from, log_to: where in the worker's log file this attempt's output stands.
    """

    token: str
    task_id: str
    number: int
    worker_id: str
    boot_id: str
    pid: int
    pid_start: int
    started_at_ms: int
    outcome: AttemptOutcome = AttemptOutcome.RUNNING
    ended_at_ms: int | None = None
    cpu_ms: int | None = None
    peak_mib: int | None = None
    log_path: str | None = None
    log_from: int | None = None
    log_to: int | None = None
    progress: str | None = None


class WorkerIdentity(Struct, frozen=True, kw_only=True):
    """Who a worker process is, in a way that no reused pid can imitate."""

    worker_id: str
    function: str
    boot_id: str
    pid: int
    pid_start: int  # field 22 of /proc/PID/stat, clock ticks since boot


class Claim(Struct, frozen=True, kw_only=True):
    """A task just handed to a worker: what the worker needs in order to begin.

    input:      as the task's steps down leave it.
    checkpoint: JSON that an earlier attempt left behind.
    trials: services that this attempt tests for their half-open breakers.
    gpus: the only ones that this attempt may see, by UUID; none given is no rule.
    """

    task: Task
    token: str
    input: bytes
    trials: tuple[str, ...] = ()
    checkpoint: bytes | None = None
    gpus: tuple[str, ...] = ()
