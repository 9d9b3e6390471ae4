"""What is remembered of a function that is given nothing now, and what others owe it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from fnr.policy.admission import Refusal, Until
from fnr.policy.needs import Needs

# What was given back is not free in the very next reading: a driver takes its time.
SETTLES_MS = 10_000


@dataclass(slots=True, kw_only=True)
class Held:
    """A function that gets nothing now; moments are on the boot clock.

    contested_ms: when it last was what others were given that was in its way, and room_ms: when it
    was last asked of idle workers to make room; None: never yet. released: how much had been given
    back by then.
    """

    needs: Needs
    refusal: Refusal
    since_ms: int
    asked_ms: int
    released: int
    contested_ms: int | None = None
    room_ms: int | None = None

    def contends(self, now_ms: int) -> bool:
        """May what others have, or gave back just now, be enough for it?"""
        if self.refusal.until is Until.RELEASE:  # it is not asked for again until they do
            return True
        return self.contested_ms is not None and now_ms - self.contested_ms < SETTLES_MS

    def wants_room(self, now_ms: int) -> bool:
        """Is it worth while to send an idle worker away, and has the one before left?"""
        if self.refusal.until is Until.RELEASE:
            return True
        settled = self.room_ms is None or now_ms - self.room_ms >= SETTLES_MS
        return self.refusal.contested and settled


def held_again(
    before: Held | None, refusal: Refusal, *, needs: Needs, now_ms: int, released: int
) -> Held:
    """The same after another refusal."""
    since_ms = before.since_ms if before else now_ms
    contested_ms = before.contested_ms if before else None
    if refusal.contested:
        contested_ms = now_ms
    elif (
        refusal.until is Until.READING
        and contested_ms is not None
        and now_ms - contested_ms >= SETTLES_MS
    ):
        # Others gave back what they had, and it is not enough: they need not wait in vain.
        since_ms, contested_ms = now_ms, None
    return Held(
        needs=needs,
        refusal=refusal,
        since_ms=since_ms,
        asked_ms=now_ms,
        released=released,
        contested_ms=contested_ms,
        room_ms=before.room_ms if before else None,
    )
