"""What decides beside a task and its failure: budgets, tries so far, smaller ways, breakers."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fnr.config.settings import FunctionSettings
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts
from fnr.daemon.retry_budgets import RetryBudgets
from fnr.policy.degrade import Rung
from fnr.policy.failure import Around
from fnr.policy.retry import RetryPolicy
from fnr.policy.task import Task
from fnr.store import ledger
from fnr.store.transaction import Transaction

EXPECTED_MS = 1_000


class Surroundings:
    """Gathers it inside the unit that settles, so that what was decided on is what was true."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self.budgets = RetryBudgets(parts)
        # Set by whoever knows of breakers.
        self.open_breakers: Callable[[], tuple[str, ...]] = _none

    def of(self, tx: Transaction, task: Task, *, now_ms: int) -> tuple[RetryPolicy, Around]:
        """The patience with this task's function, and everything else that counts."""
        settings = self._parts.last_known(task.function) or _unknown(task.function)
        policy = settings.retry
        recent: tuple[int, ...] = ()
        # Whoever had few attempts cannot have had many tries after failures.
        if policy.per_window and task.attempts > policy.per_window:
            recent = ledger.recoveries(tx, task.task_id, since_ms=now_ms - policy.window_ms)
        return policy, Around(
            expected_ms=self.expected_ms(task.function),
            balance_ms=self.budgets.balance_ms(tx, task.function),
            recent=recent,
            ladder=self._passable(settings),
            open_breakers=self.open_breakers() if settings.degrade else (),
        )

    def expected_ms(self, function: str) -> int:
        """How long an attempt of this function takes, as far as is known."""
        pool = self._dispatcher.pools.get(function)
        return max(1, round(pool.mean_duration_ms)) if pool is not None else EXPECTED_MS

    def _passable(self, settings: FunctionSettings) -> tuple[Rung, ...]:
        """The ladder; a rung to a function that is gone stays in its place and never holds."""
        known = self._parts.settings.functions
        return tuple(
            rung if not rung.function or rung.function in known else replace(rung, when=())
            for rung in settings.degrade
        )


def _unknown(function: str) -> FunctionSettings:
    return FunctionSettings(name=function, kind="python")


def _none() -> tuple[str, ...]:
    """Nobody knows of breakers yet."""
    return ()
