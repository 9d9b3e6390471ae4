"""What each function may spend on retries: asked when an attempt fails, filled when one succeeds.

A function whose budget is full costs nothing to look at, and that is the usual case.
"""

from __future__ import annotations

from fnr.config.settings import FunctionSettings
from fnr.daemon.parts import Parts
from fnr.policy.budget import BudgetPolicy, affords, cost_ms, deposit
from fnr.store import retry_budgets
from fnr.store.transaction import Transaction

WOKEN_MAX = 100


class RetryBudgets:
    """Reads and writes balances inside the unit that settles; the store alone is believed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Functions whose budget was full, and what full meant then: nothing can be deposited.
        self._full: dict[str, int] = {}
        # Function -> what its successes have earned beyond whole milliseconds.
        self._rest_ms: dict[str, float] = {}
        # Functions that may have parked tasks; None until the store was asked.
        self._parked: set[str] | None = None
        parts.store.on_undone(self._forget)

    def balance_ms(self, tx: Transaction, function: str) -> int:
        """What the function may spend now, before a failure of it is judged."""
        self._full.pop(function, None)
        known = retry_budgets.balance_ms(tx, function)
        policy = self._policy(function)
        return policy.initial_ms if known is None else min(known, policy.max_ms)

    def parked(self, function: str) -> None:
        """A task of this function waits for its budget."""
        if self._parked is not None:
            self._parked.add(function)

    def earned(
        self, tx: Transaction, function: str, duration_ms: int, *, expected_ms: int, now_ms: int
    ) -> list[int]:
        """Attempts succeeded: deposit, and wake what can be paid now; when the woken are due."""
        policy = self._policy(function)
        if self._full.get(function) == policy.max_ms:
            return []
        known = retry_budgets.balance_ms(tx, function)
        before_ms = policy.initial_ms if known is None else known
        balance_ms, self._rest_ms[function] = deposit(
            before_ms, duration_ms, policy, rest_ms=self._rest_ms.get(function, 0.0)
        )
        due = []
        if self._has_parked(tx, function):
            due = self._wake(tx, function, balance_ms, expected_ms=expected_ms, now_ms=now_ms)
            balance_ms -= len(due) * cost_ms(expected_ms, policy)
        if balance_ms != before_ms:
            retry_budgets.put(tx, function, balance_ms, now_ms=now_ms)
        elif balance_ms == policy.max_ms:
            self._full[function] = balance_ms
        return due

    def _wake(
        self, tx: Transaction, function: str, balance_ms: int, *, expected_ms: int, now_ms: int
    ) -> list[int]:
        policy = self._policy(function)
        if not affords(balance_ms, expected_ms, policy):
            return []
        count_max = min(balance_ms // cost_ms(expected_ms, policy), WOKEN_MAX)
        due = retry_budgets.wake(tx, function, count_max=count_max, now_ms=now_ms)
        if not due and self._parked is not None:
            self._parked.discard(function)
        return due

    def _has_parked(self, tx: Transaction, function: str) -> bool:
        if self._parked is None:
            self._parked = retry_budgets.parked_functions(tx)
        return function in self._parked

    def _forget(self) -> None:
        """A unit was rolled back, and what was seen in it may not be so."""
        self._full.clear()
        self._parked = None

    def _policy(self, function: str) -> BudgetPolicy:
        settings: FunctionSettings | None = self._parts.last_known(function)
        return settings.retry.budget if settings is not None else BudgetPolicy()
