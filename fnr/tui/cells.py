"""What stands in the cells of lists: ages, short ids, states with their signs."""

from __future__ import annotations

from fnr.api.plain_text import duration
from fnr.client.instants import age, now_ms
from fnr.tui.looks import signed

__all__ = ["ago", "left", "short_id", "signed"]

# The time of a ULID and so much of its chance that those of one moment differ.
SHORT_ID_CHARS = 13


def ago(at_ms: int | None) -> str:
    """How long ago."""
    return age(at_ms)


def left(until_at_ms: int | None) -> str:
    """A countdown, in whole seconds; "" for what does not end by itself."""
    if until_at_ms is None:
        return ""
    return duration(max(0, until_at_ms - now_ms()) // 1_000 * 1_000)


def short_id(name: str) -> str:
    """The beginning of an id, which every command of fnr takes for the whole if it is unique."""
    return name[:SHORT_ID_CHARS]
