"""Plans of replays: made, moved, counted and forgotten; their entries are in replay_entries.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.dead_letter import LetterState
from fnr.policy.record import PAGE_ITEMS_MAX, Page
from fnr.policy.replay import EntryState, ReplayOptions, ReplayPlan, ReplayState
from fnr.store import replay_moves
from fnr.store.cursor import id_after
from fnr.store.ids import ID_CHARS, IDS_SHOWN, AmbiguousId, NoSuchId
from fnr.store.rows import json_text
from fnr.store.transaction import Row, Transaction

_COLUMNS = """
    seq, plan_id, state, state_at_ms, created_at_ms, created_by, state_by, why, chosen, by_ids,
    options, total, held, live, done, dead, cancelled, skipped, frozen_at_ms, running_at_ms,
    judged_done, judged_dead, put_back_at_ms
"""
# Where a plan counts its entries; what is pending is the rest of its total.
COUNTED = {
    EntryState.HELD: "held",
    EntryState.READY: "held",
    EntryState.LIVE: "live",
    EntryState.DONE: "done",
    EntryState.DEAD: "dead",
    EntryState.CANCELLED: "cancelled",
    EntryState.SKIPPED: "skipped",
}
_REMOVE = """
    DELETE FROM {table}
     WHERE plan = ? AND (plan, rank, task_id) IN (
           SELECT plan, rank, task_id FROM {table} WHERE plan = ? LIMIT ?)
    """
_states = {str(state): state for state in ReplayState}
_options = msgspec.json.Decoder(ReplayOptions)

Move = Callable[[ReplayPlan], ReplayPlan | str]


class _Asked(Struct, frozen=True):
    """What stands beside the options, in the same column: why the plan was made, and until when."""

    reason: str = ""
    until_ms: int | None = None


_asked = msgspec.json.Decoder(_Asked)


class StoredPlan(Struct, frozen=True, kw_only=True):
    """A plan under its number. put_back_at_ms: when a letter of it was put back last."""

    seq: int
    plan: ReplayPlan
    put_back_at_ms: int | None = None


def add(tx: Transaction, plan: ReplayPlan) -> int:
    """Store a new plan; its number."""
    [(seq,)] = tx.all(
        """
        INSERT INTO replay_plan
            (plan_id, state, state_at_ms, created_at_ms, created_by, state_by, why, chosen, by_ids,
             options)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        RETURNING seq
        """,
        (
            plan.plan_id, plan.state, plan.state_at_ms, plan.created_at_ms, plan.created_by,
            plan.state_by, plan.why, plan.where, plan.by_ids, _asked_text(plan),
        ),
    )  # fmt: skip
    number: int = seq
    replay_moves.note(tx, number, plan)
    return number


def reach(tx: Transaction, plan: ReplayPlan) -> ReplayPlan:
    """The plan with every letter that there is now in its reach.

    Some died later than it is: before the clock was set back, or on another host.
    """
    found = [
        tx.one("SELECT max(died_at_ms) FROM dead_letter WHERE state = ?", (state,))
        for state in LetterState
    ]
    newest_ms = max((row[0] for row in found if row and row[0] is not None), default=0)
    return replace(plan, until_ms=newest_ms) if newest_ms > plan.created_at_ms else plan


def get(tx: Transaction, seq: int) -> StoredPlan | None:
    """The plan of this number."""
    row = tx.one(f"SELECT {_COLUMNS} FROM replay_plan WHERE seq = ?", (seq,))
    return _stored(row) if row else None


def find(tx: Transaction, prefix: str) -> StoredPlan:
    """The one plan whose id begins so. Raises NoSuchId, AmbiguousId."""
    start = prefix.upper()
    if not start.isalnum() or not start.isascii() or len(start) > ID_CHARS:
        raise NoSuchId(prefix, "replay")
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM replay_plan WHERE plan_id >= ? AND plan_id < ?
         ORDER BY plan_id LIMIT ?
        """,
        (start, start + "~", IDS_SHOWN),
    )
    if not rows:
        raise NoSuchId(prefix, "replay")
    if len(rows) > 1:
        raise AmbiguousId(prefix, [row[1] for row in rows], "replay")
    return _stored(rows[0])


