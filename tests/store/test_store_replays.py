"""Replays in the store: the frozen set, turns, ends in the transaction of their tasks, reasons."""

from __future__ import annotations

import pytest
from replay_values import (
    LATER_MS,
    MADE_MS,
    die_again,
    entries,
    freeze,
    held_replay,
    new_plan,
    plan_of,
    states,
    succeed,
    turn,
)
from store_values import (
    IDS,
    NOW_MS,
    Book,
    accept,
    bury,
    is_whole,
    letter_of,
    new_task,
    replay,
)

from fnr.policy.dead_letter import SHARED_KEY, LetterState
from fnr.policy.evidence import Evidence
from fnr.policy.replay import (
    EntryState,
    ReplayOptions,
    ReplayOrder,
    ReplayPlan,
    ReplayState,
    moved,
)
from fnr.store import letters, replay_entries, replay_plans, tasks
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.letters import NO_LETTER
from fnr.store.replay_moves import MOVES_MAX
from fnr.store.replay_planning import add_letters, forget_some
from fnr.store.replay_preview import preview
from fnr.store.transaction import Transaction

# ── the set ──────────────────────────────────────────────────────────────────


def test_a_filter_freezes_what_it_means_and_no_letter_twice(book: Book) -> None:
    tx = book.tx
    wanted = [bury(tx, function=f"f{n % 3}") for n in range(7)]
    bury(tx, function="other")
    book.commit()
    seq = new_plan(tx, where="function:f*", rows_max=2)
    assert sorted(entries(tx, seq)) == sorted(wanted)
    assert plan_of(tx, seq).total == 7
    # A daemon that died in the middle begins afresh.
    assert freeze(tx, seq, "function:f*", ReplayOptions(), rows_max=3) > 3
    assert plan_of(tx, seq).total == 7
    assert is_whole(tx)


def test_a_set_that_was_not_whole_is_taken_back_in_steps(tx: Transaction) -> None:
    ids = [bury(tx) for _ in range(5)]
    seq, other = new_plan(tx, *ids), new_plan(tx, *ids)
    taken_back = [forget_some(tx, seq, rows_max=2) for _ in range(4)]
    assert taken_back == [2, 2, 1, 0]
    assert (plan_of(tx, seq).total, plan_of(tx, other).total) == (0, 5)
    assert len(entries(tx, other)) == 5


def test_a_pattern_that_only_python_can_decide_freezes_the_same(book: Book) -> None:
    tx = book.tx
    wanted = [bury(tx, evidence=Evidence(message=f"disk {n} is full")) for n in range(5)]
    bury(tx, evidence=Evidence(message="something else"))
    book.commit()
    seq = new_plan(tx, where=r'message~"^disk [0-9]+ is"', rows_max=2)
    assert sorted(entries(tx, seq)) == sorted(wanted)


def test_an_incident_is_a_filter(book: Book) -> None:
    tx = book.tx
    wanted = [bury(tx, evidence=Evidence(message="disk is full")) for _ in range(3)]
    bury(tx, function="f", evidence=Evidence(message="no such thing"))
    book.commit()
    [(incident,)] = tx.all("SELECT incident_id FROM error WHERE task_id = ?", (wanted[0],))
    seq = new_plan(tx, where=f"incident:{incident}")
    assert sorted(entries(tx, seq)) == sorted(wanted)


def test_what_died_later_or_is_not_open_is_not_in_the_set(book: Book) -> None:
    tx = book.tx
    wanted, resolved, late = bury(tx), bury(tx), bury(tx)
    letters.resolve(tx, [resolved], reason="x", by="ann", now_ms=NOW_MS)
    tx.run("UPDATE dead_letter SET died_at_ms = ? WHERE task_id = ?", (MADE_MS + 1, late))
    book.commit()
    assert list(entries(tx, new_plan(tx))) == [wanted]


@pytest.mark.parametrize(
    ("order", "expected"), [("oldest", [0, 1, 2]), ("newest", [2, 1, 0]), ("priority", [1, 0, 2])]
)
def test_entries_stand_in_the_order_asked_for(book: Book, order: str, expected: list[int]) -> None:
    tx = book.tx
    ids = [bury(tx, priority=priority) for priority in (5, 9, 5)]
    for number, task_id in enumerate(ids):
        tx.run(
            "UPDATE dead_letter SET died_at_ms = ? WHERE task_id = ?", (NOW_MS + number, task_id)
        )
    book.commit()
    by_filter, by_ids = new_plan(tx, order=order), new_plan(tx, *ids, order=order)
    assert list(entries(tx, by_filter)) == [ids[number] for number in expected]
    assert list(entries(tx, by_ids)) == [ids[number] for number in expected]


