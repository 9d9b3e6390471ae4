"""What operators do with replays: start, pause, resume, cancel; and what a daemon's start does.

The plans themselves are in the store; a daemon that was killed takes every one up where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from fnr.api.errors import UsageError
from fnr.api.question import Changed
from fnr.api.replay_requests import CancelReplays, PauseReplays, ResumeReplays, StartReplay
from fnr.daemon.breakers import Breakers
from fnr.daemon.clients import Client
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.letters import input_problem
from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.daemon.replay_pacer import PACED, TURN_LETTERS_MAX, Pacer, tell
from fnr.daemon.replay_planner import Planner
from fnr.host.failpoint import failpoint
from fnr.policy.replay import (
    BY,
    ENDED_REPLAYS,
    ReplayPlan,
    ReplayState,
    changed,
    goes_on_by_itself,
    limited,
    moved,
    options_problem,
    paused,
    resumed,
)
from fnr.store import replay_entries, replay_planning, replay_plans
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.replay_plans import StoredPlan
from fnr.store.replay_turn import would_stop
from fnr.store.tasks import find_id

IDS_PER_STEP = 200
IDS_MAX = 100_000
RETRY_MS = 1_000

Change = Callable[[ReplayPlan, int], ReplayPlan | str]


class Replays:
    """Owns a pacer per plan that moves."""

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, reader: Reader, breakers: Breakers
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._breakers = breakers
        self._reader = reader
        self._pacers: dict[int, Pacer] = {}
        self._planned: set[int] = set()
        # Plans of named letters that are being written down; who named them waits for that.
        self._naming: set[str] = set()
        self._looking = False
        breakers.on_moved.append(self._breakers_moved)

    def start(self) -> None:
        """Take up every plan that an earlier daemon has left moving."""
        self._parts.start(self._take_up(), what="taking up replays")

    async def begin(self, client: Client, request: StartReplay) -> ReplayPlan:
        """Make a plan and begin with it."""
        if [bool(request.task_ids), bool(request.where.strip()), request.all].count(True) != 1:
            raise UsageError("say which letters: ids, a filter, or all of them")
        if (problem := options_problem(request.options)) is not None:
            raise UsageError("the replay was not started", why=problem)
        ids = await self._whole_ids(request.task_ids)
        now_ms = self._parts.clock.now_ms()
        if not ids:
            # A filter that is not understood is told before anything is stored.
            await self._reader.read(
                partial(replay_planning.search_for, where=request.where, now_ms=now_ms)
            )
        plan = ReplayPlan(
            plan_id=self._parts.ulids.new(),
            state=ReplayState.PLANNING,
            state_at_ms=now_ms,
            created_at_ms=now_ms,
            created_by=client.submitter,
            reason=request.reason,
            state_by=client.submitter,
            why=request.reason,
            where=request.where,
            by_ids=bool(ids),
            options=request.options,
        )
        seq, plan = await self._parts.store.write(partial(_added, plan))
        failpoint("replay-added")
        if ids:
            return await self._freeze_ids(seq, plan, ids)
        self._plan_on(seq, plan)
        tell(self._parts, plan)
        return plan

    async def pause(self, client: Client, request: PauseReplays) -> Changed:
        """Put nothing more back."""
        return await self._move(
            request.plan_ids,
            lambda plan, now_ms: paused(
                plan, by=client.submitter, why=request.reason, now_ms=now_ms
            ),
        )

    async def cancel(self, client: Client, request: CancelReplays) -> Changed:
        """Give plans up."""
        return await self._move(
            request.plan_ids,
            lambda plan, now_ms: moved(
                plan, ReplayState.CANCELLED, by=client.submitter, why=request.reason, now_ms=now_ms
            ),
        )

    async def resume(self, client: Client, request: ResumeReplays) -> Changed:
        """Go on, perhaps with other limits."""
        new = {"rate_per_h": request.rate_per_h, "concurrency": request.concurrency}

        def change(plan: ReplayPlan, now_ms: int) -> ReplayPlan | str:
            if plan.by_ids and plan.frozen_at_ms is None and plan.plan_id not in self._naming:
                return "not all its letters were written down: cancel it and name them anew"
            options = changed(plan.options, **new)
            if (problem := options_problem(options)) is not None:
                return problem
            by, why = client.submitter, request.reason
            if plan.state in PACED and any(value is not None for value in new.values()):
                return limited(plan, options, by=by, why=why, now_ms=now_ms)
            return resumed(replace(plan, options=options), by=by, why=why, now_ms=now_ms)

        return await self._move(request.plan_ids, change)

    # ── what a pacer asks ────────────────────────────────────────────────────

    def known(self, function: str) -> bool:
        """Is it declared?"""
        return self._parts.function(function) is not None

    def input_problem(self, function: str, raw: bytes) -> str | None:
        """What is wrong with this input for it."""
        return input_problem(self._parts, function, raw)

    def stopped(self, function: str) -> str | None:
        """Why nothing should be sent to it now: an open breaker.

        A half-open one needs a task to be tested with, and lets one start at a time.
        """
        settings = self._parts.function(function)
        refusing = [
            name
            for name in (settings.services if settings is not None else ())
            if self._breakers.admits(name) is False
        ]
        return self._breakers.cause(refusing[0]) if refusing else None

    # ── plans that a breaker has paused ──────────────────────────────────────

    def _breakers_moved(self, names: list[str]) -> None:
        if any(self._breakers.admits(name) for name in names):
            self._let_go_on()

    def _let_go_on(self) -> None:
        """Resume what no breaker holds back any more."""
        if not self._looking and self._parts.dispatching:
            self._looking = True
            self._parts.store.post(self._resume_what_may, self._resumed)

    def _resume_what_may(self, tx: Transaction) -> list[StoredPlan]:
        now_ms = self._parts.clock.now_ms()
        found = []
        for stored in replay_plans.paused(tx):
            if not goes_on_by_itself(stored.plan) or self._would_stop(tx, stored) is not None:
                continue
            why = "no breaker holds it back any more"
            after = resumed(stored.plan, by=BY, why=why, now_ms=now_ms)
            assert not isinstance(after, str), stored
            replay_plans.save(tx, stored.seq, after)
            found.append(replace(stored, plan=after))
        failpoint("replay-resumed-in-unit")
        return found

    def _would_stop(self, tx: Transaction, stored: StoredPlan) -> str | None:
        return would_stop(
            tx,
            stored,
            count=TURN_LETTERS_MAX,
            function_known=self.known,
            input_problem=self.input_problem,
            function_stopped=self.stopped,
        )

    def _resumed(self, plans: list[StoredPlan] | None, error: BaseException | None) -> None:
        self._looking = False
        if error is not None:
            log.warning("replays could not go on yet: %s", error)
            self._parts.later(RETRY_MS, self._let_go_on)
        for stored in plans or ():
            log.info("replay %s goes on: %s", stored.plan.plan_id, stored.plan.why)
            tell(self._parts, stored.plan)
            self._pace_soon(stored.seq)

    # ── plans on their way ───────────────────────────────────────────────────

    async def _take_up(self) -> None:
        try:
            self._let_go_on()
            left = await self._reader.read(replay_plans.moving)
            for stored in left:
                plan = stored.plan
                if plan.state is not ReplayState.PLANNING:
                    await self._pace(stored.seq)
                elif plan.by_ids:
                    # Whoever named them got no answer, and the names died with the daemon.
                    await self._move_one(stored.seq, _cut_short)
                else:
                    self._plan_on(stored.seq, plan)
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("replays could not be taken up yet: %s", error)
            self._parts.later(RETRY_MS, self.start)

    def _plan_on(self, seq: int, plan: ReplayPlan) -> None:
        if seq not in self._planned:
            self._planned.add(seq)
            self._parts.start(self._freeze(seq, plan), what=f"planning replay {plan.plan_id}")

    async def _freeze(self, seq: int, plan: ReplayPlan) -> None:
        try:
            frozen = await Planner(self._parts, self._reader, seq=seq).freeze(plan)
        finally:
            self._planned.discard(seq)
        if frozen is None:
            await self._plan_anew(seq)
        await self._frozen(seq, frozen)

    async def _plan_anew(self, seq: int) -> None:
        """It was paused, and may have been resumed before its planner had noticed the pause."""
        if not self._parts.dispatching:
            return
        try:
            stored = await self._reader.read(partial(replay_plans.get, seq=seq))
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("a replay could not be looked at yet: %s", error)
            self._parts.later(
                RETRY_MS, lambda: self._parts.start(self._plan_anew(seq), what="planning a replay")
            )
            return
        if stored is not None and stored.plan.state is ReplayState.PLANNING:
            self._plan_on(seq, stored.plan)

    async def _freeze_ids(self, seq: int, plan: ReplayPlan, ids: list[str]) -> ReplayPlan:
        self._naming.add(plan.plan_id)
        try:
            await self._write_down(seq, plan, ids)
            frozen = await Planner(self._parts, self._reader, seq=seq).frozen()
        except (StoreBusy, StoreFull, StoreIll):
            # Whoever named them is told that it was not started.
            self._give_up(seq)
            raise
        finally:
            self._naming.discard(plan.plan_id)
        await self._frozen(seq, frozen)
        return frozen or plan

    async def _write_down(self, seq: int, plan: ReplayPlan, ids: list[str]) -> None:
        for first in range(0, len(ids), IDS_PER_STEP):
            some = ids[first : first + IDS_PER_STEP]
            await self._parts.store.write(
                partial(
                    replay_planning.add_letters,
                    seq=seq,
                    options=plan.options,
                    ids=some,
                    now_ms=plan.created_at_ms,
                )
            )
            failpoint("replay-ids-committed")

    def _give_up(self, seq: int) -> None:
        self._parts.start(self._cut_off(seq), what="giving up a replay")

    async def _cut_off(self, seq: int) -> None:
        try:
            await self._move_one(seq, _cut_short)
        except (StoreBusy, StoreFull, StoreIll):
            self._parts.later(RETRY_MS, partial(self._give_up, seq))

    async def _frozen(self, seq: int, plan: ReplayPlan | None) -> None:
        if plan is not None:
            tell(self._parts, plan)
            await self._pace(seq)

    async def _pace(self, seq: int) -> None:
        """Lead this plan from now on, or look at it again if it is led already."""
        pacer = self._pacers.get(seq)
        if pacer is None:
            pacer = self._pacers[seq] = Pacer(
                self._parts, self._dispatcher, self, seq=seq, on_rest=self._rest
            )
            try:
                # On the writer, so that nothing can end between this look and the listening.
                pacer.adopt(*await self._parts.store.write(partial(_led_before, seq=seq)))
            except (StoreBusy, StoreFull, StoreIll) as error:
                log.warning("a replay cannot be led yet: %s", error)
                self._pacers.pop(seq, None)
                self._parts.later(RETRY_MS, partial(self._pace_soon, seq))
                return
        pacer.look()

    def _pace_soon(self, seq: int) -> None:
        self._parts.start(self._pace(seq), what="going on with a replay")

    def _rest(self, seq: int) -> None:
        if (pacer := self._pacers.pop(seq, None)) is not None:
            pacer.close()
        # The breaker that paused it may have closed before that was on disk.
        self._let_go_on()

    async def _move(self, plan_ids: list[str], change: Change) -> Changed:
        if not plan_ids:
            raise UsageError("say which replays", next_step="fnr replay list")
        # All are found before one is moved, and each is moved once, however often it is named.
        found = await self._reader.read(
            lambda tx: [replay_plans.find(tx, prefix).seq for prefix in plan_ids]
        )
        answer = Changed()
        for seq in dict.fromkeys(found):
            plan, why_not = await self._move_one(seq, change)
            if why_not is None:
                answer.changed.append(plan.plan_id)
            else:
                answer.unchanged[plan.plan_id] = why_not
        return answer

    async def _move_one(self, seq: int, change: Change) -> tuple[ReplayPlan, str | None]:
        now_ms = self._parts.clock.now_ms()

        def unit(tx: Transaction) -> tuple[ReplayPlan, str | None]:
            found = replay_plans.move(tx, seq, lambda plan: change(plan, now_ms))
            failpoint("replay-moved-in-unit")
            return found

        plan, why_not = await self._parts.store.write(unit)
        if why_not is None:
            tell(self._parts, plan)
            await self._follow(seq, plan)
        return plan, why_not

    async def _follow(self, seq: int, plan: ReplayPlan) -> None:
        """A plan was moved by hand: do what its new state asks for."""
        if plan.state is ReplayState.PLANNING:
            # Named letters are written down by whoever was asked to; nobody can look for them.
            if not plan.by_ids:
                self._plan_on(seq, plan)
        elif plan.state in PACED:
            await self._pace(seq)
        elif plan.state in ENDED_REPLAYS or plan.state is ReplayState.PAUSED:
            self._rest(seq)

    async def _whole_ids(self, words: list[str]) -> list[str]:
        if len(words) > IDS_MAX:
            raise UsageError(
                f"{len(words)} ids are too many", why=f"at most {IDS_MAX}", next_step="use --where"
            )
        return await self._reader.read(lambda tx: [find_id(tx, word) for word in words])


def _added(plan: ReplayPlan, tx: Transaction) -> tuple[int, ReplayPlan]:
    plan = replay_plans.reach(tx, plan)
    return replay_plans.add(tx, plan), plan


def _led_before(tx: Transaction, *, seq: int) -> tuple[list[tuple[str, str]], int | None]:
    """Tasks of a plan that have not ended → their function; when one was put back last."""
    stored = replay_plans.get(tx, seq)
    return replay_entries.live(tx, plan=seq), stored.put_back_at_ms if stored else None


def _cut_short(plan: ReplayPlan, now_ms: int) -> ReplayPlan | str:
    why = "it was cut off before all its letters were written down"
    return moved(plan, ReplayState.CANCELLED, by="fnr", why=why, now_ms=now_ms)
