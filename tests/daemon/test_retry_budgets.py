"""What a daemon remembers of retry budgets is what is in the store, also when a unit is undone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.daemon.retry_budgets import RetryBudgets
from fnr.store import retry_budgets as rows


def test_parked_tasks_are_woken_though_those_who_woke_them_first_were_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Method: two successes share a commit, the first wakes all, and the disk refuses both."""
    hooks: list[Callable[[], None]] = []
    store = SimpleNamespace(on_undone=hooks.append)
    parts: Any = SimpleNamespace(store=store, last_known=lambda _: None)
    tx: Any = None
    due = [[7], [], [7]]
    monkeypatch.setattr(rows, "balance_ms", lambda *_: 60_000)
    monkeypatch.setattr(rows, "put", lambda *_, **__: None)
    monkeypatch.setattr(rows, "parked_functions", lambda _: {"render"})
    monkeypatch.setattr(rows, "wake", lambda *_, **__: due.pop(0))

    budgets = RetryBudgets(parts)

    def succeed() -> list[int]:
        return budgets.earned(tx, "render", 100, expected_ms=100, now_ms=0)

    assert [succeed(), succeed()] == [[7], []]
    for hook in hooks:
        hook()
    assert succeed() == [7]
