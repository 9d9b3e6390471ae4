"""The end of an attempt: from what a worker said, or left behind, to one settled Verdict.

To understand any failure read this file, then policy/classify, policy/verdict, store/settle.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.api.frames import Ack, Done, Fail, Output
from fnr.daemon import remains
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.ended import Batch, Ended, retold, taints
from fnr.daemon.in_hand import InHand
from fnr.daemon.kills import with_kill
from fnr.daemon.needs import with_need
from fnr.daemon.parts import Parts, log
from fnr.daemon.rules_in_force import RulesInForce
from fnr.daemon.run_secrets import redactor_of
from fnr.daemon.surroundings import Surroundings
from fnr.daemon.undo_left import UndoLeft
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.policy.evidence import Evidence
from fnr.policy.task import AttemptOutcome, Claim, Task
from fnr.policy.verdict import Action, Verdict, conclude, decide, excuse
from fnr.store import checkpoints, tasks
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.settle import ClaimLost, settle
from fnr.store.task_input import with_input

STORE_RETRY_MS = 1_000


class Runner:
    """Settles what ended; keeps what the store cannot take yet and tries again."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, rules: RulesInForce) -> None:
        self._parts = parts
        self._rules = rules
        self._dispatcher = dispatcher
        self.surroundings = Surroundings(parts, dispatcher)
        self._unsettled: list[Batch] = []
        self.undo_left = UndoLeft(parts)
        self.on_settled: Callable[[list[Verdict]], None] = _nobody_asked
        self.on_tainted: Callable[[WorkerProcess], None] = _nobody_asked
        self._retrying = False
        self.in_hand = InHand()

    @property
    def unsettled(self) -> int:
        """Attempts that ended and are not on disk yet because the store is in trouble."""
        return sum(len(batch.ended) for batch in self._unsettled)

    def ended(self, worker: WorkerProcess, frames: list[Ended]) -> None:
        """A worker reported the end of attempts: settle them and give it new ones, in one unit."""
        failpoint("end-heard")
        worker.take_ended(frames, now_boot_ms=self._parts.clock.boot_ms())
        if worker.current is not None:
            self._dispatcher.on_delivered([worker])
        pool = self._dispatcher.pools.get(worker.function)
        if pool is not None:
            for frame in frames:
                pool.observe(frame.duration_ms)
        self._post(Batch(worker, frames, self._parts.clock.now_ms()))

    def died(self, worker: WorkerProcess, evidence: Evidence, *, begun: str | None) -> None:
        """A worker is gone: the attempt that had begun failed with it, the rest never began."""
        current = worker.held.get(begun) if begun else None
        if current is not None:
            # A window runs in order: what stood before it had ended, but nobody heard of it.
            tokens = [*worker.held]
            unheard = tokens[: tokens.index(current.token)]
            why = "its result was lost with its worker"
            self.take_back(worker, unheard, why=why, outcome=AttemptOutcome.INTERRUPTED)
            fail = Fail(
                token=current.token, evidence=evidence, output=Output(log_path=worker.log_path)
            )
            worker.take_ended([fail], now_boot_ms=self._parts.clock.boot_ms())
            self._post(Batch(worker, [fail], self._parts.clock.now_ms()))
        self.returned(worker, list(worker.held), why="its worker ended before it began")

    def returned(self, worker: WorkerProcess, tokens: list[str], *, why: str) -> None:
        """Attempts that never began go back to the queue and cost nothing."""
        self.take_back(worker, tokens, why=why, outcome=AttemptOutcome.RETURNED)

    def take_back(
        self, worker: WorkerProcess, tokens: list[str], *, why: str, outcome: AttemptOutcome
    ) -> None:
        """What its worker has no longer goes back to the queue."""
        taken = [held for token in tokens if (held := worker.held.pop(token, None))]
        self._go_on(worker)
        if taken:
            self._put_back(worker, [(held.token, held.task) for held in taken], why, outcome)

    def _go_on(self, worker: WorkerProcess) -> None:
        if worker.go_on(now_boot_ms=self._parts.clock.boot_ms()):
            self._dispatcher.on_delivered([worker])

    def put_back(self, worker: WorkerProcess, claims: list[Claim]) -> None:
        """Take back claims whose worker ended while they were being committed."""
        pairs = [(claim.token, claim.task) for claim in claims]
        why = "its worker ended before it was handed over"
        self._put_back(worker, pairs, why, AttemptOutcome.RETURNED)

    def fail_next(self, worker: WorkerProcess, evidence: Evidence) -> None:
        """A function could not be loaded: let one due task carry the error, hold the others.

        One task is named, dead-lettered and alerted, however often a start is tried; the rest wait
        for the repair instead of dying with it.
        """
        if not self._rules.ready:
            self._rules.when_ready(lambda: self.fail_next(worker, evidence))
            return
        pool = self._dispatcher.pools.get(worker.function)
        verdicts: list[Verdict] = []

        def unit(tx: Transaction) -> None:
            # Here, and not before: that of another start may be on its way to the store.
            if pool is None or pool.paused or pool.carried:
                return
            now_ms = self._parts.clock.now_ms()
            for claim in tasks.claim_due(
                tx, function=worker.function, worker=worker.identity,
                new_token=self._parts.ulids.new, count_max=1, now_ms=now_ms,
            ):  # fmt: skip
                failpoint("unloadable-in-unit")
                verdict = self._judge(tx, claim.task, claim.token, evidence, now_ms=now_ms)
                verdicts.append(self._settle(tx, worker, verdict, now_ms=now_ms))
                # Where one goes another way, the others need not wait for the repair either.
                pool.carried = not verdict.hands_over
            self._note_due(worker.function, verdicts)

        def committed(_: None, error: BaseException | None) -> None:
            if error is None:
                self._announce(verdicts, worker)
            elif verdicts and pool is not None:
                pool.carried = False

        self._parts.store.post(unit, committed)

    def _post(self, batch: Batch) -> None:
        self.in_hand.take(frame.token for frame in batch.ended)
        if not self._rules.ready and any(isinstance(frame, Fail) for frame in batch.ended):
            # Reading them here would keep everybody waiting for a second.
            self._rules.when_ready(lambda: self._post(batch))
            return
        batch.worker.reporting = True
        self._parts.store.post(
            lambda tx: self._unit(tx, batch), lambda _, error: self._committed(batch, error)
        )

    def _unit(self, tx: Transaction, batch: Batch) -> None:
        # A batch is tried again after a store error: start from nothing.
        batch.worker.reporting = False
        batch.verdicts, batch.assignments = [], []
        now_ms = self._parts.clock.now_ms()
        for frame in batch.ended:
            task = self._task_of(tx, batch.worker, frame)
            if task is None:
                continue
            try:
                batch.verdicts.append(self._settle_end(tx, task, frame, batch, now_ms))
            except ClaimLost as lost:
                log.info("a late result was dropped: %s", lost)
        failpoint("end-in-unit")
        self._earn(tx, batch, now_ms=now_ms)
        if any(taints(verdict) for verdict in batch.verdicts):
            # Before new work is looked for: a worker that is to go gets none.
            self.on_tainted(batch.worker)
        self._note_due(batch.worker.function, batch.verdicts)
        batch.assignments = self._dispatcher.fill(tx, batch.worker.function)
        failpoint("end-and-claim-in-unit")

    def _task_of(self, tx: Transaction, worker: WorkerProcess, frame: Ended) -> Task | None:
        """The task of an attempt that ended; of a success as it was claimed, which is cheap."""
        held = worker.ending.get(frame.token)
        if held is not None and isinstance(frame, Done):
            return held.task
        # A cancel may have been committed meanwhile: what follows from a failure depends on it.
        return tasks.owned(tx, frame.token)

    def _settle_end(
        self, tx: Transaction, task: Task, frame: Ended, batch: Batch, now_ms: int
    ) -> Verdict:
        worker, heard_at_ms = batch.worker, min(batch.heard_at_ms, now_ms)
        ended_at_ms = remains.ended_at_ms(self._parts.paths, worker, frame.token, heard_at_ms)
        if isinstance(frame, Done):
            verdict = conclude(task, token=frame.token, now_ms=now_ms)
            hides = redactor_of(self._parts, tx, task)
            result = hides.result(worker.settings, bytes(frame.result))
            settle(
                tx, verdict, now_ms=now_ms, error_id=None, result=result,
                output=worker.told(frame.output), ended_at_ms=ended_at_ms,
            )  # fmt: skip
            batch.results[task.task_id] = result
            held = worker.ending.get(frame.token)
            if held is not None and held.checkpointed:
                checkpoints.forget(tx, task.task_id)
            self._gates_ended(tx, verdict)
            if frame.undo:
                self.undo_left.of_success(frame.token, uid=worker.uid)
            return verdict
        evidence = with_kill(self._parts, tx, frame, worker)
        verdict = self._judge(tx, task, frame.token, evidence, now_ms=now_ms, gpus=worker.gpus)
        return self._settle(
            tx, worker, verdict, now_ms=now_ms, output=frame.output, promised=frame.undo,
            at_ms=ended_at_ms,
        )  # fmt: skip

    def _judge(
        self, tx: Transaction, task: Task, token: str, evidence: Evidence, *, now_ms: int,
        gpus: tuple[str, ...] = (),
    ) -> Verdict:  # fmt: skip
        hidden = redactor_of(self._parts, tx, task).evidence(evidence)
        evidence = with_input(tx, task.task_id, hidden)
        settings = self._parts.last_known(task.function)
        policy, around = self.surroundings.of(tx, task, now_ms=now_ms)
        named = self._rules.classify(evidence, function=task.function)
        return decide(
            task,
            with_need(self._parts, settings, evidence, named, gpus),
            named,
            token=token,
            policy=policy,
            now_ms=now_ms,
            fraction=self._parts.dice.fraction(),
            around=around,
        )

    def _settle(
        self,
        tx: Transaction,
        worker: WorkerProcess,
        verdict: Verdict,
        *,
        now_ms: int,
        output: Output | None = None,
        promised: bool = False,
        at_ms: int | None = None,
    ) -> Verdict:
        verdict, left = self.undo_left.before_settling(verdict, uid=worker.uid, promised=promised)
        error_id = self._parts.ulids.new() if verdict.classification else None
        known = None if output is None else worker.told(output)
        settle(
            tx, verdict, now_ms=now_ms, error_id=error_id, result=None, output=known, left=left,
            ended_at_ms=at_ms,
        )  # fmt: skip
        self._gates_ended(tx, verdict)
        return verdict

    def _gates_ended(self, tx: Transaction, verdict: Verdict) -> None:
        pool = self._dispatcher.pools.get(verdict.before.function)
        self._dispatcher.gates.ended(tx, pool, verdict)

    def _committed(self, batch: Batch, error: BaseException | None) -> None:
        worker = batch.worker
        if error is not None:
            self._not_settled(batch, error)
            return
        tokens = tuple(frame.token for frame in batch.ended)
        self.in_hand.let_go(tokens)
        for token in tokens:
            # One that was told a second time, over another connection, is one.
            worker.attempts_done += worker.ending.pop(token, None) is not None
            worker.kills.pop(token, None)
        failpoint("end-committed")
        if worker.state is WorkerState.GONE:
            remains.forget_spooled(self._parts.paths.spool_of(worker.uid), tokens)
        self.undo_left.forget(frame.token for frame in batch.ended)
        worker.say(Ack(tokens=tokens))
        failpoint("end-acknowledged-not-sent")
        if batch.assignments:
            self._dispatcher.deliver(batch.assignments, worker.function)
        self._go_on(worker)
        try:
            self._announce(batch.verdicts, worker, batch.results)
        finally:
            worker.send()  # nobody waits for an acknowledgement that brings no work with it
            if not batch.assignments:
                self._dispatcher.deliver([], worker.function)
        if worker.idle:
            worker.idle_at_ms = self._parts.clock.boot_ms()

    def _not_settled(self, batch: Batch, error: BaseException) -> None:
        batch.worker.reporting = False
        self._dispatcher.abandon(batch.assignments, batch.worker.function)
        if not isinstance(error, StoreBusy | StoreFull | StoreIll):
            log.critical("an attempt could not be settled", exc_info=error)
        if instead := retold(batch, error):
            for one in instead:
                self._post(one)
            return
        self._unsettled.append(batch)
        if not self._retrying:
            self._retrying = True
            self._parts.later(STORE_RETRY_MS, self.retry)

    def retry(self) -> None:
        """Try to settle what the store refused; called by a timer and when the store recovers."""
        self._retrying = False
        batches, self._unsettled = self._unsettled, []
        for batch in batches:
            self._post(batch)

    def _put_back(
        self,
        worker: WorkerProcess,
        pairs: list[tuple[str, Task]],
        why: str,
        outcome: AttemptOutcome,
    ) -> None:
        verdicts: list[Verdict] = []
        self.in_hand.take(token for token, _ in pairs)

        def unit(tx: Transaction) -> None:
            verdicts.clear()
            now_ms = self._parts.clock.now_ms()
            for token, claimed in pairs:
                # Not as it was claimed: a cancel may have been committed meanwhile.
                task = tasks.owned(tx, token)
                if task is None:
                    log.info("a late return was dropped", extra={"task_id": claimed.task_id})
                    continue
                verdict = excuse(task, token=token, why=why, outcome=outcome, now_ms=now_ms)
                try:
                    verdict = self._settle(tx, worker, verdict, now_ms=now_ms)
                except ClaimLost:
                    continue
                failpoint("put-back-in-unit")
                verdicts.append(verdict)

        def committed(_: None, error: BaseException | None) -> None:
            if error is not None:
                self._parts.later(STORE_RETRY_MS, lambda: self._parts.store.post(unit, committed))
                return
            self.in_hand.let_go(token for token, _ in pairs)
            self.undo_left.forget(token for token, _ in pairs)
            self._announce(verdicts, worker)
            failpoint("put-back-committed")
            self._dispatcher.due_now(worker.function)

        self._parts.store.post(unit, committed)

    def _earn(self, tx: Transaction, batch: Batch, *, now_ms: int) -> None:
        """What succeeded pays for retries; those that could not be paid before are woken."""
        function = batch.worker.function
        duration_ms = sum(frame.duration_ms for frame in batch.ended if isinstance(frame, Done))
        if not duration_ms:
            return
        due = self.surroundings.budgets.earned(
            tx,
            function,
            duration_ms,
            expected_ms=self.surroundings.expected_ms(function),
            now_ms=now_ms,
        )
        pool = self._dispatcher.pools.get(function)
        if due and pool is not None:
            pool.due_by(min(due))

    def _note_due(self, function: str, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            task = verdict.task
            pool = self._dispatcher.pools.get(task.function)
            if task.state == "queued" and pool is not None:
                pool.due_by(task.due_at_ms)
                if task.function != function:
                    self._dispatcher.arm(pool)
            elif verdict.decision.action is Action.PARK:
                self.surroundings.budgets.parked(task.function)

    def _announce(
        self, verdicts: list[Verdict], worker: WorkerProcess,
        results: dict[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        for verdict in verdicts:
            task, named = verdict.task, verdict.classification
            events, worker_id, whose = self._parts.events, worker.worker_id, verdict.before.function
            if named is not None:
                events.attempt_failed(task, named.category, function=whose, worker_id=worker_id)
            result = results.get(task.task_id) if results else None
            events.task_moved(task, worker_id=worker_id, result=result)
            if verdict.letter is not None or verdict.evidence is not None:
                log.warning(
                    "attempt failed",
                    extra={
                        "task_id": task.task_id,
                        "function": whose,
                        "category": verdict.decision.category,
                        "decision": f"{verdict.decision.action}: {verdict.decision.why}",
                        "error": task.reason[:300],
                    },
                )
        failpoint("end-announced")
        self.on_settled(verdicts)


def _nobody_asked(_: object) -> None:
    """Whoever wants to hear of settled verdicts, or of workers of no more use, says so."""
