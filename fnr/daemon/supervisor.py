"""Keep every function's workers alive: start, listen to, scale, restart, bury."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from fnr.api import frames
from fnr.api.frames import Frame, from_worker
from fnr.config.changes import mark_of
from fnr.config.settings import FunctionSettings
from fnr.daemon import remains, spawner
from fnr.daemon.breaker_calls import BreakerCalls
from fnr.daemon.checkpoints import Checkpoints
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.ended import Ended, of_its_own
from fnr.daemon.farewell import expect_back, see_off
from fnr.daemon.identified import identified
from fnr.daemon.line_socket import LineSocket
from fnr.daemon.lost_attempts import excuse_restored, put_back_lost
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import GOOD_RUN_MS, Pool
from fnr.daemon.runner import Runner
from fnr.daemon.worker_process import WorkerProcess, WorkerState, progress_text
from fnr.daemon.worker_rows import WorkerRows
from fnr.host.failpoint import failpoint
from fnr.host.other_user import OtherUser
from fnr.policy.evidence import Evidence

UNSENT_BYTES_MAX = 64 * 1024 * 1024


class Supervisor:
    """Owns all worker processes of this daemon."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, runner: Runner) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._runner = runner
        self._checkpoints = Checkpoints(parts)
        self._rows = WorkerRows(parts)
        self.workers: dict[str, WorkerProcess] = {}
        # Also functions that are not in fnr.toml now: when they are back, they are paused still.
        self.paused: set[str] = set()
        self._by_link: dict[LineSocket, WorkerProcess] = {}
        self.breaker_calls: BreakerCalls | None = None
        # Set by whoever gives GPUs away: find one, then `start_on` it.
        self.take_seat: Callable[[Pool], None] = _no_seats
        self.make_way: spawner.MakeWay = _no_way
        self.on_buried: Callable[[WorkerProcess], None] = _nobody_waits
        dispatcher.more_workers = self.start_worker
        dispatcher.put_back = runner.put_back

    @property
    def pools(self) -> dict[str, Pool]:
        """Pools by function name."""
        return self._dispatcher.pools

    def add_pool(self, settings: FunctionSettings) -> Pool:
        """Take a function on; `tend` starts its workers."""
        pool = Pool(settings=settings, paused=settings.name in self.paused)
        self.pools[settings.name] = pool
        return pool

    def adopt(self, worker: WorkerProcess, pool: Pool) -> None:
        """Take on a worker that outlived an earlier daemon, or one just started."""
        self.workers[worker.worker_id] = worker
        pool.workers[worker.worker_id] = worker
        self._parts.loop.add_reader(worker.pidfd, self._ended, worker)

    def tend(self, pool: Pool) -> None:
        """Start what is missing: up to the minimum at once, beyond it if a task does wait."""
        while pool.wants_worker() and pool.start_timer is None:
            if len(pool.staying) >= pool.settings.workers_min:
                # While every place is taken nobody looks whether more is due.
                self._dispatcher.kick(pool.name)
                break
            before = len(pool.workers)
            self.start_worker(pool)
            if len(pool.workers) == before:
                break

    def start_worker(self, pool: Pool) -> None:
        """Start a worker now, or after the pause that failed starts have earned."""
        if pool.start_timer is not None or pool.seating or not self._parts.dispatching:
            return
        delay_ms = pool.restart_delay_ms(
            self._parts.settings.daemon, fraction=self._parts.dice.fraction()
        )
        if delay_ms:
            pool.start_timer = self._parts.later(delay_ms, lambda: self._start_after_pause(pool))
        else:
            self._start(pool)

    def _start_after_pause(self, pool: Pool) -> None:
        pool.start_timer = None
        if pool.wants_worker() and self._parts.dispatching:
            self._start(pool)

    def _start(self, pool: Pool) -> None:
        if pool.keeps_gpus:
            self.take_seat(pool)
        else:
            self.start_on(pool, worker_id=self._parts.ulids.new())

    def start_on(self, pool: Pool, *, worker_id: str, gpus: tuple[str, ...] = ()) -> bool:
        """Start a worker now, on these GPUs; False when that was not possible."""
        try:
            worker = spawner.spawn(
                self._parts, pool.settings, worker_id=worker_id, make_way=self.make_way, gpus=gpus,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            pool.failures += 1
            pool.problem = f"no worker could be started: {error}"
            log.error(
                "no worker could be started", extra={"function": pool.name, "why": str(error)}
            )
            self.start_worker(pool)
            return False
        failpoint("worker-spawned")
        self.adopt(worker, pool)
        failpoint("worker-adopted")
        self._rows.begun(spawner.record(worker))
        log.info("worker started", extra={"function": pool.name, "worker_id": worker.worker_id})
        return True

    # ── what workers say ─────────────────────────────────────────────────────

    def connected(self, sock: socket.socket) -> None:
        """Somebody connected to the workers' socket; the first line must be a Hello."""
        link = LineSocket(
            sock,
            on_lines=lambda lines: self._said(link, lines),
            speaker=self._parts.store.beginning,
            on_end=lambda why: self._cut(link, why),
            line_bytes_max=frames.FRAME_BYTES_MAX,
            unsent_bytes_max=UNSENT_BYTES_MAX,
        )

    def _said(self, link: LineSocket, lines: list[bytes]) -> None:
        worker = self._by_link.get(link)
        ended: list[Ended] = []
        for line in lines:
            try:
                frame = from_worker.decode(line)
            except (ValueError, RecursionError) as error:
                log.error("garbage from a worker: %s", error)
                self._end_ended(worker, ended)
                link.end(f"garbage: {error}")
                return
            if worker is None:
                worker = self._hello(link, frame)
                if worker is None:
                    return
            elif isinstance(frame, frames.Done | frames.Fail):
                ended.append(frame)
            else:
                self._heard(worker, frame)
        self._end_ended(worker, ended)

    def _end_ended(self, worker: WorkerProcess | None, ended: list[Ended]) -> None:
        if worker is None:
            return
        worker.heard_at_ms = self._parts.clock.boot_ms()
        ended = of_its_own(worker, ended)
        if worker.interrupted:
            # What it started may still run: its attempt is over when the group is proven gone.
            failed = [frame for frame in ended if isinstance(frame, frames.Fail)]
            worker.farewell |= {frame.token: frame for frame in failed}
            # Not on disk yet, but it need not wait for us: why it was ended is in the kill note.
            worker.send(frames.Ack(tokens=tuple(frame.token for frame in failed)))
            ended = [frame for frame in ended if isinstance(frame, frames.Done)]
        if ended:
            with_words = remains.frame_with_kernel_words
            self._runner.ended(worker, [with_words(self._parts, worker, one) for one in ended])

    def _hello(self, link: LineSocket, frame: Frame) -> WorkerProcess | None:
        """Take a worker on, or send it away."""
        worker, why = identified(frame, link.peer_uid(), self.workers)
        if worker is None or not isinstance(frame, frames.Hello):
            link.write(frames.encode(frames.Refuse(why=why)))
            link.end_when_sent()
            log.warning("a worker was refused: %s", why)
            return None
        if worker.link is not None:
            worker.link.end("replaced by a new connection")
        failpoint("hello-heard")
        worker.link = link
        worker.one_by_one = frame.one_by_one
        worker.takes_log_limit = frame.log_limit
        worker.finished_away = frozenset(frame.finished)
        self._by_link[link] = worker
        mine = {*worker.held, *worker.ending}
        theirs = {*frame.running, *frame.finished}
        if frame.ended is not None:
            # An earlier daemon had counted. What is not settled yet counts when it is.
            worker.attempts_done = frame.ended - len(mine.intersection(frame.finished))
        worker.send(frames.Welcome(drop=tuple(sorted(theirs - mine))))
        worker.limit_log(self._parts.settings.log.worker_bytes_max)
        failpoint("worker-welcomed")
        put_back_lost(worker, theirs, self._runner.take_back)
        if worker.state is WorkerState.LEAVING:
            worker.send(frames.Stop(reason=worker.leave_reason))
        elif why := self._why_outdated(worker, frame):
            # As with a reload: what it runs is finished.
            self.dismiss(worker, why)
            self.tend(self.pools[worker.function])
        elif frame.ready:
            self._ready(worker)
        return worker

    def _why_outdated(self, worker: WorkerProcess, hello: frames.Hello) -> str:
        """Was it started by an earlier daemon, of another version or for other settings?"""
        mark = mark_of(worker.settings)
        if worker.ours or self.pools[worker.function].removed or hello.made_for == mark:
            return ""
        if hello.made_for.partition(":")[0] != mark.partition(":")[0]:
            # What it imports from now on would be of this version, and the rest of it is not.
            return "it is of another version of fnr"
        return "its function changed in fnr.toml"

    def _heard(self, worker: WorkerProcess, frame: Frame) -> None:
        match frame:
            case frames.Ready():
                self._ready(worker)
            case frames.Unloadable(evidence=evidence):
                self._unloadable(worker, self._parts.redactor.evidence(evidence))
            case frames.Returned(tokens=tokens):
                self._runner.returned(worker, list(tokens), why="taken back before it began")
            case frames.Progress() if held := worker.held.get(frame.token):
                held.progress = self._parts.redactor.text(progress_text(frame))
                held.preview = self._parts.redactor.text(frame.preview)
                worker.progressed(self._parts.clock.boot_ms())
            case frames.Called() if self.breaker_calls is not None:
                self.breaker_calls.called(worker, frame)
            case frames.Unseen() if self.breaker_calls is not None:
                self.breaker_calls.unseen(frame)
            case frames.Checkpoint() if held := worker.held.get(frame.token):
                held.checkpointed = True
                worker.progressed(self._parts.clock.boot_ms())
                self._checkpoints.keep(worker, frame)
            case frames.Bye(reason=reason):
                worker.state = WorkerState.LEAVING
                worker.leave_reason = worker.leave_reason or reason
                see_off(self._parts, worker, self.interrupt)
                if worker.respawn:
                    self.tend(self.pools[worker.function])

    def _ready(self, worker: WorkerProcess) -> None:
        if worker.state in {WorkerState.STARTING, WorkerState.AWAY}:
            worker.state = WorkerState.READY
            worker.ever_ready = True
            worker.idle_at_ms = self._parts.clock.boot_ms()
        pool = self.pools[worker.function]
        pool.works()
        if worker.state is WorkerState.READY and not self._parts.dispatching:
            self.dismiss(worker, "the daemon is stopping")
        elif pool.removed:
            self.dismiss(worker, "the function was removed")
        else:
            self._dispatcher.due_now(worker.function)
            self.arm_idle(pool)

    def _unloadable(self, worker: WorkerProcess, evidence: Evidence) -> None:
        pool = self.pools[worker.function]
        pool.failures += 1
        pool.problem = f"cannot be loaded: {evidence.message}"
        log.error(
            "function cannot be loaded",
            extra={"function": pool.name, "why": evidence.message},
        )
        self._runner.fail_next(worker, evidence)
        self.dismiss(worker, "its function cannot be loaded")

    def _cut(self, link: LineSocket, why: str) -> None:
        worker = self._by_link.pop(link, None)
        if worker is not None and worker.link is link:
            worker.link = None
            if worker.state is not WorkerState.GONE:
                log.info("connection lost", extra={"worker_id": worker.worker_id, "why": why})
                self._runner.returned(worker, worker.kept, why="cut off before it began")
                expect_back(self._parts, worker, self.interrupt)

    # ── ends ─────────────────────────────────────────────────────────────────

    def dismiss(self, worker: WorkerProcess, reason: str, *, respawn: bool = True) -> None:
        """Let a worker finish what it runs and go."""
        if worker.state is WorkerState.GONE:
            return
        if not worker.in_hand:
            see_off(self._parts, worker, self.interrupt)
        worker.state = WorkerState.LEAVING
        failpoint("worker-dismissed")
        worker.leave_reason = reason
        worker.respawn = respawn
        self._runner.returned(worker, worker.kept, why="taken back before it began")
        worker.send(frames.Stop(reason=reason))

    def recall(self, worker: WorkerProcess) -> None:
        """Take back what was claimed for a worker and has not begun."""
        self._runner.returned(worker, worker.kept, why="taken back before it began")
        worker.send(frames.Recall())

    def arm_idle(self, pool: Pool) -> None:
        """Look again when a worker above the minimum may have been idle for long enough."""
        if pool.idle_timer is None and len(pool.staying) > pool.settings.workers_min:
            pool.idle_timer = self._parts.later(
                pool.settings.idle_timeout_ms, lambda: self._shrink(pool)
            )

    def _shrink(self, pool: Pool) -> None:
        pool.idle_timer = None
        before_ms = self._parts.clock.boot_ms() - pool.settings.idle_timeout_ms
        for worker in pool.staying:
            above_min = len(pool.staying) > pool.settings.workers_min
            if above_min and worker.idle and worker.idle_at_ms <= before_ms + 50:
                self.dismiss(worker, "idle")
        self.arm_idle(pool)

    def _ended(self, worker: WorkerProcess) -> None:
        """The worker's pidfd says that the process is gone."""
        self._parts.loop.remove_reader(worker.pidfd)
        if worker.link is not None:
            worker.link.drain()
        worker.state = WorkerState.GONE
        self._parts.start(self._bury(worker), what=f"bury worker {worker.worker_id}")

    async def _bury(self, worker: WorkerProcess) -> None:
        """Prove that nothing is left of it, settle its attempts, start its successor."""
        failpoint("worker-gone")
        found = await remains.gather(self._parts, worker)
        failpoint("remains-gathered")
        tokens = frozenset((*worker.held, *worker.ending))
        for frame in found.spooled:
            self._runner.ended(worker, [frame])
        excuse_restored(worker, self._runner.take_back)
        self._runner.died(worker, found.evidence, begun=found.begun)
        pool = self.pools.get(worker.function)
        if pool is not None:
            self._count_failure(pool, worker, found.evidence)
            pool.workers.pop(worker.worker_id, None)
        self.workers.pop(worker.worker_id, None)
        os.close(worker.pidfd)
        worker.ended.set()
        failpoint("worker-buried")
        end = found.evidence.message
        # Until then a later daemon reads in what it left which of its attempts had begun.
        self._runner.in_hand.when_written(tokens, lambda: self._clear_up(worker, end))
        facts = {"function": worker.function, "worker_id": worker.worker_id, "why": end}
        log.info("worker ended", extra=facts)
        if pool is not None and (worker.respawn or pool.next_due_at_ms == 0):
            self.tend(pool)

    def _clear_up(self, worker: WorkerProcess, end: str) -> None:
        pool = self.pools.get(worker.function)
        # Not before: what its last attempts were given, or tried for others, is asked of it.
        if pool is not None and pool.removed and not pool.workers:
            self.pools.pop(pool.name)
        remains.forget(worker, self._parts.paths.spool_of(worker.uid))
        self._rows.ended(worker, worker.leave_reason or end, self.on_buried)
        worker.buried.set()

    def _count_failure(self, pool: Pool, worker: WorkerProcess, evidence: Evidence) -> None:
        served_ms = self._parts.clock.now_ms() - worker.started_at_ms
        if worker.attempts_done or served_ms >= GOOD_RUN_MS or worker.leave_reason:
            if not pool.problem:
                pool.failures = 0
            return
        pool.failures += 1
        if not worker.ever_ready:
            pool.problem = f"its worker ends while starting: {evidence.message}"
            self._runner.fail_next(worker, evidence)

    def interrupt(self, worker: WorkerProcess) -> None:
        """End the process group at once; its attempts' kill notes are already on disk."""
        # Who is gone is buried with all its group, and its pidfd may be somebody else's by now.
        if worker.state is not WorkerState.GONE:
            worker.interrupted = True
            self._parts.start(self._stop(worker), what=f"stop worker {worker.worker_id}")

    async def _stop(self, worker: WorkerProcess) -> None:
        await remains.stop_living(self._parts, worker)


def _no_seats(_: Pool) -> None:
    raise AssertionError("nobody gives GPUs away")


def _no_way(_: OtherUser) -> None:
    raise AssertionError("nobody makes way for other users")


def _nobody_waits(_: WorkerProcess) -> None:
    """Nobody waits for what workers leave."""
