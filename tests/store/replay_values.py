"""Replays that the tests of the store share: made of letters, frozen, turned."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from store_values import IDS, NOW_MS, bury, claim, end, failure

from fnr.policy.replay import (
    EntryState,
    ReplayOptions,
    ReplayPlan,
    ReplayState,
    begun_state,
    moved,
)
from fnr.policy.verdict import conclude
from fnr.store import replay_entries, replay_plans
from fnr.store.replay_planning import Place, add_letters, keep, look, search_for
from fnr.store.replay_turn import Turned, put_back
from fnr.store.transaction import Transaction

MADE_MS = NOW_MS + 1_000
LATER_MS = NOW_MS + 2_000


def new_plan(
    tx: Transaction,
    *ids: str,
    where: str = "",
    reason: str = "",
    rows_max: int = 2,
    **limits: Any,
) -> int:
    """A plan of these letters, or of those that a filter means, begun; its number."""
    options = ReplayOptions(**limits)
    plan = ReplayPlan(
        plan_id=IDS.new(),
        state=ReplayState.PLANNING,
        state_at_ms=MADE_MS,
        created_at_ms=MADE_MS,
        created_by="ann",
        reason=reason,
        where=where,
        by_ids=bool(ids),
        options=options,
    )
    seq = replay_plans.add(tx, plan)
    if ids:
        add_letters(tx, seq, options, ids, now_ms=MADE_MS)
    else:
        freeze(tx, seq, where, options, rows_max=rows_max)
    plan = replace(plan_of(tx, seq), frozen_at_ms=MADE_MS)
    after = moved(plan, begun_state(plan), by="fnr", why="frozen", now_ms=MADE_MS)
    assert not isinstance(after, str)
    replay_plans.save(tx, seq, after)
    return seq


def freeze(
    tx: Transaction, seq: int, where: str, options: ReplayOptions, *, rows_max: int = 2
) -> int:
    """Choose by a filter, in steps of so many rows; how many steps it took."""
    search = search_for(tx, where, now_ms=MADE_MS)
    place: Place | None = Place()
    steps = 0
    while place is not None:
        found = look(tx, options, search, place, rows_max=rows_max)
        keep(tx, seq, found.entries)
        place = found.next
        steps += 1
    return steps


def plan_of(tx: Transaction, seq: int) -> ReplayPlan:
    """The plan as it is stored."""
    stored = replay_plans.get(tx, seq)
    assert stored is not None
    return stored.plan


def turn(tx: Transaction, seq: int, *, free: int = 10, **checks: Any) -> Turned:
    """One turn of a plan."""
    stored = replay_plans.get(tx, seq)
    assert stored is not None
    return put_back(
        tx,
        stored,
        free=free,
        now_ms=LATER_MS,
        function_known=checks.get("function_known", lambda _: True),
        input_problem=checks.get("input_problem", lambda *_: None),
        function_stopped=checks.get("function_stopped", lambda _: None),
    )


def entries(tx: Transaction, seq: int) -> dict[str, tuple[EntryState, str]]:
    """Task → state and reason, in the plan's order."""
    page = replay_entries.page(tx, plan_of(tx, seq).plan_id, state=None, after=None, limit=1_000)
    return {entry.task_id: (entry.state, entry.why) for entry in page.items}


def states(tx: Transaction, seq: int) -> list[str]:
    """The states of a plan's entries in its order."""
    return [state.value for state, _ in entries(tx, seq).values()]


def succeed(tx: Transaction) -> str:
    """The next task of render runs and is done; its id."""
    claimed = claim(tx, now_ms=LATER_MS)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=LATER_MS + 5))
    return claimed.task.task_id


def die_again(tx: Transaction) -> str:
    """The next task of render runs and dies; its id."""
    claimed = claim(tx, now_ms=LATER_MS)
    end(tx, failure(claimed, now_ms=LATER_MS + 5))
    return claimed.task.task_id


def held_replay(tx: Transaction) -> int:
    """A plan with a live entry and one that is held for it."""
    ids = [bury(tx, function="keyed", tags={"scene": "a"}) for _ in range(3)]
    seq = new_plan(tx, *ids, keep_order_by="tag.scene")
    assert len(turn(tx, seq, free=2).started) == 1
    return seq
