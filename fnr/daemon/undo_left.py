"""What attempts left to be undone: the journals that their workers kept in the spool folder.

A journal is read in the unit that settles its attempt and removed after the commit. One that is
left over, because the daemon died in between, is read again at the next start: steps that are
stored already stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fnr.daemon.parts import Parts, log
from fnr.daemon.remains import spooled_tokens
from fnr.host.failpoint import failpoint
from fnr.host.other_user import read_from
from fnr.policy.task import AttemptOutcome, Task, TaskState
from fnr.policy.undo import JOURNAL_BYTES_MAX, Step, StepState, lost_journal, read_journal
from fnr.policy.undo_first import undo_first
from fnr.policy.verdict import Verdict
from fnr.store import details, tasks, undo
from fnr.store import workers as worker_rows
from fnr.store.connection import Transaction
from fnr.store.undo import NOTHING, Left

_SUFFIX = ".undo"
# A journal can outgrow its bound by what several processes wrote at the same time, and no more.
_READ_BYTES_MAX = 2 * JOURNAL_BYTES_MAX


class UndoLeft:
    """Reads and removes the journals of ended attempts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Journals that the current units have read, or need not read; gone with their commits.
        self._done_with: dict[str, Path] = {}

    def before_settling(
        self, verdict: Verdict, *, uid: int | None, promised: bool = False
    ) -> tuple[Verdict, Left]:
        """What the attempt of a verdict left, and the verdict with what follows from that.

        uid:      whose worker had the attempt. What another user's folder says of it is not read:
                  its steps would be carried out as this one.
        promised: the worker said that there is a journal.
        """
        token, task = verdict.token, verdict.before
        if token is None or verdict.outcome is AttemptOutcome.RETURNED:
            return verdict, NOTHING
        steps = self._steps(task, token, uid=uid, promised=promised)
        if not steps:
            return verdict, NOTHING
        settings = self._parts.last_known(task.function)
        then_wait = None
        to_undo = any(step.state is StepState.RECORDED for step in steps)
        if to_undo and settings is not None and settings.undo_before_retry:
            verdict, then_wait = undo_first(verdict)
        return verdict, Left(steps=tuple(steps), then_wait=then_wait)

    def of_success(self, token: str, *, uid: int | None) -> None:
        """What an attempt did counts: its journal is not even read."""
        self._done_with[token] = self._file(token, uid)

    def forget(self, tokens: Iterable[str]) -> None:
        """Remove journals of attempts whose settling is committed."""
        if not self._done_with:
            return
        for token in tokens:
            if (file := self._done_with.pop(token, None)) is not None:
                failpoint("undo-journal-settled")
                with suppress(OSError):
                    file.unlink()

    async def take_over(self) -> None:
        """Journals that a daemon before this one has settled and not removed."""
        for uid in (None, *self._parts.paths.uids()):
            if tokens := spooled_tokens(self._parts.paths.spool_of(uid), _SUFFIX):
                await self._take_over(uid, tokens)

    async def _take_over(self, uid: int | None, tokens: list[str]) -> None:
        def unit(tx: Transaction) -> list[str]:
            now_ms = self._parts.clock.now_ms()
            return [token for token in tokens if self._settled(tx, token, uid, now_ms=now_ms)]

        settled = await self._parts.store.write(unit)
        failpoint("undo-journals-taken-over")
        self._done_with |= {token: self._file(token, uid) for token in settled}
        self.forget(settled)

    def _settled(self, tx: Transaction, token: str, uid: int | None, *, now_ms: int) -> bool:
        """Whether a journal's attempt has ended, with its steps in the store."""
        attempt = details.attempt(tx, token)
        if attempt is None:
            return True
        if attempt.outcome is AttemptOutcome.RUNNING:
            return False
        if self._uid_of(tx, attempt.worker_id) != uid:
            return True
        task = tasks.get(tx, attempt.task_id)
        if task is not None and attempt.outcome is not AttemptOutcome.DONE:
            undo.keep(tx, self._steps(task, token, uid=uid, promised=False), now_ms=now_ms)
            if task.state in {TaskState.DEAD, TaskState.CANCELLED}:
                undo.begin(tx, task.task_id, now_ms=now_ms)
            elif task.state is TaskState.DONE:
                undo.drop(tx, task.task_id, why="its task succeeded", now_ms=now_ms)
        return True

    def _uid_of(self, tx: Transaction, worker_id: str) -> int | None:
        now_path = worker_rows.now_path(tx, worker_id)
        return None if now_path is None else self._parts.paths.uid_of_now_file(now_path)

    def _steps(self, task: Task, token: str, *, uid: int | None, promised: bool) -> list[Step]:
        now_ms = self._parts.clock.now_ms()
        file = self._file(token, uid)
        try:
            journal = read_from(str(file), uid, bytes_max=_READ_BYTES_MAX)
        except OSError as error:
            if uid is None and not isinstance(error, FileNotFoundError):
                raise
            if not promised:
                return []
            log.error("a journal of undo steps is gone", extra={"task_id": task.task_id})
            lost = lost_journal(
                token=token, task_id=task.task_id, function=task.function, now_ms=now_ms
            )
            return [lost]
        self._done_with[token] = file
        return read_journal(
            journal, token=token, task_id=task.task_id, function=task.function, now_ms=now_ms
        )

    def _file(self, token: str, uid: int | None) -> Path:
        return Path(self._parts.paths.spool_of(uid)) / f"{token}{_SUFFIX}"
