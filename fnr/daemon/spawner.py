"""Start one worker process: its specification, its environment, its place in the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from fnr.api.frames import ComfyPlan, Limits, WorkerSpec
from fnr.config.changes import mark_of
from fnr.config.paths import Paths
from fnr.config.settings import FunctionSettings
from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess
from fnr.host import process
from fnr.host.exit_facts import watch_memory
from fnr.host.other_user import OtherUser, file_of_theirs, other_user
from fnr.host.wards import Ward
from fnr.policy.record import WorkerRecord
from fnr.policy.task import WorkerIdentity

MakeWay = Callable[[OtherUser], None]

WORKER_ENV = "FNR_WORKER_ID"
_OF_SYSTEMD = ("NOTIFY_", "WATCHDOG_")


def spawn(
    parts: Parts,
    settings: FunctionSettings,
    *,
    worker_id: str,
    make_way: MakeWay,
    gpus: tuple[str, ...] = (),
) -> WorkerProcess:
    """Start a worker for a function, on these GPUs. Raises OSError when it cannot be started.

    make_way: sees to it that another user's worker reaches what it needs.
    """
    log_path = log_path_of(parts, settings.name, worker_id)
    Path(log_path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    user = other_user(settings.user)
    spec = _spec(parts, settings, worker_id, log_path=log_path, user=user)
    trials = () if user is None else _hand_over(parts, spec, user, make_way)
    try:
        child = process.spawn(
            [sys.executable, "-m", "fnr.worker"],
            env=environment(parts.paths, settings, worker_id, gpus),
            cwd=settings.cwd,
            user=settings.user,
            stdin=msgspec.json.encode(replace(spec, trial_fd=trials[0]) if trials else spec),
            output_path=spec.log_path,
            # Only we can make it more urgent, so before it is somebody else.
            nice=None if user is None else settings.nice,
            keep_open=trials,
        )
    except OSError:
        Path(spec.now_path).unlink(missing_ok=True)
        raise
    finally:
        for fd in trials:
            os.close(fd)
    if spec.die_with_daemon and settings.in_process:
        _have_guarded(parts, child, worker_id, grace_ms=settings.grace_ms)
    return WorkerProcess(
        identity=WorkerIdentity(
            worker_id=worker_id,
            function=settings.name,
            boot_id=parts.boot_id,
            pid=child.pid,
            pid_start=child.pid_start,
        ),
        settings=settings,
        secret=spec.secret,
        pidfd=child.pidfd,
        log_path=spec.log_path,
        now_path=spec.now_path,
        started_at_ms=parts.clock.now_ms(),
        memory=watch_memory(child.pid),
        heard_at_ms=parts.clock.boot_ms(),
        idle_at_ms=parts.clock.boot_ms(),
        gpus=gpus,
        uid=None if user is None else user.uid,
    )


def _have_guarded(parts: Parts, child: process.Child, worker_id: str, *, grace_ms: int) -> None:
    ward = Ward(pid=child.pid, pid_start=child.pid_start, mark=worker_id, grace_ms=grace_ms)
    try:
        parts.guard.watch(ward)
    except OSError as error:
        # The next daemon looks after it, too.
        log.warning("what workers start will not end with the daemon: %s", error)


def _hand_over(
    parts: Parts, spec: WorkerSpec, user: OtherUser, make_way: MakeWay
) -> tuple[int, ...]:
    """Give another user's worker its files; the one of trials, which all share, is held open."""
    make_way(user)
    file_of_theirs(spec.now_path, user)
    file_of_theirs(spec.log_path, user)
    return (os.open(parts.paths.trial_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600),)


def log_path_of(parts: Parts, function: str, worker_id: str) -> str:
    """Where a worker's output goes."""
    return f"{parts.paths.log_dir}/{function}/{worker_id}.log"


def record(worker: WorkerProcess) -> WorkerRecord:
    """What the store remembers of a worker, so that the next daemon can adopt it."""
    identity = worker.identity
    return WorkerRecord(
        worker_id=identity.worker_id,
        function=identity.function,
        state=worker.state.value,
        boot_id=identity.boot_id,
        pid=identity.pid,
        pid_start=identity.pid_start,
        started_at_ms=worker.started_at_ms,
        secret=worker.secret,
        log_path=worker.log_path,
        now_path=worker.now_path,
        attempts_done=worker.attempts_done,
    )


def environment(
    paths: Paths, settings: FunctionSettings, worker_id: str, gpus: tuple[str, ...] = ()
) -> dict[str, str]:
    """The worker's environment: the daemon's, then env_file, then env, then our own marks."""
    # systemd's words to the daemon are not for what the daemon starts.
    env = {key: value for key, value in os.environ.items() if not key.startswith(_OF_SYSTEMD)}
    if user := other_user(settings.user):
        env = {key: value for key, value in env.items() if not key.startswith("XDG_")}
        env |= user.environment
    if paths.home:
        # A function that submits tasks means this daemon, which a flag may have told its home.
        env["FNR_HOME"] = paths.home
    # As it was when the settings were loaded: what is hidden from the store is known from there.
    env |= settings.env_from_file
    env |= settings.env
    # Found again in /proc/PID/environ when a descendant escaped from session and group.
    env[WORKER_ENV] = worker_id
    if gpus:
        # By UUID: numbers change with the order in which CUDA looks, and with every GPU that fails.
        env["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return env


def _comfy_plan(settings: FunctionSettings) -> ComfyPlan | None:
    if settings.kind != "comfyui":
        return None
    return ComfyPlan(
        url=settings.url,
        workflow=settings.workflow,
        nodes=settings.nodes,
        save_to=settings.save_to or "",
    )


def _spec(
    parts: Parts,
    settings: FunctionSettings,
    worker_id: str,
    *,
    log_path: str,
    user: OtherUser | None,
) -> WorkerSpec:
    limits, uid = settings.limits, None if user is None else user.uid
    return WorkerSpec(
        worker_id=worker_id,
        secret=parts.ulids.new() + parts.ulids.new(),
        function=settings.name,
        kind=settings.kind,
        socket=parts.paths.lasting_worker_socket_of(uid),
        log_path=log_path,
        now_path=parts.paths.now_file_of(uid, worker_id),
        spool_dir=parts.paths.spool_of(uid),
        python=settings.python,
        comfyui=_comfy_plan(settings),
        command=settings.command,
        stdin=settings.stdin,
        result=settings.result,
        cwd=settings.cwd,
        nice=settings.nice if user is None else None,
        limits=Limits(
            memory_mib=limits.memory_mib,
            cpu_time_s=limits.cpu_time_s,
            files=limits.files,
            file_size_mib=limits.file_size_mib,
        ),
        grace_ms=settings.grace_ms,
        log_bytes_max=parts.settings.log.worker_bytes_max,
        max_tasks=settings.max_tasks_per_worker,
        die_with_daemon=settings.on_daemon_exit == "kill",
        daemon_pid=os.getpid(),
        undo=settings.undo,
        undo_within=settings.undo_within,
        fault=parts.faults.for_start(settings.name) if parts.faults else None,
        breaker_path=parts.paths.lasting(parts.paths.breaker_file),
        trial_path=parts.paths.lasting(parts.paths.trial_file),
        made_for=mark_of(settings),
    )
