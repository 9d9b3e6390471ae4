"""Is the disk quick enough to be waited for on the loop?

A COMMIT in a thread costs two wake-ups of a processor, which is more than a good disk needs to
flush. A disk that hesitates must not keep the loop from its beats, pidfds and answers.
"""

from __future__ import annotations

QUICK_COMMIT_S = 0.002
# So many quick ones in a row make a disk quick, one that is not makes it slow.
QUICK_COMMITS_MIN = 32


class Pace:
    """Learns from how long each COMMIT took, wherever it ran."""

    __slots__ = ("_quick_in_a_row",)

    def __init__(self) -> None:
        self._quick_in_a_row = 0

    @property
    def quick(self) -> bool:
        """Wait for the next COMMIT on the loop."""
        return self._quick_in_a_row >= QUICK_COMMITS_MIN

    def took(self, seconds: float) -> None:
        """A COMMIT has returned."""
        self._quick_in_a_row = self._quick_in_a_row + 1 if seconds < QUICK_COMMIT_S else 0