def test_a_task_without_a_letter_is_skipped_from_the_start(tx: Transaction) -> None:
    letter = bury(tx)
    [live] = accept(tx, new_task())
    for order in ReplayOrder:
        seq = new_plan(tx, letter, live, live, order=order)
        assert list(entries(tx, seq).items()) == [
            (live, (EntryState.SKIPPED, NO_LETTER)),
            (letter, (EntryState.PENDING, "")),
        ]
        assert (plan_of(tx, seq).total, plan_of(tx, seq).skipped) == (2, 1)


# ── turns ────────────────────────────────────────────────────────────────────


def test_a_turn_puts_back_so_many_and_the_next_goes_on_behind_them(book: Book) -> None:
    tx = book.tx
    ids = [bury(tx) for _ in range(5)]
    seq = new_plan(tx, *ids)
    assert list(turn(tx, seq, free=2).started) == ids[:2]
    assert list(turn(tx, seq, free=2).started) == ids[2:4]
    plan = plan_of(tx, seq)
    assert (plan.pending, plan.live, plan.left, plan.put_back) == (1, 4, 1, 4)
    assert letter_of(tx, ids[0]).state is LetterState.REPLAYING
    assert turn(tx, seq).looked_at == 1
    assert turn(tx, seq).looked_at == 0
    book.commit()
    assert is_whole(tx)


def test_ends_are_noted_with_the_tasks_end(book: Book) -> None:
    tx = book.tx
    ids = [bury(tx) for _ in range(3)]
    seq = new_plan(tx, *ids)
    turn(tx, seq)
    assert [succeed(tx), die_again(tx)] == ids[:2]
    tasks.ask_cancel(tx, ids[2], reason="no", by="ann", now_ms=LATER_MS)
    found = entries(tx, seq)
    assert found[ids[0]] == (EntryState.DONE, "")
    assert found[ids[1]][0] is EntryState.DEAD
    assert found[ids[1]][1] == letter_of(tx, ids[1]).reason
    assert found[ids[2]] == (EntryState.CANCELLED, "no")
    plan = plan_of(tx, seq)
    assert (plan.live, plan.done, plan.dead, plan.cancelled) == (0, 1, 1, 1)
    book.commit()
    assert is_whole(tx)


def test_the_ledger_says_which_plan_put_a_letter_back_and_why(tx: Transaction) -> None:
    """The plan is forgotten before the letter, which may stay for years."""
    task_id = bury(tx)
    seq = new_plan(tx, task_id, reason="the disk is new")
    turn(tx, seq)
    [(why,)] = tx.all("SELECT why FROM ledger WHERE task_id = ? AND action = 'replay'", (task_id,))
    assert f"replay {plan_of(tx, seq).plan_id}: the disk is new; it was " in why


def _edited(tx: Transaction, task_id: str) -> None:
    letters.edit_input(tx, task_id, b'{"frame":2}', by="bob", now_ms=MADE_MS + 1)


def _died_again(tx: Transaction, task_id: str) -> None:
    replay(tx, task_id, now_ms=LATER_MS)
    assert die_again(tx) == task_id


def _came_home(tx: Transaction, task_id: str) -> None:
    replay(tx, task_id, now_ms=LATER_MS)
    assert succeed(tx) == task_id


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (_edited, "its input was edited meanwhile by bob"),
        (lambda tx, i: letters.resolve(tx, [i], reason="x", by="b", now_ms=1), "resolved: x"),
        (lambda tx, i: letters.purge(tx, [i], open_too=True), "purged meanwhile"),
        (replay, "already replaying: by hand, or by another plan"),
        (_died_again, "replayed meanwhile, and it died again"),
        (_came_home, "replayed meanwhile, and it is done"),
    ],
)
def test_whatever_happens_to_a_letter_meanwhile_it_is_skipped_and_says_why(
    tx: Transaction, meanwhile: object, why: str
) -> None:
    task_id = bury(tx)
    seq = new_plan(tx, task_id)
    assert callable(meanwhile)
    meanwhile(tx, task_id)
    assert turn(tx, seq).started == {}
    state, reason = entries(tx, seq)[task_id]
    assert state is EntryState.SKIPPED
    assert why in reason


