"""Undo an injection from its record alone: by its dead-man process, the daemon, or whoever aborts.

Whoever comes first has the lock; the others find it over. Undoing works at whatever step everybody
else was killed.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

from fnr.host import chaos_records as records
from fnr.host.clock import Clock
from fnr.host.failpoint import failpoint
from fnr.host.faults.deeds import FAULTS
from fnr.host.process import attach, readable_within
from fnr.policy.chaos import Injection, Outcome
from fnr.policy.counted import counted
from fnr.policy.faults import CATALOGUE, Acts

# How long something may take to be gone after it was undone.
RESIDUE_MS = 3_000
LOOK_MS = 20
# How long a dead-man process may take to undo its fault when asked to.
HOLDER_MS = 30_000


def undo(injection: Injection, *, by: str, clock: Clock) -> Outcome | None:
    """Put everything right and close the record; None when somebody else did."""
    held = records.lock(injection.folder)
    if held is None:
        return None
    failpoint("undo-locked")
    try:
        outcome = _undone(injection, by=by, clock=clock)
        # With something left the record stays active: it is replayed, and can be aborted again.
        failpoint("undo-undone")
        if not outcome.residue:
            records.finish(injection, outcome)
        failpoint("undo-closed")
        return outcome
    finally:
        held.release()


def abort(injection: Injection, *, by: str, clock: Clock) -> Outcome | None:
    """End an injection now: ask its dead-man process, and do it ourselves when there is none."""
    known = records.holder(injection.folder)
    if known is not None and (pidfd := attach(known.pid, known.pid_start)) is not None:
        try:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGTERM)
                if not readable_within(pidfd, HOLDER_MS):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    readable_within(pidfd, HOLDER_MS)
        finally:
            os.close(pidfd)
    return undo(injection, by=by, clock=clock) or records.outcome(records.past_folder(injection))


def _undone(injection: Injection, *, by: str, clock: Clock) -> Outcome:
    deeds = FAULTS.get(injection.fault)
    if deeds is None:
        why = f"this fnr knows no fault {injection.fault}; one that knows it has to undo it"
        return Outcome(residue=why, undone_by=by)
    effect = records.seen(injection.folder)
    words, at_ms, problem = effect.effect, effect.effect_at_ms, effect.problem
    if not words and CATALOGUE[injection.fault].acts is not Acts.HOLDER:
        words = deeds.proof(injection)
    met = records.effects(injection.folder)
    if met and at_ms is None:
        at_ms = met[0].at_ms
    if not words and met:
        words = f"met {counted(len(met), 'time')}"
    try:
        deeds.undo(injection)
    except OSError as error:
        problem = f"{problem}; undo: {error}".lstrip("; ")
    residue = _residue(injection)
    return Outcome(
        effect=words,
        effect_at_ms=at_ms,
        residue=residue,
        undone_at_ms=clock.now_ms(),
        undone_by=by,
        problem=problem,
    )


def _residue(injection: Injection) -> str:
    """What is left when it has had time to go."""
    deeds = FAULTS[injection.fault]
    for _ in range(RESIDUE_MS // LOOK_MS):
        try:
            left = deeds.residue(injection)
        except OSError as error:
            left = f"cannot be looked at: {error}"
        if not left:
            return ""
        select.poll().poll(LOOK_MS)
    return left
