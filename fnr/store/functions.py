"""What the store knows of functions: their counts, which are paused, how they were declared."""

from __future__ import annotations

from collections.abc import Sequence

from fnr.policy.record import FunctionRecord
from fnr.store import retry_budgets, tally
from fnr.store.tally import counts
from fnr.store.transaction import Transaction


def pause(
    tx: Transaction, names: Sequence[str], *, by: str, now_ms: int, retell: bool = False
) -> list[str]:
    """Start no more attempts of these functions; the ones that were not paused before.

    retell: `by` is said of the ones that were paused already too; since when stays.
    """
    before = paused(tx)
    tx.many(
        """
        INSERT INTO function (function, paused, paused_by, paused_at_ms) VALUES (?, 1, ?, ?)
        ON CONFLICT (function) DO UPDATE
           SET paused_at_ms = iif(paused, paused_at_ms, excluded.paused_at_ms),
               paused = 1, paused_by = excluded.paused_by
         WHERE function.paused = 0 OR ?
        """,
        [(name, by, now_ms, retell) for name in names],
    )
    return [name for name in dict.fromkeys(names) if name not in before]


def resume(tx: Transaction, names: Sequence[str]) -> list[str]:
    """Start attempts again; the functions that were paused."""
    before = paused(tx)
    tx.many("DELETE FROM function WHERE function = ? AND paused = 1", [(name,) for name in names])
    return [name for name in dict.fromkeys(names) if name in before]


def paused(tx: Transaction) -> dict[str, str]:
    """Every paused function, and who paused it."""
    return dict(tx.all("SELECT function, paused_by FROM function WHERE paused = 1"))


def worked(tx: Transaction) -> list[str]:
    """Every function that has had a task, or has a worker that has not been seen to end."""
    rows = tx.all("SELECT DISTINCT function FROM worker WHERE ended_at_ms IS NULL")
    return sorted({*tally.functions(tx), *(name for (name,) in rows)})


def declared(tx: Transaction) -> str:
    """What functions are, and were, declared as, as the last daemon kept it: a JSON object."""
    row = tx.one("SELECT value FROM meta WHERE key = 'functions'")
    return str(row[0]) if row else "{}"


def keep_declared(tx: Transaction, text: str) -> None:
    """Keep it for the next daemon."""
    tx.run(
        """
        INSERT INTO meta (key, value) VALUES ('functions', ?)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value
        """,
        (text,),
    )


def records(tx: Transaction) -> list[FunctionRecord]:
    """Every function that has tasks or is paused."""
    rows = tx.all("SELECT function, paused, paused_by, paused_at_ms FROM function")
    pauses = {row[0]: row for row in rows}
    by_state, budgets = counts(tx), retry_budgets.balances(tx)
    found = []
    for name in sorted({*by_state, *pauses}):
        _, is_paused, by, at_ms = pauses.get(name, (name, 0, "", None))
        found.append(
            FunctionRecord(
                function=name,
                counts=by_state.get(name, {}),
                paused=bool(is_paused),
                paused_by=by,
                paused_at_ms=at_ms,
                retry_budget_ms=budgets.get(name),
            )
        )
    return found