@pytest.mark.parametrize("order", ReplayOrder)
def test_of_two_plans_with_one_letter_the_older_puts_it_back(
    tx: Transaction, order: ReplayOrder
) -> None:
    task_id = bury(tx, priority=3)
    older, newer = new_plan(tx, task_id, order=order), new_plan(tx, task_id)
    assert turn(tx, newer).started == {}
    why = f"it waits in replay {plan_of(tx, older).plan_id}, which was made earlier"
    assert entries(tx, newer)[task_id] == (EntryState.SKIPPED, why)
    assert list(turn(tx, older).started) == [task_id]


def test_an_input_edited_before_the_plan_is_put_back_as_it_is(tx: Transaction) -> None:
    task_id = bury(tx)
    letters.edit_input(tx, task_id, b"{}", by="bob", now_ms=MADE_MS - 1)
    assert list(turn(tx, new_plan(tx, task_id)).started) == [task_id]


def test_functions_inputs_and_unique_keys_are_looked_at_when_the_turn_comes(
    tx: Transaction,
) -> None:
    gone, unfit, held = (
        bury(tx, function="gone"), bury(tx, function="unfit"), bury(tx, unique_key="k"),
    )  # fmt: skip
    accept(tx, new_task(unique_key="k"))
    seq = new_plan(tx, gone, unfit, held)
    turn(
        tx,
        seq,
        function_known=lambda name: name != "gone",
        input_problem=lambda name, _: "frame is missing" if name == "unfit" else None,
    )
    found = entries(tx, seq)
    assert {state for state, _ in found.values()} == {EntryState.SKIPPED}
    assert "not in fnr.toml" in found[gone][1]
    assert found[unfit][1] == "frame is missing"
    assert "unique key k" in found[held][1]


def test_a_stopped_function_stops_the_turn_before_anything_moved(tx: Transaction) -> None:
    seq = new_plan(tx, bury(tx), bury(tx))
    turned = turn(tx, seq, function_stopped=lambda name: f"breaker of {name} is open")
    assert (turned.stopped, turned.started) == ("breaker of render is open", {})
    assert states(tx, seq) == ["pending", "pending"]


def test_two_letters_with_one_unique_key_are_not_both_put_back(tx: Transaction) -> None:
    first, second = bury(tx, unique_key="k"), bury(tx, unique_key="k")
    seq = new_plan(tx, first, second)
    turn(tx, seq, free=1)
    assert succeed(tx) == first
    assert list(turn(tx, seq).started) == [second]


# ── order by key ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("tag.scene", {"tags": {"scene": "a"}}),
        ("input.frame", {}),
    ],
)
def test_letters_with_one_key_go_one_after_another(
    book: Book, key: str, fields: dict[str, object]
) -> None:
    tx = book.tx
    ids = [bury(tx, **fields) for _ in range(3)]
    free_of_it = bury(tx, function="other", tags={"x": "y"}) if "tags" in fields else None
    seq = new_plan(tx, *ids, *([free_of_it] if free_of_it else []), keep_order_by=key)
    assert set(turn(tx, seq).started) == {ids[0]} | ({free_of_it} if free_of_it else set())
    assert states(tx, seq)[:3] == ["live", "held", "held"]
    assert turn(tx, seq).looked_at == 0
    assert die_again(tx) == ids[0]
    assert states(tx, seq)[:3] == ["dead", "ready", "held"]
    assert list(turn(tx, seq).started) == [ids[1]]
    assert succeed(tx) == ids[1]
    assert list(turn(tx, seq).started) == [ids[2]]
    book.commit()
    assert is_whole(tx)


def test_a_skipped_letter_lets_the_next_of_its_key_go(tx: Transaction) -> None:
    ids = [bury(tx, tags={"scene": "a"}) for _ in range(3)]
    seq = new_plan(tx, *ids, keep_order_by="tag.scene")
    turn(tx, seq)
    letters.resolve(tx, [ids[1]], reason="x", by="ann", now_ms=LATER_MS)
    succeed(tx)
    assert turn(tx, seq).started == {}
    assert list(turn(tx, seq).started) == [ids[2]]
    assert states(tx, seq) == ["done", "skipped", "live"]


