"""What operators do with undo steps that fnr could not carry out: try again, or let go."""

from __future__ import annotations

from collections.abc import Callable

from fnr.api.errors import UsageError
from fnr.api.question import Changed
from fnr.api.undo_requests import RetryUndo, SkipUndo
from fnr.daemon.clients import Client
from fnr.daemon.parts import Parts
from fnr.daemon.undoing import Undoing
from fnr.host.failpoint import failpoint
from fnr.policy.undo import Step, again, skipped
from fnr.store import undo
from fnr.store.connection import Transaction

Move = Callable[[Step, int], Step | str]


class UndoOperators:
    """Every change is one unit, on record with who made it."""

    def __init__(self, parts: Parts, undoing: Undoing) -> None:
        self._parts = parts
        self._undoing = undoing

    async def retry(self, client: Client, request: RetryUndo) -> Changed:
        """Try them again, with all their tries."""
        by = client.submitter
        return await self._move(
            request.ids, lambda step, now_ms: again(step, by=by, now_ms=now_ms), by=by
        )

    async def skip(self, client: Client, request: SkipUndo) -> Changed:
        """Let them go."""
        if not request.reason.strip():
            raise UsageError("say why it need not be undone", next_step="--reason TEXT")
        by, why = client.submitter, request.reason
        return await self._move(
            request.ids, lambda step, now_ms: skipped(step, by=by, why=why, now_ms=now_ms), by=by
        )

    async def _move(self, ids: list[str], move: Move, *, by: str) -> Changed:
        if not ids:
            raise UsageError("say which steps", next_step="fnr undo list")

        def unit(tx: Transaction) -> Changed:
            answer = Changed()
            now_ms = self._parts.clock.now_ms()
            # All are found before one is moved: an id and its task's may name the same step.
            wanted = {step.undo_id: step for word in ids for step in undo.chosen(tx, word)}
            for step in wanted.values():
                after = move(step, now_ms)
                if isinstance(after, str):
                    answer.unchanged[step.undo_id] = after
                    continue
                undo.put(tx, after)
                words = f"{after.state}: undo {after.kind} ({after.undo_id}): {after.reason}"
                undo.note(tx, after.task_id, words, now_ms=now_ms, by=by)
                undo.resume(tx, after.task_id, now_ms=now_ms)
                answer.changed.append(after.undo_id)
            failpoint("undo-moved-in-unit")
            return answer

        answer = await self._parts.store.write(unit)
        self._undoing.look()
        return answer
