"""What the daemon does when the store is full or ill, and when it is well again."""

from __future__ import annotations

from fnr.daemon.adopter import Adopter
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.daemon.reserve import Reserve
from fnr.daemon.runner import Runner
from fnr.daemon.store_files import why_ill
from fnr.store.connection import StoreBusy, StoreFull, StoreIll

HEAL_FIRST_MS = 1_000
HEAL_AGAIN_MS = 5_000


class StoreCare:
    """Listens to the store's state; new tasks are refused by the intake meanwhile."""

    def __init__(
        self,
        parts: Parts,
        adopter: Adopter,
        runner: Runner,
        dispatcher: Dispatcher,
        reserve: Reserve,
    ) -> None:
        self._parts = parts
        self._adopter = adopter
        self._runner = runner
        self._dispatcher = dispatcher
        self._reserve = reserve
        parts.store.on_trouble(self._changed)

    def _changed(self, state: str, why: str) -> None:
        """The store's state changed: say so, make room, or put right what was in doubt."""
        if state == "ill":
            why = why_ill(self._parts.paths, why)
        log.error(
            "store trouble" if state != "ok" else "store recovered",
            extra={"state": state, "why": why},
        )
        self._parts.problems.pop("store", None)
        if state == "ok":
            self._reserve.hold()
            self._parts.start(self._recover(), what="reconcile")
            return
        self._parts.problems["store"] = f"the store is {state}: {why}"
        if state == "full":
            # Room for the ends of what runs; new tasks are refused meanwhile.
            self._reserve.release()
            self._runner.retry()
        else:
            self._parts.later(HEAL_FIRST_MS, lambda: self._parts.start(self._heal(), what="heal"))

    async def _heal(self) -> None:
        if not await self._parts.store.heal():
            self._parts.later(HEAL_AGAIN_MS, lambda: self._parts.start(self._heal(), what="heal"))

    async def _recover(self) -> None:
        try:
            await self._adopter.reconcile()
        except StoreIll as error:
            # Ill again: the next time that it is well this is done.
            log.warning("what was in doubt could not be looked at: %s", error)
            return
        except (StoreBusy, StoreFull) as error:
            log.warning("what was in doubt could not be looked at yet: %s", error)
            self._parts.later(
                HEAL_FIRST_MS, lambda: self._parts.start(self._recover(), what="reconcile")
            )
            return
        self._runner.retry()
        for pool in tuple(self._dispatcher.pools.values()):
            self._dispatcher.due_now(pool.name)
