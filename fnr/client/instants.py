"""Instants as people read them: how long ago, how far ahead, in their own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from fnr.api.plain_text import duration
from fnr.host.clock import Clock

_clock = Clock()


def now_ms() -> int:
    """This instant."""
    return _clock.now_ms()


def boot_ms() -> int:
    """For how long something takes: somebody may set the other clock meanwhile."""
    return _clock.boot_ms()


def age(at_ms: int | None) -> str:
    """How long ago."""
    return "-" if at_ms is None else duration(max(0, _clock.now_ms() - at_ms))


def in_time(at_ms: int) -> str:
    """How far from now, either way: "in 5m" or "3s ago"."""
    left_ms = at_ms - _clock.now_ms()
    return f"in {duration(left_ms)}" if left_ms > 0 else f"{duration(-left_ms)} ago"


def moment(at_ms: int | None) -> str:
    """An instant for programs: RFC 3339 in UTC."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def clock_time(at_ms: int) -> str:
    """An instant for people: their own time zone."""
    return f"{local(at_ms):%Y-%m-%d %H:%M:%S}"


def local(at_ms: int) -> datetime:
    """An instant by the clock on the wall."""
    return datetime.fromtimestamp(at_ms / 1_000)  # noqa: DTZ006 - TZ=XYZ+24 is a zone, and none to datetime
