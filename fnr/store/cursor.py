"""Where a page ends, as the text that leads to the next one."""

from __future__ import annotations

import re

from fnr.policy.filter import FilterError
from fnr.store.ids import ID_CHARS

CURSOR_WORDS = "a cursor is the `next` of a page of the same list"
# An undo step's id is that of its attempt, and its number.
_ID = re.compile(rf"[0-9A-Z]{{{ID_CHARS}}}(\.[0-9]+)?")
_NUMBER = re.compile(r"-?[0-9]{1,19}")
# What fits into a column of SQLite.
_NUMBER_MAX = 2**63 - 1


class BadCursor(FilterError):
    """A cursor that no page of this list has given."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor!r} does not continue this list", column=1)
        self.args = (self.message,)


def id_after(cursor: str) -> str:
    """The id at which a page has ended. Raises BadCursor."""
    if not _ID.fullmatch(cursor.upper()):
        raise BadCursor(cursor)
    return cursor.upper()


def number_and_id_after(cursor: str, *, separator: str = "-") -> tuple[int, str]:
    """The moment or rank, and the id, at which a page has ended. Raises BadCursor."""
    number, _, row_id = cursor.partition(separator)
    if not _NUMBER.fullmatch(number) or abs(int(number)) > _NUMBER_MAX or not row_id:
        raise BadCursor(cursor)
    return int(number), row_id
