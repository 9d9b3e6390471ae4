"""What may be asked about alerts."""

from __future__ import annotations

from msgspec import Struct, field

from fnr.api.question import Read, Request
from fnr.policy.alert import Told


class ListAlerts(Read[list[Told]], frozen=True, kw_only=True, tag=str):
    """What each channel was told, or is to be told: one for each cause, the latest first."""

    channel: str | None = None
    limit: int = 50


class Sent(Struct, frozen=True, kw_only=True):
    """What came of one message. found: who took it, or why nobody did."""

    channel: str
    sent: bool
    found: str
    took_ms: int


class TestAlerts(Request[list[Sent]], frozen=True, kw_only=True, tag=str):
    """Send a message that says that it is a test, to these channels or to all."""

    channels: list[str] = field(default_factory=list)
