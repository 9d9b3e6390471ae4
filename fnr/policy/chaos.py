"""An injected fault: when one may begin, what it is on record as, and when it must stop.

What an injection hits is frozen in its Injection, which is on disk before anything happens; whoever
undoes it needs nothing else. The faults themselves are in faults.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from msgspec import Struct, field
from msgspec.structs import replace

from fnr.policy.counted import counted

DURATION_MAX_MS = 15 * 60_000
OTHERS_SHOWN = 3
# The tag of every task that belongs to a drill; its value is the drill's id.
DRILL_TAG = "drill"
# The function that is there whenever [chaos] is enabled, for tasks that only drills need.
CANARY = "canary"
# What a drill has left on somebody's daemon, and why it is put to rest; only its tasks have both.
LEFT_BY_DRILLS = f"function:{CANARY} tag.{DRILL_TAG}:*"
UNSEEN_OF_DRILLS = f"function:{CANARY} state:new,regressed"
BY_DRILL = ("drill", "yes")
REST_REASON = "of a drill that is over"


class Target(Struct, frozen=True, kw_only=True):
    """A worker process that a fault hits, and the attempt that it had begun by then.

    excused: the attempt is no drill's own, so it is put back and costs nothing.
    """

    worker_id: str
    function: str
    pid: int
    pid_start: int
    task_id: str = ""
    token: str = ""
    excused: bool = False


class Injection(Struct, frozen=True, kw_only=True):
    """One fault, as it is committed before it happens.

    where:    which attempts or workers were asked for. functions, targets: what that came to.
    times:    how often one task may be hit.
    folder:   files of its own: proofs of effect, what has to be put back.
    until_boot_ms: on the boot clock of boot_id; on another boot it is over.
    command:  argument vector that starts the daemon. places: paths that the fault needs.
    """

    injection_id: str
    drill_id: str
    fault: str
    reason: str
    by: str
    begun_at_ms: int
    duration_ms: int
    until_boot_ms: int
    boot_id: str
    folder: str
    where: str = ""
    options: dict[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    times: int = 1
    daemon_pid: int = 0
    daemon_pid_start: int = 0
    command: tuple[str, ...] = ()
    places: dict[str, str] = field(default_factory=dict)


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of an injection.

    effect:  what proves that the fault was there; "" when nothing does.
    residue: what is left of it; "" when nothing is. undone_by: who put it right.
    """

    effect: str = ""
    effect_at_ms: int | None = None
    residue: str = ""
    undone_at_ms: int | None = None
    undone_by: str = ""
    problem: str = ""

    @property
    def proven(self) -> bool:
        """Whether the fault took effect."""
        return bool(self.effect)

    @property
    def reverted(self) -> bool:
        """Whether nothing of it is left."""
        return self.undone_at_ms is not None and not self.residue


class Drilled(Struct, frozen=True, kw_only=True):
    """An injection with how it stands: "active", or "over" with its outcome."""

    injection: Injection
    state: str
    outcome: Outcome | None = None


def ends_at_ms(one: Drilled) -> int:
    """When it ends by itself at the latest, by the clock on the wall."""
    return one.injection.begun_at_ms + one.injection.duration_ms


class WorkerFault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker is told of a fault that it carries out itself; folder: see Injection."""

    fault: str
    drill_id: str
    folder: str
    options: dict[str, str] = field(default_factory=dict)


# ── may it begin ─────────────────────────────────────────────────────────────


class ChaosSettings(Struct, frozen=True, kw_only=True):
    """The [chaos] table.

    protect:  patterns of function names that no fault may hit.
    stop_*:   conditions under which a fault is ended early, and none begins: failed attempts and
              dead letters of tasks outside of any drill since it began, tasks waiting, free disk,
              runnable processes per CPU.
    """

    enabled: bool = False
    protect: tuple[str, ...] = ()
    duration_max_ms: int = DURATION_MAX_MS
    stop_failures: int = 5
    stop_letters: int = 1
    stop_queue: int = 10_000
    stop_disk_free_mib: int = 256
    stop_load: float = 8.0


class Readings(Struct, frozen=True, kw_only=True):
    """How the host and everybody else's work are; None is what could not be read."""

    failures: int = 0
    letters: int = 0
    queued: int = 0
    disk_free_mib: int | None = None
    load_per_cpu: float | None = None
    problems: tuple[str, ...] = ()
    draining: bool = False


def refusal(settings: ChaosSettings, *, duration_ms: int, reason: str) -> str:
    """Why no fault may begin, whatever it is; "" when one may."""
    if not settings.enabled:
        return "[chaos] enabled is false in fnr.toml"
    if not reason.strip():
        return "a reason is mandatory"
    if not 0 < duration_ms <= settings.duration_max_ms:
        longest_s, asked_s = settings.duration_max_ms / 1_000, duration_ms / 1_000
        return f"the duration is {asked_s:g} s; above 0 and at most {longest_s:g} s (duration_max)"
    return ""


def unprotected(settings: ChaosSettings, functions: list[str]) -> tuple[list[str], list[str]]:
    """Those that may be hit, and those that [chaos] protect keeps out."""
    kept = [
        name
        for name in functions
        if any(fnmatchcase(name, pattern) for pattern in settings.protect)
    ]
    return [name for name in functions if name not in kept], kept


def unsteady(settings: ChaosSettings, now: Readings) -> str:
    """Why the steady state does not hold; "" when it does."""
    if now.draining:
        return "the daemon is draining"
    if now.problems:
        more = len(now.problems) - OTHERS_SHOWN
        shown = "; ".join(now.problems[:OTHERS_SHOWN])
        return f"something is wrong already: {shown}" + (f" and {more} more" if more > 0 else "")
    return stop_reason(settings, Readings(), _standing(now))


def _standing(now: Readings) -> Readings:
    """The same without what is counted from a beginning."""
    return Readings(
        queued=now.queued, disk_free_mib=now.disk_free_mib, load_per_cpu=now.load_per_cpu
    )


def without_floods(now: Readings, acting: Iterable[Injection]) -> Readings:
    """The readings without the tasks that drills flood the queue with: no reason to end them."""
    own = sum(int(one.options["count"]) for one in acting if one.fault == "queue-flood")
    return replace(now, queued=max(0, now.queued - own))


def stop_reason(settings: ChaosSettings, before: Readings, now: Readings) -> str:
    """Which abort condition is met, with its numbers; "" when none is."""
    failures, letters = now.failures - before.failures, now.letters - before.letters
    if failures >= settings.stop_failures:
        many = counted(failures, "attempt")
        return f"{many} of other tasks failed (stop_failures {settings.stop_failures})"
    if letters >= settings.stop_letters:
        return f"{counted(letters, 'other task')} died (stop_letters {settings.stop_letters})"
    if now.queued >= settings.stop_queue:
        return (
            f"{counted(now.queued, 'task waits', 'tasks wait')} (stop_queue {settings.stop_queue})"
        )
    free = now.disk_free_mib
    if free is not None and free < settings.stop_disk_free_mib:
        return f"{free} MiB of disk are free (stop_disk_free {settings.stop_disk_free_mib} MiB)"
    load = now.load_per_cpu
    if load is not None and load >= settings.stop_load:
        return f"{load:.1f} runnable processes per CPU (stop_load {settings.stop_load:g})"
    return ""