@pytest.mark.parametrize("order", list(ReplayOrder))
@pytest.mark.parametrize("free", [1, 10])
def test_a_letter_that_dies_again_while_it_is_chosen_stands_in_the_plan_once(
    book: Book, order: ReplayOrder, free: int
) -> None:
    """Within its reach, too, where some died before the clock was set back; no turn was taken any
    more, because each wrote the same letter down twice."""
    tx = book.tx
    task_id, other = bury(tx), bury(tx)
    book.commit()
    seq = new_plan(tx, task_id, order=order)
    replay(tx, task_id)
    assert die_again(tx) == task_id
    add_letters(tx, seq, ReplayOptions(order=order), [task_id, other], now_ms=MADE_MS)
    for _ in range(4):
        turn(tx, seq, free=free)
    found = entries(tx, seq)
    assert found.keys() == {task_id, other}
    assert found[other][0] is EntryState.LIVE
    assert plan_of(tx, seq).total == 2
    assert plan_of(tx, seq).pending == 0
    book.commit()
    assert is_whole(tx)


# ── looks ────────────────────────────────────────────────────────────────────


def test_a_plan_tells_why_letters_did_not_come_home(tx: Transaction) -> None:
    ids = [bury(tx) for _ in range(4)]
    seq = new_plan(tx, *ids)
    letters.purge(tx, ids[:2], open_too=True)
    turn(tx, seq)
    die_again(tx)
    detail = replay_entries.detail(tx, plan_of(tx, seq).plan_id, reasons=True)
    assert detail.reasons["purged meanwhile"] == 2
    assert detail.examples["purged meanwhile"] == ids[:2]
    assert sum(detail.reasons.values()) == 3
    assert detail.looked_at_all


def test_entries_are_read_page_by_page_and_by_state(tx: Transaction) -> None:
    ids = [bury(tx) for _ in range(5)]
    without_letter = accept(tx, *(new_task() for _ in range(3)))
    seq = new_plan(tx, *ids, *without_letter)
    turn(tx, seq, free=2)
    plan_id = plan_of(tx, seq).plan_id

    def read(state: EntryState | None) -> list[str]:
        found, after = [], None
        while True:
            page = replay_entries.page(tx, plan_id, state=state, after=after, limit=2)
            found += [entry.task_id for entry in page.items]
            if (after := page.next) is None:
                return found

    assert read(None) == without_letter + ids
    assert read(EntryState.SKIPPED) == without_letter
    assert read(EntryState.LIVE) == ids[:2]
    assert read(EntryState.PENDING) == ids[2:]
    assert read(EntryState.DEAD) == []


def test_plans_are_found_by_the_beginning_of_their_id(tx: Transaction) -> None:
    first, second = (plan_of(tx, new_plan(tx, bury(tx))).plan_id for _ in range(2))
    assert replay_plans.find(tx, first.lower()).plan.plan_id == first
    with pytest.raises(AmbiguousId):
        replay_plans.find(tx, first[:5])
    with pytest.raises(NoSuchId):
        replay_plans.find(tx, "0Z")
    page = replay_plans.page(tx, active=True, after=None, limit=1)
    assert [plan.plan_id for plan in page.items] == [second]
    assert replay_plans.page(tx, active=True, after=page.next, limit=1).items[0].plan_id == first


def test_old_plans_are_forgotten_in_steps_and_running_ones_never(book: Book) -> None:
    tx = book.tx
    ended = new_plan(tx, *[bury(tx) for _ in range(4)], *accept(tx, new_task(function="f")))
    turn(tx, ended, free=2)
    succeed(tx)
    going_on = new_plan(tx, bury(tx))
    _move(tx, ended, ReplayState.CANCELLED)
    removed = []
    for _ in range(4):
        removed.append(replay_plans.forget(tx, ended_before_ms=LATER_MS + 1, count_max=3))
        # Whoever ends the daemon here, or checks the store, finds it whole.
        book.commit()
        assert is_whole(tx)
    assert removed == [3, 3, 0, 0]
    assert replay_plans.get(tx, ended) is None
    assert plan_of(tx, going_on).state is ReplayState.RUNNING


