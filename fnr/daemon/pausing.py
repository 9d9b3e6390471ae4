"""Functions that begin nothing for a while: paused, and resumed."""

from __future__ import annotations

from collections.abc import Collection

from fnr.api.errors import NotFound
from fnr.api.question import Changed
from fnr.api.requests import PauseFunction, ResumeFunction
from fnr.daemon.clients import Client
from fnr.daemon.crew import Crew
from fnr.daemon.pool import Pool
from fnr.store import functions
from fnr.store.batch import nothing
from fnr.store.connection import Transaction


class Pausing:
    """What is running goes on; what waits inside a worker is taken back."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._store = crew.parts.store

    async def pause(self, client: Client, request: PauseFunction) -> Changed:
        """Until somebody resumes it, restarts included."""
        names = self._known(request.functions)
        now_ms = self._crew.parts.clock.now_ms()
        by = client.submitter + (f": {request.reason}" if request.reason else "")

        def unit(tx: Transaction) -> None:
            functions.pause(tx, names, by=by, now_ms=now_ms, retell=bool(request.reason))

        await self._store.write(unit)
        self._crew.supervisor.paused.update(names)
        for pool in self._pools(names):
            pool.paused = True
        # Behind every claim that was on its way: then workers have all that they may have.
        await self._store.write(nothing)
        for pool in self._pools(names):
            for worker in pool.workers.values():
                self._crew.supervisor.recall(worker)
        return Changed(changed=names)

    async def resume(self, _: Client, request: ResumeFunction) -> Changed:
        """What waits begins at once. What was not paused is not called resumed."""
        names = self._known(request.functions, among=self._crew.supervisor.paused)
        return Changed(changed=await self.resume_named(names))

    async def resume_named(self, names: list[str]) -> list[str]:
        """The same, of names that are known to be functions; those that were paused."""

        def unit(tx: Transaction) -> list[str]:
            return functions.resume(tx, names)

        resumed = await self._store.write(unit)
        self._crew.supervisor.paused.difference_update(names)
        for pool in self._pools(names):
            pool.paused = False
            self._crew.dispatcher.due_now(pool.name)
        return resumed

    def _pools(self, names: list[str]) -> list[Pool]:
        """Those that are there; a reload may have come in between."""
        pools = self._crew.supervisor.pools
        return [pools[name] for name in names if name in pools]

    def _known(self, names: list[str], *, among: Collection[str] = ()) -> list[str]:
        """Each once. among: they are known as well; what is not in fnr.toml now may be paused."""
        for name in names:
            if name not in self._crew.supervisor.pools and name not in among:
                raise NotFound(f"there is no function {name!r}", next_step="fnr function list")
        return list(dict.fromkeys(names))
