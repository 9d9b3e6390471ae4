"""Who ended an attempt on purpose: we, as our kill ledger says, or somebody else by a signal."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.api.frames import Fail
from fnr.daemon.parts import Parts
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.evidence import Evidence, KilledBy
from fnr.store import kills
from fnr.store.connection import Transaction

# What a worker comes to that a drill has stopped: we end it for that, the drill has caused it.
_OF_A_STOPPED_WORKER = frozenset({KilledBy.HANG, KilledBy.TIMEOUT, KilledBy.PROGRESS_TIMEOUT})


def with_kill(parts: Parts, tx: Transaction, frame: Fail, worker: WorkerProcess) -> Evidence:
    """Add what we know of a kill to what the worker or its remains say."""
    evidence = frame.evidence
    if parts.faults is not None:
        evidence = parts.faults.marked(frame.token, evidence)
    known = worker.kills.get(frame.token) or kills.find(tx, frame.token)
    excused = evidence.killed_by is KilledBy.DRILL
    if known and not (excused and known[0] in _OF_A_STOPPED_WORKER):
        killed_by, why = known
    elif evidence.killed_by is not None:
        killed_by, why = evidence.killed_by, evidence.kill_reason or evidence.message
        evidence = replace(evidence, unasked=_is_unasked(parts, evidence, worker))
    else:
        return evidence
    # How the program died of it (a traceback, a signal) is kept; why it died is the headline.
    return replace(evidence, killed_by=killed_by, kill_reason=why, message=why)


def _is_unasked(parts: Parts, evidence: Evidence, worker: WorkerProcess) -> bool:
    """Did nobody here ask for the SIGTERM that the worker tells of?

    In doubt somebody did: an earlier daemon, which does not say so of what waited in the worker's
    window, or whoever ends this daemon and everything around it.
    """
    by_signal = evidence.killed_by is KilledBy.OPERATOR
    return by_signal and worker.ours and not worker.interrupted and parts.dispatching
