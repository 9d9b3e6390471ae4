"""What the daemon leaves undone on a bad day so that the rest goes on, and what is still served."""

from __future__ import annotations

from fnr.api.requests import Limited
from fnr.daemon.parts import Parts

# Telemetry stops well before tasks do.
TELEMETRY_ROOM_TIMES = 2


def limits(parts: Parts) -> list[Limited]:
    """Every service that is cut down now, the worst first; empty on a good day."""
    found = [_store(parts), _room(parts), _telemetry(parts), _draining(parts)]
    return [one for one in found if one is not None]


def no_room_for_telemetry(free_mib: int, least_mib: int) -> str:
    """Why no readings are kept: tasks need what room there is; "" when there is enough."""
    wanted_mib = TELEMETRY_ROOM_TIMES * least_mib
    if free_mib >= wanted_mib:
        return ""
    return (
        f"{free_mib} MiB free, and below {wanted_mib} MiB (twice disk_free_min) the room is left"
        " to tasks"
    )


def _store(parts: Parts) -> Limited | None:
    if parts.store.state == "ok":
        return None
    why = parts.problems.get("store", f"the store is {parts.store.state}")
    if parts.store.state == "full":
        return Limited(
            what="disk full",
            why=why,
            served="reads, and the ends of attempts, from the reserve",
            refused="new tasks",
        )
    return Limited(
        what="read-only",
        why=why,
        served="reads of all that was committed; running attempts go on and keep their results",
        refused="new tasks and every change",
    )


def _room(parts: Parts) -> Limited | None:
    why = parts.problems.get("disk") or parts.problems.get("reserve")
    if why is None or parts.store.state != "ok":
        return None
    return Limited(
        what="disk nearly full",
        why=why,
        served="everything accepted: attempts start, end and are settled; reads",
        refused="new tasks",
    )


def _telemetry(parts: Parts) -> Limited | None:
    why = parts.problems.get("telemetry")
    if why is None:
        return None
    return Limited(
        what="no telemetry", why=why, served="all tasks", refused="readings of host and workers"
    )


def _draining(parts: Parts) -> Limited | None:
    if parts.dispatching and parts.accepting:
        return None
    return Limited(
        what="draining",
        why="the daemon is ending",
        served="running attempts; reads",
        refused="new tasks and new attempts",
    )
