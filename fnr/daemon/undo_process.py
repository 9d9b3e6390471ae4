"""One try at a step of undo, in a process of its own: started, waited for, proven gone."""

from __future__ import annotations

import os
import sys

import msgspec

from fnr.api.undo_order import EXIT_HOPELESS, EXIT_UNDONE, UNDO_ID_VARIABLE, UndoOrder
from fnr.config.settings import FunctionSettings
from fnr.daemon import short_process
from fnr.daemon.parts import Parts
from fnr.daemon.spawner import environment
from fnr.host import process
from fnr.host.process import Exit
from fnr.policy.undo import Outcome, Step, Tried, UndoPolicy


async def carry_out(
    parts: Parts,
    step: Step,
    settings: FunctionSettings,
    policy: UndoPolicy,
    *,
    ours: bool,
) -> Outcome:
    """Try a step once, for as long as the policy allows; what came of it."""
    order = UndoOrder(
        undo_id=step.undo_id,
        kind=step.kind,
        data=step.data,
        ours=ours,
        within=settings.undo_within,
        http_timeout_s=policy.timeout_ms / 1_000,
        parent_pid=os.getpid(),
    )
    try:
        ran = await short_process.run(
            parts,
            [sys.executable, "-m", "fnr.worker.undo_step"],
            env=environment(parts.paths, settings, step.undo_id)
            | {UNDO_ID_VARIABLE: step.undo_id, "FNR_TASK_ID": step.task_id},
            cwd=settings.cwd,
            user=settings.user,
            stdin=msgspec.json.encode(order),
            mark=step.undo_id,
            timeout_ms=policy.timeout_ms,
        )
    except (OSError, ValueError) as error:
        return _not_started(error)
    if ran.left:
        # Whatever it still does must not meet a second try.
        return Outcome(tried=Tried.HOPELESS, why=ran.left)
    return _outcome(step, ran.ended, ran.words, policy)


def _not_started(error: Exception) -> Outcome:
    return Outcome(tried=Tried.FAILED, why=f"its process could not be started: {error}")


async def end_cut_off(parts: Parts, step: Step) -> bool:
    """End what is left of a try that died with its daemon; whether nothing of it is there.

    Its process died at once, what that had started did not, and is known by its mark alone.
    """
    report = await process.stop_group(
        -1, -1, step.undo_id, grace_ms=short_process.GRACE_MS, clock=parts.clock
    )
    return report.proven


def _outcome(step: Step, ended: Exit | None, words: str, policy: UndoPolicy) -> Outcome:
    if ended is None:
        late = f"it took longer than {policy.timeout_ms} ms and was ended"
        return Outcome(tried=Tried.FAILED, why=f"{late}: {words}" if words else late)
    if ended.code == EXIT_UNDONE:
        return Outcome(tried=Tried.UNDONE, why=words)
    # A program of the function's has its own exit codes.
    if ended.code == EXIT_HOPELESS and step.kind != "command":
        return Outcome(tried=Tried.HOPELESS, why=words or "it can never be carried out")
    how = f"killed by signal {ended.signal}" if ended.signal is not None else f"exit {ended.code}"
    return Outcome(tried=Tried.FAILED, why=f"{how}: {words}" if words else how)
