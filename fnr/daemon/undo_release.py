"""Undo of an allocation: what a dead attempt was given of the host is given back."""

from __future__ import annotations

from fnr.daemon.admission import Resources
from fnr.daemon.parts import Parts
from fnr.policy.counted import counted
from fnr.policy.undo import Outcome, Step, Tried
from fnr.store import allocations
from fnr.store.connection import Transaction


class Releasing:
    """Gives back what nobody can use any more, and nothing else."""

    def __init__(self, parts: Parts, resources: Resources) -> None:
        self._parts = parts
        self._resources = resources

    async def release(self, _: Step, owner: str) -> Outcome:
        """Give an allocation back; what a living attempt or worker holds stays its own."""

        def unit(tx: Transaction) -> Outcome:
            if allocations.holder_lives(tx, owner):
                return Outcome(tried=Tried.HOPELESS, why=f"{owner} lives and uses it")
            count = allocations.release(tx, owner)
            if not count:
                return Outcome(tried=Tried.UNDONE, why="nobody holds it: nothing to release")
            return Outcome(
                tried=Tried.UNDONE, why=f"released: {counted(count, 'share')} of the host"
            )

        outcome = await self._parts.store.write(unit)
        self._resources.released()
        return outcome
