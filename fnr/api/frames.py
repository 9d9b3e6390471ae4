"""What daemon and worker say to each other: newline-delimited JSON, one frame a line.

The worker connects, says Hello, and is told Welcome or Refuse. A Run hands over an attempt; it
ends with exactly one Done or Fail, repeated after every reconnect until an Ack names its token.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder, Encoder

from fnr.policy.chaos import WorkerFault
from fnr.policy.evidence import Evidence

WORKER_PROTOCOL = 1
# A result of 10 MiB, its log tails and the frame around them.
FRAME_BYTES_MAX = 16 * 1024 * 1024


class Frame(Struct, frozen=True, kw_only=True, tag_field="f", omit_defaults=True):
    """One line on the worker's socket."""


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Resource limits that the worker puts on itself or on its command."""

    memory_mib: int | None = None
    cpu_time_s: int | None = None
    files: int | None = None
    file_size_mib: int | None = None


class ComfyPlan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker needs to run ComfyUI workflows.

    url:      of the server, http or https. workflow: path of the file; None: the input brings it.
    nodes:    "NODE.INPUT" of the workflow → key of the task's input.
    save_to:  folder for the files of each task, in a folder of its own; "": they stay there.
    """

    url: str
    workflow: str | None = None
    nodes: dict[str, str] = {}
    save_to: str = ""


class WorkerSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker process is told on its standard input, once, as one JSON document.

    kind:     "python", "comfyui", "command" or "run" (a command that comes with the input).
    python:   "pkg.mod:callable". comfyui: what the kind of this name runs.
    command:  argument vector; "{name}" inside an argument is replaced by the input's value.
    stdin:    template of what the command reads, or "" for nothing.
    result:   "" (python, or a command's exit and tails), "stdout", "json" (stdout parsed as
              JSON) or "file:{output}".
    socket:   path of the daemon's worker socket. secret: proves that the daemon started us.
    log_path: file that takes the output of all attempts; rotated at log_bytes_max.
    now_path: small file, memory-mapped: the token of the attempt that has begun, so that the
              daemon can tell begun from waiting however both die.
    spool_dir: folder for results that could not be delivered yet.
    undo:     steps that a command records before each attempt: {kind: template, …}.
    undo_within: folders outside of which no step may remove a file; none: anywhere.
    fault:    what a drill does to its start, if one runs.
    breaker_path, trial_path: what breakers do with a call, and who may try a service; host has the
              formats. trial_fd: the latter, opened by the daemon for a worker that may not.
    grace_ms: between the request to end and SIGTERM, and between SIGTERM and SIGKILL.
    die_with_daemon: the worker ends when daemon_pid, its parent, does.
    made_for: which settings of its function this is made of, in short; the worker says it again.
    """

    worker_id: str
    secret: str
    function: str
    kind: str
    socket: str
    log_path: str
    now_path: str
    spool_dir: str
    python: str = ""
    comfyui: ComfyPlan | None = None
    command: tuple[str, ...] = ()
    stdin: str = ""
    result: str = ""
    cwd: str | None = None
    nice: int | None = None
    limits: Limits = Limits()
    grace_ms: int = 5_000
    log_bytes_max: int = 10 * 1024 * 1024
    max_tasks: int | None = None
    die_with_daemon: bool = False
    daemon_pid: int | None = None
    undo: tuple[dict[str, Any], ...] = ()
    undo_within: tuple[str, ...] = ()
    fault: WorkerFault | None = None
    breaker_path: str = ""
    trial_path: str = ""
    trial_fd: int = -1
    made_for: str = ""


# ── worker → daemon ──────────────────────────────────────────────────────────


class Hello(Frame, frozen=True, tag="hello"):
    """Who I am, and which attempts I still hold.

    running:  tokens of attempts given to me and not ended: the first is begun, the rest wait.
    finished: tokens of attempts ended and not yet acknowledged; their Done or Fail follow.
    one_by_one: I cannot say which attempt has begun, so that of several nobody knew which one
              killed me.
    made_for: what it was told when it was started.
    ended:    how many attempts I have run to their end, `finished` included; None: I do not say.
    log_limit: I know what a LogLimit is; workers of older versions do not.
    """

    protocol: int
    worker_id: str
    secret: str
    pid: int
    pid_start: int
    boot_id: str
    running: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    ready: bool = False
    one_by_one: bool = False
    made_for: str = ""
    ended: int | None = None
    log_limit: bool = False


class Ready(Frame, frozen=True, tag="ready"):
    """The function is loaded; send work. import_ms: how long loading took."""

    import_ms: int = 0


class Unloadable(Frame, frozen=True, tag="unloadable"):
    """The function cannot be loaded; attempts would only repeat this evidence."""

    evidence: Evidence


class Output(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an attempt's output stands in the worker's log, and what it used."""

    log_path: str | None = None
    log_from: int | None = None
    log_to: int | None = None
    cpu_ms: int | None = None
    peak_mib: int | None = None


