"""Which rows of a long list are asked for, and where a row stands in it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

# A longer number in a cursor is an id.
DIGITS_MAX = 18


class Where(StrEnum):
    """Which rows an answer brings."""

    HEAD = "head"
    TAIL = "tail"
    BELOW = "below"
    ABOVE = "above"
    AGAIN = "again"
    REST = "rest"


class Wanted(Struct, frozen=True, kw_only=True):
    """A page to be asked for. life: which list it belongs to; another filter begins another."""

    where: Where
    after: str | None
    limit: int
    life: int

    @property
    def backwards(self) -> bool:
        """Is it read towards the beginning of the list?"""
        return self.where in {Where.ABOVE, Where.TAIL}


def place_of(cursor: str) -> tuple[int, str]:
    """Cursors as they stand in a list, the last one lowest: an id, or a number and an id."""
    number, _, name = cursor.partition("-")
    if number.isdecimal() and len(number) <= DIGITS_MAX:
        return int(number), name
    return 0, cursor