def test_every_move_of_a_replay_is_kept_with_its_reason(book: Book) -> None:
    """Of a plan that a breaker moves without end, how it was made and the latest ones."""
    tx = book.tx
    seq = new_plan(tx, bury(tx))
    for number in range(MOVES_MAX):
        for state in (ReplayState.PAUSED, ReplayState.RUNNING):
            _move(tx, seq, state, why=f"{state} {number}")
    kept = replay_entries.detail(tx, plan_of(tx, seq).plan_id, reasons=True).moves
    assert len(kept) == MOVES_MAX + 1
    assert (kept[0].state, kept[0].by) == (ReplayState.PLANNING, "fnr")
    assert [move.why for move in kept[-2:]] == [
        f"{s} {MOVES_MAX - 1}" for s in ("paused", "running")
    ]
    _move(tx, seq, ReplayState.CANCELLED)
    assert replay_plans.forget(tx, ended_before_ms=LATER_MS + 1, count_max=9) == 2
    assert tx.all("SELECT * FROM replay_move ORDER BY 1, 2") == []
    book.commit()
    assert is_whole(tx)


def _move(tx: Transaction, seq: int, state: ReplayState, *, why: str = "") -> ReplayPlan:
    plan, why_not = replay_plans.move(
        tx, seq, lambda plan: moved(plan, state, by="ann", why=why, now_ms=LATER_MS)
    )
    assert why_not is None
    return plan


# ── preview ──────────────────────────────────────────────────────────────────


def test_a_preview_says_who_can_go_and_why_others_cannot(tx: Transaction) -> None:
    good, waits, gone = bury(tx), bury(tx), bury(tx, function="gone")
    first, second = bury(tx, unique_key="k"), bury(tx, unique_key="k")
    plan_id = plan_of(tx, new_plan(tx, waits)).plan_id
    nobody = IDS.new()
    before = tx.all("SELECT * FROM ledger ORDER BY 1, 2")
    found = preview(
        tx,
        [good, waits, gone, second, first, nobody],
        order=ReplayOrder.OLDEST,
        function_known=lambda name: name != "gone",
        input_problem=lambda *_: None,
    )
    assert found.eligible == {good: "render", first: "render"}
    assert found.takers["k"].task_id == first
    assert found.blocked == {
        waits: f"it waits in replay {plan_id}",
        gone: "function gone is not in fnr.toml",
        second: SHARED_KEY,
        nobody: NO_LETTER,
    }
    assert tx.all("SELECT * FROM ledger ORDER BY 1, 2") == before


@pytest.mark.parametrize("order", ReplayOrder)
def test_of_letters_with_one_unique_key_a_preview_names_the_one_that_goes(
    tx: Transaction, order: ReplayOrder
) -> None:
    ids = [bury(tx, unique_key="k", priority=priority) for priority in (4, 8, 2)]
    for number, task_id in enumerate(ids):
        died = (MADE_MS - 9 + number, task_id)
        tx.run("UPDATE dead_letter SET died_at_ms = ? WHERE task_id = ?", died)
    checks = {"function_known": lambda _: True, "input_problem": lambda *_: None}
    found = preview(tx, ids[::-1], order=order, **checks)
    assert found.eligible == turn(tx, new_plan(tx, *ids, order=order)).started


def test_a_held_entry_is_part_of_what_is_left(tx: Transaction) -> None:
    plan = plan_of(tx, held_replay(tx))
    assert (plan.live, plan.held, plan.pending, plan.left) == (1, 1, 1, 2)


def test_of_letters_that_share_a_unique_key_one_goes_and_holds_up_nobody(tx: Transaction) -> None:
    """Also in one turn, and also when another waits behind the one that cannot go."""
    first = bury(tx, unique_key="k", tags={"of": "a"})
    second = bury(tx, unique_key="k", tags={"of": "b"})
    behind = bury(tx, tags={"of": "b"})
    seq = new_plan(tx, first, second, behind, keep_order_by="tag.of")
    assert list(turn(tx, seq).started) == [first]
    why = f"unique key k is held by task {first}"
    assert entries(tx, seq)[second] == (EntryState.SKIPPED, why)
    assert list(turn(tx, seq).started) == [behind]
