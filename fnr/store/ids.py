"""What an id tells, and what is said when the beginning of one is not enough.

The first ten characters of a ULID are the moment it was made.
"""

from __future__ import annotations

ID_CHARS = 26
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARS = 16
IDS_SHOWN = 5


class NoSuchId(Exception):
    """No task (or error, or incident: the noun) has an id that begins so."""

    def __init__(self, prefix: str, noun: str = "task") -> None:
        super().__init__(f"no {noun} has an id that begins with {prefix!r}")
        self.prefix = prefix
        self.noun = noun


class NoSuchBreaker(NoSuchId):
    """No breaker has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "breaker")
        self.args = (f"there is no breaker {name!r}",)


class AmbiguousId(Exception):
    """Several tasks (or errors, or incidents) have an id that begins so."""

    def __init__(self, prefix: str, ids: list[str], noun: str = "task") -> None:
        known = ", ".join(ids)
        super().__init__(f"several {noun}s have an id that begins with {prefix!r}: {known}")
        self.prefix = prefix
        self.ids = ids


def id_at(at_ms: int) -> str:
    """The smallest id that can be made at this moment.

    An id is never older than it says, but it may be younger: when the clock was set back, ids
    stay ahead of it. So this is a safe lower bound and no safe upper one.
    """
    time_ms = max(at_ms, 0)
    moment = "".join(_BASE32[time_ms >> shift & 31] for shift in range(45, -1, -5))
    return moment + "0" * _RANDOM_CHARS
