"""Moments as people type them: "18:00", "2026-01-31T18:00", "@1700000000", "10m" ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from fnr.api.errors import UsageError
from fnr.cli.here import here
from fnr.cli.render import moment
from fnr.cli.terminal import block, duration
from fnr.client.instants import local
from fnr.config.units import duration_ms

if TYPE_CHECKING:
    from fnr.policy.filter_fields import Field


def parse_moment(written: str, *, flag: str = "--at", or_else: str = "") -> int:
    """Unix ms of a moment in the reader's time zone; "18:00" is today.

    or_else: what else the reader may write here.
    """
    try:
        if written.startswith("@"):
            return round(float(written[1:]) * 1_000)
        today = f"{local(here().clock.now_ms()):%Y-%m-%d}"
        text = f"{today}T{written}" if written[2:3] == ":" else written
        return round(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{flag}: {written!r} is no moment",
            why=f"write {or_else}2026-01-31T18:00, 18:00 or @UNIXSECONDS",
        ) from None


def say_if_past(written: str | None, at_ms: int | None) -> None:
    """Tell whoever meant the coming night by "02:00" that it is over."""
    past_ms = 0 if at_ms is None else here().clock.now_ms() - at_ms
    if past_ms > 0:
        here().notice(block(f"notice: {written} was {duration(past_ms)} ago: it is due at once"))


def since_filter(where: str, since: str | None, fields: Mapping[str, Field]) -> str:
    """A filter that also lets nothing older pass."""
    if since is None:
        return where
    from fnr.policy.filter import narrowed  # noqa: PLC0415 - only some commands filter

    return narrowed(where, f"at>={moment(parse_since(since))}", fields=fields)


def parse_since(written: str, *, flag: str = "--since") -> int:
    """Unix ms of a moment, or of so long ago, as --since takes it."""
    try:
        return here().clock.now_ms() - duration_ms(written)
    except ValueError:
        return parse_moment(written, flag=flag, or_else="10m, ")
