"""Every breaker of this home: in memory, in the store, and in the run folder for workers to see.

All changes happen in units of work. What memory holds is a copy of the rows: when a unit is rolled
back the copy is thrown away, and the next unit reads it again. Processes and people are told after
the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from fnr.api.requests import Event
from fnr.config.breaker_words import NAME
from fnr.config.breakers import BREAKERS_MAX, names_in_use
from fnr.config.units import MS_OF, format_duration
from fnr.daemon.first_writes import written
from fnr.daemon.parts import Parts, log
from fnr.host.breaker_file import RECORDS_MAX, BreakerFile, BreakerRecord
from fnr.host.failpoint import failpoint
from fnr.policy import breaker as moves
from fnr.policy.breaker import Breaker, BreakerMove, BreakerSettings, BreakerState, Forced, Step
from fnr.policy.breaker_restore import SavedAt, restored
from fnr.store import breakers as rows
from fnr.store.connection import Transaction

BY_CONFIG = "fnr.toml"
AGAIN_MS = 1_000
# A breaker that nobody declares is forgotten when it has been closed for so long.
IDLE_MS_MAX = 7 * MS_OF["d"]
FORGET_EVERY_MS = 6 * MS_OF["h"]
# Timers run on a clock that stands still while the machine sleeps: look at least so often.
TIMER_MS_MAX = 60_000
_EVER_MS = 100 * 365 * MS_OF["d"]


class Breakers:
    """Owns them; gate, probes, workers' reports and operators' wishes all come through `take`.

    generations: of every breaker; replaced, never changed, so that whoever kept it knows in which
                 generations an attempt began.
    on_moved:    called with names after the commit in which they moved.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._file = BreakerFile(parts.paths.breaker_file, parts.boot_id)
        self._all: dict[str, Breaker] = {}
        self._whys: dict[str, str] = {}
        self._rules: dict[str, BreakerSettings] = {}
        self._stale = True
        self._changed = False
        self._moved: list[BreakerMove] = []
        self._shown: list[BreakerRecord] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unpublished: asyncio.TimerHandle | None = None
        self.generations: Mapping[str, int] = {}
        self.on_moved: list[Callable[[list[str]], None]] = []
        parts.store.on_undone(self._forget)

    async def start(self) -> None:
        """Take over what the last daemon left; nothing that was open is closed by it."""
        await written(self._parts, self._reconcile)
        self.committed()
        self.publish()
        self._parts.later(FORGET_EVERY_MS, self._forget_idle)

    def reloaded(self) -> None:
        """fnr.toml was read again: other numbers count from now on, for open breakers too."""
        self._rules.clear()
        self.change(self._reconcile, what="reconciled with fnr.toml")

    # ── as they are ──────────────────────────────────────────────────────────

    def rules(self, name: str) -> BreakerSettings:
        """What decides about a breaker."""
        rules = self._rules.get(name)
        if rules is None:
            rules = self._rules[name] = self._parts.settings.breaker(name).rules(name)
        return rules

    def get(self, name: str) -> Breaker | None:
        """A breaker as of the last change."""
        return self._all.get(name)

    def names(self) -> list[str]:
        """Of all that are known."""
        return sorted(self._all)

    def can_be(self, name: str) -> bool:
        """Is there one of this name, or may there be? Functions name what nobody declared."""
        if name in self._all:
            return True
        return NAME.fullmatch(name) is not None and len(self._all) < BREAKERS_MAX

    def admits(self, name: str) -> bool | None:
        """May calls to this service begin? A half-open breaker says yes: one may.

        None: nobody knows a breaker of this name.
        """
        breaker = self._all.get(name)
        return None if breaker is None else breaker.state not in moves.REFUSING_STATES

    def is_ready(self, name: str) -> bool:
        """Do all calls to this service go through?"""
        breaker = self._all.get(name)
        return breaker is None or breaker.admits

    def refusing(self) -> tuple[str, ...]:
        """Names of those that let no call through."""
        return tuple(name for name, one in self._all.items() if one.state in moves.REFUSING_STATES)

    def words(self, name: str) -> str:
        """What a breaker does to calls and until when, for people; "" while it lets all through."""
        breaker = self._all.get(name)
        if breaker is None or breaker.state is BreakerState.CLOSED:
            return ""
        left_ms = max(0, (breaker.until_ms or 0) - self._parts.clock.boot_ms())
        left = format_duration(-(-left_ms // 1_000) * 1_000)
        why = f": {self._whys[name]}" if self._whys.get(name) else ""
        if breaker.forced is not None:
            how = breaker.state.replace("_", " ")
            ends = "" if left_ms > _EVER_MS // 2 else f" for another {left}"
            return f"breaker {name} is {how}{ends} by {breaker.forced.by}{why}"
        if breaker.state is BreakerState.HALF_OPEN:
            return f"breaker {name} is half open: one trial at a time"
        if not left_ms and self._awaits_probe(name):
            return f"breaker {name} is open until its health probe succeeds{why}"
        return f"breaker {name} is open for another {left}{why}"

    def cause(self, name: str) -> str:
        """Why a breaker lets no call through, for what is kept: how long yet holds for a moment."""
        breaker = self._all[name]
        by = f" by {breaker.forced.by}" if breaker.forced is not None else ""
        why = f": {self._whys[name]}" if self._whys.get(name) else ""
        return f"breaker {name} is {breaker.state.replace('_', ' ')}{by}{why}"

    # ── in a unit ────────────────────────────────────────────────────────────

    def fresh(self, tx: Transaction) -> Mapping[str, Breaker]:
        """All of them as this transaction sees them."""
        if self._stale:
            self._load(tx)
        return self._all

    def ensure(self, tx: Transaction, names: Sequence[str]) -> None:
        """Give these breakers a row if they have none; all that fnr.toml names may have one."""
        self.fresh(tx)
        unknown = [name for name in names if name not in self._all]
        if unknown:
            rows.add_missing(tx, unknown, now=self.now())
            self._load(tx)
            self._changed = True

    def ensure_used(self, tx: Transaction, names: Sequence[str]) -> None:
        """The same for names that functions use and nobody declared, as far as they can be."""
        self.fresh(tx)
        for name in names:
            if self.can_be(name):
                self.ensure(tx, [name])

    def take(self, tx: Transaction, step: Step) -> None:
        """Make a step true: memory and store, in this unit."""
        breaker, move = step.breaker, step.move
        if move is None and breaker == self._all[breaker.name]:
            return
        self._all[breaker.name] = breaker
        self._changed = True
        now = self.now()
        rows.keep(tx, breaker, now=now)
        if move is not None:
            rows.record(tx, move, now_ms=now.at_ms)
            self._moved.append(move)
            self._whys[move.name] = move.why
            self.generations = {**self.generations, move.name: move.generation}
            failpoint("breaker-moved-in-unit")
            # What was done by hand is over, and the file says what it is otherwise.
            self._keep_shadow(tx, breaker.name)

    def now(self) -> SavedAt:
        """This moment on all clocks."""
        clock = self._parts.clock
        return SavedAt(boot_id=self._parts.boot_id, boot_ms=clock.boot_ms(), at_ms=clock.now_ms())

    def _load(self, tx: Transaction) -> None:
        self._stale = False
        now = self.now()
        self._all = {}
        for breaker, saved in rows.stored(tx):
            found = restored(breaker, self.rules(breaker.name), saved=saved, now=now)
            self._all[breaker.name] = found
            if saved.boot_id != now.boot_id:
                rows.keep(tx, found, now=now)
        self._whys = {status.name: status.why for status in rows.listed(tx)}
        self.generations = {name: breaker.generation for name, breaker in self._all.items()}
        # What was rolled back did not happen.
        self._moved = [
            move for move in self._moved if move.generation <= self.generations.get(move.name, 0)
        ]
        self._changed = True

    def _reconcile(self, tx: Transaction) -> None:
        """Bring rows, settings and time together."""
        self._stale = True
        self._make_room(tx)
        self.ensure(tx, self._declared())
        now_ms = self._parts.clock.boot_ms()
        for name in self.names():
            forced = self._all[name].forced
            self._keep_shadow(tx, name)
            if forced is not None and forced.by == BY_CONFIG and not self._is_shadow(name):
                self._pass_time(tx, name, now_ms=forced.until_ms)
            self._pass_time(tx, name, now_ms=now_ms)

    def _is_shadow(self, name: str) -> bool:
        return self._parts.settings.breaker(name).shadow

    def _keep_shadow(self, tx: Transaction, name: str) -> None:
        """The lasting form of a shadow, while nobody has forced another state."""
        if self._is_shadow(name) and self._all[name].forced is None:
            shadow = Forced(
                state=BreakerState.SHADOW,
                until_ms=self._parts.clock.boot_ms() + _EVER_MS,
                by=BY_CONFIG,
                reason="shadow = true",
            )
            self.take(tx, moves.force(self._all[name], shadow))

    def _pass_time(self, tx: Transaction, name: str, *, now_ms: int) -> None:
        has_probe = self._has_probe(name)
        self.take(tx, moves.passed(self._all[name], now_ms=now_ms, has_probe=has_probe))

    def _has_probe(self, name: str) -> bool:
        return bool(self._parts.settings.breaker(name).probe)

    def _declared(self) -> list[str]:
        settings = self._parts.settings
        return names_in_use(settings.breakers, settings.functions.values())

    def _make_room(self, tx: Transaction) -> None:
        """Forget what nobody declares and nobody has had trouble with for long.

        Sooner, those that rest longest first, where they stand in the way of declared ones.
        """
        now_ms, declared = self._parts.clock.boot_ms(), {*self._declared()}
        idle = [
            (idle_ms, name)
            for name, breaker in self.fresh(tx).items()
            if name not in declared and (idle_ms := breaker.idle_ms(now_ms=now_ms)) is not None
        ]
        too_many = len(self._all.keys() | declared) - BREAKERS_MAX
        going = [
            name
            for place, (idle_ms, name) in enumerate(sorted(idle, reverse=True))
            if idle_ms >= IDLE_MS_MAX or place < too_many
        ]
        if going:
            rows.forget(tx, going)
            self._load(tx)

    def _forget_idle(self) -> None:
        self.change(self._make_room, what="looked through")
        self._parts.later(FORGET_EVERY_MS, self._forget_idle)

    def _awaits_probe(self, name: str) -> bool:
        return moves.awaits_probe(self._all[name], has_probe=self._has_probe(name))

    def _forget(self) -> None:
        self._stale = True

    # ── after a commit ───────────────────────────────────────────────────────

    def change(self, unit: Callable[[Transaction], None], *, what: str) -> None:
        """Run a unit of our own; tried again after a moment if the store cannot take it."""

        def done(_: None, error: BaseException | None) -> None:
            if error is None:
                self.committed()
                return
            log.warning("breakers could not be %s: %s", what, error)
            self._parts.later(AGAIN_MS, lambda: self.change(unit, what=what))

        self._parts.store.post(unit, done)

    def committed(self) -> None:
        """Something that may have changed a breaker is on disk: show it."""
        if self._stale:
            self.change(lambda tx: void(self.fresh(tx)), what="read again")
            return
        if not self._changed:
            return
        self._changed = False
        moved, self._moved = self._moved, []
        if self._records() != self._shown:
            self.publish()
        failpoint("breaker-published")
        for name in self._timers.keys() - self._all.keys():
            self._timers.pop(name).cancel()
        for name in self._all:
            self._arm(name)
        for move in moved:
            self._tell(move)
        if moved:
            names = list(dict.fromkeys(move.name for move in moved))
            for hook in self.on_moved:
                hook(names)

    def publish(self) -> None:
        """Show every process of the host how they stand, and repair what was done to the file."""
        records = self._records()
        try:
            self._file.publish(records)
        except OSError as error:
            self._parts.problems["breakers"] = f"workers cannot be shown the breakers: {error}"
            # One for all who ask: each worker that misses the file does, once a second.
            if self._unpublished is None:
                self._unpublished = self._parts.later(AGAIN_MS, self._publish_again)
            return
        self._shown = records
        self._parts.problems.pop("breakers", None)

    def _publish_again(self) -> None:
        self._unpublished = None
        self.publish()

    def close(self) -> None:
        """The daemon ends; the file stays, because workers go on."""
        if self._unpublished is not None:
            self._unpublished.cancel()
        for timer in self._timers.values():
            timer.cancel()
        self._file.close()

    def _records(self) -> list[BreakerRecord]:
        return [
            BreakerRecord(
                name=name,
                state=breaker.state,
                generation=breaker.generation,
                until_ms=max(0, breaker.until_ms or 0),
                listens=breaker.listens,
                call_max_ms=self.rules(name).call_max_ms or 0,
            )
            for name, breaker in sorted(self._all.items())[:RECORDS_MAX]
        ]

    def _tell(self, move: BreakerMove) -> None:
        say = log.warning if move.after in moves.REFUSING_STATES else log.info
        say(
            "breaker moved",
            extra={"breaker": move.name, "from": move.before, "to": move.after, "why": move.why},
        )
        now_ms = self._parts.clock.now_ms()
        detail = f"{move.name}: {move.why}"
        self._parts.events.tell(Event(kind="breaker", what=move.after, at_ms=now_ms, detail=detail))

    # ── time ─────────────────────────────────────────────────────────────────

    def _arm(self, name: str) -> None:
        """Look again when the state of a breaker ends by itself."""
        if timer := self._timers.pop(name, None):
            timer.cancel()
        breaker = self._all[name]
        until_ms = breaker.until_ms
        left_ms = 0 if until_ms is None else until_ms - self._parts.clock.boot_ms()
        # After its rest, only its health probe ends the state of a service that is ill.
        if until_ms is None or (left_ms <= 0 and self._awaits_probe(name)):
            return
        wait_ms = min(max(left_ms, 1), TIMER_MS_MAX)
        self._timers[name] = self._parts.later(wait_ms, lambda: self._look(name))

    def _look(self, name: str) -> None:
        def unit(tx: Transaction) -> None:
            if name in self.fresh(tx):
                self._pass_time(tx, name, now_ms=self._parts.clock.boot_ms())
            # Also when nothing has moved: so that the timer is set anew.
            self._changed = True

        self.change(unit, what="looked at")


def void(_: object) -> None:
    """What comes back interests nobody."""
