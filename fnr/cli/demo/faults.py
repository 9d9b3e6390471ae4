"""Which requests the demo's object store treats badly, and how: the same ones for the same seed.

A fault depends on the seed, the object's key and how often that key was asked for, and on nothing
else: neither the order of the requests nor the speed of the machine changes it.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

FAULT_SHARE = 0.2
VAULT_SHARE = 0.05


class Fault(StrEnum):
    """What can happen to a request."""

    SHUT = "connection refused"  # the door is shut for a moment, for everybody
    RESET = "connection reset"  # before anything was stored
    LOST = "answer lost"  # stored, and the connection is reset instead of the answer
    SLOW = "answer too late"  # stored, and answered after the client gave up
    BUSY = "503 with Retry-After"
    FULL = "507, no room"


# Fault -> its share of all faults; they add up to 1.
WEIGHTS = {
    Fault.BUSY: 0.3,
    Fault.RESET: 0.25,
    Fault.LOST: 0.2,
    Fault.SLOW: 0.1,
    Fault.FULL: 0.1,
    Fault.SHUT: 0.05,
}


def fault_of(seed: int, key: str, nth: int, *, share: float = FAULT_SHARE) -> Fault | None:
    """What happens to the nth request (1, 2, …) for a key; None: it is served."""
    if fraction_of(seed, f"fault {nth} {key}") >= share:
        return None
    kind = fraction_of(seed, f"kind {nth} {key}")
    for fault, weight in WEIGHTS.items():
        kind -= weight
        if kind < 0:
            return fault
    return next(reversed(WEIGHTS))


def fraction_of(seed: int, words: str) -> float:
    """A number in [0, 1) that only these words and the seed decide."""
    digest = hashlib.sha256(f"{seed} {words}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
