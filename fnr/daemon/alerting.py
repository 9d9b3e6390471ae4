"""Tell people who are not here: what verdicts asked for, and what lasts, on each channel.

What is to be told is a row, written in the transaction in which the effect leaves the outbox, and
stays one until somebody took it; a daemon that dies in between sends it again, under the same key.
Only what no store can hold, that the store itself is ill, is told from memory.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any

from fnr.api.alert_requests import Sent, TestAlerts
from fnr.api.errors import NotFound
from fnr.config.settings import AlertTable
from fnr.config.units import MS_OF
from fnr.daemon.clients import Client
from fnr.daemon.lasting import Lasting
from fnr.daemon.parts import Parts, log
from fnr.daemon.telling import end_cut_off, mark_of, send
from fnr.host.failpoint import failpoint
from fnr.policy import alert as moves
from fnr.policy.alert import Alert, Told
from fnr.policy.decision import Effect, EffectKind
from fnr.store import alerts as rows
from fnr.store import errors
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

# Problems are looked at so often, and only where somebody wants to be told.
LOOK_MS, MOMENT_MS = 10_000, 1_000
KEPT_MS = 7 * MS_OF["d"]
TIDY_EVERY_MS = MS_OF["h"]
DUE_MAX = 1_000
WAIT_MS_MAX = 60_000
_PROBLEM = "alerts."
_KINDS = {EffectKind.LETTER: "letter", EffectKind.UNDO: "undo"}
_LASTING = frozenset({"breaker", "function", "gpu", "problem"})

_STORED = frozenset({"breaker"})


class Alerting:
    """One message at a time for each channel.

    lasting: what is wrong now and lasts until it is over; asked every ten seconds.
    """

    def __init__(self, parts: Parts, lasting: Callable[[], Lasting]) -> None:
        self._parts = parts
        self._lasting = lasting
        self._host = os.uname().nodename
        self._sending: set[str] = set()
        # Of which nothing is left that an earlier daemon began.
        self._ours: set[str] = set()
        # Apart from the daemon's other work, whose end it waits for.
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._looks_at_ms = self._began_ms = 0
        # What lasts is looked at in a moment, and not only by and by.
        self._soon = False
        # Of what lasts: what it is about, as last noted.
        self._seen: frozenset[str] | None = None
        # Of each channel, when it was last reached; None: that is not known yet.
        self._last_ms: dict[str, int | None] = {}
        self._told_without_store: set[str] = set()

    def start(self) -> None:
        """Begin with what the last daemon left."""
        self._began_ms = self._parts.clock.boot_ms()
        self._tidy()
        self.reloaded()

    def close(self) -> None:
        """The daemon ends, and waits for no channel: the next one tells what was not taken."""
        for task in self._tasks:
            task.cancel()

    def reloaded(self) -> None:
        """There may be other channels."""
        names = self._channels.keys()
        for key in [key for key in self._parts.problems if key.startswith(_PROBLEM)]:
            if key.removeprefix(_PROBLEM) not in names:
                del self._parts.problems[key]
        self._seen = None
        self.changed()
        self.look()

    def changed(self, _: object = None) -> None:
        """Something may have begun that lasts, or be over."""
        if self._watch is not None:
            self._watch.cancel()
        self._look_around()

    def clock_set(self) -> None:
        """What is stored was shifted with it."""
        self._last_ms.clear()
        self.look()

    # ── what is to be told ───────────────────────────────────────────────────

    def take(self, tx: Transaction, effects: Iterable[Effect]) -> None:
        """In the unit in which these effects are done: note what is to be told of them."""
        if not self._channels:
            return
        for effect in effects:
            with suppress(ValueError):
                kind = _KINDS[EffectKind(effect.kind)]
                last = errors.last(tx, str(effect.data.get("task_id", "")))
                incident_id = last.incident_id if last is not None and kind == "letter" else ""
                if incident_id and rows.is_quiet(tx, incident_id):
                    continue
                drill = "" if last is None else last.evidence.drill
                self._note(
                    tx,
                    moves.of_effect(
                        kind,
                        effect.data,
                        incident_id=incident_id,
                        drill=drill,
                        command=self._parts.paths.command,
                    ),
                )

    def _note(self, tx: Transaction, alert: Alert) -> None:
        now_ms = self._parts.clock.now_ms()
        for table in self._channels.values():
            known = rows.get(tx, table.name, alert.about)
            told = moves.noticed(known, alert, table.channel, now_ms=now_ms)
            if told is not None and told != known:
                rows.keep(tx, told)
            elif told is None and known is not None:
                rows.forget(tx, table.name, alert.about)

    def _look_around(self) -> None:
        """What lasts has begun, or is over; cheap while nothing has changed."""
        self._watch, self._soon = None, False
        if not self._channels:
            return
        self._watch = self._parts.later(LOOK_MS, self._look_around)
        now = self._lasting()
        if frozenset(alert.about for alert in now.alerts) != self._seen:
            self._start(self._compare(now), what="looking at what lasts")

    async def _compare(self, now: Lasting) -> None:
        # What a daemon that has just begun has not met again it may meet yet; breakers are stored.
        knows = self._parts.clock.boot_ms() >= self._began_ms + LOOK_MS
        kinds = (_LASTING if knows else _STORED) - now.unknown

        def unit(tx: Transaction) -> None:
            here = {alert.about for alert in now.alerts}
            for alert in now.alerts:
                self._note(tx, alert)
            for name in self._channels:
                for known in rows.of_channel(tx, name, kinds):
                    if known.alert.about not in here and not known.alert.over:
                        self._note(tx, _over(known.alert))

        try:
            await self._parts.store.write(unit)
        except (StoreIll, StoreFull, StoreBusy):
            self._tell_without_store(now.alerts)
            return
        self._seen = frozenset(alert.about for alert in now.alerts) if knows else None
        self._told_without_store.clear()
        self.noted()

    # ── telling it ───────────────────────────────────────────────────────────

    def noted(self) -> None:
        """Something was, and is due soon; what lasts may have begun with it."""
        if not self._channels:
            return
        now_ms = self._parts.clock.now_ms()
        self._arm(now_ms + moves.GATHER_MS, now_ms)
        if self._watch is not None and not self._soon:
            self._soon = True
            self._watch.cancel()
            self._watch = self._parts.later(MOMENT_MS, self._look_around)

    def look(self) -> None:
        """Something may be due."""
        if self._channels:
            self._start(self._look(), what="looking for alerts")

    async def _look(self) -> None:
        names = [name for name in self._channels if name not in self._sending]

        def unit(tx: Transaction) -> dict[str, list[Told]]:
            for name in names:
                if self._last_ms.get(name) is None:
                    self._last_ms[name] = rows.last_told_ms(tx, name)
            return {name: rows.to_tell(tx, name, count_max=DUE_MAX) for name in names}

        try:
            found = await self._parts.store.write(unit)
        except (StoreIll, StoreFull, StoreBusy):
            self._look_later()
            return
        now_ms = self._parts.clock.now_ms()
        moments = []
        for name, due in found.items():
            table = self._channels.get(name)
            if table is None or name in self._sending:
                continue
            at_ms = moves.sends_at_ms(due, table.channel, last_sent_ms=self._last_ms[name])
            if at_ms is not None and at_ms <= now_ms:
                ripe = [one for one in due if (one.due_at_ms or 0) <= now_ms]
                self._sending.add(name)
                self._start(self._send(table, ripe), what=f"telling {name}")
            elif at_ms is not None:
                moments.append(at_ms)
        if moments:
            self._arm(min(moments), now_ms)

    def _arm(self, at_ms: int, now_ms: int) -> None:
        """Look then, unless somebody looks sooner."""
        # The wall clock can be set.
        wait_ms = min(max(at_ms - now_ms, 1), WAIT_MS_MAX)
        at_boot_ms = self._parts.clock.boot_ms() + wait_ms
        if self._timer is not None:
            if self._looks_at_ms <= at_boot_ms:
                return
            self._timer.cancel()
        self._looks_at_ms = at_boot_ms
        self._timer = self._parts.later(wait_ms, self._ring)

    def _look_later(self) -> None:
        now_ms = self._parts.clock.now_ms()
        self._arm(now_ms + LOOK_MS, now_ms)

    def _ring(self) -> None:
        self._timer = None
        self.look()

    async def _send(self, table: AlertTable, told: Sequence[Told]) -> None:
        try:
            if table.name not in self._ours and any(one.tries for one in told):
                await end_cut_off(self._parts, table.name)
            self._ours.add(table.name)
            await self._parts.store.write(lambda tx: self._begin(tx, table.name, told))
            sent = await self._sent(table, told, mark=mark_of(self._parts, table.name))
            failpoint("alert-sent-not-noted")
            await self._parts.store.write(lambda tx: self._settle(tx, table, told, sent))
        except (StoreIll, StoreFull, StoreBusy) as error:
            log.warning("what %s was told could not be noted: %s", table.name, error)
            # A full store can be read: what is due would be found again at once, and for ever.
            self._look_later()
            return
        finally:
            self._sending.discard(table.name)
        self.look()

    async def _sent(self, table: AlertTable, told: Sequence[Told], *, mark: str = "") -> Sent:
        now_ms = self._parts.clock.now_ms()
        message = moves.message(
            told,
            channel=table.name,
            host=self._host,
            home=self._parts.paths.home or self._parts.paths.state_dir,
            now_ms=now_ms,
        )
        sent = await send(self._parts, table, message, mark=mark)
        key = f"{_PROBLEM}{table.name}"
        if sent.sent:
            self._parts.problems.pop(key, None)
            log.info("told", extra={"channel": table.name, "title": message.title})
        else:
            if table.name in self._channels:
                self._parts.problems[key] = f"alerts do not reach {table.name}: {sent.found}"
            log.error("alerts do not reach %s: %s", table.name, sent.found)
        return sent

    def _begin(self, tx: Transaction, channel: str, told: Sequence[Told]) -> None:
        for one in told:
            if (now := rows.get(tx, channel, one.alert.about)) is not None:
                rows.keep(tx, moves.begun(now))

    def _settle(self, tx: Transaction, table: AlertTable, told: Sequence[Told], sent: Sent) -> None:
        now_ms = self._parts.clock.now_ms()
        if sent.sent:
            self._last_ms[table.name] = now_ms
        for as_sent in told:
            now = rows.get(tx, table.name, as_sent.alert.about)
            if now is None:
                continue
            if sent.sent:
                after = moves.sent(now, as_sent, now_ms=now_ms, every_ms=table.every_ms)
            else:
                after = moves.failed(now, why=sent.found, now_ms=now_ms)
            rows.keep(tx, after)

    def _tell_without_store(self, now: list[Alert]) -> None:
        """Once, and only what is critical: that nothing can be kept is what has to be told."""
        told_ms = self._parts.clock.now_ms()
        fresh = [
            one
            for one in now
            if one.severity == moves.CRITICAL
            and one.about not in self._told_without_store
            and one.about not in (self._seen or ())  # the store holds it
        ]
        if not fresh:
            return
        self._told_without_store.update(one.about for one in fresh)
        for table in self._channels.values():
            known = [moves.noticed(None, one, table.channel, now_ms=told_ms) for one in fresh]
            if told := [one for one in known if one is not None]:
                self._start(self._send_once(table, told), what=f"telling {table.name}")

    async def _send_once(self, table: AlertTable, told: Sequence[Told]) -> None:
        await self._sent(table, told)

    def _start(self, work: Coroutine[Any, Any, None], *, what: str) -> None:
        task = self._parts.loop.create_task(work, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), error, exc_info=error)

    # ── asked ────────────────────────────────────────────────────────────────

    async def test(self, _: Client, request: TestAlerts) -> list[Sent]:
        """Send a test to each channel, all at once."""
        unknown = [name for name in request.channels if name not in self._channels]
        if unknown:
            raise NotFound(
                f"there is no channel {unknown[0]}",
                why=f"there are {', '.join(self._channels) or 'none'}",
                next_step="fnr config show",
            )
        tables = [self._channels[name] for name in request.channels or self._channels]
        home = self._parts.paths.home or self._parts.paths.state_dir
        now_ms = self._parts.clock.now_ms()
        tests = [
            (table, moves.test_message(table.name, host=self._host, home=home, now_ms=now_ms))
            for table in tables
        ]
        async with asyncio.TaskGroup() as group:
            under_way = [
                group.create_task(send(self._parts, table, message)) for table, message in tests
            ]
        return [task.result() for task in under_way]

    @property
    def _channels(self) -> dict[str, AlertTable]:
        return self._parts.settings.alerts

    def _tidy(self) -> None:
        self._parts.later(TIDY_EVERY_MS, self._tidy)
        before_ms = self._parts.clock.true_ms() - KEPT_MS

        def unit(tx: Transaction) -> None:
            rows.make_room(tx, self._channels.keys(), told_before_ms=before_ms)

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("old alerts could not be removed: %s", error)

        self._parts.store.post(unit, done)


def _over(alert: Alert) -> Alert:
    return Alert(
        about=alert.about,
        kind=alert.kind,
        severity="notice",
        title=alert.title,
        function=alert.function,
        standing=True,
        over=True,
    )
