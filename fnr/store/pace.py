"""Is the disk quick enough to be waited for on the loop?

A COMMIT in a thread costs two wake-ups of a processor, and on a busy host the thread waits for its
turn with the interpreter: more than the flush of a good disk. A disk that hesitates must not keep
the loop from its beats, pidfds and answers.
"""

from __future__ import annotations

from collections import deque

# What the loop can wait for and still answer as fast as anybody sees.
QUICK_COMMIT_S = 0.01
# Of the last so many a few may take longer, because others keep the host busy, and none so long.
COMMITS = 32
SLOW_COMMITS_MAX = 8
HANGING_COMMIT_S = 0.1


class Pace:
    """Learns from how long each COMMIT took, wherever it ran."""

    __slots__ = ("_last_s", "quick")

    def __init__(self) -> None:
        self._last_s: deque[float] = deque(maxlen=COMMITS)
        # Wait for the next COMMIT on the loop; not before so many were seen.
        self.quick = False

    def took(self, seconds: float) -> None:
        """A COMMIT has returned."""
        last_s = self._last_s
        last_s.append(seconds)
        if self.quick and seconds < QUICK_COMMIT_S:
            return  # one more of these changes nothing
        slow = sum([took_s >= QUICK_COMMIT_S for took_s in last_s])
        self.quick = (
            len(last_s) == COMMITS and slow <= SLOW_COMMITS_MAX and max(last_s) < HANGING_COMMIT_S
        )
