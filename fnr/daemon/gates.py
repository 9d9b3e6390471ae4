"""What may hold a function's attempts back although tasks are due and workers are free.

A gate is asked inside the unit that is about to claim, is told of the claims in that unit, and of
the end of each attempt in the unit that settles it: what it keeps in the store is true, or rolled
back, together with them. A gate that lets nobody through calls `Dispatcher.due_now` when it does
again; until then the tasks stay queued, and nobody looks at them one by one.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from fnr.daemon.pool import Pool
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.task import Claim
from fnr.policy.verdict import Verdict
from fnr.store.transaction import Transaction


class Admission(Struct, frozen=True, kw_only=True):
    """How many attempts may start now; why not more, in words for the operator."""

    places: int
    why: str = ""


class Gate(Protocol):
    """One reason why attempts may have to wait."""

    name: str

    def concerns(self, pool: Pool) -> bool:
        """Can this gate ever hold this function back? The others are never asked."""

    def admit(self, tx: Transaction, pool: Pool, worker: WorkerProcess, places: int) -> Admission:
        """How many of `places` attempts this worker may be given now."""

    def claimed(
        self, tx: Transaction, pool: Pool, worker: WorkerProcess, claims: list[Claim]
    ) -> None:
        """These are about to start."""

    def ended(self, tx: Transaction, pool: Pool, verdict: Verdict) -> None:
        """An attempt has ended, and this follows from it."""


class Gates:
    """All of them; an attempt starts when none holds it back."""

    def __init__(self) -> None:
        self._gates: list[Gate] = []

    def add(self, gate: Gate) -> None:
        """Ask this one too, after those that are there."""
        self._gates.append(gate)

    def concern(self, pool: Pool) -> bool:
        """Can any of them ever hold this function back, or does one now?"""
        return bool(pool.holds) or any(gate.concerns(pool) for gate in self._gates)

    def admit(self, tx: Transaction, pool: Pool, worker: WorkerProcess, places: int) -> int:
        """How many attempts all gates let through; the pool remembers who held it back and why."""
        pool.holds.clear()
        for gate in self._gates:
            if places and gate.concerns(pool):
                admission = gate.admit(tx, pool, worker, places)
                if admission.places < places:
                    pool.holds[gate.name] = admission.why
                places = admission.places
        return places

    def claimed(
        self, tx: Transaction, pool: Pool, worker: WorkerProcess, claims: list[Claim]
    ) -> None:
        """Tell every gate that is concerned of attempts about to start."""
        for gate in self._gates:
            if gate.concerns(pool):
                gate.claimed(tx, pool, worker, claims)

    def ended(self, tx: Transaction, pool: Pool | None, verdict: Verdict) -> None:
        """Tell every gate that is concerned of an attempt that ended.

        One that names the service of a guarded call concerns them too: nobody may have heard of the
        call, because it was told to a daemon that was gone.
        """
        guarded = verdict.evidence is not None and bool(verdict.evidence.service)
        for gate in self._gates:
            if pool is not None and (guarded or gate.concerns(pool)):
                gate.ended(tx, pool, verdict)
