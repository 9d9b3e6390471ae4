"""A plan under any order of turns, ends, skips, pauses, stops and resumes keeps its promises.

The entries are kept in memory here as the store keeps them; every decision is the policy's.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from fnr.policy.replay import (
    ENDED_REPLAYS,
    LEGAL_REPLAY_MOVES,
    EntryState,
    ReplayOptions,
    ReplayPlan,
    ReplayState,
    begun_state,
    moved,
    resumed,
)
from fnr.policy.replay_turn import Candidate, choose, judge, room

_E = EntryState
COUNTED = {_E.READY: "held"}
ENDS = (_E.DONE, _E.DEAD, _E.CANCELLED)


class Replay(RuleBasedStateMachine):
    """One plan with up to 12 entries."""

    plan: ReplayPlan
    keys: list[str | None]
    problems: list[bool]
    states: list[EntryState]
    put_back: Counter[int]

    @initialize(
        keys=st.lists(st.sampled_from([None, "a", "b"]), max_size=12),
        canary=st.integers(0, 4),
        concurrency=st.sampled_from([None, 1, 2, 5]),
        failures_max=st.sampled_from([None, 1, 3]),
        data=st.data(),
    )
    def begin(
        self,
        keys: list[str | None],
        canary: int,
        concurrency: int | None,
        failures_max: int | None,
        data: st.DataObject,
    ) -> None:
        self.keys = keys
        self.problems = [data.draw(st.booleans()) and data.draw(st.booleans()) for _ in keys]
        self.states = [_E.PENDING] * len(keys)
        self.put_back = Counter()
        plan = ReplayPlan(
            plan_id="01JP0000000000000000000001",
            state=ReplayState.PLANNING,
            state_at_ms=0,
            created_at_ms=0,
            created_by="ann",
            total=len(keys),
            pending=len(keys),
            options=ReplayOptions(
                canary=canary, concurrency=concurrency, failures_max=failures_max
            ),
        )
        self.plan = plan
        self.move(replace(plan, frozen_at_ms=1), begun_state(plan))

    def move(self, plan: ReplayPlan, state: ReplayState) -> None:
        assert (plan.state, state) in LEGAL_REPLAY_MOVES
        after = moved(plan, state, by="fnr", why="", now_ms=1)
        assert isinstance(after, ReplayPlan)
        self.plan = after

    def enter(self, number: int, state: EntryState) -> None:
        before, self.states[number] = self.states[number], state
        counts = {name: getattr(self.plan, name) for name in ("pending", "held", *map(str, ENDS))}
        counts |= {"live": self.plan.live, "skipped": self.plan.skipped}
        counts[COUNTED.get(before, str(before))] -= 1
        counts[COUNTED.get(state, str(state))] += 1
        self.plan = replace(self.plan, **counts)
        key = self.keys[number]
        if state in {*ENDS, _E.SKIPPED} and key is not None and before is not _E.PENDING:
            held = [n for n, k in enumerate(self.keys) if k == key and self.states[n] is _E.HELD]
            if held:
                self.states[held[0]] = _E.READY

    @rule()
    def turn(self) -> None:
        self.judge()
        free = 0
        if self.plan.state in {ReplayState.CANARY, ReplayState.RUNNING}:
            free = room(self.plan, elapsed_ms=0)
        wanted = [n for n, s in enumerate(self.states) if s is _E.READY]
        wanted += [n for n, s in enumerate(self.states) if s is _E.PENDING]
        candidates = [
            Candidate(
                rank=n,
                task_id=str(n),
                key=self.keys[n],
                ready=self.states[n] is _E.READY,
                problem="no" if self.problems[n] else None,
            )
            for n in wanted[:free]
        ]
        busy = frozenset(
            str(self.keys[n])
            for n, s in enumerate(self.states)
            if s in {_E.HELD, _E.READY, _E.LIVE} and self.keys[n] is not None
        )
        choice = choose(candidates, busy=busy, free=free)
        for found in choice.hold:
            self.enter(found.rank, _E.HELD)
        for found in choice.start:
            self.put_back[found.rank] += 1
            self.enter(found.rank, _E.LIVE)
        for found in choice.skip:
            self.enter(found.rank, _E.SKIPPED)
        self.judge()

    def judge(self) -> None:
        while (asked := judge(self.plan)) is not None:
            self.move(self.plan, asked[0])

    @precondition(lambda self: _E.LIVE in self.states)
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, end: EntryState) -> None:
        live = [n for n, state in enumerate(self.states) if state is _E.LIVE]
        self.enter(data.draw(st.sampled_from(live)), end)

    @precondition(lambda self: (self.plan.state, ReplayState.PAUSED) in LEGAL_REPLAY_MOVES)
    @rule()
    def pause(self) -> None:
        self.move(self.plan, ReplayState.PAUSED)

    @precondition(lambda self: self.plan.state in {ReplayState.PAUSED, ReplayState.STOPPED})
    @rule()
    def resume(self) -> None:
        after = resumed(self.plan, by="ann", why="", now_ms=2)
        assert isinstance(after, ReplayPlan)
        self.plan = after

    @invariant()
    def nothing_is_put_back_twice(self) -> None:
        assert all(count == 1 for count in self.put_back.values())

    @invariant()
    def counts_are_true(self) -> None:
        found = Counter(COUNTED.get(state, str(state)) for state in self.states)
        for name in ("pending", "held", "live", "done", "dead", "cancelled", "skipped"):
            assert getattr(self.plan, name) == found[name]

    @invariant()
    def limits_are_kept(self) -> None:
        options = self.plan.options
        assert self.plan.live <= (options.concurrency or len(self.keys))
        if self.plan.state is ReplayState.CANARY:
            assert self.plan.put_back <= options.canary

    @invariant()
    def one_of_a_key_at_a_time_and_in_order(self) -> None:
        for key in ("a", "b"):
            mine = [state for n, state in enumerate(self.states) if self.keys[n] == key]
            assert mine.count(_E.LIVE) + mine.count(_E.READY) <= 1
            waiting = [s in {_E.PENDING, _E.HELD, _E.READY} for s in mine]
            assert waiting == sorted(waiting), "one went before an earlier one of its key"
            if _E.HELD in mine:
                assert _E.LIVE in mine or _E.READY in mine, "held by nobody"

    @invariant()
    def an_end_is_an_end(self) -> None:
        if self.plan.state in ENDED_REPLAYS:
            assert all(state in {*ENDS, _E.SKIPPED} for state in self.states)

    def teardown(self) -> None:
        """Whatever happened, a plan that is resumed and whose tasks end is done."""
        for _ in range(10 * len(getattr(self, "keys", [])) + 10):
            if self.plan.state in ENDED_REPLAYS:
                break
            if self.plan.state in {ReplayState.PAUSED, ReplayState.STOPPED}:
                self.resume()
            self.turn()
            for number, state in enumerate(self.states):
                if state is _E.LIVE:
                    self.enter(number, _E.DONE)
        assert self.plan.state is ReplayState.DONE
        assert all(count == 1 for count in self.put_back.values())


TestReplay = Replay.TestCase
