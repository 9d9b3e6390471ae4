"""What a dead attempt left behind, and what could not be known.

Evidence states facts and draws no conclusion: classify reads it. Absent evidence is named in
`missing`, never replaced by a guess.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

TAIL_BYTES_MAX = 64 * 1024
TRACEBACK_CHARS_MAX = 64 * 1024
MESSAGE_CHARS_MAX = 4_000
CHAIN_MAX = 20
CODES_MAX = 50
# Why an attempt ended whose worker ends with its daemon, and that daemon was killed.
DAEMON_KILLED = "its daemon was killed, and it ends with it (on_daemon_exit = kill)"
# Why one ended whose worker was asked to end by a signal, which follows.
WORKER_GOT = "the worker got"
# What is missing of an exception whose str() raised begins so.
UNREAD_MESSAGE = "message of "
# What fnr itself says of the end of a command, before the command's last words if it had any.
OUR_WORDS = re.compile(r"(?:exit code -?\d+|killed by \S+(?: \(core dumped\))?)(?:: |$)")

# What a SystemExit says that was given no words: sys.exit(), sys.exit(3).
_STATUS = re.compile(r"(?:-?\d+|None|True|False)?")


class Phase(StrEnum):
    """When the attempt died."""

    IMPORT = "import"  # the function could not be loaded
    START = "start"  # the command could not be started
    RUN = "run"  # inside the function
    RESULT = "result"  # after the function: the result could not be taken


class KilledBy(StrEnum):
    """Who ended the attempt on purpose: our own kill ledger, the best evidence there is."""

    TIMEOUT = "timeout"
    PROGRESS_TIMEOUT = "progress_timeout"
    HANG = "hang"
    CANCEL = "cancel"
    DRAIN = "drain"
    RESTART = "restart"
    OPERATOR = "operator"
    RECYCLE = "recycle"
    REBOOT = "reboot"
    OUTPUT_LIMIT = "output_limit"
    DRILL = "drill"


# Ends that are nobody's failure: the attempt is put back and costs nothing.
INTERRUPTIONS = frozenset(
    {
        KilledBy.DRAIN,
        KilledBy.RESTART,
        KilledBy.OPERATOR,
        KilledBy.RECYCLE,
        KilledBy.REBOOT,
        KilledBy.DRILL,
    }
)


class ExceptionFact(Struct, frozen=True, kw_only=True):
    """One link of an exception chain.

    type:  qualified name, builtins without their module: "ValueError", "socket.gaierror".
    bases: qualified names of its base classes up to Exception, nearest first.
    """

    type: str
    message: str = ""
    bases: tuple[str, ...] = ()


class Code(Struct, frozen=True, kw_only=True):
    """A machine-readable code found on the way.

    family: errno (value "ENOSPC"), http ("503"), exit ("127"), signal ("SIGKILL"), grpc
            ("UNAVAILABLE"), resolver ("EAI_AGAIN"), sqlstate ("40001"), xid ("79"), …
    """

    family: str
    value: str


class Evidence(Struct, frozen=True, kw_only=True):
    """Everything known about how an attempt ended, outermost exception first.

    worker_died:   the worker process itself is gone, not only the attempt.
    stop_proven:   True: the process group is empty; False: something is stuck; None: not asked.
    retry_after_ms: the other side said how long to wait.
    unasked:       fnr did not ask for this end: SIGTERM or the like came to the worker from
                   somebody else.
    drill:         id of the drill that caused it; "" when none did.
    wait_for:      what another try needs ("vram:8GiB"), as the function says or its error; "" when
                   neither does.
    missing:       what could not be known and why, in words: "exit status: not our child".
    kernel:        what the kernel said of the process: a crash, the GPU driver's Xids.
    service:       the service whose guarded call ended the attempt.
    guarded:       services whose calls the function guarded itself: their outcomes are known.
    refused_by:    the open breaker that let the function not begin a call.
    named_input:   keys of the task's input whose values the words name.
    """

    phase: Phase = Phase.RUN
    message: str = ""
    exceptions: tuple[ExceptionFact, ...] = ()
    codes: tuple[Code, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    core_dumped: bool = False
    killed_by: KilledBy | None = None
    kill_reason: str = ""
    worker_died: bool = False
    stop_proven: bool | None = None
    oom_killed: bool | None = None
    traceback: str = ""
    stdout_tail: str = ""
    stderr_tail: str = ""
    retry_after_ms: int | None = None
    wait_for: str = ""
    missing: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    unasked: bool = False
    drill: str = ""
    service: str = ""
    guarded: tuple[str, ...] = ()
    refused_by: str = ""
    named_input: tuple[str, ...] = ()


def only_exited(evidence: Evidence) -> bool:
    """Did Python code end as a program does: by sys.exit(3), what it had to say said before?"""
    return bool(evidence.exceptions) and all(map(_is_bare_exit, evidence.exceptions))


def _is_bare_exit(link: ExceptionFact) -> bool:
    return link.type == "SystemExit" and _STATUS.fullmatch(link.message) is not None
