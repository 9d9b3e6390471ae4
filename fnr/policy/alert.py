"""What is worth telling somebody, on which channel, how often, and when a channel is given up.

One alert is one cause on one channel: ten thousand dead letters of one incident are one alert with
a count, told at once, and then no sooner than `every` after the last time. What lasts (an open
breaker, a full disk) is told when it begins and when it is over, and not in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.counted import counted

SEVERITIES = ("notice", "warning", "alert", "critical")
CRITICAL = SEVERITIES[-1]
# What begins together is told together.
GATHER_MS = 1_000
AGAIN_MS, AGAIN_MS_MAX = 10_000, 600_000
GIVE_UP_MS = 24 * 3_600_000
ITEMS_MAX = 20
_TITLE_CHARS_MAX = 200
_DETAIL_CHARS_MAX = 1_000


class Alert(Struct, frozen=True, kw_only=True):
    """Something to tell.

    about:    the same for one cause. kind: letter, undo, breaker, function, gpu or problem.
    standing: it lasts until an alert about the same says that it is over.
    """

    about: str
    kind: str
    severity: str
    title: str
    detail: str = ""
    function: str = ""
    category: str = ""
    task_id: str = ""
    incident_id: str = ""
    next_step: str = ""
    standing: bool = False
    over: bool = False


class Channel(Struct, frozen=True, kw_only=True):
    """Who wants to know what.

    severity: the least that is told. functions: patterns; of what belongs to another function
              nothing is told. every_ms: at most one message about one cause. pause_ms: between two
              messages; what is critical does not wait for it.
    """

    name: str
    severity: str = "warning"
    functions: tuple[str, ...] = ()
    every_ms: int = 15 * 60_000
    pause_ms: int = 60_000


class AlertState(StrEnum):
    """Of one cause on one channel."""

    DUE = "due"
    TOLD = "told"
    GIVEN_UP = "given_up"


class Told(Struct, frozen=True, kw_only=True):
    """What one channel knows of one cause.

    alert:    the latest. count: of all; fresh: of those that were not told yet.
    told_over: the last that was told was that it is over.
    tries:    begun since it was last told.
    failing_since_ms: of the first try of those that failed in a row. why: the last one failed.
    """

    channel: str
    alert: Alert
    state: AlertState
    count: int
    fresh: int
    first_at_ms: int
    last_at_ms: int
    due_at_ms: int | None = None
    told_at_ms: int | None = None
    told_over: bool = False
    tries: int = 0
    failing_since_ms: int | None = None
    why: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """One message. key: the same if it is sent again. more: alerts that had no room in it."""

    key: str
    channel: str
    host: str
    home: str
    at_ms: int
    severity: str
    title: str
    text: str
    alerts: tuple[Told, ...]
    more: int = 0


def wants(channel: Channel, alert: Alert) -> bool:
    """Is it one for this channel?"""
    if _rank(alert.severity) < _rank(channel.severity):
        return False
    if not channel.functions or not alert.function:
        return True
    return any(fnmatchcase(alert.function, pattern) for pattern in channel.functions)


def noticed(known: Told | None, alert: Alert, channel: Channel, *, now_ms: int) -> Told | None:
    """What the channel knows now; None when there is nothing to know any more."""
    if alert.over:
        return _over(known, alert, now_ms=now_ms)
    if not wants(channel, alert):
        return known
    if known is None:
        return Told(
            channel=channel.name,
            alert=alert,
            state=AlertState.DUE,
            count=1,
            fresh=1,
            first_at_ms=now_ms,
            last_at_ms=now_ms,
            due_at_ms=now_ms + GATHER_MS,
        )
    if alert.standing and _stands(known):
        return known
    if alert.standing and known.alert.over and not known.told_over and not known.tries:
        # That it was over was never told.
        return replace(known, alert=alert, state=AlertState.TOLD, fresh=0, due_at_ms=None)
    due_at_ms = _due_at_ms(known, alert, channel, now_ms=now_ms)
    if known.state is AlertState.DUE and not known.alert.over:
        # The worse of what was not told yet must not be lost in what came behind it.
        alert = replace(alert, severity=max(known.alert.severity, alert.severity, key=_rank))
    if known.state is AlertState.GIVEN_UP:
        # A new one has a day of its own; of the old one somebody may have heard.
        known = replace(known, tries=1, failing_since_ms=None, why="")
    return replace(
        known,
        alert=alert,
        state=AlertState.DUE,
        count=known.count + 1,
        fresh=known.fresh + 1,
        last_at_ms=now_ms,
        due_at_ms=due_at_ms,
    )


def begun(now: Told) -> Told:
    """Before it is told: whoever dies behind that does not know whether it was."""
    return replace(now, tries=now.tries + 1)


def sent(now: Told, as_sent: Told, *, now_ms: int, every_ms: int) -> Told:
    """After it was told; what came while it was under way is left."""
    fresh = now.fresh - as_sent.fresh
    turned = now.alert.over != as_sent.alert.over
    left = fresh > 0 or turned
    is_worse = _rank(now.alert.severity) > _rank(as_sent.alert.severity)
    due_at_ms = now_ms + (GATHER_MS if turned or is_worse else every_ms)
    return replace(
        now,
        state=AlertState.DUE if left else AlertState.TOLD,
        fresh=max(fresh, int(turned)),
        due_at_ms=due_at_ms if left else None,
        told_at_ms=now_ms,
        told_over=as_sent.alert.over,
        tries=0,
        failing_since_ms=None,
        why="",
    )


def hushed(now: Told) -> Told | None:
    """Somebody has said that it is known, so nothing is left to tell; None if nothing was told."""
    if now.told_at_ms is None:
        return None
    return replace(
        now,
        state=AlertState.TOLD,
        fresh=0,
        due_at_ms=None,
        tries=0,
        failing_since_ms=None,
        why="",
    )


def failed(now: Told, *, why: str, now_ms: int) -> Told:
    """After a try to tell it that has failed: again after a while, for a day."""
    since_ms = now.failing_since_ms
    # Of a clock that was set back nobody waits longer.
    since_ms = now_ms if since_ms is None else min(since_ms, now_ms)
    if now_ms - since_ms >= GIVE_UP_MS:
        return replace(now, state=AlertState.GIVEN_UP, due_at_ms=None, why=why)
    wait_ms = min(AGAIN_MS_MAX, AGAIN_MS << min(max(now.tries - 1, 0), 10))
    return replace(
        now,
        due_at_ms=now_ms + wait_ms,
        failing_since_ms=since_ms,
        why=why,
    )


def sends_at_ms(due: Sequence[Told], channel: Channel, *, last_sent_ms: int | None) -> int | None:
    """When the next message of a channel is to be sent; None when there is nothing to tell."""
    moments = []
    for one in due:
        if one.due_at_ms is not None:
            is_urgent = one.alert.severity == CRITICAL
            rested_ms = 0 if last_sent_ms is None or is_urgent else last_sent_ms + channel.pause_ms
            moments.append(max(one.due_at_ms, rested_ms))
    return min(moments, default=None)


def message(
    told: Sequence[Told], *, channel: str, host: str, home: str, now_ms: int, more: int = 0
) -> Message:
    """All that is due, in one message: the worst first, and of equals the newest."""
    ranked = sorted(told, key=lambda one: (-_rank(one.alert.severity), -one.last_at_ms))
    shown, left = ranked[:ITEMS_MAX], ranked[ITEMS_MAX:]
    lines = [line for one in shown for line in _lines(one)]
    if more or left:
        lines.append(f"and {counted(more + len(left), 'alert')} more: fnr alert list")
    first = ranked[0]
    title = _headline(first)
    if len(ranked) + more > 1:
        title = f"{counted(len(ranked) + more, 'alert')}, first: {title}"
    return Message(
        key=f"{channel}:{first.alert.about}:{first.first_at_ms}:{_digest(ranked)}",
        channel=channel,
        host=host,
        home=home,
        at_ms=now_ms,
        severity=first.alert.severity,
        title=_no_nul(f"[fnr {host}] {title}")[:_TITLE_CHARS_MAX],
        text=_no_nul("\n".join(lines)),
        alerts=tuple(shown),
        more=more + len(left),
    )


def of_effect(
    kind: str, data: dict[str, object], *, incident_id: str, drill: str, command: str
) -> Alert:
    """What an effect that a verdict asked for is to people who are not here."""
    function, task_id = str(data.get("function", "")), str(data.get("task_id", ""))
    by_drill = f"drill {drill}: " if drill else ""
    severity = str(data.get("severity"))
    severity = severity if severity in SEVERITIES else "warning"
    if kind == "undo":
        return Alert(
            about=f"undo:{function}",
            kind=kind,
            severity=severity,
            title=f"{by_drill}an undo step of {function} needs an operator",
            detail=_cut(f"{data.get('undoes', '')}: {data.get('reason', '')}"),
            function=function,
            task_id=task_id,
            next_step=f"{command} undo show {data.get('undo_id', '')}",
        )
    cause, category = str(data.get("cause", "")), str(data.get("category", ""))
    return Alert(
        about=f"letter:{incident_id or f'{function}:{cause}:{category}'}",
        kind=kind,
        severity=severity,
        title=f"{by_drill}{function}: a task is dead ({cause}, {category})",
        detail=_cut(str(data.get("message") or data.get("reason", ""))),
        function=function,
        category=category,
        task_id=task_id,
        incident_id=incident_id,
        next_step=f"{command} dlq show {task_id}",
    )


def test_message(channel: str, *, host: str, home: str, now_ms: int) -> Message:
    """What is sent to find out whether a channel works."""
    return Message(
        key=f"{channel}:test:{now_ms}",
        channel=channel,
        host=host,
        home=home,
        at_ms=now_ms,
        severity="notice",
        title=f"[fnr {host}] a test of the channel {channel}",
        text="Somebody has asked for this: fnr alert test. Nothing is wrong.",
        alerts=(),
    )


def _over(known: Told | None, alert: Alert, *, now_ms: int) -> Told | None:
    if known is None or (known.told_at_ms is None and not known.tries):
        return None
    if known.told_over and not known.tries:  # what came since was never told
        return replace(
            known, alert=alert, state=AlertState.TOLD, fresh=0, due_at_ms=None, last_at_ms=now_ms
        )
    if known.alert.over:
        return known
    return replace(
        known,
        alert=replace(alert, severity="notice"),
        state=AlertState.DUE,
        fresh=1,
        last_at_ms=now_ms,
        due_at_ms=now_ms + GATHER_MS,
    )


def _stands(known: Told) -> bool:
    """Is it known to last?"""
    return known.alert.standing and not known.alert.over and known.state is not AlertState.GIVEN_UP


def _due_at_ms(known: Told, alert: Alert, channel: Channel, *, now_ms: int) -> int:
    soon_ms = now_ms + GATHER_MS
    worse = _rank(alert.severity) > _rank(known.alert.severity)
    if known.state is AlertState.DUE and known.due_at_ms is not None:
        return min(known.due_at_ms, soon_ms) if worse and not known.tries else known.due_at_ms
    if known.told_at_ms is None or worse:
        return soon_ms
    # A clock that was set back must not keep it for longer than that.
    return min(max(soon_ms, known.told_at_ms + channel.every_ms), now_ms + channel.every_ms)


def _digest(told: Sequence[Told]) -> str:
    """The same for the same news alone: that something is over has the count of its beginning."""
    news = sorted(f"{o.alert.about}\0{o.first_at_ms}\0{o.count}\0{o.alert.over}" for o in told)
    return blake2b("\0\0".join(news).encode(), digest_size=8).hexdigest()


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def _no_nul(text: str) -> str:
    """As a program can take it in its arguments."""
    return text.replace("\0", "\\0")


def _headline(one: Told) -> str:
    times = f" ({one.fresh} new)" if one.fresh > 1 else ""
    return f"{'over: ' if one.alert.over else ''}{one.alert.title}{times}"


def _lines(one: Told) -> list[str]:
    lines = [f"{one.alert.severity}: {_headline(one)}"]
    if one.alert.detail:
        lines.append(f"  {_cut(one.alert.detail)}")
    if one.alert.next_step and not one.alert.over:
        lines.append(f"  next: {one.alert.next_step}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _DETAIL_CHARS_MAX else text[: _DETAIL_CHARS_MAX - 1] + "…"