class Done(Frame, frozen=True, tag="done"):
    """The attempt succeeded; result is JSON. undo: it left a journal of undo steps."""

    token: str
    result: Raw = field(default_factory=lambda: Raw(b"null"))
    duration_ms: int = 0
    output: Output = Output()
    undo: bool = False


class Fail(Frame, frozen=True, tag="fail"):
    """The attempt failed; the worker lives unless evidence.worker_died says otherwise.

    pid, pid_start: of the command that ended, so that the kernel can be asked about it.
    """

    token: str
    evidence: Evidence
    duration_ms: int = 0
    output: Output = Output()
    undo: bool = False
    pid: int = 0
    pid_start: int = 0


class Returned(Frame, frozen=True, tag="returned"):
    """Attempts of my window that I gave back unbegun, on Recall or Stop."""

    tokens: tuple[str, ...]


class Beat(Frame, frozen=True, tag="beat"):
    """I am alive and busy; sent once a second while an attempt runs, not while idle."""

    token: str | None = None


class Progress(Frame, frozen=True, tag="progress"):
    """How far the attempt is; preview: path of a file that shows it."""

    token: str
    done: float
    total: float | None = None
    stage: str = ""
    preview: str = ""


class Checkpoint(Frame, frozen=True, tag="checkpoint"):
    """What the next attempt at this task is to know; repeated until a Kept names its number."""

    token: str
    number: int
    data: Raw


class Called(Frame, frozen=True, tag="called"):
    """A guarded call has ended: well, or with this evidence; or it has taken for too long.

    slow_ms: how long it has run, if that is longer than the service's call_max; it may run still.
    generation: of the breaker when the call began. token: the attempt that made it, if one did.
    """

    service: str
    generation: int
    token: str | None = None
    evidence: Evidence | None = None
    slow_ms: int = 0


class Unseen(Frame, frozen=True, tag="unseen"):
    """I cannot see these breakers: nobody knows them yet, or something has happened to the file."""

    services: tuple[str, ...]


class Bye(Frame, frozen=True, tag="bye"):
    """I am leaving on my own account: "max_tasks", "stopped"; nothing of mine is unfinished."""

    reason: str


# ── daemon → worker ──────────────────────────────────────────────────────────


class Welcome(Frame, frozen=True, tag="welcome"):
    """You are adopted. drop: tokens of yours that are no longer owned; stop and forget them."""

    drop: tuple[str, ...] = ()


class LogLimit(Frame, frozen=True, tag="log_limit"):
    """How much of your log is kept from now on, whatever you were started with."""

    bytes_max: int


class Refuse(Frame, frozen=True, tag="refuse"):
    """You are not one of mine, or of another protocol; end."""

    why: str


class Run(Frame, frozen=True, tag="run"):
    """An attempt to run. input is a JSON object; checkpoint: JSON that an earlier attempt left.

    trials: services that it is the trial of; who cannot have all of their leases gives it back.
    fault:  what a drill does to it, if one runs.
    gpus: the only ones it may see, by UUID; none named is no rule.
    """

    token: str
    task_id: str
    attempt: int
    input: Raw
    timeout_ms: int | None = None
    submitted_at_ms: int = 0
    trials: tuple[str, ...] = ()
    checkpoint: str = ""
    fault: WorkerFault | None = None
    gpus: tuple[str, ...] = ()


class Ack(Frame, frozen=True, tag="ack"):
    """These results are on disk; forget them."""

    tokens: tuple[str, ...]


class Kept(Frame, frozen=True, tag="kept"):
    """This checkpoint is on disk."""

    token: str
    number: int


class Cancel(Frame, frozen=True, tag="cancel"):
    """Ask the running attempt to end; force: stop its child processes now.

    reason: the KilledBy value that the worker puts into the evidence.
    """

    token: str
    reason: str
    why: str = ""
    force: bool = False


class Recall(Frame, frozen=True, tag="recall"):
    """Give back every attempt that has not begun; answered by Returned."""


class Stop(Frame, frozen=True, tag="stop"):
    """Give back what has not begun, finish the running attempt, deliver, say Bye, exit."""

    reason: str = ""


FromWorker = (
    Hello
    | Ready
    | Unloadable
    | Done
    | Fail
    | Returned
    | Beat
    | Progress
    | Checkpoint
    | Called
    | Unseen
    | Bye
)
ToWorker = Welcome | LogLimit | Refuse | Run | Ack | Kept | Cancel | Recall | Stop

from_worker: Decoder[FromWorker] = Decoder(FromWorker)
to_worker: Decoder[ToWorker] = Decoder(ToWorker)
_encoder = Encoder()


def encode(frame: Frame) -> bytes:
    """One frame as one line."""
    return _encoder.encode(frame) + b"\n"
