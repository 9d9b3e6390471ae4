"""Does it pay to look once more for somebody who would share the COMMIT?"""

from __future__ import annotations

# After so many looks in vain, one in so many is still made: who comes alone does not wait for it.
ALONE_MIN = 16
LOOK_EVERY = 8


class Company:
    """Learns from what each look found."""

    __slots__ = ("_alone",)

    def __init__(self) -> None:
        # COMMITs in a row that nobody else shared, as far as was looked.
        self._alone = 0

    def is_likely(self) -> bool:
        """Look? To be asked once for each COMMIT."""
        if self._alone < ALONE_MIN:
            return True
        self._alone += 1
        return self._alone % LOOK_EVERY == 0

    def found(self, somebody: bool) -> None:
        """What a look has brought."""
        self._alone = 0 if somebody else self._alone + 1