def page(tx: Transaction, *, active: bool, after: str | None, limit: int) -> Page[ReplayPlan]:
    """Plans, newest first."""
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    only = "AND state NOT IN ('done', 'cancelled')" if active else ""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM replay_plan
         WHERE plan_id < ? {only}
         ORDER BY plan_id DESC LIMIT ?
        """,
        ("~" if after is None else id_after(after), limit + 1),
    )
    plans = [_stored(row).plan for row in rows[:limit]]
    return Page(items=plans, next=plans[-1].plan_id if len(rows) > limit else None)


def moving(tx: Transaction) -> list[StoredPlan]:
    """Plans that go on by themselves, the oldest first."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM replay_plan
         WHERE state NOT IN ('done', 'cancelled') AND state IN ('planning', 'canary', 'running')
         ORDER BY plan_id
        """
    )
    return [_stored(row) for row in rows]


def waiting(tx: Transaction, *, before: int) -> list[StoredPlan]:
    """Plans of a smaller number that have not ended, the oldest first."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM replay_plan
         WHERE state NOT IN ('done', 'cancelled') AND seq < ? ORDER BY seq
        """,
        (before,),
    )
    return [_stored(row) for row in rows]


def paused(tx: Transaction) -> list[StoredPlan]:
    """Plans that wait for somebody, or for a breaker; the oldest first."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM replay_plan
         WHERE state NOT IN ('done', 'cancelled') AND state = 'paused' ORDER BY plan_id
        """
    )
    return [_stored(row) for row in rows]


def move(tx: Transaction, seq: int, change: Move) -> tuple[ReplayPlan, str | None]:
    """Make a move; the plan as it is now, and why nothing was moved."""
    stored = get(tx, seq)
    assert stored is not None, seq
    after = change(stored.plan)
    if isinstance(after, str):
        return stored.plan, after
    save(tx, seq, after)
    return after, None


def save(tx: Transaction, seq: int, plan: ReplayPlan) -> None:
    """Store what a move changes; the counts are kept by whoever moves entries."""
    tx.run(
        """
        UPDATE replay_plan
           SET state = ?, state_at_ms = ?, state_by = ?, why = ?, options = ?, frozen_at_ms = ?,
               running_at_ms = ?, judged_done = ?, judged_dead = ?
         WHERE seq = ?
        """,
        (
            plan.state, plan.state_at_ms, plan.state_by, plan.why, _asked_text(plan),
            plan.frozen_at_ms, plan.running_at_ms, plan.judged_done, plan.judged_dead, seq,
        ),
    )  # fmt: skip
    replay_moves.note(tx, seq, plan)


def has_put_back(tx: Transaction, seq: int, *, now_ms: int) -> None:
    """A letter of the plan was put back now."""
    tx.run("UPDATE replay_plan SET put_back_at_ms = ? WHERE seq = ?", (now_ms, seq))


def forget(tx: Transaction, *, ended_before_ms: int, count_max: int) -> int:
    """Remove up to count_max rows of the oldest plan that ended before then, its own the last; how
    many were."""
    row = tx.one(
        """
        SELECT seq FROM replay_plan
         WHERE state IN ('done', 'cancelled') AND state_at_ms < ?
         ORDER BY seq LIMIT 1
        """,
        (ended_before_ms,),
    )
    if row is None:
        return 0
    removed = remove_entries(tx, row[0], count_max=count_max)
    if removed < count_max:
        removed += tx.run("DELETE FROM replay_plan WHERE seq = ?", (row[0],))
    return removed


def remove_entries(tx: Transaction, seq: int, *, count_max: int) -> int:
    """Remove up to count_max entries of a plan, which counts them no more; how many were."""
    removed = tx.run(_REMOVE.format(table="replay_pending"), (seq, seq, count_max))
    states = tx.all(
        f"{_REMOVE.format(table='replay_entry')} RETURNING state", (seq, seq, count_max - removed)
    )
    removed += len(states)
    fewer = Counter(COUNTED[EntryState(state)] for (state,) in states)
    columns = sorted(fewer)
    tx.run(
        f"""
        UPDATE replay_plan SET {"".join(f"{name} = {name} - ?, " for name in columns)}
               total = total - ? WHERE seq = ?
        """,
        (*(fewer[name] for name in columns), removed, seq),
    )
    return removed


def _asked_text(plan: ReplayPlan) -> str:
    beside = {"reason": plan.reason or None, "until_ms": plan.until_ms}
    told = {name: value for name, value in beside.items() if value is not None}
    return json_text({**msgspec.to_builtins(plan.options), **told})


def _stored(row: Row) -> StoredPlan:
    total, moved_on = row[11], sum(row[12:18])
    asked = _asked.decode(row[10])
    plan = ReplayPlan(
        plan_id=row[1],
        state=_states[row[2]],
        state_at_ms=row[3],
        created_at_ms=row[4],
        created_by=row[5],
        reason=asked.reason,
        until_ms=asked.until_ms,
        state_by=row[6],
        why=row[7],
        where=row[8],
        by_ids=bool(row[9]),
        options=_options.decode(row[10]),
        total=total,
        pending=total - moved_on,
        held=row[12],
        live=row[13],
        done=row[14],
        dead=row[15],
        cancelled=row[16],
        skipped=row[17],
        frozen_at_ms=row[18],
        running_at_ms=row[19],
        judged_done=row[20],
        judged_dead=row[21],
    )
    return StoredPlan(seq=row[0], plan=plan, put_back_at_ms=row[22])
