"""What an injection would hit, and why it may not: known before anything happens.

The plan of a dry run is the plan of the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fnr.api.chaos_requests import InjectFault, InjectReport
from fnr.api.errors import NotFound, Refused, UsageError
from fnr.api.plain_text import duration
from fnr.config.paths import Paths
from fnr.daemon.armed_faults import task_matches
from fnr.daemon.parts import Parts
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.policy.chaos import DRILL_TAG, Target, refusal, unprotected
from fnr.policy.faults import CATALOGUE, Acts, Fault, Reach, options_of
from fnr.policy.filter import FilterError, parse
from fnr.policy.filter_match import may_match
from fnr.policy.task import Task

TIMES_MAX = 1_000
WORKERS_MAX = 100
# As a path: the folder in which this daemon keeps its store.
STATE = "state"
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr")
SYSTEM = tuple(Path("/", name) for name in _SYSTEM)
# Everybody's, though what is in them is somebody's.
_SHARED = ("", "home", "media", "mnt", "opt", "root", "run", "srv", "tmp", "var", "var/tmp")
SHARED = tuple(Path("/", name) for name in _SHARED)


@dataclass(slots=True, kw_only=True)
class Plan:
    """A fault with everything that it will hit."""

    fault: Fault
    options: dict[str, str]
    functions: list[str]
    kept_out: list[str]
    targets: list[Target]

    def report(self, request: InjectFault) -> InjectReport:
        """The plan in words."""
        return InjectReport(
            fault=self.fault.name,
            reach=self.fault.reach.value,
            risk=self.fault.risk.value,
            duration_ms=request.duration_ms,
            deeds=self._deeds(request),
            undo=self.fault.undo,
            functions=self.functions,
            targets=self.targets,
            kept_out=self.kept_out,
        )

    def _deeds(self, request: InjectFault) -> list[str]:
        wanted = ", ".join(f"{name}={value}" for name, value in self.options.items())
        deeds = ["the undo record is written and synced", "a dead-man process starts"]
        what = self.fault.what + (f" ({wanted})" if wanted else "")
        match self.fault.acts:
            case Acts.ATTEMPT:
                times = "once" if request.times == 1 else f"{request.times} times"
                where = f"that {request.where!r} finds, each task {times}"
                deeds.append(f"attempts of {', '.join(self.functions)} {where}: {what}")
            case Acts.START:
                deeds.append(f"workers of {', '.join(self.functions)} are replaced: {what}")
            case Acts.HOLDER if self.targets:
                hit = ", ".join(f"{one.worker_id} (pid {one.pid})" for one in self.targets)
                deeds.append(f"{what}: {hit}")
            case _:
                deeds.append(what)
        deeds.append(f"after {duration(request.duration_ms)} at most: {self.fault.undo}")
        return deeds


def make_plan(parts: Parts, supervisor: Supervisor, request: InjectFault) -> Plan:
    """Resolve a request to what it will hit; raises when it must not, or cannot, be done."""
    settings = parts.settings.chaos
    fault = CATALOGUE.get(request.fault)
    if fault is None:
        raise NotFound(f"there is no fault {request.fault!r}", next_step="fnr chaos faults")
    why_not = refusal(settings, duration_ms=request.duration_ms, reason=request.reason)
    if why_not:
        what = f"{fault.name} may not be injected like this"
        raise Refused(
            what if settings.enabled else "no fault may be injected here",
            why=why_not,
            next_step="fnr config show" if request.reason.strip() else "fnr chaos inject --help",
        )
    if not 1 <= request.times <= TIMES_MAX or not 1 <= request.workers_max <= WORKERS_MAX:
        raise UsageError(f"times must be 1 to {TIMES_MAX}, workers 1 to {WORKERS_MAX}")
    try:
        options = options_of(fault, request.options)
    except ValueError as error:
        raise UsageError(str(error), next_step="fnr chaos faults") from error
    _check_where(fault, request.where)
    if options.get("path") == STATE:
        options["path"] = parts.paths.state_dir
    _check_path(fault, options, parts.paths)
    functions, kept_out = unprotected(settings, _functions(parts, fault, request.where, options))
    asked, now_ms = parse(request.where), parts.clock.now_ms()
    functions = [name for name in functions if may_match(asked, {"function": name}, now_ms)]
    plan = Plan(fault=fault, options=options, functions=functions, kept_out=kept_out, targets=[])
    if (fault.reach in {Reach.ATTEMPT, Reach.FUNCTION} or "function" in options) and not functions:
        raise Refused(
            f"{fault.name} would hit nothing",
            why=_nothing(fault, kept_out, request.where, options),
            next_step="fnr function list",
        )
    if fault.reach is Reach.WORKER:
        plan.targets = _targets(parts, supervisor, plan, request)
    return plan


def _nothing(fault: Fault, kept_out: list[str], where: str, options: dict[str, str]) -> str:
    if kept_out:
        return f"[chaos] protect keeps {', '.join(kept_out)}"
    if "function" in options:
        return f"there is no function {options['function']!r}"
    limited = " with limits.memory" if fault.name == "memory" else ""
    found = f" that {where!r} can find" if where else ""
    return f"no Python function{limited}{found} fits; faults inside of attempts need one"


def _check_where(fault: Fault, where: str) -> None:
    aimed = fault.reach in {Reach.ATTEMPT, Reach.WORKER, Reach.FUNCTION}
    if aimed and not where:
        raise UsageError(
            f"{fault.name} needs a target",
            next_step=f"fnr chaos inject {fault.name} --where 'function:NAME' -n",
        )
    if not where:
        return
    try:
        task_matches(where, Task(task_id="", function=""), now_ms=0)
    except FilterError as error:
        raise UsageError(
            f"the filter was not understood: {error}", next_step="fnr help filters"
        ) from error


def _check_path(fault: Fault, options: dict[str, str], paths: Paths) -> None:
    path = options.get("path")
    if path is None:
        return
    if not Path(path).is_absolute() or not Path(path).parent.is_dir():
        raise UsageError("path must be absolute, in a folder that exists", why=path)
    try:
        Path(path).exists()
    except OSError as error:
        raise UsageError("path cannot be used", why=f"{error.strerror}: {path}") from error
    # Whatever way leads there: /tmp/../etc is /etc.
    place = Path(path).resolve()
    if any(place.is_relative_to(folder) for folder in SYSTEM):
        raise Refused("the system's own files are no place for a fault", why=path)
    if fault.name == "output-read-only" and place in SHARED:
        raise Refused("a folder that everybody uses is no place for a fault", why=path)
    # The store as a whole may be out of room. Its files, and the records that undo faults, are
    # what everything else here rests on.
    own = [Path(one).resolve() for one in (paths.state_dir, paths.run_dir, paths.config_file)]
    if any(place.is_relative_to(one) for one in own) and place != own[0]:
        raise Refused(
            "fnr's own files are no place for a fault", why=path,
            next_step=f"fnr chaos inject {fault.name} --set path={STATE} -n",
        )  # fmt: skip


def _functions(parts: Parts, fault: Fault, where: str, options: dict[str, str]) -> list[str]:
    """Functions that a fault can be aimed at; none when it spares nobody."""
    if "function" not in options and fault.reach in {Reach.SERVICE, Reach.FILES, Reach.DAEMON}:
        return []
    now_ms = parts.clock.now_ms()
    found = []
    for name, settings in parts.settings.functions.items():
        if options.get("function", name) != name:
            continue
        if fault.acts in {Acts.ATTEMPT, Acts.START} and not settings.in_process:
            continue
        if fault.name == "memory" and settings.limits.memory_mib is None:
            continue
        # Of a function as a whole only its name is known.
        stands_in = Task(task_id="", function=name)
        if fault.acts is Acts.START and not task_matches(where, stands_in, now_ms=now_ms):
            continue
        found.append(name)
    return found


def _targets(
    parts: Parts, supervisor: Supervisor, plan: Plan, request: InjectFault
) -> list[Target]:
    now_ms = parts.clock.now_ms()
    fitting = [
        worker
        for worker in supervisor.workers.values()
        if worker.state is not WorkerState.GONE
        and task_matches(request.where, _task(worker), now_ms=now_ms)
    ]
    found = [worker for worker in fitting if worker.function in plan.functions]
    # Those that work first: a fault that hits nobody's attempt shows little.
    found.sort(key=lambda worker: (worker.current is None, worker.worker_id))
    if not found:
        spared = sorted({one.function for one in fitting}.intersection(plan.kept_out))
        none = f"no worker fits {request.where!r} now"
        raise Refused(
            f"{request.fault} would hit nothing",
            why=f"[chaos] protect keeps {', '.join(spared)}" if spared else none,
            next_step="fnr config show" if spared else "fnr worker list",
        )
    return [_target(worker) for worker in found[: request.workers_max]]


def _task(worker: WorkerProcess) -> Task:
    """What the worker runs; of an idle one only the function is known."""
    if worker.current is not None:
        return worker.current.task
    return Task(task_id="", function=worker.function)


def _target(worker: WorkerProcess) -> Target:
    current = worker.current
    return Target(
        worker_id=worker.worker_id,
        function=worker.function,
        pid=worker.identity.pid,
        pid_start=worker.identity.pid_start,
        task_id=current.task.task_id if current else "",
        token=current.token if current else "",
        excused=current is not None and DRILL_TAG not in current.task.tags,
    )
