"""Entries of replays: put back, ended in the transaction of their task's end, looked at."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter
from fnr.policy.record import PAGE_ITEMS_MAX, Page
from fnr.policy.replay import EntryState, ReplayDetail, ReplayEntry, ranks
from fnr.store import replay_moves
from fnr.store.cursor import number_and_id_after
from fnr.store.replay_plans import COUNTED, StoredPlan, find, waiting
from fnr.store.transaction import Row, Transaction

# Reasons are counted for as many entries as can be read while somebody waits.
REASONS_LOOKED_AT_MAX = 20_000
REASONS_MAX = 50
EXAMPLES_MAX = 5
_STATES = {str(state): state for state in EntryState}


# ── moves ────────────────────────────────────────────────────────────────────


def move(
    tx: Transaction,
    plan: int,
    entry: tuple[int, str],
    *,
    before: EntryState,
    after: EntryState,
    now_ms: int,
    why: str = "",
    key: str | None = None,
) -> None:
    """Move one entry, and the counts of its plan with it. entry: its rank and task."""
    if before is EntryState.PENDING:
        tx.run(
            "DELETE FROM replay_pending WHERE plan = ? AND rank = ? AND task_id = ?", (plan, *entry)
        )
        added = tx.run(
            """
            INSERT INTO replay_entry (plan, rank, task_id, state, at_ms, why, key)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task_id, plan) DO NOTHING
            """,
            (plan, *entry, after, now_ms, why, key),
        )
        if not added:
            # Its letter died again while the set was chosen, and was found twice.
            tx.run("UPDATE replay_plan SET total = total - 1 WHERE seq = ?", (plan,))
            return
    else:
        tx.run(
            """
            UPDATE replay_entry SET state = ?, at_ms = ?, why = ?, key = coalesce(?, key)
             WHERE plan = ? AND rank = ? AND task_id = ?
            """,
            (after, now_ms, why, key, plan, *entry),
        )
    for state, delta in ((before, -1), (after, 1)):
        if (column := COUNTED.get(state)) is not None:
            tx.run(f"UPDATE replay_plan SET {column} = {column} + ? WHERE seq = ?", (delta, plan))


def ended(tx: Transaction, task_id: str, after: EntryState, *, why: str, now_ms: int) -> None:
    """A task that was put back has ended; whatever else belongs to that shares the transaction."""
    row = tx.one(
        "SELECT plan, rank, key FROM replay_entry WHERE task_id = ? AND state = 'live'", (task_id,)
    )
    if row is None:
        return
    plan, rank, key = row
    move(tx, plan, (rank, task_id), before=EntryState.LIVE, after=after, now_ms=now_ms, why=why)
    if key is not None:
        release(tx, plan, key)


def release(tx: Transaction, plan: int, key: str) -> None:
    """The next entry that was held for this key may go."""
    row = tx.one(
        """
        SELECT rank, task_id FROM replay_entry
         WHERE plan = ? AND key = ? AND state = 'held'
         ORDER BY rank, task_id LIMIT 1
        """,
        (plan, key),
    )
    if row is not None:
        tx.run(
            """
            UPDATE replay_entry SET state = 'ready' WHERE plan = ? AND rank = ? AND task_id = ?
            """,
            (plan, *row),
        )


# Before every rank that an entry can have.
START = (-(2**62), "")


# ── looks ────────────────────────────────────────────────────────────────────


def in_state(
    tx: Transaction, plan: int, state: EntryState, *, limit: int
) -> list[tuple[int, str, str | None]]:
    """Rank, task and key of the first entries that are in a state other than pending."""
    return tx.all(
        """
        SELECT rank, task_id, key FROM replay_entry
         WHERE plan = ? AND state = ?
         ORDER BY rank, task_id LIMIT ?
        """,
        (plan, state, limit),
    )


def live(tx: Transaction, plan: int) -> list[tuple[str, str]]:
    """Task and function of every entry that was put back and has not ended."""
    return tx.all(
        """
        SELECT o.task_id, t.function FROM replay_entry o JOIN task t ON t.task_id = o.task_id
         WHERE o.plan = ? AND o.state = 'live'
        """,
        (plan,),
    )


def pending_after(
    tx: Transaction, plan: int, position: tuple[int, str], *, limit: int
) -> list[tuple[int, str]]:
    """Rank and task of the next entries whose turn has not come, behind a position."""
    return tx.all(
        """
        SELECT rank, task_id FROM replay_pending
         WHERE plan = ? AND (rank, task_id) > (?, ?)
         ORDER BY rank, task_id LIMIT ?
        """,
        (plan, *position, limit),
    )


def stands_in(tx: Transaction, plan: int, task_id: str) -> bool:
    """Has this letter had its turn in the plan?"""
    row = tx.one("SELECT 1 FROM replay_entry WHERE task_id = ? AND plan = ?", (task_id, plan))
    return row is not None


def is_busy(tx: Transaction, plan: int, key: str) -> bool:
    """Does an entry with this key stand before those that are pending?"""
    row = tx.one(
        """
        SELECT 1 FROM replay_entry
         WHERE plan = ? AND key = ? AND state IN ('held', 'ready', 'live') LIMIT 1
        """,
        (plan, key),
    )
    return row is not None


def page(
    tx: Transaction, plan_id: str, *, state: EntryState | None, after: str | None, limit: int
) -> Page[ReplayEntry]:
    """Entries of a plan in their order. Raises NoSuchId, AmbiguousId."""
    stored = find(tx, plan_id)
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    position = START if after is None else number_and_id_after(after, separator=".")
    rows: list[Row] = []
    if state is not EntryState.PENDING:
        only = "" if state is None else f"AND state = '{state}'"
        rows = tx.all(
            f"""
            SELECT rank, task_id, state, why, key, at_ms FROM replay_entry
             WHERE plan = ? AND (rank, task_id) > (?, ?) {only}
             ORDER BY rank, task_id LIMIT ?
            """,
            (stored.seq, *position, limit + 1),
        )
    # Whoever is pending stands behind all whose turn has come.
    if state in {None, EntryState.PENDING} and len(rows) <= limit:
        rest = pending_after(tx, stored.seq, position, limit=limit + 1 - len(rows))
        rows += [(*entry, EntryState.PENDING, "", None, None) for entry in rest]
    cursor = f"{rows[limit - 1][0]}.{rows[limit - 1][1]}" if len(rows) > limit else None
    return Page(items=[_entry(row) for row in rows[:limit]], next=cursor)


def detail(tx: Transaction, plan_id: str, *, reasons: bool) -> ReplayDetail:
    """A plan, and why entries were skipped or died again. Raises NoSuchId, AmbiguousId."""
    stored = find(tx, plan_id)
    if not reasons:
        return ReplayDetail(plan=stored.plan)
    return replace(_with_reasons(tx, stored), moves=replay_moves.moves(tx, stored.seq))


def _with_reasons(tx: Transaction, stored: StoredPlan) -> ReplayDetail:
    reasons: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    looked_at = 0
    for state in (EntryState.SKIPPED, EntryState.DEAD):
        rows = tx.all(
            """
            SELECT why, task_id FROM replay_entry
             WHERE plan = ? AND state = ?
             ORDER BY rank, task_id LIMIT ?
            """,
            (stored.seq, state, REASONS_LOOKED_AT_MAX - looked_at),
        )
        looked_at += len(rows)
        for why, task_id in rows:
            reason = why if state is EntryState.SKIPPED else f"died again: {why}"
            if reason not in reasons and len(reasons) >= REASONS_MAX:
                reason = "other reasons"
            reasons[reason] = reasons.get(reason, 0) + 1
            if len(some := examples.setdefault(reason, [])) < EXAMPLES_MAX:
                some.append(task_id)
    return ReplayDetail(
        plan=stored.plan,
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])),
        examples=examples,
        looked_at_all=looked_at == stored.plan.skipped + stored.plan.dead,
    )


def other_plan(tx: Transaction, stored: StoredPlan | None, letter: DeadLetter) -> str | None:
    """The id of an earlier plan that has not ended and in which this letter waits for its turn."""
    before = stored.seq if stored is not None else 2**62
    for earlier in waiting(tx, before=before):
        order = earlier.plan.options.order
        for rank in ranks(order, died_at_ms=letter.died_at_ms):
            row = tx.one(
                """
                SELECT 1 FROM replay_pending WHERE plan = :plan AND rank = :rank AND task_id = :id
                 UNION ALL
                SELECT 1 FROM replay_entry WHERE plan = :plan AND rank = :rank AND task_id = :id
                   AND state IN ('held', 'ready')
                """,
                {"plan": earlier.seq, "rank": rank, "id": letter.task_id},
            )
            if row is not None:
                return earlier.plan.plan_id
    return None


def _entry(row: Row) -> ReplayEntry:
    return ReplayEntry(task_id=row[1], state=_STATES[row[2]], why=row[3], key=row[4], at_ms=row[5])
