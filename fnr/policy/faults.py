"""The catalogue of faults: what each does, how far it goes, what it may cost, how it ends."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class Reach(StrEnum):
    """How far a fault goes."""

    ATTEMPT = "attempt"  # attempts that its filter finds, each at most `times` often
    WORKER = "worker"  # worker processes, and whatever they run at that moment
    FUNCTION = "function"  # new workers of some functions
    SERVICE = "service"  # whoever talks to a service through its fault proxy
    FILES = "files"  # one path
    DAEMON = "daemon"  # everything on this home


class Risk(StrEnum):
    """What it may cost when something goes wrong with it."""

    LOW = "low"  # no real damage: it ends with the process that holds it
    MEDIUM = "medium"  # a worker and its attempt
    HIGH = "high"  # the daemon, or a file that has to be put back


class Acts(StrEnum):
    """Where a fault is carried out."""

    ATTEMPT = "attempt"  # in the worker, in place of the function
    START = "start"  # in the worker, while it loads the function
    HOLDER = "holder"  # in the dead-man process
    DAEMON = "daemon"  # in the daemon's own memory


class Fault(Struct, frozen=True, kw_only=True):
    """One entry of the catalogue.

    undo:     how it ends. options: name -> default; "" must be given.
    category: what fnr should call the errors it causes in a function without rules of its own;
              "" where it causes none, or none of its own.
    recovers: whether a task that met it once should be done in the end.
    """

    name: str
    reach: Reach
    risk: Risk
    acts: Acts
    what: str
    undo: str
    options: dict[str, str] = field(default_factory=dict)
    category: str = ""
    recovers: bool = True


def _attempt(
    name: str,
    what: str,
    *,
    category: str,
    recovers: bool = True,
    risk: Risk = Risk.MEDIUM,
    options: dict[str, str] | None = None,
    undo: str = "acts only while the dead-man process lives; a fresh worker follows",
) -> Fault:
    return Fault(
        name=name,
        reach=Reach.ATTEMPT,
        risk=risk,
        acts=Acts.ATTEMPT,
        what=what,
        undo=undo,
        options=options or {},
        category=category,
        recovers=recovers,
    )


def _service(name: str, what: str, **options: str) -> Fault:
    return Fault(
        name=name,
        reach=Reach.SERVICE,
        risk=Risk.LOW,
        acts=Acts.HOLDER,
        what=what,
        undo="the fault proxy forwards again as soon as the dead-man process is gone",
        options={"port": "", **options},
        category="transient",
    )


_FAULTS = (
    Fault(
        name="worker-kill", reach=Reach.WORKER, risk=Risk.MEDIUM, acts=Acts.HOLDER,
        what="SIGKILL to a worker", undo="nothing to undo; a fresh worker follows",
        category="transient",
    ),
    Fault(
        name="worker-stop", reach=Reach.WORKER, risk=Risk.MEDIUM, acts=Acts.HOLDER,
        what="SIGSTOP to a worker: alive, silent, idle", undo="SIGCONT, if it is still the same",
        category="transient",
    ),
    _attempt("hang", "the attempt deadlocks with its worker's threads", category="transient",
             undo="the lock it waits for is the dead-man process's, and goes with it"),
    _attempt("busy-loop", "the attempt computes and never ends", category="transient",
             undo="the loop ends with the dead-man process"),
    _attempt("exit-code", "the worker exits in the middle of the attempt", category="unknown",
             options={"code": "3"}),
    _attempt("segfault", "the worker dies of a segmentation fault", category="permanent",
             recovers=False),
    _attempt("exit-silent", "the worker exits with 0 and gives no result", category="unknown"),
    _attempt("memory", "the attempt takes memory up to its worker's limit", category="resource",
             undo="the memory is given back when the allocation fails"),
    _attempt("open-files", "the attempt opens files until the limit is reached",
             category="resource", risk=Risk.LOW, undo="all are closed again"),
    _attempt("error", "the attempt raises any exception with any message or code; @NAME takes it"
             " from the task's input", category="", risk=Risk.LOW,
             undo="nothing to undo: no real damage",
             options={"message": "injected", "exception": "RuntimeError", "code": "-"}),
    _attempt("result-garbage", "the attempt returns what is no JSON", category="permanent",
             recovers=False, risk=Risk.LOW, undo="nothing to undo"),
    _attempt("result-too-large", "the attempt returns more than a result may have",
             category="permanent", recovers=False, risk=Risk.LOW, undo="nothing to undo"),
    Fault(
        name="slow-start", reach=Reach.FUNCTION, risk=Risk.LOW, acts=Acts.START,
        what="new workers take long to load", undo="the wait ends with the dead-man process",
        options={"delay": "2000"},
    ),
    Fault(
        name="import-failure", reach=Reach.FUNCTION, risk=Risk.LOW, acts=Acts.START,
        what="new workers cannot import their function",
        undo="later workers import it; one task carries the error", category="permanent",
        recovers=False,
    ),
    _service("service-500", "the service answers 500"),
    _service("service-429", "the service answers 429 with Retry-After", retry_after="1"),
    _service("service-reset", "the service resets connections"),
    _service("service-slow", "the service answers late", delay="1500"),
    _service("service-half", "the service breaks off in the middle of an answer"),
    Fault(
        name="disk-full", reach=Reach.FILES, risk=Risk.HIGH, acts=Acts.HOLDER,
        what="writing a file fails with ENOSPC; of a folder, its small file system is filled",
        undo="the file is put back unless a newer took its place, the balloon is removed",
        options={"path": ""}, category="resource",
    ),
    Fault(
        name="output-read-only", reach=Reach.FILES, risk=Risk.HIGH, acts=Acts.HOLDER,
        what="nothing can be created in a folder", undo="its mode and flags are put back",
        options={"path": ""}, category="permanent", recovers=False,
    ),
    Fault(
        name="store-locked", reach=Reach.DAEMON, risk=Risk.MEDIUM, acts=Acts.HOLDER,
        what="a stranger holds the write lock of the store",
        undo="the kernel frees the lock with the dead-man process",
    ),
    Fault(
        name="clock-jump", reach=Reach.DAEMON, risk=Risk.MEDIUM, acts=Acts.DAEMON,
        what="the daemon's wall clock jumps", undo="the daemon reads the true clock again",
        options={"by": "3600000"},
    ),
    Fault(
        name="queue-flood", reach=Reach.DAEMON, risk=Risk.MEDIUM, acts=Acts.DAEMON,
        what="thousands of tasks are queued at once", undo="those that wait are cancelled",
        options={"function": "", "count": "1000"},
    ),
    Fault(
        name="config-broken", reach=Reach.DAEMON, risk=Risk.HIGH, acts=Acts.HOLDER,
        what="fnr.toml is no TOML any more", undo="the file is put back, unless somebody edited it",
    ),
    Fault(
        name="daemon-kill", reach=Reach.DAEMON, risk=Risk.HIGH, acts=Acts.HOLDER,
        what="SIGKILL to the daemon", undo="the daemon is started again",
    ),
)  # fmt: skip

CATALOGUE: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}


def options_of(fault: Fault, given: dict[str, str]) -> dict[str, str]:
    """All options of a fault; raises ValueError with the words for the operator."""
    for name in given:
        if name not in fault.options:
            known = ", ".join(fault.options) or "none"
            raise ValueError(f"{fault.name} has no option {name!r}; it has {known}")
    found = fault.options | given
    for name, value in found.items():
        if value == "":
            raise ValueError(f"{fault.name} needs --set {name}=…")
        if name in {"code", "delay", "by", "count", "port", "retry_after"} and value != "-":
            _number(fault, name, value)
    return found


def _number(fault: Fault, name: str, value: str) -> int:
    low, high = _BOUNDS.get((fault.name, name), (1, 65_535))
    try:
        number = int(value)
    except ValueError:
        if fault.name == "error":
            return 0  # a code may be a word: ENOSPC, @code
        unit = _UNITS.get(name, "")
        raise ValueError(f"{name} must be a whole number{unit}, got {value!r}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low} to {high}, got {number}")
    return number


_UNITS = {
    "delay": " of milliseconds",
    "by": " of milliseconds",
    "retry_after": " of seconds",
}
_BOUNDS = {
    ("exit-code", "code"): (1, 255),
    ("slow-start", "delay"): (1, 60_000),
    ("service-slow", "delay"): (1, 60_000),
    ("service-429", "retry_after"): (0, 3_600),
    ("clock-jump", "by"): (-366 * 86_400_000, 366 * 86_400_000),
    ("queue-flood", "count"): (1, 100_000),
}
