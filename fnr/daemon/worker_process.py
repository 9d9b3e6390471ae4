"""One worker process as the daemon sees it: who it is, what it holds, when it was last heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec import Raw
from msgspec.structs import asdict

from fnr.api.frames import Done, Fail, Frame, LogLimit, Output, Progress, Run, encode
from fnr.config.settings import FunctionSettings
from fnr.daemon.line_socket import LineSocket
from fnr.host.exit_facts import MemoryWatch
from fnr.policy.chaos import WorkerFault
from fnr.policy.evidence import KilledBy
from fnr.policy.task import Claim, Task, WorkerIdentity


class WorkerState(StrEnum):
    """STARTING: loading its function. READY: takes attempts. AWAY: adopted, not yet heard.

    LEAVING: finishes what it runs and takes nothing more. GONE: the process has ended.
    """

    STARTING = "starting"
    AWAY = "away"
    READY = "ready"
    LEAVING = "leaving"
    GONE = "gone"


@dataclass(slots=True)
class Held:
    """An attempt that the worker has and has not ended; the first one held has begun.

    gpus: what it was given for itself, by UUID.
    kept: what hands it over, as long as we keep it until the one before has ended.
    failed: so it has ended.
    restored: it ran when the backup was made that was put in the store's place since.
    """

    token: str
    task: Task
    gpus: tuple[str, ...] = ()
    progress: str = ""
    preview: str = ""
    checkpointed: bool = False
    kept: Run | None = None
    failed: bool = False
    restored: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class WorkerProcess:
    """A worker process; changed only on the daemon's loop.

    held:     attempts claimed for it, in the order it runs them.
    ending:   attempts it reported, until the commit that settles them.
    reporting: it reported ends, and the unit that settles them has not run yet.
    reserved: places promised to claims whose commit is under way.
    farewell: how attempts ended that we are ending together with the worker; settled when its
              whole group is proven gone.
    uid:      whose process it is; None when it is ours.
    gpus:     which ones it keeps for as long as it lives, by UUID.
    kernel_mark: the last record of the kernel log before its attempt began.
    recalled: what it begins next is not given to it before the attempt that it runs has ended.
    one_by_one: of several attempts nobody would know which has begun.
    takes_log_limit: it can be told how much of its log is kept.
    finished_away: attempts that had ended when it last came back to us.
    kills:    why we are ending an attempt of its, our kill ledger in memory.
    heard_at_ms, begun_at_ms, idle_at_ms: on the boot clock.
    log_heard_to: where in its log that of the attempts ends whose ends were heard of.
    ended, buried: nothing of it runs any more; what its attempts came to is on disk as well.
    """

    identity: WorkerIdentity
    settings: FunctionSettings
    secret: str
    pidfd: int
    log_path: str
    now_path: str
    started_at_ms: int
    ours: bool = True
    state: WorkerState = WorkerState.STARTING
    link: LineSocket | None = None
    held: dict[str, Held] = field(default_factory=dict)
    ending: dict[str, Held] = field(default_factory=dict)
    reporting: bool = False
    reserved: int = 0
    kills: dict[str, tuple[KilledBy, str]] = field(default_factory=dict)
    interrupted: bool = False
    farewell: dict[str, Fail] = field(default_factory=dict)
    heard_at_ms: int = 0
    begun_at_ms: int = 0
    idle_at_ms: int = 0
    progress_at_ms: int = 0
    ever_ready: bool = False
    recalled: bool = False
    attempts_done: int = 0
    unsaid: list[bytes] = field(default_factory=list)
    leave_reason: str = ""
    respawn: bool = True
    memory: MemoryWatch | None = None
    gpus: tuple[str, ...] = ()
    kernel_mark: int = 0
    uid: int | None = None
    one_by_one: bool = False
    takes_log_limit: bool = False
    log_heard_to: int = 0
    finished_away: frozenset[str] = frozenset()
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    buried: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def worker_id(self) -> str:
        return self.identity.worker_id

    @property
    def function(self) -> str:
        return self.identity.function

    @property
    def current(self) -> Held | None:
        """The attempt that has begun."""
        first = next(iter(self.held.values()), None)
        return first if first is not None and first.kept is None else None

    @property
    def own_gpus(self) -> tuple[str, ...]:
        """GPUs that nobody else may use now, by UUID."""
        if self.settings.vram_mib:
            return ()
        return (*self.gpus, *(uuid for held in self.held.values() for uuid in held.gpus))

    @property
    def loading(self) -> bool:
        """It loads its function; one that was adopted has said so when it came back."""
        came_back = self.state is WorkerState.AWAY and self.link is not None
        return self.state is WorkerState.STARTING or came_back

    @property
    def in_hand(self) -> bool:
        """It has something to do, or something is on the way to it or from it."""
        return bool(self.held or self.reserved or self.ending)

    @property
    def idle(self) -> bool:
        """Ready, with nothing to do and nothing on the way."""
        return self.state is WorkerState.READY and not self.in_hand

    @property
    def kept(self) -> list[str]:
        """Tokens of what is claimed for it and was not handed over yet."""
        return [held.token for held in self.held.values() if held.kept is not None]

    def places(self, window: int, ahead: int = 0) -> int:
        """How many more attempts may be claimed for it. ahead: so many may wait here for it."""
        if self.state is not WorkerState.READY or self.link is None:
            return 0
        if self.recalled and self.held:
            return 0
        most = 1 if self.one_by_one else window + ahead
        if self.settings.max_tasks_per_worker is not None:
            most = min(most, self._tasks_left(self.settings.max_tasks_per_worker))
        return max(0, most - len(self.held) - self.reserved)

    def _tasks_left(self, tasks_max: int) -> int:
        """How many it runs before it leaves by itself; what it is given beyond them comes back.

        Should it be there all the same, it is given one at a time: it must not stand idle.
        """
        left = tasks_max - self.attempts_done - len(self.ending)
        return left if left > 0 or self.ending else 1

    def say(self, frame: Frame) -> None:
        """Say something together with what is sent next: one system call instead of two."""
        self.unsaid.append(encode(frame))

    def send(self, *frames: Frame) -> None:
        """Say something to it; silently nothing when it is away, Hello puts it right again."""
        said = [*self.unsaid, *map(encode, frames)]
        self.unsaid.clear()
        if self.link is not None and said:
            self.link.write(b"".join(said))

    def limit_log(self, bytes_max: int) -> None:
        """Say how much of its log is kept from now on."""
        if self.takes_log_limit:
            self.send(LogLimit(bytes_max=bytes_max))

    def hold(
        self,
        claims: list[Claim],
        *,
        now_boot_ms: int,
        one_at_a_time: bool,
        faults: dict[str, WorkerFault] | None = None,
    ) -> None:
        """Give it attempts whose claims are committed; faults: token -> what it is to meet."""
        if not self.held:
            self._begins(now_boot_ms)
        # They may have been on their way while what it held was recalled; they go back as well.
        self.recalled = False
        runs = [run_frame(claim, faults) for claim in claims]
        for claim, run in zip(claims, runs, strict=True):
            self.held[claim.token] = Held(
                claim.token,
                claim.task,
                gpus=claim.gpus,
                checkpointed=claim.checkpoint is not None,
                kept=run if one_at_a_time else None,
            )
        if one_at_a_time:
            self.go_on(now_boot_ms=now_boot_ms)
        else:
            self.send(*runs)

    def go_on(self, *, now_boot_ms: int) -> bool:
        """Hand over what is kept for it if that is next. Who leaves or is away begins nothing.

        Nor where one failed and that is not on disk: it may mean that this worker has to go.
        """
        following = next(iter(self.held.values()), None)
        if following is None or following.kept is None or self.link is None:
            return False
        if self.state is not WorkerState.READY or self.interrupted:
            return False
        if any(held.failed for held in self.ending.values()):
            return False
        run, following.kept = following.kept, None
        self._begins(now_boot_ms)
        self.send(run)
        return True

    def _begins(self, now_boot_ms: int) -> None:
        self.begun_at_ms = self.heard_at_ms = self.progress_at_ms = now_boot_ms

    def take_ended(self, frames: list[Done | Fail], *, now_boot_ms: int) -> None:
        """Move reported attempts from held to ending; the next one begins now."""
        for frame in frames:
            held = self.held.pop(frame.token, None)
            if held is not None:
                held.failed = isinstance(frame, Fail)
                self.ending[frame.token] = held
            self.log_heard_to = frame.output.log_to or self.log_heard_to
        self.begun_at_ms = now_boot_ms
        self.progress_at_ms = now_boot_ms
        self.recalled = False
        self.go_on(now_boot_ms=now_boot_ms)

    def told(self, output: Output) -> dict[str, Any]:
        """What it says of an attempt's output; which file that is in, is ours to say."""
        known = asdict(output)
        if known["log_path"] is not None:
            known["log_path"] = self.log_path
        return known

    def progressed(self, now_boot_ms: int) -> None:
        """It reported progress: it is alive and getting somewhere."""
        self.heard_at_ms = self.progress_at_ms = now_boot_ms


def run_frame(claim: Claim, faults: dict[str, WorkerFault] | None = None) -> Run:
    """The frame that hands an attempt over."""
    task = claim.task
    return Run(
        token=claim.token,
        task_id=task.task_id,
        attempt=task.attempts,
        input=Raw(claim.input),
        timeout_ms=task.timeout_ms,
        submitted_at_ms=task.created_at_ms,
        fault=faults.get(claim.token) if faults else None,
        trials=claim.trials,
        gpus=claim.gpus,
        checkpoint="" if claim.checkpoint is None else claim.checkpoint.decode(),
    )


def progress_text(frame: Progress) -> str:
    """How far an attempt is, for people."""
    total = f"/{frame.total:g}" if frame.total is not None else ""
    return f"{frame.done:g}{total} {frame.stage}".strip()
